import Foundation

/// Why the API server did not do what was asked.
package struct KubernetesError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What callers branch on.
    package enum Kind: Sendable, Equatable {
        /// Certainly not done, and never will be (400, 403, 422, bad configuration).
        case refused
        /// The object is not there (404).
        case notFound
        /// The object changed meanwhile (409); not done.
        case conflict
        /// An object of this name is there already (409 `AlreadyExists`); not done.
        case exists
        /// Not done, ask again later (429).
        case busy(retryAfter: Duration)
        /// Not recognised (401); not done.
        case unauthorized
        /// The version asked for is no longer known (410); list again.
        case expired
        /// Nobody answered, or with 5xx: it may or may not have been done.
        case unknown
    }

    /// What callers branch on.
    package var kind: Kind
    /// The server's reason, or what went wrong on the way.
    package var description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    private struct Status: Decodable {
        var message: String?
        var reason: String?
    }

    /// Classifies an answer that is not a success.
    ///
    /// 500 is unknown too: the API conventions say that the server may have acted before it failed.
    package static func check(_ response: KubernetesResponse) throws(KubernetesError) {
        guard !(200..<300).contains(response.status) else { return }
        let answer = try? JSONDecoder().decode(Status.self, from: response.body)
        let text = "\(response.status) \(answer?.reason ?? ""): \(answer?.message ?? "no reason given")"
        switch response.status {
        case 401: throw KubernetesError(.unauthorized, text)
        case 404: throw KubernetesError(.notFound, text)
        case 409: throw KubernetesError(answer?.reason == "AlreadyExists" ? .exists : .conflict, text)
        case 410: throw KubernetesError(.expired, text)
        case 429:
            let seconds = response.headers["retry-after"].flatMap { Int($0) } ?? 1
            throw KubernetesError(.busy(retryAfter: .seconds(max(0, min(seconds, 3_600)))), text)
        case 400..<500: throw KubernetesError(.refused, text)
        default: throw KubernetesError(.unknown, text)
        }
    }
}
