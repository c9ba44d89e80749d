/// Where the server is and how to speak to it.
package struct RedisConfiguration: Sendable {
    /// Address of a server.
    package enum Endpoint: Sendable, Equatable, CustomStringConvertible {
        case tcp(host: String, port: Int)
        case unix(path: String)

        package var description: String {
            switch self {
            case .tcp(let host, let port): "\(host):\(port)"
            case .unix(let path): path
            }
        }
    }

    /// How TLS is used.
    package struct TLS: Sendable, Equatable {
        /// PEM file with trusted authorities; `nil`: those of the system.
        package var caFile: String?
        /// PEM file with the client's certificate chain.
        package var certificateFile: String?
        /// PEM file with the client's key.
        package var privateKeyFile: String?
        /// Whether the certificate must name the host; default true.
        package var verifyHostname = true

        package init() {}
    }

    /// Address.
    package var endpoint: Endpoint
    /// ACL user; `nil`: the default user.
    package var username: String?
    /// Password.
    package var password: String?
    /// Database number; default 0.
    package var database = 0
    /// `nil`: no TLS.
    package var tls: TLS?
    /// Until a connection attempt counts as failed; default 5 s.
    package var connectTimeout: Duration = .seconds(5)
    /// Until a command counts as unanswered; default 5 s.
    package var commandTimeout: Duration = .seconds(5)
    /// Shown by `CLIENT LIST`.
    package var clientName: String?
    /// Longest first delay between connection attempts; default 50 ms.
    package var initialBackoff: Duration = .milliseconds(50)
    /// Longest delay of all; default 5 s.
    package var maximumBackoff: Duration = .seconds(5)

    package init(endpoint: Endpoint) { self.endpoint = endpoint }

    /// Reads `redis://[user[:password]@]host[:port][/db]`, `rediss://…` (TLS) or `unix:///path[?db=0]`.
    ///
    /// Query parameters: `db`, and with TLS `cacert`, `cert`, `key`, `insecure-host=true`.
    ///
    /// - Throws: `RedisError` with the code `invalidURL` and what is wrong with the URL.
    package init(url: String) throws(RedisError) {
        func invalid(_ reason: String) -> RedisError {
            RedisError(
                .invalidURL,
                "'\(Self.redacted(url))' is not a Redis URL: \(reason); "
                    + "valid are redis://[user:password@]host[:port][/db], rediss://… and unix:///path")
        }
        guard let mark = url.firstRange(of: "://") else { throw invalid("the scheme is missing") }
        let scheme = url[..<mark.lowerBound].lowercased()
        var rest = url[mark.upperBound...]
        var query: [String: String] = [:]
        if let question = rest.firstIndex(of: "?") {
            for pair in rest[rest.index(after: question)...].split(separator: "&") {
                let parts = pair.split(separator: "=", maxSplits: 1)
                guard parts.count == 2, let value = Self.decoded(parts[1]) else {
                    throw invalid("the parameter '\(pair)' has no value")
                }
                query[String(parts[0])] = value
            }
            rest = rest[..<question]
        }
        switch scheme {
        case "redis", "rediss": try self.init(authority: rest, secure: scheme == "rediss", invalid: invalid)
        case "unix", "redis+unix":
            guard rest.hasPrefix("/"), let path = Self.decoded(rest) else { throw invalid("the path must be absolute") }
            guard path.utf8.count < 108 else { throw invalid("a socket path has at most 107 bytes") }
            self.init(endpoint: .unix(path: path))
        default: throw invalid("the scheme '\(scheme)' is unknown")
        }
        for (name, value) in query.sorted(by: { $0.key < $1.key }) {
            switch name {
            case "db": database = try Self.database(value, invalid)
            case "cacert" where tls != nil: tls?.caFile = value
            case "cert" where tls != nil: tls?.certificateFile = value
            case "key" where tls != nil: tls?.privateKeyFile = value
            case "insecure-host" where tls != nil: tls?.verifyHostname = value != "true"
            default: throw invalid("the parameter '\(name)' is unknown here")
            }
        }
    }

    private init(
        authority rest: Substring, secure: Bool, invalid: (String) -> RedisError
    ) throws(RedisError) {
        var rest = rest
        var credentials: Substring?
        if let at = rest.lastIndex(of: "@") {
            credentials = rest[..<at]
            rest = rest[rest.index(after: at)...]
        }
        var path: Substring?
        if let slash = rest.firstIndex(of: "/") {
            path = rest[rest.index(after: slash)...]
            rest = rest[..<slash]
        }
        let host: Substring
        var port = 6379
        if rest.hasPrefix("["), let close = rest.firstIndex(of: "]") {
            host = rest[rest.index(after: rest.startIndex)..<close]
            rest = rest[rest.index(after: close)...]
        } else {
            host = rest.prefix { $0 != ":" }
            rest = rest[host.endIndex...]
        }
        if rest.hasPrefix(":") {
            guard let number = Int(rest.dropFirst()), (1...65_535).contains(number) else {
                throw invalid("the port '\(rest.dropFirst())' is not in 1...65535")
            }
            port = number
        } else if !rest.isEmpty {
            throw invalid("'\(rest)' after the host is not understood")
        }
        guard !host.isEmpty else { throw invalid("the host is missing") }
        self.init(endpoint: .tcp(host: String(host), port: port))
        if secure { tls = TLS() }
        if let path, !path.isEmpty { database = try Self.database(String(path), invalid) }
        if let credentials, !credentials.isEmpty {
            let parts = credentials.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let user = Self.decoded(parts[0]), let secret = parts.count == 2 ? Self.decoded(parts[1]) : "" else {
                throw invalid("user or password are not percent-encoded correctly")
            }
            username = user.isEmpty ? nil : user
            password = secret.isEmpty ? nil : secret
            if username != nil, password == nil { throw invalid("the user has no password") }
        }
    }

    private static func database(_ text: String, _ invalid: (String) -> RedisError) throws(RedisError) -> Int {
        guard let number = Int(text), (0...65_535).contains(number) else {
            throw invalid("the database '\(text)' is not a number from 0")
        }
        return number
    }

    /// The URL without its password.
    package static func redacted(_ url: String) -> String {
        guard let scheme = url.firstRange(of: "://"), let at = url.lastIndex(of: "@"), at > scheme.upperBound,
            let colon = url[scheme.upperBound..<at].firstIndex(of: ":")
        else { return url }
        return url[...colon] + "***" + url[at...]
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), rest.count >= 2 else {
                return nil
            }
            bytes.append(code)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
