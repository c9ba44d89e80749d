/// Where the server is and how to speak to it.
package struct RedisConfiguration: Sendable {
    /// Address of a server.
    package enum Endpoint: Sendable, Hashable, CustomStringConvertible {
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

    /// Which servers there are, and how the right one is found.
    package enum Topology: Sendable, Equatable {
        /// One server.
        case standalone(Endpoint)
        /// The master that these sentinels name.
        case sentinel(master: String, sentinels: [Endpoint])
        /// A cluster that any of these nodes can describe.
        case cluster(seeds: [Endpoint])
    }

    /// Servers.
    package var topology: Topology
    /// ACL user; `nil`: the default user.
    package var username: String?
    /// Password.
    package var password: String?
    /// ACL user of the sentinels; `nil`: their default user.
    package var sentinelUsername: String?
    /// Password of the sentinels; `nil`: they ask for none.
    package var sentinelPassword: String?
    /// Database number; default 0.
    package var database = 0
    /// `nil`: no TLS.
    package var tls: TLS?
    /// Until a connection attempt counts as failed; default 5 s.
    package var connectTimeout: Duration = .seconds(5)
    /// Until a command counts as unanswered; default 5 s.
    package var commandTimeout: Duration = .seconds(5)
    /// How often the sentinels are asked whether the master has moved; default 2 s.
    package var sentinelInterval: Duration = .seconds(2)
    /// Shown by `CLIENT LIST`.
    package var clientName: String?
    /// Longest first delay between connection attempts; default 50 ms.
    package var initialBackoff: Duration = .milliseconds(50)
    /// Longest delay of all; default 5 s.
    package var maximumBackoff: Duration = .seconds(5)

    /// One server, with defaults for everything else.
    package init(endpoint: Endpoint) { self.topology = .standalone(endpoint) }

    /// Servers, with defaults for everything else.
    package init(topology: Topology) { self.topology = topology }

    /// The servers for messages, without credentials.
    package var address: String {
        func list(_ endpoints: [Endpoint]) -> String { endpoints.map { "\($0)" }.joined(separator: ",") }
        return switch topology {
        case .standalone(let endpoint): "\(endpoint)"
        case .sentinel(let master, let sentinels): "\(list(sentinels))/\(master)"
        case .cluster(let seeds): list(seeds)
        }
    }
}
