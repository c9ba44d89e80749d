import ArgumentParser
import Foundation
import HTTPTypes
import Hummingbird
import Logging

/// Serves the shop until it is told to stop.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "serve", abstract: "Serve the shop.")

    @Option(help: "Port on the loopback interface.")
    var port = 8080

    @Option(help: "File that faults and restarts are kept in.")
    var state: String?

    func run() async throws {
        let shop = Shop(model: ShopModel(), file: state, now: Self.now)
        let router = Router()
        router.get("/") { _, _ in "shop\n" }
        router.get("/metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: .init(byteBuffer: .init(string: shop.exposition(now: Self.now))))
        }
        router.post("/faults") { request, context in
            let faults = try await request.decode(as: ShopModel.Faults.self, context: context)
            shop.set(faults, now: Self.now)
            return HTTPResponse.Status.noContent
        }
        router.post("/restart") { request, _ in
            let operation = request.uri.queryParameters["operation"].map(String.init) ?? ""
            return shop.restart(operation: operation, now: Self.now) ? "restarted\n" : "restarted before\n"
        }
        router.get("/operation") { _, _ in shop.lastOperation }
        var logger = Logger(label: "sre-demo-shop")
        logger.logLevel = .warning
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)), logger: logger)
        try await application.runService()
    }

    static var now: Double { Date().timeIntervalSince1970 }
}
