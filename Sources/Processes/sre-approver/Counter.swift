import AsyncHTTPClient
import Authority
import Bus
import Decision
import Foundation
import Model
import NIOCore
import NIOHTTP1
import Runtime
import Settings
import WireFormat

/// Where plans are looked up and statements handed in: the bus, or the gateway in front of it.
protocol Counter: Sendable {
    /// Configuration with the policy that decides what is genuine.
    var configuration: LoadedConfiguration { get }

    /// Undecided plans, soonest expiry first.
    func pending() async throws -> [FiledPlan]

    /// Decided plans that no executor has begun yet.
    func waitingForExecution() async throws -> [FiledPlan]

    /// Plans that were let through in an emergency and are to be reviewed.
    func reviews() async throws -> [FiledPlan]

    /// The plan with this id, or its beginning.
    func find(_ id: String) async throws -> FiledPlan

    /// The incident of a plan as it stands; `nil` when it is no longer stored.
    func incident(of filed: FiledPlan, _ plan: Plan) async throws -> Incident?

    /// Hands in a statement.
    func submit(
        _ signed: SignedStatement, _ statement: ApprovalStatement, about filed: FiledPlan
    ) async throws -> ApproveResult

    /// The person has read the answer.
    func answered() async throws
}

extension Counter {
    func answered() async throws {}

    /// A plan that was found and checked here, whoever sent it: bytes, hash, planner's signature.
    func genuine(_ id: String) async throws -> (filed: FiledPlan, plan: Plan) {
        let filed = try await find(id)
        do {
            return (filed, try configuration.verifier.genuine(filed.record))
        } catch {
            throw Failure("\(filed.record.id) is not genuine and must not be approved: \(error)")
        }
    }
}

enum Counters {
    /// Runs `body` with the counter that the options ask for.
    static func with(
        _ options: DeskOptions, _ body: @escaping @Sendable (any Counter) async throws -> Void
    ) async throws {
        guard let url = options.gateway else { return try await Desk.with(options) { try await body($0) } }
        let configuration: LoadedConfiguration
        do {
            configuration = try LoadedConfiguration(file: options.config)
        } catch {
            throw Failure("\(error)", code: ProcessRunner.badConfiguration)
        }
        let environment = ProcessInfo.processInfo.environment
        let file = options.tokenFile ?? environment["SRE_GATEWAY_TOKEN_FILE"]
        guard let file, let data = FileManager.default.contents(atPath: file) else {
            throw Failure("--gateway needs a readable --token-file, or $SRE_GATEWAY_TOKEN_FILE")
        }
        let token = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        try await body(GatewayCounter(configuration: configuration, url: url, token: token))
    }
}

/// The gateway's HTTP API; what it says is checked like what the bus says.
struct GatewayCounter: Counter {
    let configuration: LoadedConfiguration
    let url: String
    let token: String

    private struct Row: Decodable {
        var id: String
        var hash: String
        var state: String
        var reason: String
        var plan: String
        var plannerSignature: String
        var statements: [String: String]
        var withdrawals: [String: String]
        var reviews: [String: String]

        /// - Throws: when the row is not that of a plan.
        func filed() throws -> FiledPlan {
            var fields = [
                "id": id, "state": state, "version": "0", "body": plan, "reason": reason,
            ].mapValues { Array($0.utf8) }
            fields["planner-signature"] = Array(Data(base64Encoded: plannerSignature) ?? Data())
            for (prefix, said) in [
                (PlanRecord.statementPrefix, statements), (PlanRecord.withdrawalPrefix, withdrawals),
                (PlanRecord.reviewPrefix, reviews),
            ] {
                for (name, text) in said { fields[prefix + name] = Array(text.utf8) }
            }
            // The gateway knows where the plan lives.
            return FiledPlan(record: try PlanRecord(hash: hash, fields: fields), partition: Partition(rawValue: 0))
        }
    }

    private struct Problem: Decodable {
        var detail: String
    }

    private struct Receipt: Decodable {
        var state: String
        var repeated: Bool
    }

    func pending() async throws -> [FiledPlan] {
        let rows: [Row] = try await call(.GET, "/api/approvals/pending")
        return rows.compactMap { try? $0.filed() }
    }

    func waitingForExecution() async throws -> [FiledPlan] {
        let rows: [Row] = try await call(.GET, "/api/plans/waiting")
        return rows.compactMap { try? $0.filed() }
    }

    func reviews() async throws -> [FiledPlan] {
        let rows: [Row] = try await call(.GET, "/api/reviews")
        let verifier = configuration.verifier
        return rows.compactMap { try? $0.filed() }.filter { filed in
            (try? filed.record.plan()).map { verifier.review(of: filed.record, $0).isOpen } ?? false
        }
    }

    func find(_ id: String) async throws -> FiledPlan {
        let row: Row = try await call(.GET, "/api/plans/\(try Self.segment(id))")
        return try row.filed()
    }

    func incident(of filed: FiledPlan, _ plan: Plan) async throws -> Incident? {
        let (status, body) = try await send(.GET, "/api/incidents/\(try Self.segment(plan.incidentID))", nil)
        return status == 200 ? try? Incident(json: Array(body)) : nil
    }

    func submit(
        _ signed: SignedStatement, _ statement: ApprovalStatement, about filed: FiledPlan
    ) async throws -> ApproveResult {
        let body = [
            "statement": signed.statement, "signature": Data(signed.signature).base64EncodedString(),
            "reason": statement.comment,
        ]
        let verb = statement.verdict.rawValue.lowercased()
        let receipt: Receipt = try await call(
            .POST, "/api/approvals/\(filed.record.id)/\(verb)", try JSONEncoder().encode(body))
        return receipt.repeated ? .repeated(state: receipt.state) : .recorded(state: receipt.state)
    }

    /// An id as one segment of a path.
    private static func segment(_ id: String) throws -> String {
        guard
            let text = id.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(.init(charactersIn: "-_")))
        else { throw Failure("'\(id)' is not an id") }
        return text
    }

    private func call<Answer: Decodable>(
        _ method: HTTPMethod, _ path: String, _ body: Data? = nil
    ) async throws -> Answer {
        let (status, data) = try await send(method, path, body)
        guard (200..<300).contains(status) else {
            let detail = (try? JSONDecoder().decode(Problem.self, from: data))?.detail ?? "no reason given"
            throw Failure("the gateway answered \(status): \(Terminal.safe(detail))", code: status == 409 ? 2 : 1)
        }
        do {
            return try JSONDecoder().decode(Answer.self, from: data)
        } catch {
            throw Failure("the answer of \(url)\(path) was not understood")
        }
    }

    private func send(_ method: HTTPMethod, _ path: String, _ body: Data?) async throws -> (Int, Data) {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        do {
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
            let buffer = try await response.body.collect(upTo: 64 << 20)
            return (Int(response.status.code), Data(buffer.readableBytesView))
        } catch {
            throw Failure("\(url): \(error)")
        }
    }
}
