import Foundation
import RedisClient

/// A master with two replicas and three sentinels, each a process of its own on a port of its own.
package final class SentinelGroup: Sendable {
    /// The Redis servers; the first one begins as the master.
    package let servers: [ServerProcess]
    /// The sentinels.
    package let sentinels: [ServerProcess]
    /// Ports of the servers.
    package let ports: [Int]
    private let sentinelPorts: [Int]
    private let folder: String

    /// Where the sentinels are.
    package var url: String {
        "redis+sentinel://" + sentinelPorts.map { "127.0.0.1:\($0)" }.joined(separator: ",") + "/main"
    }

    /// Starts everything and waits until the sentinels know the replicas and each other.
    ///
    /// - Parameter downAfter: milliseconds of silence after which a sentinel holds a server for dead.
    package init(downAfter: Int = 1_000) throws {
        folder = try TestHost.folder("sentinel")
        let all = TestHost.freePorts(6)
        ports = Array(all.prefix(3))
        sentinelPorts = Array(all.suffix(3))
        var servers: [ServerProcess] = []
        for (index, port) in ports.enumerated() {
            let data = "\(folder)/\(port)"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            let replica = index == 0 ? [] : ["--replicaof", "127.0.0.1", "\(ports[0])"]
            servers.append(
                try ServerProcess(
                    "/usr/bin/redis-server",
                    [
                        "--port", "\(port)", "--bind", "127.0.0.1", "--dir", data, "--save", "", "--appendonly", "yes",
                        "--min-replicas-to-write", "1", "--min-replicas-max-lag", "10", "--repl-diskless-sync-delay",
                        "0",
                    ] + replica, readyMark: "Ready to accept connections"))
        }
        self.servers = servers
        var sentinels: [ServerProcess] = []
        for port in sentinelPorts {
            let data = "\(folder)/\(port)"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            let text = """
                port \(port)
                bind 127.0.0.1
                dir \(data)
                sentinel monitor main 127.0.0.1 \(ports[0]) 2
                sentinel down-after-milliseconds main \(downAfter)
                sentinel failover-timeout main 3000
                sentinel parallel-syncs main 2

                """
            try text.write(toFile: "\(data)/sentinel.conf", atomically: true, encoding: .utf8)
            sentinels.append(
                try ServerProcess(
                    "/usr/bin/redis-sentinel", ["\(data)/sentinel.conf"], readyMark: "+monitor master main"))
        }
        self.sentinels = sentinels
        try awaitReadiness()
    }

    private func awaitReadiness() throws {
        for port in sentinelPorts {
            while true {
                let text = try TestHost.run("/usr/bin/redis-cli", ["-p", "\(port)", "sentinel", "master", "main"])
                let words = text.split(separator: "\n").map(String.init)
                func value(_ name: String) -> Int? {
                    words.firstIndex(of: name).flatMap { Int(words[$0 + 1]) }
                }
                if value("num-slaves") == 2, value("num-other-sentinels") == 2 { break }
            }
        }
    }

    /// Index of the server that the sentinels name now; `nil` when they name none of ours.
    package func master() throws -> Int? {
        let text = try TestHost.run(
            "/usr/bin/redis-cli", ["-p", "\(sentinelPorts[0])", "sentinel", "get-master-addr-by-name", "main"])
        let port = text.split(separator: "\n").last.flatMap { Int($0) }
        return port.flatMap { ports.firstIndex(of: $0) }
    }

    deinit {
        for process in sentinels + servers { process.end() }
        try? FileManager.default.removeItem(atPath: folder)
    }
}
