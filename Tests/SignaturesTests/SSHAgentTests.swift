import Foundation
import Signatures
import Testing

/// Against a real ssh-agent of OpenSSH.
@Suite(.serialized, .timeLimit(.minutes(1))) struct SSHAgentTests {
    private final class Agent {
        let socket: String
        let folder: String
        private let process = Process()

        init() throws {
            folder = NSTemporaryDirectory() + "agent-\(UUID().uuidString.prefix(8))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            socket = folder + "/socket"
            process.executableURL = URL(fileURLWithPath: "/usr/bin/ssh-agent")
            process.arguments = ["-D", "-a", socket]
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            // The agent prints where it listens once it does.
            _ = output.fileHandleForReading.availableData
        }

        deinit {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            try? FileManager.default.removeItem(atPath: folder)
        }

        func run(_ program: String, _ arguments: String...) throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/" + program)
            process.arguments = arguments
            process.environment = ["SSH_AUTH_SOCK": socket, "PATH": "/usr/bin"]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0, "\(program)")
        }

        /// Makes a key, adds it and returns its public half.
        func addKey(_ type: String) throws -> [UInt8] {
            let file = "\(folder)/\(type)"
            try run("ssh-keygen", "-q", "-t", type, "-N", "", "-f", file)
            try run("ssh-add", "-q", file)
            let line = try String(contentsOfFile: file + ".pub", encoding: .utf8).split(separator: " ")
            return Array((Data(base64Encoded: String(line[1])) ?? Data()).suffix(32))
        }
    }

    @Test func signsWithAnEd25519KeyOfTheAgent() throws {
        let agent = try Agent()
        _ = try agent.addKey("ecdsa")
        let key = try agent.addKey("ed25519")
        #expect(try SSHAgentSigner.keys(socket: agent.socket) == [key])
        let signer = try SSHAgentSigner(socket: agent.socket, publicKey: key)
        let message = Array("an approval".utf8)
        let signature = try signer.sign(message)
        #expect(Ed25519Verifier().verify(signature, over: message, publicKey: key))
        try agent.run("ssh-add", "-q", "-D")
        #expect(throws: SSHAgentError.self) { try signer.sign(message) }
    }

    @Test func saysWhatIsMissing() throws {
        let agent = try Agent()
        #expect(throws: SSHAgentError.refused("it holds no such Ed25519 key")) {
            try SSHAgentSigner(socket: agent.socket, publicKey: [UInt8](repeating: 1, count: 32))
        }
        #expect(throws: SSHAgentError.self) { try SSHAgentSigner.keys(socket: "/nonexistent/socket") }
    }
}
