import Foundation
import RedisClient

/// A master with two replicas and three sentinels, each a process of its own.
///
/// On a network each pair of a server and a sentinel has a host of its own; otherwise all have ports of this one.
package final class SentinelGroup: Sendable {
    private struct Address {
        var host: String
        var port: Int
        var text: String { "\(host):\(port)" }
    }

    /// The Redis servers; the first one begins as the master.
    package let servers: [ServerProcess]
    /// The sentinels; each stands beside the server of the same index.
    package let sentinels: [ServerProcess]
    /// Hosts of the servers and sentinels, when they have some.
    package let network: VirtualNetwork?
    private let places: [Address]
    private let sentinelPlaces: [Address]
    private let folder: String

    /// Where the sentinels are.
    package var url: String { url(of: [0, 1, 2]) }

    /// Where these sentinels are.
    package func url(of indices: [Int]) -> String {
        "redis+sentinel://" + indices.map { sentinelPlaces[$0].text }.joined(separator: ",") + "/main"
    }

    /// Starts everything and waits until the sentinels know the replicas and each other.
    ///
    /// - Parameters:
    ///   - network: with three hosts; `nil`: all on this one.
    ///   - downAfter: milliseconds of silence after which a sentinel holds a server for dead.
    package init(on network: VirtualNetwork? = nil, downAfter: Int = 1_000) throws {
        self.network = network
        folder = try TestHost.folder("sentinel")
        let ports = network == nil ? TestHost.freePorts(6) : [6_379, 6_379, 6_379, 26_379, 26_379, 26_379]
        let all = ports.enumerated().map { Address(host: network?.address($0 % 3) ?? "127.0.0.1", port: $1) }
        let (places, sentinelPlaces) = (Array(all.prefix(3)), Array(all.suffix(3)))
        self.places = places
        self.sentinelPlaces = sentinelPlaces
        var servers: [ServerProcess] = []
        for (index, place) in places.enumerated() {
            let replica = index == 0 ? [] : ["--replicaof", places[0].host, "\(places[0].port)"]
            let arguments =
                [
                    "--port", "\(place.port)", "--bind", place.host, "--dir", try Self.data(folder, place), "--save",
                    "",
                    "--protected-mode", "no", "--appendonly", "yes", "--min-replicas-to-write", "1",
                    "--min-replicas-max-lag", "10", "--repl-diskless-sync-delay", "0",
                ] + replica
            servers.append(
                try Self.process(
                    network, index, "/usr/bin/redis-server", arguments, readyMark: "Ready to accept connections"))
        }
        self.servers = servers
        var sentinels: [ServerProcess] = []
        for (index, place) in sentinelPlaces.enumerated() {
            let data = try Self.data(folder, place)
            let text = """
                port \(place.port)
                bind \(place.host)
                protected-mode no
                dir \(data)
                sentinel monitor main \(places[0].host) \(places[0].port) 2
                sentinel down-after-milliseconds main \(downAfter)
                sentinel failover-timeout main 3000
                sentinel parallel-syncs main 2

                """
            try text.write(toFile: "\(data)/sentinel.conf", atomically: true, encoding: .utf8)
            sentinels.append(
                try Self.process(
                    network, index, "/usr/bin/redis-sentinel", ["\(data)/sentinel.conf"],
                    readyMark: "+monitor master main"))
        }
        self.sentinels = sentinels
        try awaitReadiness()
    }

    private static func data(_ folder: String, _ place: Address) throws -> String {
        let data = "\(folder)/\(place.host)-\(place.port)"
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        return data
    }

    private static func process(
        _ network: VirtualNetwork?, _ host: Int, _ path: String, _ arguments: [String], readyMark: String
    ) throws -> ServerProcess {
        let (path, arguments) = network?.command(on: host, path, arguments) ?? (path, arguments)
        return try ServerProcess(path, arguments, readyMark: readyMark)
    }

    private func ask(_ place: Address, _ words: String...) throws -> [String] {
        try TestHost.run("/usr/bin/redis-cli", ["-h", place.host, "-p", "\(place.port)"] + words)
            .split(separator: "\n").map(String.init)
    }

    private func awaitReadiness() throws {
        for place in sentinelPlaces {
            while true {
                let words = try ask(place, "sentinel", "master", "main")
                func value(_ name: String) -> Int? {
                    words.firstIndex(of: name).flatMap { Int(words[$0 + 1]) }
                }
                if value("num-slaves") == 2, value("num-other-sentinels") == 2 { break }
            }
        }
    }

    /// Index of the server that most sentinels name now; `nil` when they do not agree.
    package func master() throws -> Int? {
        let votes = try sentinelPlaces.compactMap { place in
            let words = try ask(place, "sentinel", "get-master-addr-by-name", "main")
            return places.firstIndex { $0.host == words.first && "\($0.port)" == words.last }
        }
        return votes.first { vote in votes.count { $0 == vote } >= 2 }
    }

    /// How many replicas follow the master now.
    package func replicasInOrder() throws -> Int {
        guard let master = try master() else { return 0 }
        let lines = try ask(places[master], "info", "replication")
        return lines.count { $0.hasPrefix("slave") && $0.contains("state=online") }
    }

    deinit {
        for process in sentinels + servers { process.end() }
        try? FileManager.default.removeItem(atPath: folder)
    }
}
