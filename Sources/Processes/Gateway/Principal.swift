import Bus
import Foundation
import HTTPTypes
import Hummingbird
import Settings

/// What a caller may do; each role includes the ones before it.
package enum Role: String, Sendable, CaseIterable, Comparable {
    case viewer, approver, `operator`

    private var rank: Int {
        switch self {
        case .viewer: 0
        case .approver: 1
        case .operator: 2
        }
    }

    package static func < (lhs: Role, rhs: Role) -> Bool { lhs.rank < rhs.rank }
}

/// An authenticated caller.
package struct Principal: Sendable, Equatable {
    /// Name, as in the policy.
    package var subject: String
    /// What it may do.
    package var role: Role
}

/// Bearer tokens by the SHA-256 of the token; the file never holds a token itself.
package struct TokenTable: Sendable {
    private let principals: [String: Principal]
    private let digest: any Digest

    /// Reads `tokens.yaml`.
    ///
    /// - Throws: `SettingsError` with file, line, key and the valid values.
    package init(_ document: YAMLDocument, digest: any Digest) throws(SettingsError) {
        try document.root.allow(["tokens"])
        var principals: [String: Principal] = [:]
        for value in try document.root["tokens"]?.list() ?? [] {
            try value.allow(["subject", "role", "sha256"])
            let hash = try value.required("sha256")
            let text = try hash.string().lowercased()
            guard text.count == 64, text.allSatisfy(\.isHexDigit) else {
                throw hash.error("not a hash", valid: "64 hex digits, as 'printf %s TOKEN | sha256sum' prints them")
            }
            principals[text] = Principal(
                subject: try value.required("subject").string(), role: try value.required("role").name())
        }
        self.principals = principals
        self.digest = digest
    }

    /// No token is valid.
    package init(digest: any Digest) {
        self.principals = [:]
        self.digest = digest
    }

    /// The caller with this `Authorization` header.
    ///
    /// The look-up is by hash, so its time tells nothing about a token.
    package func principal(authorization: String?) -> Principal? {
        guard let authorization, authorization.lowercased().hasPrefix("bearer ") else { return nil }
        let token = authorization.dropFirst(7).trimmingCharacters(in: .whitespaces)
        return principals[digest.sha256(Array(token.utf8))]
    }
}

/// A request with its caller.
package struct GatewayContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// Set when the request was authenticated.
    package var principal: Principal?

    package init(source: Source) { self.coreContext = .init(source: source) }

    /// Bodies larger than 256 KiB are refused.
    package var maxUploadSize: Int { 256 * 1_024 }
}

/// Refuses requests without a valid token, or without the role that a route needs.
struct Authentication: RouterMiddleware {
    let tokens: @Sendable () -> TokenTable
    let needed: Role

    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        guard let principal = tokens().principal(authorization: request.headers[.authorization]) else {
            throw Problem(.unauthorized, "a valid bearer token is needed")
        }
        guard principal.role >= needed else {
            throw Problem(
                .forbidden, "the role \(needed.rawValue) is needed; \(principal.subject) is \(principal.role.rawValue)")
        }
        var context = context
        context.principal = principal
        return try await next(request, context)
    }
}
