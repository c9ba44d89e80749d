import Foundation
import Perception

/// What a Prometheus, or the proxy before it, is shown to let somebody in; never part of a message.
package enum PrometheusCredential: Sendable {
    /// HTTP basic authentication (RFC 7617).
    case basic(user: String, password: String)
    /// A file with a bearer token, read anew for every request: tokens of a cluster are replaced about once an hour.
    case bearerFile(String)

    /// The value of the `Authorization` header.
    ///
    /// - Throws: `SourceError` when the file cannot be read or is empty.
    func authorization() throws(SourceError) -> String {
        switch self {
        case .basic(let user, let password):
            return "Basic \(Data("\(user):\(password)".utf8).base64EncodedString())"
        case .bearerFile(let path):
            let token = FileManager.default.contents(atPath: path)
                .map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
            guard let token, !token.isEmpty else {
                throw SourceError(.unreachable, "prometheus.bearer_token_file: \(path) cannot be read, or is empty")
            }
            return "Bearer \(token)"
        }
    }
}
