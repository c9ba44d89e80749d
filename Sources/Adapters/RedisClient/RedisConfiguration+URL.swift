extension RedisConfiguration {
    /// Reads the address of a server, of a group behind Sentinel, or of a cluster.
    ///
    /// - `redis://[user[:password]@]host[:port][/db]`, `unix:///path[?db=0]`: one server.
    /// - `redis+sentinel://[user:password@]host[:port][,host…]/master[/db]`: the master that the sentinels name; their
    ///   own credentials are the parameters `sentinel-user` and `sentinel-password`.
    /// - `redis+cluster://[user:password@]host[:port][,host…]`: a cluster.
    ///
    /// `rediss` instead of `redis` asks for TLS, then with the parameters `cacert`, `cert`, `key` and
    /// `insecure-host=true`. The parameter `db` is the database number (not for clusters).
    ///
    /// - Throws: `RedisError` with the code `invalidURL` and what is wrong with the URL.
    package init(url: String) throws(RedisError) {
        let parser = RedisURLParser(url: url)
        self = try parser.parse()
    }

    /// The URL without its passwords.
    package static func redacted(_ url: String) -> String {
        var text = url
        if let scheme = text.firstRange(of: "://"), let at = text.lastIndex(of: "@"), at > scheme.upperBound,
            let colon = text[scheme.upperBound..<at].firstIndex(of: ":")
        {
            text = text[...colon] + "***" + text[at...]
        }
        let name = "sentinel-password="
        guard let secret = text.firstRange(of: name) else { return text }
        let rest = text[secret.upperBound...].drop { $0 != "&" }
        return text[..<secret.upperBound] + "***" + rest
    }
}

/// Reads the URLs of ``RedisConfiguration``.
struct RedisURLParser {
    let url: String

    private enum Kind {
        case standalone, sentinel, cluster

        var defaultPort: Int { self == .sentinel ? 26_379 : 6_379 }
    }

    private func invalid(_ reason: String) -> RedisError {
        RedisError(
            .invalidURL,
            "'\(RedisConfiguration.redacted(url))' is not a Redis URL: \(reason); "
                + "valid are redis://[user:password@]host[:port][/db], rediss://… (TLS), unix:///path, "
                + "redis+sentinel://host[:port],…/master[/db] and redis+cluster://host[:port],…")
    }

    func parse() throws(RedisError) -> RedisConfiguration {
        guard let mark = url.firstRange(of: "://") else { throw invalid("the scheme is missing") }
        let scheme = url[..<mark.lowerBound].lowercased()
        var rest = url[mark.upperBound...]
        var parameters: [String: String] = [:]
        if let question = rest.firstIndex(of: "?") {
            for pair in rest[rest.index(after: question)...].split(separator: "&") {
                let parts = pair.split(separator: "=", maxSplits: 1)
                guard parts.count == 2, let value = Self.decoded(parts[1]) else {
                    throw invalid("the parameter '\(pair)' has no value")
                }
                parameters[String(parts[0])] = value
            }
            rest = rest[..<question]
        }
        var configuration =
            switch scheme {
            case "redis", "rediss": try servers(rest, .standalone)
            case "redis+sentinel", "rediss+sentinel": try servers(rest, .sentinel)
            case "redis+cluster", "rediss+cluster": try servers(rest, .cluster)
            case "unix", "redis+unix": try socket(rest)
            default: throw invalid("the scheme '\(scheme)' is unknown")
            }
        if scheme.hasPrefix("rediss") { configuration.tls = .init() }
        for (name, value) in parameters.sorted(by: { $0.key < $1.key }) {
            try apply(name, value, to: &configuration)
        }
        return configuration
    }

    private func apply(
        _ name: String, _ value: String, to configuration: inout RedisConfiguration
    ) throws(RedisError) {
        let isSentinel = if case .sentinel = configuration.topology { true } else { false }
        let isCluster = if case .cluster = configuration.topology { true } else { false }
        let hasTLS = configuration.tls != nil
        switch name {
        case "db" where !isCluster: configuration.database = try database(value)
        case "sentinel-user" where isSentinel: configuration.sentinelUsername = value
        case "sentinel-password" where isSentinel: configuration.sentinelPassword = value
        case "cacert" where hasTLS: configuration.tls?.caFile = value
        case "cert" where hasTLS: configuration.tls?.certificateFile = value
        case "key" where hasTLS: configuration.tls?.privateKeyFile = value
        case "insecure-host" where hasTLS: configuration.tls?.verifyHostname = value != "true"
        default: throw invalid("the parameter '\(name)' is unknown here")
        }
    }

    private func socket(_ rest: Substring) throws(RedisError) -> RedisConfiguration {
        guard rest.hasPrefix("/"), let path = Self.decoded(rest) else { throw invalid("the path must be absolute") }
        guard path.utf8.count < 108 else { throw invalid("a socket path has at most 107 bytes") }
        return RedisConfiguration(endpoint: .unix(path: path))
    }

    private func servers(_ text: Substring, _ kind: Kind) throws(RedisError) -> RedisConfiguration {
        var rest = text
        var credentials: Substring?
        if let at = rest.lastIndex(of: "@") {
            credentials = rest[..<at]
            rest = rest[rest.index(after: at)...]
        }
        var path: [Substring] = []
        if let slash = rest.firstIndex(of: "/") {
            path = rest[rest.index(after: slash)...].split(separator: "/", omittingEmptySubsequences: false)
            if path.last?.isEmpty == true { path.removeLast() }
            rest = rest[..<slash]
        }
        var endpoints: [RedisConfiguration.Endpoint] = []
        for part in rest.split(separator: ",", omittingEmptySubsequences: false) {
            endpoints.append(try endpoint(part, kind))
        }
        var configuration: RedisConfiguration
        switch kind {
        case .standalone:
            guard endpoints.count == 1 else { throw invalid("several hosts need redis+sentinel or redis+cluster") }
            configuration = RedisConfiguration(endpoint: endpoints[0])
        case .sentinel:
            guard !path.isEmpty, let master = Self.decoded(path.removeFirst()), !master.isEmpty else {
                throw invalid("the name of the master is missing after the hosts")
            }
            configuration = RedisConfiguration(topology: .sentinel(master: master, sentinels: endpoints))
        case .cluster: configuration = RedisConfiguration(topology: .cluster(seeds: endpoints))
        }
        if let number = path.first {
            guard kind != .cluster else { throw invalid("a cluster has one database only") }
            configuration.database = try database(String(number))
        }
        guard path.count <= 1 else { throw invalid("'\(path[1])' in the path is not understood") }
        try authenticate(credentials, &configuration)
        return configuration
    }

    private func endpoint(_ text: Substring, _ kind: Kind) throws(RedisError) -> RedisConfiguration.Endpoint {
        var rest = text
        let host: Substring
        if rest.hasPrefix("["), let close = rest.firstIndex(of: "]") {
            host = rest[rest.index(after: rest.startIndex)..<close]
            rest = rest[rest.index(after: close)...]
        } else {
            host = rest.prefix { $0 != ":" }
            rest = rest[host.endIndex...]
        }
        var port = kind.defaultPort
        if rest.hasPrefix(":") {
            guard let number = Int(rest.dropFirst()), (1...65_535).contains(number) else {
                throw invalid("the port '\(rest.dropFirst())' is not in 1...65535")
            }
            port = number
        } else if !rest.isEmpty {
            throw invalid("'\(rest)' after the host is not understood")
        }
        guard !host.isEmpty else { throw invalid("the host is missing") }
        return .tcp(host: String(host), port: port)
    }

    private func authenticate(
        _ credentials: Substring?, _ configuration: inout RedisConfiguration
    ) throws(RedisError) {
        guard let credentials, !credentials.isEmpty else { return }
        let parts = credentials.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let user = Self.decoded(parts[0]), let secret = parts.count == 2 ? Self.decoded(parts[1]) : "" else {
            throw invalid("user or password are not percent-encoded correctly")
        }
        configuration.username = user.isEmpty ? nil : user
        configuration.password = secret.isEmpty ? nil : secret
        if configuration.username != nil, configuration.password == nil { throw invalid("the user has no password") }
    }

    private func database(_ text: String) throws(RedisError) -> Int {
        guard let number = Int(text), (0...65_535).contains(number) else {
            throw invalid("the database '\(text)' is not a number from 0")
        }
        return number
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
