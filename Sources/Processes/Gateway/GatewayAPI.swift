import Analyzer
import Authority
import Bus
import Decision
import Foundation
import HTTPTypes
import Hummingbird
import Model
import NIOCore
import Runtime
import Settings
import Signatures
import WireFormat

/// The HTTP API: read models of the store, decisions and commands.
package struct GatewayAPI: Sendable {
    let store: any BusStore
    let keys: Keys
    let partitions: Int
    let configuration: @Sendable () -> LoadedConfiguration
    let tokens: @Sendable () -> TokenTable
    /// Key with which the gateway speaks for people it has authenticated; `nil`: approvals need a signed statement.
    let delegate: Ed25519Signer?
    let started: Timestamp
    let problems: @Sendable () async -> [String: String]

    package init(
        store: any BusStore, keys: Keys, partitions: Int,
        configuration: @escaping @Sendable () -> LoadedConfiguration, tokens: @escaping @Sendable () -> TokenTable,
        delegate: Ed25519Signer?, started: Timestamp, problems: @escaping @Sendable () async -> [String: String]
    ) {
        self.store = store
        self.keys = keys
        self.partitions = partitions
        self.configuration = configuration
        self.tokens = tokens
        self.delegate = delegate
        self.started = started
        self.problems = problems
    }

    /// Method, path and least role of every route; the OpenAPI document is tested against this.
    package static let routes: [(method: String, path: String, role: Role?)] = [
        ("GET", "/healthz", nil), ("GET", "/readyz", nil), ("GET", "/openapi.json", nil),
        ("GET", "/status", .viewer), ("GET", "/api/baseline/metrics", .viewer), ("GET", "/api/anomalies", .viewer),
        ("GET", "/api/incidents", .viewer), ("GET", "/api/incidents/{id}", .viewer),
        ("GET", "/api/approvals/pending", .viewer), ("GET", "/api/plans/{id}", .viewer),
        ("POST", "/api/approvals/{id}/approve", .approver), ("POST", "/api/approvals/{id}/reject", .approver),
        ("POST", "/api/approvals/{id}/revoke", .approver), ("POST", "/api/approvals/{id}/abort", .approver),
        ("POST", "/api/approvals/{id}/review", .approver), ("GET", "/api/reviews", .viewer),
        ("GET", "/api/plans/waiting", .viewer),
        ("POST", "/api/baseline/learn", .operator),
    ]

    /// The router of all routes.
    package func router() -> Router<GatewayContext> {
        let router = Router(context: GatewayContext.self)
        router.add(middleware: ProblemMiddleware())
        HealthRoutes.add(to: router, problems: problems)
        router.get("/openapi.json") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: .init(byteBuffer: ByteBuffer(bytes: PackageResources.openapi_json)))
        }
        let viewer = router.group().add(middleware: Authentication(tokens: tokens, needed: .viewer))
        viewer.get("/status") { _, _ in try await status() }
        viewer.get("/api/baseline/metrics") { _, _ in try await baselines() }
        viewer.get("/api/anomalies") { request, _ in try await anomalies(request) }
        viewer.get("/api/incidents") { request, _ in try await incidents(request) }
        viewer.get("/api/incidents/:id") { _, context in try await incident(try context.parameters.require("id")) }
        viewer.get("/api/approvals/pending") { _, _ in try await pending() }
        viewer.get("/api/plans/waiting") { _, _ in try await waiting() }
        viewer.get("/api/plans/:id") { _, context in try await plan(try context.parameters.require("id")) }
        viewer.get("/api/reviews") { _, _ in try await reviews() }
        let approver = router.group().add(middleware: Authentication(tokens: tokens, needed: .approver))
        approver.post("/api/approvals/:id/approve") { request, context in
            try await decide(.approve, request, context)
        }
        approver.post("/api/approvals/:id/reject") { request, context in
            try await decide(.reject, request, context)
        }
        approver.post("/api/approvals/:id/revoke") { request, context in
            try await decide(.revoke, request, context)
        }
        approver.post("/api/approvals/:id/abort") { request, context in
            try await decide(.abort, request, context)
        }
        approver.post("/api/approvals/:id/review") { request, context in
            try await decide(.review, request, context)
        }
        router.group().add(middleware: Authentication(tokens: tokens, needed: .operator))
            .post("/api/baseline/learn") { request, context in try await learn(request, context) }
        return router
    }

    func document(_ bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return document(Array(try encoder.encode(value)), status: status)
    }

    /// A JSON array of texts that are JSON already.
    func array(_ elements: [[UInt8]]) -> Response {
        document(Array("[".utf8) + Array(elements.joined(separator: Array(",".utf8))) + Array("]".utf8))
    }
}
