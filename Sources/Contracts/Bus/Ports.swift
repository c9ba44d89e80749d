/// SHA-256, as a port: the layers carry no cryptography of their own.
package protocol Digest: Sendable {
    /// The digest as 64 lower-case hex digits.
    func sha256(_ bytes: [UInt8]) -> String
}

/// Checks Ed25519 signatures.
package protocol SignatureVerifier: Sendable {
    /// Whether `signature` (64 bytes) over `message` was made with the private half of `publicKey` (32 bytes).
    func verify(_ signature: [UInt8], over message: [UInt8], publicKey: [UInt8]) -> Bool
}

/// Makes Ed25519 signatures.
package protocol Signer: Sendable {
    /// Public half of the key, 32 bytes.
    var publicKey: [UInt8] { get }

    /// A signature of 64 bytes over `message`.
    func sign(_ message: [UInt8]) throws -> [UInt8]
}
