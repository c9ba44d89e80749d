import Foundation

/// Hosts of their own on one machine: a network namespace each, joined by a bridge that this process reaches too.
///
/// Needs root and a kernel with bridges and namespaces; see ``isAvailable``.
package final class VirtualNetwork: Sendable {
    private static let ip = "/usr/bin/ip"
    /// Names of the namespaces and of the bridge begin with it; short, because interfaces have 15 characters.
    private let name: String
    private let subnet: String
    private let count: Int

    /// Whether this machine allows it.
    package static let isAvailable: Bool = {
        guard getuid() == 0 else { return false }
        return (try? VirtualNetwork(hosts: 1)) != nil
    }()

    /// Makes a network of so many hosts, 1 to 200.
    ///
    /// - Throws: `ServerFailure` when the machine does not allow it.
    package init(hosts count: Int) throws {
        name = "sre\(String(UInt32.random(in: 0...0xFFFF), radix: 16))"
        subnet = "10.\(Int.random(in: 200..<250)).\(Int.random(in: 1..<255))"
        self.count = count
        do {
            try Self.run("link", "add", name, "type", "bridge")
            try Self.run("addr", "add", "\(subnet).254/24", "dev", name)
            try Self.run("link", "set", name, "up")
            for host in 0..<count {
                let (space, cable) = (namespace(host), "\(name)v\(host)")
                try Self.run("netns", "add", space)
                try Self.run("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
                try Self.run("link", "set", cable, "master", name, "up")
                try Self.run("-n", space, "addr", "add", "\(address(host))/24", "dev", "eth0")
                try Self.run("-n", space, "link", "set", "eth0", "up")
                try Self.run("-n", space, "link", "set", "lo", "up")
            }
        } catch {
            remove()
            throw error
        }
    }

    /// Address of a host, from 0; this process reaches it as well.
    package func address(_ host: Int) -> String { "\(subnet).\(host + 1)" }

    /// A command line that runs a program on a host.
    package func command(on host: Int, _ program: String, _ arguments: [String]) -> (String, [String]) {
        (Self.ip, ["netns", "exec", namespace(host), program] + arguments)
    }

    /// Takes away or gives back a host's way to another one; the way back from there stays as it is.
    package func setWay(from host: Int, to other: Int, isOpen: Bool) throws {
        try Self.run(
            "-n", namespace(host), "route", isOpen ? "del" : "add", "blackhole", "\(address(other))/32")
    }

    private func namespace(_ host: Int) -> String { "\(name)-\(host)" }

    private func remove() {
        for host in 0..<count { try? Self.run("netns", "del", namespace(host)) }
        try? Self.run("link", "del", name)
    }

    deinit { remove() }

    private static func run(_ arguments: String...) throws { try TestHost.run(ip, arguments) }
}
