import Foundation
import KubeSimulator
import Kubernetes
import Testing

/// The simulated API server as a process of its own.
final class FakeServer {
    let address: String
    let folder: String
    private let process = Process()

    /// The program, as it was built for the tests.
    static let program =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path + "/.build/debug/FakeKube"

    /// - Parameters:
    ///   - tls: serve TLS under a new certificate for 127.0.0.1, see ``authority``.
    ///   - clients: ask for clients' certificates, see ``makeClient(_:)``.
    init(_ arguments: [String] = [], tls: Bool = false, clients: Bool = false) throws {
        folder = NSTemporaryDirectory() + "kube-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        process.executableURL = URL(fileURLWithPath: Self.program)
        process.arguments = arguments
        if tls {
            try Self.makeCertificate(in: folder)
            process.arguments = arguments + ["--certificate", "\(folder)/server.crt", "--key", "\(folder)/server.key"]
        }
        if clients {
            try Self.makeAuthority("clients", in: folder)
            process.arguments? += ["--client-authority", "\(folder)/clients.crt"]
        }
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let port = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        address = "\(tls ? "https" : "http")://127.0.0.1:\(port)"
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// PEM of the certificate, which is its own authority.
    var authority: Data? { FileManager.default.contents(atPath: "\(folder)/server.crt") }

    private static func makeCertificate(in folder: String) throws {
        let (status, text) = try run(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=fake-kube", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "\(folder)/server.key",
                "-out", "\(folder)/server.crt",
            ])
        try #require(status == 0, "\(text)")
    }

    private static func makeAuthority(_ name: String, in folder: String) throws {
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj",
            "/CN=\(name)", "-keyout", "\(folder)/\(name).key", "-out", "\(folder)/\(name).crt")
    }

    private static func openssl(_ arguments: String...) throws {
        let (status, text) = try run("/usr/bin/openssl", arguments)
        try #require(status == 0, "\(text)")
    }

    /// A client's certificate and key, as PEM, signed by an authority: `clients`, or one that the server does not know.
    func makeClient(_ authority: String) throws -> ClientCertificate {
        let path = "\(folder)/\(authority)"
        if !FileManager.default.fileExists(atPath: path + ".crt") { try Self.makeAuthority(authority, in: folder) }
        let client = path + "-client"
        try Self.openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
            "/O=system:masters/CN=person", "-keyout", client + ".key", "-out", client + ".csr")
        try Self.openssl(
            "x509", "-req", "-in", client + ".csr", "-CA", path + ".crt", "-CAkey", path + ".key", "-CAcreateserial",
            "-days", "2", "-out", client + ".crt")
        return ClientCertificate(
            certificate: try Data(contentsOf: URL(fileURLWithPath: client + ".crt")),
            key: try Data(contentsOf: URL(fileURLWithPath: client + ".key")))
    }

    /// Runs a program to its end.
    static func run(_ program: String, _ arguments: [String], input: String = "") throws -> (Int32, String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let output = Pipe()
        let feed = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = feed
        try process.run()
        feed.fileHandleForWriting.write(Data(input.utf8))
        try feed.fileHandleForWriting.close()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    /// Rounds of the controllers so far.
    func rounds() throws -> String { String(decoding: try call("GET", "/_fake/rounds"), as: UTF8.self) }

    private func call(_ method: String, _ path: String, _ body: String = "") throws -> Data {
        let (_, text) = try Self.run(
            "/usr/bin/curl",
            ["-sk", "-X", method, "-H", "Content-Type: application/json", "--data", body, address + path])
        return Data(text.utf8)
    }

    func fail(_ faults: Fault...) throws {
        let body = String(decoding: try JSONEncoder().encode(faults), as: UTF8.self)
        _ = try call("POST", "/_fake/faults", body)
    }

    /// Changes as the server saw them.
    func log() throws -> [Effect] { try JSONDecoder().decode([Effect].self, from: try call("GET", "/_fake/log")) }
}
