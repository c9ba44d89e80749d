import ArgumentParser
import Authority
import Bus
import Decision
import Foundation
import Model
import Runtime
import Settings
import Signatures
import WireFormat

/// Signs and hands in a decision.
enum DecisionFlow {
    static func run(
        _ verdict: Verdict, plan id: String, comment: String, _ options: DeskOptions, _ signing: SignerOptions,
        role: String = Verifier.approverRole
    ) async throws {
        try await Counters.with(options) { desk in
            let (filed, plan) = try await desk.genuine(id)
            let now = ProcessContext.now()
            if options.output == .text {
                let incident = try await desk.incident(of: filed, plan)
                let review = desk.configuration.verifier.review(of: filed.record, plan)
                print(
                    PlanRendering().text(filed.record, plan, review: review, incident: incident, now: now) + "\n")
            }
            let identity = try signing.identity(desk.configuration.policy)
            let person = identity.person
            try checkIsOpen(filed.record, verdict, person.name)
            try confirm(verdict, filed.record.id, person.name, signing)
            let signer = try identity.open()
            let maker = StatementMaker(
                cluster: desk.configuration.settings.cluster, policyHash: desk.configuration.policy.hash,
                digest: SHA256Digest())
            let (signed, statement) = try maker.make(
                verdict, about: filed.record, plan: plan, approver: person.name, role: role,
                comment: comment, nonce: Nonce.random(), signer: signer, now: now)
            do {
                let verifier = desk.configuration.verifier
                _ =
                    verdict == .review
                    ? try verifier.review(signed, of: filed.record, plan, now: now)
                    : try verifier.statement(signed, about: plan, hash: filed.record.hash, now: now)
            } catch {
                throw Failure("the statement would be refused: \(error)")
            }
            var result = try await desk.submit(signed, statement, about: filed)
            // Said before in other bytes, such as when the first answer was lost: the same word is no contradiction.
            if case .contradicts(let state) = result,
                try await said(filed.record.id, plan, person.name, now, desk)?.verdict == verdict
            {
                result = .repeated(state: state)
            }
            try report(result, filed.record.id, verdict, options.output)
            try await desk.answered()
        }
    }

    /// Tells that a plan is not to be decided any more before anybody is asked for a passphrase.
    private static func checkIsOpen(_ record: PlanRecord, _ verdict: Verdict, _ person: String) throws {
        let isOpen =
            switch verdict {
            case .approve: record.state == .awaiting
            case .reject: [.awaiting, .approved, .autoReady, .manual].contains(record.state)
            case .revoke: [.awaiting, .approved, .autoReady].contains(record.state)
            case .abort: record.state.isExecuting
            // Whether there is something to review is for the verifier, which says why not.
            case .review: true
            }
        let hasSpoken = record.statements[person] != nil || record.withdrawals[person] != nil
        guard isOpen || hasSpoken && !record.state.isExecuting && !isOver(record.state) else {
            throw Failure("\(record.id): the plan is \(record.state.rawValue) and no longer to be decided", code: 2)
        }
    }

    /// Whether the plan was carried out or refused, so that no word about it counts any more.
    private static func isOver(_ state: PlanState) -> Bool {
        state.isTerminal && state != .rejected && state != .revoked
    }

    /// What a person certainly said about a plan; `nil` where what is stored is not signed by that person.
    private static func said(
        _ id: String, _ plan: Plan, _ person: String, _ now: Timestamp, _ desk: any Counter
    ) async throws -> ApprovalStatement? {
        let record = try await desk.find(id).record
        let verifier = desk.configuration.verifier
        return [record.reviews[person], record.withdrawals[person], record.statements[person]].lazy.compactMap { $0 }
            .compactMap { bytes in
                guard let signed = try? SignedStatement(json: bytes),
                    let statement = try? verifier.statement(signed, about: plan, hash: record.hash, now: now)
                else { return nil }
                return statement.approver == person ? statement : nil
            }.first
    }

    private static func confirm(
        _ verdict: Verdict, _ id: String, _ name: String, _ signing: SignerOptions
    ) throws {
        guard !signing.yes else { return }
        guard isatty(STDIN_FILENO) == 1 else {
            throw Failure("not a terminal: add --yes to sign without being asked")
        }
        FileHandle.standardError.write(Data("\(verdict.rawValue) \(id) as \(name)? [y/N] ".utf8))
        guard readLine()?.lowercased() == "y" else { throw Failure("nothing was signed") }
    }

    private static func noun(_ verdict: Verdict) -> String {
        switch verdict {
        case .approve: "approval"
        case .reject: "rejection"
        case .revoke: "revocation"
        case .abort: "abort"
        case .review: "review"
        }
    }

    private static func report(
        _ result: ApproveResult, _ id: String, _ verdict: Verdict, _ output: OutputFormat
    ) throws {
        let state: String
        let text: String
        switch result {
        case .recorded(let now):
            state = now
            text = "\(id): your \(noun(verdict)) is recorded; the plan is \(now)"
        case .repeated(let now):
            state = now
            text = "\(id): your \(noun(verdict)) was recorded before; the plan is \(now)"
        case .contradicts(let now): throw Failure("\(id): you said something else before; the plan is \(now)", code: 2)
        case .decided(let now): throw Failure("\(id): the plan is \(now) and no longer to be decided", code: 2)
        case .expired: throw Failure("\(id): the plan has expired", code: 2)
        case .notFound: throw Failure("\(id): the plan is gone", code: 2)
        case .auditMoved: throw Failure("\(id): the audit chain is too busy; try again", code: 3)
        }
        if output == .json { try printJSON(["plan": id, "state": state]) } else { print(text) }
    }
}

/// Approves a plan.
struct ApproveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "approve", abstract: "Sign an approval of a plan.")

    @OptionGroup var options: DeskOptions
    @OptionGroup var signing: SignerOptions

    @Option(help: "Comment for the audit.")
    var comment = ""

    @Flag(
        help: "Emergency: stand for the whole quorum; needs the role break-glass, a comment, and a review afterwards.")
    var breakGlass = false

    @Argument(help: "Id of the plan, or its beginning.")
    var plan: String

    func run() async throws {
        guard !breakGlass || !comment.isEmpty else { throw Failure("--break-glass needs a --comment that says why") }
        try await DecisionFlow.run(
            .approve, plan: plan, comment: comment, options, signing,
            role: breakGlass ? Verifier.breakGlassRole : Verifier.approverRole)
    }
}

/// Rejects a plan.
struct RejectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "reject", abstract: "Sign a rejection of a plan.")

    @OptionGroup var options: DeskOptions
    @OptionGroup var signing: SignerOptions

    @Option(help: "Why.")
    var reason: String

    @Argument(help: "Id of the plan, or its beginning.")
    var plan: String

    func run() async throws {
        try await DecisionFlow.run(.reject, plan: plan, comment: reason, options, signing)
    }
}

/// Makes a key.
struct KeygenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen", abstract: "Make a key and print its public half for the policy.")

    @Option(help: "File to write; default ~/.config/sre-agent/approver.key.")
    var out: String?

    @Flag(help: "Key of a service: no passphrase, protected by the file's mode alone.")
    var service = false

    func run() throws {
        let path = out ?? NSHomeDirectory() + "/.config/sre-agent/approver.key"
        let folder = (path as NSString).deletingLastPathComponent
        if !folder.isEmpty {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        let passphrase = service ? "" : try Passphrase.choose()
        let signer = Ed25519Signer()
        try KeyFile.create(signer, at: path, passphrase: passphrase)
        FileHandle.standardError.write(Data("wrote \(path); the policy needs this public key:\n".utf8))
        print(Data(signer.publicKey).base64EncodedString())
    }
}

/// Random hex digits.
enum Nonce {
    static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<4).map { _ in
            let digits = String(UInt32.random(in: .min ... .max, using: &generator), radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }
}
