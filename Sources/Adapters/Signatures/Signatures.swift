import Bus
import Crypto
import Foundation

/// SHA-256 of swift-crypto.
package struct SHA256Digest: Bus.Digest {
    package init() {}

    package func sha256(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}

/// Ed25519 (RFC 8032) of swift-crypto.
package struct Ed25519Verifier: SignatureVerifier {
    package init() {}

    package func verify(_ signature: [UInt8], over message: [UInt8], publicKey: [UInt8]) -> Bool {
        guard signature.count == 64, let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else {
            return false
        }
        return key.isValidSignature(signature, for: message)
    }
}

/// A private Ed25519 key in memory.
package struct Ed25519Signer: Signer {
    private let seed: Data

    /// Public half, 32 bytes.
    package let publicKey: [UInt8]

    /// Makes a new random key.
    package init() {
        let key = Curve25519.Signing.PrivateKey()
        self.seed = key.rawRepresentation
        self.publicKey = Array(key.publicKey.rawRepresentation)
    }

    /// Takes a key of 32 bytes.
    ///
    /// - Throws: when the bytes are no key.
    package init(seed: [UInt8]) throws {
        let key = try Curve25519.Signing.PrivateKey(rawRepresentation: seed)
        self.seed = key.rawRepresentation
        self.publicKey = Array(key.publicKey.rawRepresentation)
    }

    package func sign(_ message: [UInt8]) throws -> [UInt8] {
        Array(try Curve25519.Signing.PrivateKey(rawRepresentation: seed).signature(for: message))
    }

    /// The 32 bytes that ``init(seed:)`` takes.
    var secret: [UInt8] { Array(seed) }
}
