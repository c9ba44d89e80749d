import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOSSL
import Synchronization

/// HTTP to an API server: verifies its certificate, presents ours.
package final class HTTPTransport: KubernetesTransport {
    private let server: String
    private let http: HTTPClient
    private let tls: TLSConfiguration
    /// The certificate that requests brought last, made ready.
    private let brought = Mutex<(certificate: ClientCertificate, tls: TLSConfiguration)?>(nil)

    /// - Throws: `KubernetesError` when certificates cannot be used.
    package init(_ access: KubernetesAccess) throws(KubernetesError) {
        server = access.server
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(5)
        // A refused connection or certificate is an answer; the callers' back-off decides when to try again.
        configuration.connectionPool.retryConnectionEstablishment = false
        do {
            var tls = TLSConfiguration.makeClientConfiguration()
            if let authority = access.authority {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authority)))
            }
            if let client = access.clientCertificate { try Self.present(client, in: &tls) }
            configuration.tlsConfiguration = tls
            self.tls = tls
        } catch {
            throw KubernetesError(.refused, "the certificates cannot be used: \(error)")
        }
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    private static func present(_ client: ClientCertificate, in tls: inout TLSConfiguration) throws {
        tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(client.certificate)).map { .certificate($0) }
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(client.key), format: .pem))
    }

    /// The configuration of a connection that presents the certificate of a request.
    private func presenting(_ client: ClientCertificate) throws(KubernetesError) -> TLSConfiguration {
        if let ready = brought.withLock({ $0 }), ready.certificate == client { return ready.tls }
        var tls = tls
        do {
            try Self.present(client, in: &tls)
        } catch {
            throw KubernetesError(.unauthorized, "the certificate of the credential plugin cannot be used: \(error)")
        }
        let made = tls
        brought.withLock { $0 = (client, made) }
        return made
    }

    deinit {
        // The HTTP client insists on being shut down; requests hold this object, so none is under way.
        http.shutdown { _ in }
    }

    package func send(_ request: KubernetesRequest) async throws(KubernetesError) -> KubernetesResponse {
        let message = try message(request)
        do {
            let deadline = NIODeadline.now() + .milliseconds(Int64(request.timeoutSeconds * 1_000))
            let response = try await http.execute(message, deadline: deadline)
            let body = try await response.body.collect(upTo: 64 << 20)
            return KubernetesResponse(
                status: Int(response.status.code), headers: headers(response), body: Data(buffer: body))
        } catch {
            throw KubernetesError(.unknown, "\(server): \(error)")
        }
    }

    package func lines(
        _ request: KubernetesRequest
    ) async throws(KubernetesError) -> AsyncThrowingStream<Data, any Error> {
        let message = try message(request)
        let response: HTTPClientResponse
        do {
            // The deadline is for the head: the body of a watch may take as long as it likes.
            response = try await http.execute(
                message, timeout: .seconds(Int64(request.timeoutSeconds) + 400))
        } catch {
            throw KubernetesError(.unknown, "\(server): \(error)")
        }
        let status = Int(response.status.code)
        guard (200..<300).contains(status) else {
            let body = (try? await response.body.collect(upTo: 1 << 20)).map { Data(buffer: $0) } ?? Data()
            try KubernetesError.check(KubernetesResponse(status: status, headers: headers(response), body: body))
            throw KubernetesError(.unknown, "unexpected status \(status)")
        }
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: Data.self)
        let task = Task {
            var rest = Data()
            do {
                for try await chunk in response.body {
                    rest.append(Data(buffer: chunk))
                    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                        let line = Data(rest[..<end])
                        rest = Data(rest[rest.index(after: end)...])
                        if !line.isEmpty { continuation.yield(line) }
                    }
                    guard rest.count < 32 << 20 else { throw KubernetesError(.unknown, "an event is too large") }
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    private func message(_ request: KubernetesRequest) throws(KubernetesError) -> HTTPClientRequest {
        var components = URLComponents()
        components.path = request.path
        let query = request.query.sorted { $0.key < $1.key }
        if !query.isEmpty { components.queryItems = query.map { URLQueryItem(name: $0.key, value: $0.value) } }
        var message = HTTPClientRequest(url: server + (components.string ?? request.path))
        message.method = .init(rawValue: request.method)
        message.headers.add(name: "Accept", value: request.accept ?? "application/json")
        message.headers.add(name: "User-Agent", value: "sre-agent")
        if let certificate = request.certificate { message.tlsConfiguration = try presenting(certificate) }
        if let token = request.token { message.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let body = request.body {
            message.headers.add(name: "Content-Type", value: request.contentType ?? "application/json")
            message.body = .bytes(ByteBuffer(bytes: body))
        }
        return message
    }

    private func headers(_ response: HTTPClientResponse) -> [String: String] {
        Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { $1 }
    }
}
