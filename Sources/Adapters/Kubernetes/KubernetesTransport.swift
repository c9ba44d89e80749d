import Foundation

/// A client's certificate and its key.
package struct ClientCertificate: Sendable, Equatable {
    /// PEM of the certificate, with intermediate ones after it.
    package var certificate: Data
    /// PEM of its key.
    package var key: Data

    package init(certificate: Data, key: Data) {
        self.certificate = certificate
        self.key = key
    }
}

/// One request to the API server.
package struct KubernetesRequest: Sendable {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    package var method: String
    /// Path from the root, such as `/apis/apps/v1/namespaces/shop/deployments/web`.
    package var path: String
    /// Query parameters, not yet encoded.
    package var query: [String: String]
    /// Media type of the body.
    package var contentType: String?
    /// Media types of the answer in the order of preference; `nil`: JSON.
    package var accept: String?
    /// Body.
    package var body: Data?
    /// Bearer token.
    package var token: String?
    /// Certificate to present in place of the transport's own.
    package var certificate: ClientCertificate?
    /// Seconds until the answer must be complete; of a watch, until it must begin.
    package var timeoutSeconds: Double

    package init(
        _ method: String, _ path: String, query: [String: String] = [:], contentType: String? = nil,
        body: Data? = nil, token: String? = nil, timeoutSeconds: Double = 10
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.contentType = contentType
        self.body = body
        self.token = token
        self.timeoutSeconds = timeoutSeconds
    }
}

/// An answer of the API server.
package struct KubernetesResponse: Sendable {
    /// HTTP status.
    package var status: Int
    /// Headers with lower-case names.
    package var headers: [String: String]
    /// Body.
    package var body: Data

    package init(status: Int, headers: [String: String] = [:], body: Data = Data()) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Carries requests to an API server: HTTP, or a simulation within the process.
package protocol KubernetesTransport: Sendable {
    /// Sends a request and takes in the whole answer.
    ///
    /// - Throws: `KubernetesError` of the kind `unknown` when no complete answer came.
    func send(_ request: KubernetesRequest) async throws(KubernetesError) -> KubernetesResponse

    /// Sends a request whose answer is a sequence of lines that may go on for long.
    ///
    /// - Throws: `KubernetesError` when the answer is not a success.
    func lines(_ request: KubernetesRequest) async throws(KubernetesError) -> AsyncThrowingStream<Data, any Error>
}
