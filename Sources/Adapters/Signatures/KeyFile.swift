import Crypto
import CryptoExtras
import Foundation

#if canImport(Glibc)
    import Glibc
    private let openFile: @Sendable (String, Int32, mode_t) -> Int32 = { Glibc.open($0, $1, $2) }
#elseif canImport(Darwin)
    import Darwin
    private let openFile: @Sendable (String, Int32, mode_t) -> Int32 = { Darwin.open($0, $1, $2) }
#endif

/// Why a key file cannot be used.
package enum KeyFileError: Error, CustomStringConvertible {
    /// There is no such file.
    case notFound(String)
    /// Others than its owner may read it.
    case tooOpen(String, mode: String)
    /// It is no key file of a known version.
    case malformed(String)
    /// The passphrase does not open it.
    case wrongPassphrase(String)
    /// It exists already.
    case exists(String)

    package var description: String {
        switch self {
        case .notFound(let path): "there is no key file \(path); 'sre-approver keygen' makes one"
        case .tooOpen(let path, let mode): "the key file \(path) has mode \(mode); set it to 0600"
        case .malformed(let path): "\(path) is not a key file of this version"
        case .wrongPassphrase(let path): "the passphrase does not open \(path)"
        case .exists(let path): "\(path) exists; choose another name or remove it first"
        }
    }
}

/// A private key on disk: mode 0600, encrypted with ChaCha20-Poly1305 under scrypt(passphrase).
///
/// JSON with `version`, `public` (base 64), `salt`, `scrypt` (N, r, p) and `sealed`. An empty passphrase leaves the
/// seed in `seed`, for service keys that are protected by their mount alone.
package struct KeyFile: Codable, Sendable {
    private struct Cost: Codable, Sendable {
        var n: Int
        var r: Int
        var p: Int
    }

    private var version: Int
    private var publicKey: Data
    private var seed: Data?
    private var salt: Data?
    private var scrypt: Cost?
    private var sealed: Data?

    private enum CodingKeys: String, CodingKey {
        case version, seed, salt, scrypt, sealed
        case publicKey = "public"
    }

    /// Public half of the key in a file, without opening it.
    package static func publicKey(at path: String) throws -> [UInt8] { Array(try read(path).publicKey) }

    /// Writes a key; the file must not exist.
    package static func create(_ signer: Ed25519Signer, at path: String, passphrase: String) throws {
        var file = KeyFile(version: 1, publicKey: Data(signer.publicKey))
        if passphrase.isEmpty {
            file.seed = Data(signer.secret)
        } else {
            let salt = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }
            let cost = Cost(n: 1 << 15, r: 8, p: 1)
            let key = try derive(passphrase, salt, cost)
            file.salt = salt
            file.scrypt = cost
            file.sealed = try ChaChaPoly.seal(signer.secret, using: key).combined
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let data = try encoder.encode(file)
        let descriptor = openFile(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else {
            if errno == EEXIST { throw KeyFileError.exists(path) }
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path])
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: data + Data("\n".utf8))
        try handle.synchronize()
    }

    /// Opens a key; `passphrase` is asked for only when the file needs one.
    package static func open(at path: String, passphrase: () throws -> String) throws -> Ed25519Signer {
        let file = try read(path)
        if let seed = file.seed { return try Ed25519Signer(seed: Array(seed)) }
        guard let salt = file.salt, let cost = file.scrypt, let sealed = file.sealed,
            (1 << 10...1 << 20).contains(cost.n), (1...32).contains(cost.r), (1...16).contains(cost.p)
        else { throw KeyFileError.malformed(path) }
        let key = try derive(try passphrase(), salt, cost)
        guard let box = try? ChaChaPoly.SealedBox(combined: sealed), let seed = try? ChaChaPoly.open(box, using: key)
        else { throw KeyFileError.wrongPassphrase(path) }
        return try Ed25519Signer(seed: Array(seed))
    }

    private init(version: Int, publicKey: Data) {
        self.version = version
        self.publicKey = publicKey
    }

    private static func read(_ path: String) throws -> KeyFile {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else {
            throw KeyFileError.notFound(path)
        }
        let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0
        guard mode & 0o077 == 0 else { throw KeyFileError.tooOpen(path, mode: "0" + String(mode, radix: 8)) }
        guard let data = FileManager.default.contents(atPath: path),
            let file = try? JSONDecoder().decode(KeyFile.self, from: data), file.version == 1
        else { throw KeyFileError.malformed(path) }
        return file
    }

    private static func derive(_ passphrase: String, _ salt: Data, _ cost: Cost) throws -> SymmetricKey {
        try KDF.Scrypt.deriveKey(
            from: Data(passphrase.utf8), salt: salt, outputByteCount: 32, rounds: cost.n, blockSize: cost.r,
            parallelism: cost.p, maxMemory: 256 << 20)
    }
}
