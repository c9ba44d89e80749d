import Authority
import Bus
import Decision
import Foundation
import Gateway
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Model
import NIOCore
import Runtime
import Settings
import Signatures
import TestSupport
import Testing
import WireFormat

@Suite struct GatewayTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    private static let tokens = ["jane@example.com": "approver", "viewer@example.com": "viewer", "ops": "operator"]

    private func application(_ store: ModelStore) throws -> some ApplicationProtocol {
        let folder = NSTemporaryDirectory() + "gateway-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let shared = Self.root + "/config"
        try """
        cluster: test
        metrics_file: \(shared)/metrics.yaml
        runbooks_folder: \(shared)/runbooks
        policy_file: \(shared)/policy.yaml
        """.write(toFile: "\(folder)/config.yaml", atomically: true, encoding: .utf8)
        var loaded = try LoadedConfiguration(file: "\(folder)/config.yaml")
        loaded.policy = Fixtures.policy()
        loaded.policy.approvers[1].roles.insert(Verifier.breakGlassRole)
        let configuration = loaded
        let lines = Self.tokens.sorted { $0.key < $1.key }.map { subject, role in
            "  - { subject: \(subject), role: \(role), sha256: \(Fixtures.digest.sha256(Array("token-\(subject)".utf8))) }"
        }
        let table = try TokenTable(
            YAMLDocument(text: "tokens:\n" + lines.joined(separator: "\n"), file: "tokens.yaml"),
            digest: Fixtures.digest)
        let api = GatewayAPI(
            store: store, keys: Keys(), partitions: 16, configuration: { configuration }, tokens: { table },
            delegate: Fixtures.gateway, started: Fixtures.now, problems: { [:] })
        return Application(router: api.router())
    }

    /// Files a plan that is valid now.
    private func filed(_ store: ModelStore) async throws -> PlanRecord {
        let plan = Fixtures.plan(created: ProcessContext.now())
        let identity = try PlanIdentity(plan, digest: Fixtures.digest)
        let partition = Partition(of: plan.target)
        let keys = Keys()
        _ = try await store.transition(
            Transaction(changes: [
                .set(
                    key: keys.plan(identity.hash, partition),
                    fields: PlanRecord.fields(
                        identity, plan: plan, state: .awaiting,
                        plannerSignature: try Fixtures.planner.sign(Array(identity.hash.utf8)), reason: "",
                        traceparent: TraceContext(seed: "t"))),
                .rank(key: keys.planIndex(partition), member: identity.hash, score: plan.created.rawValue),
                .rank(key: keys.approvalQueue(partition), member: identity.hash, score: plan.expires.rawValue),
            ]))
        return try PlanRecord(hash: identity.hash, fields: try await store.fields(keys.plan(identity.hash, partition)))
    }

    private func header(_ subject: String?) -> HTTPFields {
        subject.map { [.authorization: "Bearer token-\($0)"] } ?? [:]
    }

    @Test func everyRouteNeedsItsRole() async throws {
        let application = try application(ModelStore())
        try await application.test(.router) { client in
            for (method, path, role) in GatewayAPI.routes {
                let uri = path.replacing("{id}", with: "none")
                guard let method = HTTPRequest.Method(rawValue: method) else { Issue.record(); continue }
                for (subject, own) in Self.tokens {
                    let status = try await client.execute(uri: uri, method: method, headers: header(subject)).status
                    #expect((status != .forbidden) == allowed(own, role), "\(method) \(path) \(own)")
                    #expect(status != .unauthorized)
                }
                guard role != nil else { continue }
                for headers in [header(nil), [.authorization: "Bearer nonsense"], [.authorization: "Basic x"]] {
                    let response = try await client.execute(uri: uri, method: method, headers: headers)
                    #expect(response.status == .unauthorized)
                    #expect(response.headers[.contentType] == "application/problem+json")
                }
            }
        }
    }

    private func allowed(_ own: String, _ needed: Role?) -> Bool {
        guard let needed, let role = Role(rawValue: own) else { return true }
        return role >= needed
    }

    @Test func theOpenAPIDocumentNamesExactlyTheRoutes() async throws {
        try await application(ModelStore()).test(.router) { client in
            let response = try await client.execute(uri: "/openapi.json", method: .get)
            let document =
                try JSONSerialization.jsonObject(with: Data(response.body.readableBytesView)) as? [String: Any]
            let paths = try #require(document?["paths"] as? [String: [String: Any]])
            let documented = paths.flatMap { path, methods in methods.keys.map { "\($0.uppercased()) \(path)" } }
            #expect(Set(documented) == Set(GatewayAPI.routes.map { "\($0.method) \($0.path)" }))
        }
    }

    @Test func approvesAsTheAuthenticatedSubjectOnly() async throws {
        let store = ModelStore()
        let record = try await filed(store)
        try await application(store).test(.router) { client in
            func post(_ verb: String, _ id: String, _ subject: String, _ body: String) async throws -> TestResponse {
                try await client.execute(
                    uri: "/api/approvals/\(id)/\(verb)", method: .post, headers: header(subject),
                    body: ByteBuffer(string: body))
            }
            let jane = "jane@example.com"
            #expect(
                try await post("approve", record.id, jane, #"{"approver":"john@example.com"}"#).status == .badRequest)
            #expect(try await post("approve", record.id, jane, "[1]").status == .badRequest)
            #expect(try await post("approve", "PLAN-19990101000000-aaaaaaaa", jane, "{}").status == .notFound)
            #expect(try await post("reject", record.id, jane, "{}").status == .badRequest)
            #expect(try await post("approve", record.id, "ops", "{}").status == .forbidden)
            let first = try await post("approve", record.id, jane, #"{"approver":"jane@example.com"}"#)
            #expect(first.status == .ok && String(buffer: first.body).contains("\"APPROVED\""))
            let again = try await post("approve", record.id, jane, "")
            #expect(again.status == .ok && String(buffer: again.body).contains("\"repeated\":true"))
            #expect(try await post("reject", record.id, jane, #"{"reason":"no"}"#).status == .conflict)
        }
        let desk = ApprovalDesk(
            store: store, keys: Keys(), partitions: 16, digest: Fixtures.digest, now: ProcessContext.now)
        let stored = try await desk.find(record.id).record
        _ = try Fixtures.verifier().startable(stored, now: ProcessContext.now())
    }

    @Test func aReviewNeedsTheOwnKeyOfSomebodyElse() async throws {
        let store = ModelStore()
        let record = try await filed(store)
        let plan = try record.plan()
        let keys = Keys()
        let key = keys.plan(record.hash, Partition(of: plan.target))
        let now = ProcessContext.now()
        @Sendable func signed(_ verdict: Verdict, _ name: String, _ role: String, _ signer: Ed25519Signer) throws
            -> SignedStatement
        {
            try Fixtures.statement(
                verdict, about: record, by: name, role: role, signer: signer, from: now,
                until: now.advanced(bySeconds: 300))
        }
        let glass = try signed(.approve, "john@example.com", Verifier.breakGlassRole, Fixtures.second)
        try await application(store).test(.router) { client in
            func review(_ body: String) async throws -> TestResponse {
                try await client.execute(
                    uri: "/api/approvals/\(record.id)/review", method: .post, headers: header("jane@example.com"),
                    body: ByteBuffer(string: body))
            }
            func body(_ signed: SignedStatement) throws -> String {
                let fields = [
                    "statement": signed.statement, "signature": Data(signed.signature).base64EncodedString(),
                    "reason": "it was needed",
                ]
                return String(decoding: try JSONEncoder().encode(fields), as: UTF8.self)
            }
            func open() async throws -> Int {
                let response = try await client.execute(
                    uri: "/api/reviews", method: .get, headers: header("viewer@example.com"))
                #expect(response.status == .ok)
                let rows = try JSONSerialization.jsonObject(with: Data(response.body.readableBytesView)) as? [Any]
                return rows?.count ?? -1
            }
            let own = try body(signed(.review, "jane@example.com", Verifier.approverRole, Fixtures.approver))
            // Nobody let it through so far.
            #expect(try await open() == 0)
            #expect(try await review(own).status == .forbidden)
            _ = try await store.transition(
                Transaction(changes: [
                    .set(
                        key: key,
                        fields: [Field(PlanRecord.statementPrefix + "john@example.com", try glass.canonicalJSON())])
                ]))
            #expect(try await open() == 1)
            #expect(
                try await review(#"{"reason":"fine"}"#).status == .forbidden, "the gateway cannot speak for a person")
            #expect(
                try await review(
                    body(signed(.review, "jane@example.com", Verifier.approverRole, Fixtures.second))
                ).status == .forbidden)
            #expect(
                try await review(
                    body(signed(.approve, "jane@example.com", Verifier.approverRole, Fixtures.approver))
                ).status == .badRequest)
            #expect(try await open() == 1)
            let first = try await review(own)
            #expect(first.status == .ok, "\(String(buffer: first.body))")
            #expect(String(buffer: try await review(own).body).contains("\"repeated\":true"))
            #expect(try await open() == 0)
        }
    }

    @Test func badQueriesAndUnknownPathsAreProblems() async throws {
        try await application(ModelStore()).test(.router) { client in
            let viewer = header("viewer@example.com")
            for hours in ["0", "-1", "x", "99999", "nan"] {
                let response = try await client.execute(
                    uri: "/api/anomalies?hours=\(hours)", method: .get, headers: viewer)
                #expect(response.status == .badRequest, "\(hours)")
            }
            #expect(
                try await client.execute(uri: "/api/anomalies?hours=24", method: .get, headers: viewer).status == .ok)
            #expect(
                try await client.execute(uri: "/api/incidents/none", method: .get, headers: viewer).status == .notFound)
            #expect(try await client.execute(uri: "/nowhere", method: .get).status == .notFound)
        }
    }
}
