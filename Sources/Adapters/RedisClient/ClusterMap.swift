/// Which node serves which slot, as one node described it; pure.
struct ClusterMap: Sendable, Equatable {
    typealias Endpoint = RedisConfiguration.Endpoint

    /// Master of each slot; `nil` for slots that nobody serves.
    private var masters: [Endpoint?] = Array(repeating: nil, count: HashSlot.count)

    /// A map that knows nothing.
    init() {}

    /// Reads the reply of `CLUSTER SLOTS`; nodes without a host are the one that was asked.
    ///
    /// - Throws: `RedisError` with the code `protocolError` when it is no such reply.
    init(_ reply: RESPValue, askedOf host: String) throws(RedisError) {
        guard let ranges = reply.array else { throw Self.unexpected(reply) }
        for range in ranges {
            guard let parts = range.array, parts.count >= 3, let first = parts[0].int, let last = parts[1].int,
                0 <= first, first <= last, last < Int64(HashSlot.count), let node = parts[2].array, node.count >= 2,
                let port = node[1].int, (1...65_535).contains(port)
            else { throw Self.unexpected(range) }
            let name = node[0].string ?? ""
            let endpoint = Endpoint.tcp(host: name.isEmpty || name == "?" ? host : name, port: Int(port))
            for slot in Int(first)...Int(last) { masters[slot] = endpoint }
        }
    }

    /// Master of a slot.
    func master(of slot: HashSlot) -> Endpoint? { masters[slot.rawValue] }

    /// A node said that another one serves the slot now.
    mutating func moved(_ slot: HashSlot, to endpoint: Endpoint) { masters[slot.rawValue] = endpoint }

    /// All masters, each once, in the order of their first slots.
    var nodes: [Endpoint] {
        var seen: Set<Endpoint> = []
        return masters.compactMap { $0 }.filter { seen.insert($0).inserted }
    }

    private static func unexpected(_ value: RESPValue) -> RedisError {
        RedisError(.protocolError, "unexpected description of the cluster: \(value)")
    }
}

/// A node's answer that another node has to be asked.
struct Redirection: Equatable {
    enum Kind: Equatable {
        /// For good: `MOVED`.
        case moved
        /// This once, with `ASKING` before it: `ASK`.
        case ask
    }

    var kind: Kind
    var slot: HashSlot
    var endpoint: RedisConfiguration.Endpoint

    /// Reads `MOVED 3999 127.0.0.1:6381` or `ASK …`; an empty host is the node that answered.
    init?(_ error: RedisServerError, from host: String) {
        let words = error.message.split(separator: " ")
        guard words.count >= 3, let slot = Int(words[1]).flatMap(HashSlot.init(rawValue:)),
            let colon = words[2].lastIndex(of: ":"), let port = Int(words[2][words[2].index(after: colon)...]),
            (1...65_535).contains(port)
        else { return nil }
        switch words[0] {
        case "MOVED": kind = .moved
        case "ASK": kind = .ask
        default: return nil
        }
        self.slot = slot
        let name = String(words[2][..<colon])
        endpoint = .tcp(host: name.isEmpty || name == "?" ? host : name, port: port)
    }
}
