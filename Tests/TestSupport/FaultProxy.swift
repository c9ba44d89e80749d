import AsyncHTTPClient
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import Synchronization

/// An HTTP server in front of another one that answers some requests badly.
package final class FaultProxy: Sendable {
    /// What happens to one request.
    package enum Fault: Sendable {
        /// Answered with this status, without asking the server behind.
        case status(Int, retryAfter: Int? = nil)
        /// Answered with this text as JSON.
        case body(String)
        /// Only so many bytes of the answer of the server behind.
        case truncated(Int)
    }

    private let upstream: String
    private let faults = Mutex<[Fault]>([])
    private let count = Mutex(0)

    /// - Parameter upstream: address of the server behind.
    package init(upstream: String) { self.upstream = upstream }

    /// Requests that have come in.
    package var requests: Int { count.withLock { $0 } }

    /// The next requests meet these, one each.
    package func inject(_ next: [Fault]) { faults.withLock { $0 += next } }

    /// Serves while `body` runs, which gets the proxy's address.
    package func use<Result: Sendable>(
        _ body: @escaping @Sendable (String) async throws -> Result
    ) async throws -> Result {
        let router = Router()
        for method in [HTTPRequest.Method.get, .post] {
            router.on("**", method: method) { request, _ in try await self.answer(request) }
        }
        return try await LocalServer.use(router, body)
    }

    private func answer(_ request: Request) async throws -> Response {
        count.withLock { $0 += 1 }
        let fault = faults.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        switch fault {
        case .status(let code, let retryAfter):
            var headers = HTTPFields()
            if let retryAfter { headers[.retryAfter] = "\(retryAfter)" }
            return Response(status: .init(code: code), headers: headers)
        case .body(let text): return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: text)))
        case .truncated(let length):
            let (status, body) = try await forward(request)
            return Response(status: status, body: .init(byteBuffer: body.getSlice(at: 0, length: length) ?? body))
        case nil:
            let (status, body) = try await forward(request)
            return Response(status: status, body: .init(byteBuffer: body))
        }
    }

    private func forward(_ request: Request) async throws -> (HTTPResponse.Status, ByteBuffer) {
        var forwarded = HTTPClientRequest(url: upstream + request.uri.string)
        forwarded.method = .init(rawValue: request.method.rawValue)
        if let type = request.headers[.contentType] { forwarded.headers.add(name: "Content-Type", value: type) }
        forwarded.body = .bytes(try await request.body.collect(upTo: 1 << 20))
        let response = try await HTTPClient.shared.execute(forwarded, timeout: .seconds(10))
        return (.init(code: Int(response.status.code)), try await response.body.collect(upTo: 1 << 26))
    }
}
