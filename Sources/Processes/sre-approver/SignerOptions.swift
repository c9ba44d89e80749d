import ArgumentParser
import Authority
import Bus
import Foundation
import Settings
import Signatures

/// Who signs, and with which key.
struct SignerOptions: ParsableArguments {
    @Option(help: "Key file; default $SRE_APPROVER_KEY or ~/.config/sre-agent/approver.key.")
    var key: String?

    @Flag(help: "Sign with an Ed25519 key of the ssh-agent at $SSH_AUTH_SOCK that the policy lists.")
    var sshAgent = false

    @Option(help: "Name of the approver in the policy; default: the one that the key belongs to.")
    var approver: String?

    @Flag(help: "Do not ask before signing.")
    var yes = false

    var path: String {
        key ?? ProcessInfo.processInfo.environment["SRE_APPROVER_KEY"]
            ?? NSHomeDirectory() + "/.config/sre-agent/approver.key"
    }

    /// A person of the policy and how to get at the person's key.
    struct Identity: Sendable {
        var person: Policy.Approver
        /// Opens the key; asks for a passphrase where it has one.
        var open: @Sendable () throws -> any Signer
    }

    /// The person that the key belongs to; the key itself is not opened yet.
    ///
    /// `$SRE_APPROVER_SEED`, 32 bytes in base 64, takes the place of a key file where no file can be.
    func identity(_ policy: Policy) throws -> Identity {
        let environment = ProcessInfo.processInfo.environment
        if sshAgent {
            guard let socket = environment["SSH_AUTH_SOCK"] else { throw Failure("SSH_AUTH_SOCK is not set") }
            let held = try SSHAgentSigner.keys(socket: socket)
            let people = policy.approvers.filter { person in
                (approver == nil || person.name == approver) && person.keys.contains(where: held.contains)
            }
            guard let person = people.first, let key = person.keys.first(where: held.contains) else {
                throw Failure("the policy lists none of the \(held.count) Ed25519 keys of the ssh-agent")
            }
            return Identity(person: person) { try SSHAgentSigner(socket: socket, publicKey: key) }
        }
        if key == nil, let text = environment["SRE_APPROVER_SEED"] {
            guard let seed = Data(base64Encoded: text), let signer = try? Ed25519Signer(seed: Array(seed)) else {
                throw Failure("SRE_APPROVER_SEED is not a key; valid: 32 bytes in base 64")
            }
            return Identity(person: try person(signer.publicKey, policy)) { signer }
        }
        let path = path
        return Identity(person: try person(try KeyFile.publicKey(at: path), policy)) {
            try KeyFile.open(at: path) { try Passphrase.ask("Passphrase of \(path): ") }
        }
    }

    private func person(_ publicKey: [UInt8], _ policy: Policy) throws -> Policy.Approver {
        let people = policy.approvers.filter { $0.keys.contains(publicKey) }
        guard let person = people.first(where: { approver == nil || $0.name == approver }) else {
            throw Failure(
                "the policy lists the key \(Data(publicKey).base64EncodedString()) for "
                    + (people.isEmpty ? "nobody" : people.map(\.name).joined(separator: ", ")))
        }
        return person
    }
}
