import Foundation
import RedisClient

/// Six Redis servers as a cluster: three masters with a replica each.
package final class ClusterGroup: Sendable {
    /// The servers.
    package let servers: [ServerProcess]
    /// Their ports, in the same order.
    package let ports: [Int]
    private let folder: String

    /// Where three of the nodes are.
    package var url: String {
        "redis+cluster://" + ports.prefix(3).map { "127.0.0.1:\($0)" }.joined(separator: ",")
    }

    /// Starts everything and waits until all slots are served and every master has its replica.
    package init(nodeTimeout: Int = 1_500) throws {
        folder = try TestHost.folder("cluster")
        ports = TestHost.freePorts(6)
        var servers: [ServerProcess] = []
        for port in ports {
            let data = "\(folder)/\(port)"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            servers.append(
                try ServerProcess(
                    "/usr/bin/redis-server",
                    [
                        "--port", "\(port)", "--bind", "127.0.0.1", "--dir", data, "--save", "", "--appendonly", "yes",
                        "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout",
                        "\(nodeTimeout)", "--cluster-require-full-coverage", "no", "--cluster-replica-validity-factor",
                        "0", "--repl-diskless-sync-delay", "0",
                    ], readyMark: "Ready to accept connections"))
        }
        self.servers = servers
        try TestHost.run(
            "/usr/bin/redis-cli",
            ["--cluster", "create"] + ports.map { "127.0.0.1:\($0)" } + ["--cluster-replicas", "1", "--cluster-yes"])
        for port in ports {
            while try !isReady(port) {}
        }
    }

    private func isReady(_ port: Int) throws -> Bool {
        let info = try TestHost.run("/usr/bin/redis-cli", ["-p", "\(port)", "cluster", "info"])
        guard info.contains("cluster_state:ok") else { return false }
        let role = try TestHost.run("/usr/bin/redis-cli", ["-p", "\(port)", "info", "replication"])
        return role.contains("role:master")
            ? role.contains("connected_slaves:1") : role.contains("master_link_status:up")
    }

    /// Indices of the servers that are masters with slots now.
    package func masters() throws -> [Int] {
        for port in ports {
            guard let text = try? TestHost.run("/usr/bin/redis-cli", ["-p", "\(port)", "cluster", "nodes"]),
                text.contains("myself")
            else { continue }
            var found: [Int] = []
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ")
                guard words.count > 8, words[2].contains("master"), !words[2].contains("fail"),
                    let address = words[1].split(separator: "@").first,
                    let known = address.split(separator: ":").last.flatMap({ Int($0) }).flatMap(ports.firstIndex)
                else { continue }
                found.append(known)
            }
            return found.sorted()
        }
        return []
    }

    /// Moves the slot of a key to another master while it is in use, key by key, as `redis-cli --cluster reshard` does.
    ///
    /// - Returns: the ports that it went from and to.
    package func migrate(slotOf key: String) throws -> (from: Int, to: Int) {
        let slot = HashSlot(of: key).rawValue
        func cli(_ port: Int, _ words: String...) throws -> String {
            try TestHost.run("/usr/bin/redis-cli", ["-p", "\(port)"] + words)
        }
        let masters = try masters().map { ports[$0] }
        var owner = masters[0]
        var names: [Int: String] = [:]
        for port in masters {
            names[port] = try cli(port, "cluster", "myid").trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let nodes = try cli(masters[0], "cluster", "nodes")
        for line in nodes.split(separator: "\n") {
            let words = line.split(separator: " ")
            let ranges = words.dropFirst(8).filter { !$0.hasPrefix("[") }
            let serves = ranges.contains { range in
                let ends = range.split(separator: "-").compactMap { Int($0) }
                return ends.count == 2 ? (ends[0]...ends[1]).contains(slot) : ends.first == slot
            }
            if serves, let port = words[1].split(separator: "@")[0].split(separator: ":").last.flatMap({ Int($0) }) {
                owner = port
            }
        }
        guard let target = masters.first(where: { $0 != owner }), let source = names[owner], let name = names[target]
        else { throw ServerFailure("no other master to move slot \(slot) to") }
        _ = try cli(target, "cluster", "setslot", "\(slot)", "importing", source)
        _ = try cli(owner, "cluster", "setslot", "\(slot)", "migrating", name)
        while true {
            let keys = try cli(owner, "cluster", "getkeysinslot", "\(slot)", "10").split(separator: "\n").map(
                String.init)
            if keys.isEmpty { break }
            _ = try TestHost.run(
                "/usr/bin/redis-cli",
                ["-p", "\(owner)", "migrate", "127.0.0.1", "\(target)", "", "0", "5000", "keys"] + keys)
        }
        for port in [target, owner] + masters.filter({ $0 != target && $0 != owner }) {
            _ = try cli(port, "cluster", "setslot", "\(slot)", "node", name)
        }
        return (owner, target)
    }

    deinit {
        for process in servers { process.end() }
        try? FileManager.default.removeItem(atPath: folder)
    }
}
