import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// A strict simulation of the parts of the Kubernetes API that are used, as a server of its own.
///
/// Prints the port it listens on. `/_fake/…` is for tests: faults to come, the log of applied changes, a person's hand.
@main
struct FakeKube {
    static let token = "fake-token"

    static func main() async throws {
        let cluster = await Cluster.make()
        let router = Router()
        let deployments = RouterPath("/apis/apps/v1/namespaces/:namespace/deployments/:name")
        router.get(deployments) { request, context in
            try await answer(request) {
                let key = try key(context)
                return try await cluster.get(key)
            }
        }
        router.get("/apis/apps/v1/namespaces/:namespace/replicasets") { request, context in
            try await answer(request) {
                let namespace = try context.parameters.require("namespace")
                return try await cluster.list(namespace)
            }
        }
        router.patch(deployments) { request, context in
            try await answer(request) {
                guard request.headers[.contentType] == "application/merge-patch+json" else {
                    throw Cluster.Refusal(code: 415, reason: "UnsupportedMediaType", message: "merge patches only")
                }
                let query = request.uri.queryParameters
                if let dryRun = query["dryRun"], dryRun != "All" {
                    throw Cluster.Refusal(code: 422, reason: "Invalid", message: "dryRun: must be All")
                }
                let buffer = try await request.body.collect(upTo: 1 << 20)
                let key = try key(context)
                return try await cluster.patch(
                    key, Data(buffer.readableBytesView), isDryRun: query["dryRun"] == "All")
            }
        }
        router.post("/_fake/faults") { request, _ in
            let text = String(buffer: try await request.body.collect(upTo: 1 << 16))
            await cluster.add(faults: text.split(separator: ",").map(String.init))
            return HTTPResponse.Status.noContent
        }
        router.post("/_fake/image/:image") { _, context in
            await cluster.setImage("shop/web", try context.parameters.require("image"))
            return HTTPResponse.Status.noContent
        }
        router.get("/_fake/log") { _, _ in
            Response(status: .ok, body: body(try JSONEncoder().encode(await cluster.log)))
        }
        var logger = Logger(label: "fake-kube")
        logger.logLevel = .error
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                FileHandle.standardOutput.write(Data("\(channel.localAddress?.port ?? 0)\n".utf8))
            }, logger: logger)
        try await application.runService()
    }

    private static func body(_ data: Data) -> ResponseBody { ResponseBody(byteBuffer: ByteBuffer(bytes: data)) }

    private static func key(_ context: BasicRequestContext) throws -> String {
        "\(try context.parameters.require("namespace"))/\(try context.parameters.require("name"))"
    }

    private static func answer(
        _ request: Request, _ make: () async throws -> Data
    ) async throws -> Response {
        do {
            guard request.headers[.authorization] == "Bearer \(token)" else {
                throw Cluster.Refusal(code: 401, reason: "Unauthorized", message: "Unauthorized")
            }
            return Response(status: .ok, headers: [.contentType: "application/json"], body: body(try await make()))
        } catch let refusal as Cluster.Refusal {
            let status: [String: Any] = [
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": refusal.reason,
                "message": refusal.message, "code": refusal.code,
            ]
            var headers: HTTPFields = [.contentType: "application/json"]
            if refusal.code == 429, let name = HTTPField.Name("Retry-After") { headers[name] = "1" }
            let json = try JSONSerialization.data(withJSONObject: status)
            return Response(status: .init(code: refusal.code), headers: headers, body: body(json))
        }
    }
}
