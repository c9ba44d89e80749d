import Foundation
import HTTPTypes
import Hummingbird
import KubeSimulator
import Kubernetes
import NIOCore

/// HTTP in front of the simulated server.
struct HTTPFront: Sendable {
    let server: APIServer

    var router: Router<BasicRequestContext> {
        let router = Router()
        addControls(to: router)
        for method in [HTTPRequest.Method.get, .post, .put, .patch, .delete] {
            router.on("**", method: method) { request, _ in try await serve(request) }
        }
        return router
    }

    private struct Broken: Error {}

    private func serve(_ request: Request) async throws -> Response {
        var query: [String: String] = [:]
        for (name, value) in request.uri.queryParameters { query[String(name)] = String(value) }
        let body = try await request.body.collect(upTo: 4 << 20)
        let authorization = request.headers[.authorization] ?? ""
        var kube = KubernetesRequest(
            request.method.rawValue, request.uri.path.removingPercentEncoding ?? request.uri.path, query: query,
            contentType: request.headers[.contentType], body: Data(body.readableBytesView),
            token: authorization.hasPrefix("Bearer ") ? String(authorization.dropFirst(7)) : nil)
        kube.accept = request.headers[.accept]
        switch server.handle(kube) {
        case .answer(let response, let delay):
            if delay > 0 { try await ContinuousClock().sleep(for: .milliseconds(delay)) }
            if response.status == 200, let lines = server.watch(kube) { return stream(lines, query) }
            return answer(response)
        case .silence:
            try await ContinuousClock().sleep(for: .seconds(600))
            throw Broken()
        case .truncated(let response):
            let length = response.body.count
            let half = ByteBuffer(bytes: response.body.prefix(length / 2))
            return Response(
                status: .init(code: response.status), headers: headers(response),
                body: .init(contentLength: length) { writer in
                    try await writer.write(half)
                    throw Broken()
                })
        }
    }

    private func headers(_ response: KubernetesResponse) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in response.headers {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        return fields
    }

    private func answer(_ response: KubernetesResponse) -> Response {
        Response(
            status: .init(code: response.status), headers: headers(response),
            body: .init(byteBuffer: ByteBuffer(bytes: response.body)))
    }

    /// Lines until the client goes away or `timeoutSeconds` are over.
    private func stream(_ lines: AsyncStream<Data>, _ query: [String: String]) -> Response {
        let seconds = query["timeoutSeconds"].flatMap { Double($0) } ?? 300
        return Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: .init { writer in
                let (limited, continuation) = AsyncStream.makeStream(of: Data.self)
                let pump = Task {
                    for await line in lines { continuation.yield(line) }
                    continuation.finish()
                }
                let timer = Task {
                    try await ContinuousClock().sleep(for: .seconds(seconds))
                    continuation.finish()
                }
                defer {
                    pump.cancel()
                    timer.cancel()
                }
                for await line in limited { try await writer.write(ByteBuffer(bytes: line)) }
                try await writer.finish(nil)
            })
    }

    // MARK: Tests' hands

    private static func decode<Value: Decodable>(_ request: Request, as _: Value.Type) async throws -> Value {
        let buffer = try await request.body.collect(upTo: 1 << 20)
        do {
            return try JSONDecoder().decode(Value.self, from: Data(buffer.readableBytesView))
        } catch {
            throw HTTPError(.badRequest, message: "\(error)")
        }
    }

    private func addControls(to router: Router<BasicRequestContext>) {
        let server = server
        router.post("/_fake/faults") { request, _ in
            server.add(faults: try await Self.decode(request, as: [Fault].self))
            return HTTPResponse.Status.noContent
        }
        router.post("/_fake/adversary") { request, _ in
            server.add(adversary: try await Self.decode(request, as: Adversary.self))
            return HTTPResponse.Status.noContent
        }
        router.post("/_fake/load") { request, _ in
            server.load(try await Self.decode(request, as: [JSONValue].self))
            return HTTPResponse.Status.noContent
        }
        router.post("/_fake/broken-images") { request, _ in
            server.setBroken(images: try await Self.decode(request, as: Set<String>.self))
            return HTTPResponse.Status.noContent
        }
        router.post("/_fake/clock-offset") { request, _ in
            server.setClockOffset(try await Self.decode(request, as: Double.self))
            return HTTPResponse.Status.noContent
        }
        router.post("/_fake/compact") { _, _ in
            server.compact()
            return HTTPResponse.Status.noContent
        }
        router.get("/_fake/rounds") { _, _ in "\(server.rounds)" }
        router.get("/_fake/log") { _, _ in
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            return Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: .init(byteBuffer: ByteBuffer(bytes: try encoder.encode(server.log))))
        }
    }
}
