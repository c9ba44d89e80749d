import ArgumentParser
import Bus
import Foundation
import Model
import Settings
import Signatures
import WireFormat

/// Signed checkpoints of the audit to check chains against, as every command takes them.
package struct CheckpointOptions: ParsableArguments {
    @Option(help: "File with checkpoints: one line of JSON each, with or without 'audit-checkpoint' before it.")
    package var checkpoints: String?

    @Option(help: "Public key of an auditor, base 64; may be repeated. Default: the key that audit.key_file holds.")
    package var auditor: [String] = []

    package init() {}

    /// What the options name, checked.
    package struct Checked: Sendable {
        /// Checks chains.
        package var verifier: AuditVerifier
        /// Genuine checkpoints of the cluster, by partition; `nil` when no file was named.
        package var checkpoints: [Int: [AuditCheckpoint]]?
    }

    /// Reads and checks the checkpoints.
    ///
    /// - Parameters:
    ///   - cluster: whose checkpoints count.
    ///   - keyFile: the auditor's key of the configuration, for when no public key is given.
    /// - Throws: `CheckpointFault` naming the line that is not a checkpoint of a trusted auditor, or what is missing.
    package func read(
        cluster: @autoclosure () throws -> String, keyFile: @autoclosure () throws -> String?
    ) throws -> Checked {
        let digest = SHA256Digest()
        let signatures = Ed25519Verifier()
        guard let file = checkpoints else {
            return Checked(
                verifier: AuditVerifier(digest: digest, signatures: signatures, auditors: []), checkpoints: nil)
        }
        let exported = try Self.exported(file)
        let auditors = try exported.isEmpty ? [] : auditors(keyFile)
        let verifier = AuditVerifier(digest: digest, signatures: signatures, auditors: auditors)
        do {
            return Checked(verifier: verifier, checkpoints: try verifier.checkpoints(exported, cluster: try cluster()))
        } catch let problem as AuditBreak {
            throw CheckpointFault(description: problem.description)
        }
    }

    private static func exported(_ file: String) throws(CheckpointFault) -> [AuditVerifier.Exported] {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw CheckpointFault(description: "\(file) cannot be read")
        }
        do {
            return try AuditVerifier.Exported.lines(text, origin: file)
        } catch {
            throw CheckpointFault(description: error.description)
        }
    }

    private func auditors(_ keyFile: () throws -> String?) throws -> [[UInt8]] {
        guard auditor.isEmpty else {
            return try auditor.map { text in
                guard let key = Data(base64Encoded: text), key.count == 32 else {
                    throw CheckpointFault(description: "'\(text)' is not a public key; valid: 32 bytes in base 64")
                }
                return Array(key)
            }
        }
        guard let file = try keyFile() else {
            throw CheckpointFault(
                description: "checkpoints are checked against --auditor, or audit.key_file of the configuration")
        }
        return [try KeyFile.publicKey(at: file)]
    }
}

/// Checkpoints cannot be used.
package struct CheckpointFault: Error, CustomStringConvertible {
    package var description: String
}
