import Bus
import Foundation

/// Why an ssh-agent did not sign.
package enum SSHAgentError: Error, Sendable, Equatable, CustomStringConvertible {
    /// `SSH_AUTH_SOCK` is not set or nobody listens there.
    case unreachable(String)
    /// The agent answered something else than was asked.
    case malformed
    /// The agent holds no such key, or may not use it.
    case refused(String)

    package var description: String {
        switch self {
        case .unreachable(let reason): "the ssh-agent cannot be reached: \(reason)"
        case .malformed: "the ssh-agent gave an answer that was not understood"
        case .refused(let what): "the ssh-agent does not sign: \(what)"
        }
    }
}

/// An Ed25519 key that an ssh-agent holds, on this machine or in hardware.
///
/// Source: draft-ietf-sshm-ssh-agent; the signature of an `ssh-ed25519` key is Ed25519 over the data itself.
package struct SSHAgentSigner: Signer {
    private static let requestIdentities: UInt8 = 11
    private static let identitiesAnswer: UInt8 = 12
    private static let signRequest: UInt8 = 13
    private static let signResponse: UInt8 = 14
    private static let keyType = "ssh-ed25519"

    private let socket: String
    package let publicKey: [UInt8]

    /// The key with this public half.
    ///
    /// - Throws: `SSHAgentError` when the agent does not hold it.
    package init(socket: String, publicKey: [UInt8]) throws {
        guard try Self.keys(socket: socket).contains(publicKey) else {
            throw SSHAgentError.refused("it holds no such Ed25519 key")
        }
        self.socket = socket
        self.publicKey = publicKey
    }

    /// Public halves of the Ed25519 keys that an agent holds, 32 bytes each.
    package static func keys(socket: String) throws -> [[UInt8]] {
        var answer = Reader(try ask(socket, [requestIdentities]))
        guard answer.byte() == identitiesAnswer, let count = answer.integer() else { throw SSHAgentError.malformed }
        var keys: [[UInt8]] = []
        for _ in 0..<min(count, 10_000) {
            guard let blob = answer.string(), answer.string() != nil else { throw SSHAgentError.malformed }
            var key = Reader(blob)
            guard key.string() == Array(keyType.utf8), let bytes = key.string(), bytes.count == 32 else { continue }
            keys.append(bytes)
        }
        return keys
    }

    package func sign(_ message: [UInt8]) throws -> [UInt8] {
        let blob = Self.string(Array(Self.keyType.utf8)) + Self.string(publicKey)
        let request = [Self.signRequest] + Self.string(blob) + Self.string(message) + [0, 0, 0, 0]
        var answer = Reader(try Self.ask(socket, request))
        guard answer.byte() == Self.signResponse, let signed = answer.string() else {
            throw SSHAgentError.refused("it declined")
        }
        var signature = Reader(signed)
        guard signature.string() == Array(Self.keyType.utf8), let bytes = signature.string(), bytes.count == 64 else {
            throw SSHAgentError.malformed
        }
        return bytes
    }

    // MARK: Protocol

    private static func string(_ bytes: [UInt8]) -> [UInt8] { length(bytes.count) + bytes }

    private static func length(_ count: Int) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * $0)) }
    }

    private struct Reader {
        private var rest: ArraySlice<UInt8>

        init(_ bytes: [UInt8]) { rest = bytes[...] }

        mutating func byte() -> UInt8? { rest.popFirst() }

        mutating func integer() -> Int? {
            guard rest.count >= 4 else { return nil }
            defer { rest = rest.dropFirst(4) }
            return rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        }

        mutating func string() -> [UInt8]? {
            guard let count = integer(), count <= rest.count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
    }

    private static func ask(_ path: String, _ request: [UInt8]) throws -> [UInt8] {
        #if canImport(Glibc)
            let descriptor = Foundation.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        #else
            let descriptor = Foundation.socket(AF_UNIX, SOCK_STREAM, 0)
        #endif
        guard descriptor >= 0 else { throw SSHAgentError.unreachable(String(cString: strerror(errno))) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SSHAgentError.unreachable("the path of the socket is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else { throw SSHAgentError.unreachable("\(path): \(String(cString: strerror(errno)))") }
        try handle.write(contentsOf: Data(string(request)))
        var head = Reader(try read(handle, 4))
        guard let count = head.integer(), count > 0, count <= 1 << 20 else { throw SSHAgentError.malformed }
        return try read(handle, count)
    }

    private static func read(_ handle: FileHandle, _ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            guard let more = try handle.read(upToCount: count - bytes.count), !more.isEmpty else {
                throw SSHAgentError.malformed
            }
            bytes += more
        }
        return bytes
    }
}
