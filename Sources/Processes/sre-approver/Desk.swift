import ArgumentParser
import Authority
import Bus
import Decision
import Foundation
import Logging
import Model
import RedisBus
import RedisClient
import Runtime
import Settings
import Signatures
import WireFormat

/// How results are printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// Options of every subcommand that talks to the bus.
struct DeskOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "Configuration file.")
    var config = "config/config.yaml"

    @Option(name: .shortAndLong, help: "How to print: text or json.")
    var output = OutputFormat.text

    @Option(help: "Address of a gateway to go through instead of Redis, for list, show, reviews and decisions.")
    var gateway: String?

    @Option(help: "File with the bearer token for the gateway; default $SRE_GATEWAY_TOKEN_FILE.")
    var tokenFile: String?
}

/// A connection to the bus with what approving needs.
struct Desk: Counter {
    let configuration: LoadedConfiguration
    let store: RedisBus
    let keys: Keys
    let desk: ApprovalDesk

    /// Connects, runs `body` and disconnects.
    static func with(_ options: DeskOptions, _ body: @escaping @Sendable (Desk) async throws -> Void) async throws {
        guard options.gateway == nil else {
            throw Failure("this needs Redis: --gateway is for list, show, approve, reject, revoke, abort and review")
        }
        let configuration: LoadedConfiguration
        do {
            configuration = try LoadedConfiguration(file: options.config)
        } catch {
            throw Failure("\(error)", code: ProcessRunner.badConfiguration)
        }
        var quiet = Logger(label: "sre-approver")
        quiet.logLevel = .critical
        var redis = try RedisConfiguration(url: configuration.settings.redis.url)
        redis.clientName = "sre-approver"
        let client = RedisClient(configuration: redis, logger: quiet)
        let store = RedisBus(client: client, logger: quiet)
        let keys = Keys(prefix: configuration.settings.redis.prefix)
        let desk = Desk(
            configuration: configuration, store: store, keys: keys,
            desk: ApprovalDesk(
                store: store, keys: keys, partitions: configuration.settings.redis.partitions,
                digest: SHA256Digest(), now: ProcessContext.now, probe: CrashSwitch.probe("approver.")))
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                await client.run()
                return false
            }
            group.addTask {
                try await body(desk)
                return true
            }
            defer { group.cancelAll() }
            do {
                while let isDone = try await group.next() { if isDone { break } }
            } catch let error as BusError {
                throw Failure("\(error)")
            } catch let error as PlanLookupError {
                throw Failure("\(error)")
            }
        }
    }

    /// The incident of a plan as it stands; `nil` when it is no longer stored.
    func incident(of filed: FiledPlan, _ plan: Plan) async throws -> Incident? {
        let fields = try await store.fields(keys.incident(plan.incidentID, filed.partition))
        return fields["data"].flatMap { try? Incident(json: $0) }
    }

    func pending() async throws -> [FiledPlan] { try await desk.pending() }

    func waitingForExecution() async throws -> [FiledPlan] { try await desk.waitingForExecution() }

    func reviews() async throws -> [FiledPlan] { try await desk.reviews(configuration.verifier) }

    func find(_ id: String) async throws -> FiledPlan { try await desk.find(id) }

    func submit(
        _ signed: SignedStatement, _ statement: ApprovalStatement, about filed: FiledPlan
    ) async throws -> ApproveResult { try await desk.submit(signed, statement, about: filed) }

    func answered() async throws { try await desk.answered() }
}

/// Ends the command with a message on standard error.
struct Failure: Error, CustomStringConvertible, CustomNSError {
    var description: String
    var code: Int32

    init(_ description: String, code: Int32 = 1) {
        self.description = description
        self.code = code
    }

    var errorUserInfo: [String: Any] { [NSLocalizedDescriptionKey: description] }
}

/// Prints a value as JSON.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
}
