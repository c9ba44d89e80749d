/// Why a command has no reply.
package struct RedisError: Error, Sendable, CustomStringConvertible {
    /// What callers branch on.
    package enum Code: Sendable, Equatable {
        /// The connection ended.
        case connectionClosed
        /// No connection could be made.
        case connectFailed
        /// No reply in time.
        case timeout
        /// The server answered with an error.
        case server(RedisServerError)
        /// The server sent something that is not RESP.
        case protocolError
        /// The calling task was cancelled.
        case cancelled
        /// The URL is not one of a Redis server.
        case invalidURL
        /// The server did not accept user or password.
        case authenticationFailed
        /// The TLS settings are not usable, or the server's certificate is not trusted.
        case tls
        /// The client was shut down.
        case shutdown
    }

    /// What callers branch on.
    package var code: Code
    /// What happened, with the address of the server.
    package var message: String
    /// Whether the command may have been executed although there is no reply.
    package var outcomeUnknown: Bool

    package init(_ code: Code, _ message: String, outcomeUnknown: Bool = false) {
        self.code = code
        self.message = message
        self.outcomeUnknown = outcomeUnknown
    }

    /// Whether the same command may get a reply later.
    package var isRetriable: Bool {
        switch code {
        case .connectionClosed, .connectFailed, .timeout: true
        case .server(let error): ["LOADING", "BUSY", "TRYAGAIN", "MASTERDOWN", "CLUSTERDOWN"].contains(error.code)
        case .protocolError, .cancelled, .invalidURL, .authenticationFailed, .tls, .shutdown: false
        }
    }

    package var description: String { message }
}
