import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOSSL
import Synchronization

/// A small client of the API server: get, list and merge patch.
package final class KubernetesClient: Sendable {
    private let access: KubernetesAccess
    private let http: HTTPClient
    private let token: Mutex<String?>

    /// - Throws: `KubernetesError` when certificates cannot be used.
    package init(_ access: KubernetesAccess) throws(KubernetesError) {
        self.access = access
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(5)
        do {
            var tls = TLSConfiguration.makeClientConfiguration()
            if let authority = access.authority {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authority)))
            }
            if let client = access.clientCertificate {
                tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(client.certificate))
                    .map { .certificate($0) }
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(client.key), format: .pem))
            }
            configuration.tlsConfiguration = tls
        } catch {
            throw KubernetesError(.refused, "the certificates cannot be used: \(error)")
        }
        self.http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        self.token = Mutex(access.token ?? Self.read(access.tokenFile))
    }

    deinit {
        // The HTTP client insists on being shut down; requests hold this object, so none is under way.
        http.shutdown { _ in }
    }

    private static func read(_ file: String?) -> String? {
        file.flatMap { FileManager.default.contents(atPath: $0) }
            .map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
    }

    /// Reads an object or a list.
    package func get<Object: Decodable>(_ path: String, as _: Object.Type = Object.self) async throws(KubernetesError)
        -> Object
    {
        try decode(try await send(.GET, path, nil, contentType: nil))
    }

    /// Applies a merge patch (RFC 7386) and returns the object as it is then.
    ///
    /// With `dryRun` the server checks and answers, and changes nothing.
    package func patch<Object: Decodable>(
        _ path: String, _ patch: [String: Any], dryRun: Bool, as _: Object.Type = Object.self
    ) async throws(KubernetesError) -> Object {
        guard let body = try? JSONSerialization.data(withJSONObject: patch, options: .sortedKeys) else {
            throw KubernetesError(.refused, "the patch is not JSON")
        }
        let query = "?fieldManager=sre-agent&fieldValidation=Strict\(dryRun ? "&dryRun=All" : "")"
        return try decode(
            try await send(.PATCH, path + query, body, contentType: "application/merge-patch+json"))
    }

    private func decode<Object: Decodable>(_ data: Data) throws(KubernetesError) -> Object {
        do {
            return try JSONDecoder().decode(Object.self, from: data)
        } catch {
            throw KubernetesError(.unknown, "the answer was not understood: \(error)")
        }
    }

    private func send(
        _ method: HTTPMethod, _ path: String, _ body: Data?, contentType: String?
    ) async throws(KubernetesError) -> Data {
        do {
            return try await attempt(method, path, body, contentType)
        } catch  where error.kind == .unauthorized {
            // The token of a pod rotates: the file holds the next one.
            guard let fresh = Self.read(access.tokenFile) else { throw error }
            token.withLock { $0 = fresh }
            return try await attempt(method, path, body, contentType)
        }
    }

    private struct Status: Decodable {
        var message: String?
        var reason: String?
    }

    private func attempt(
        _ method: HTTPMethod, _ path: String, _ body: Data?, _ contentType: String?
    ) async throws(KubernetesError) -> Data {
        var request = HTTPClientRequest(url: access.server + path)
        request.method = method
        request.headers.add(name: "Accept", value: "application/json")
        if let token = token.withLock({ $0 }) { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let body, let contentType {
            request.headers.add(name: "Content-Type", value: contentType)
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        let status: UInt
        let retryAfter: Duration
        let data: Data
        do {
            let response = try await http.execute(request, timeout: .seconds(10))
            status = response.status.code
            retryAfter = .seconds(response.headers.first(name: "Retry-After").flatMap { Int($0) } ?? 1)
            data = Data(buffer: try await response.body.collect(upTo: 32 << 20))
        } catch {
            throw KubernetesError(.unknown, "\(access.server): \(error)")
        }
        guard !(200..<300).contains(status) else { return data }
        let answer = try? JSONDecoder().decode(Status.self, from: data)
        let reason = "\(status) \(answer?.reason ?? ""): \(answer?.message ?? "no reason given")"
        switch status {
        case 401: throw KubernetesError(.unauthorized, reason)
        case 404: throw KubernetesError(.notFound, reason)
        case 409: throw KubernetesError(.conflict, reason)
        case 429: throw KubernetesError(.busy(retryAfter: retryAfter), reason)
        case 400..<500: throw KubernetesError(.refused, reason)
        default: throw KubernetesError(.unknown, reason)
        }
    }
}
