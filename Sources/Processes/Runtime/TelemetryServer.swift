import Foundation
import HTTPTypes
import Hummingbird
import Logging
import ServiceLifecycle
import Telemetry

/// `/metrics`, `/healthz` and `/readyz` of a process.
struct TelemetryServer: Service {
    let context: ProcessContext
    let port: Int

    func run() async throws {
        let router = Router()
        Self.addRoutes(to: router, context)
        var logger = context.logger
        logger.logLevel = .warning
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)), logger: logger)
        try await application.run()
    }

    static func addRoutes(to router: Router<BasicRequestContext>, _ context: ProcessContext) {
        router.get("/metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: .init(byteBuffer: .init(string: context.metrics.exposition)))
        }
        HealthRoutes.add(to: router) { await context.problems() }
    }
}

/// `/healthz` and `/readyz`, the same on every port of the product.
package enum HealthRoutes {
    /// Adds the routes; at every request `problems` is asked what is not ready, by name.
    package static func add<Context: RequestContext>(
        to router: Router<Context>, problems: @escaping @Sendable () async -> [String: String]
    ) {
        router.get("/healthz") { _, _ in "ok\n" }
        router.get("/readyz") { _, _ in
            let problems = await problems()
            let lines = problems.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)\n" }.joined()
            return Response(
                status: problems.isEmpty ? .ok : .serviceUnavailable, headers: [.contentType: "text/plain"],
                body: .init(byteBuffer: .init(string: problems.isEmpty ? "ready\n" : lines)))
        }
    }
}
