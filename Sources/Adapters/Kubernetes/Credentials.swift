import Foundation
import Subprocess
import SystemPackage

/// What a client shows to be recognised; neither where the connection's own certificate is enough.
struct Credential: Sendable, Equatable {
    /// Bearer token.
    var token: String?
    /// Certificate for the connection of the request, in place of the configured one.
    var certificate: ClientCertificate?
}

/// The credential of the moment: fixed, from a file that is replaced, or from a program.
actor Credentials {
    private let access: KubernetesAccess
    private var credential: Credential?
    private var expires: Date?

    init(_ access: KubernetesAccess) {
        self.access = access
        credential = access.token.map { Credential(token: $0) }
    }

    /// The credential to present.
    ///
    /// - Throws: `KubernetesError` when the file or the program gives none.
    func current() async throws(KubernetesError) -> Credential {
        if let expires, expires.timeIntervalSinceNow < 10 { credential = nil }
        if credential == nil { try await refresh() }
        return credential ?? Credential()
    }

    /// Reads the credential again after the server did not accept it.
    ///
    /// - Returns: whether there is another one now.
    func renew() async throws(KubernetesError) -> Bool {
        let old = credential
        try await refresh()
        return credential != old
    }

    private func refresh() async throws(KubernetesError) {
        if let file = access.tokenFile {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw KubernetesError(.unauthorized, "\(file) cannot be read")
            }
            credential = Credential(
                token: String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
        } else if let plugin = access.plugin {
            (credential, expires) = try await plugin.run()
        }
    }
}

/// A program that prints a credential: `client.authentication.k8s.io/v1` ExecCredential.
package struct CredentialPlugin: Sendable, Equatable {
    /// Program, looked up in PATH when it is not a path.
    package var command: String
    package var arguments: [String]
    /// Added to the environment of this process.
    package var environment: [String: String]
    /// Version of the protocol, such as `client.authentication.k8s.io/v1`.
    package var apiVersion: String

    package init(command: String, arguments: [String], environment: [String: String], apiVersion: String) {
        self.command = command
        self.arguments = arguments
        self.environment = environment
        self.apiVersion = apiVersion
    }

    private struct Answer: Decodable {
        struct Status: Decodable {
            var token: String?
            var expirationTimestamp: Date?
            /// PEM, as opposed to the base 64 of a kubeconfig file.
            var clientCertificateData: String?
            var clientKeyData: String?
        }

        var kind: String
        var apiVersion: String
        var status: Status?
    }

    /// Runs the program.
    ///
    /// - Throws: `KubernetesError` naming what is wrong; what the program printed is never part of it.
    func run() async throws(KubernetesError) -> (credential: Credential, expires: Date?) {
        func bad(_ what: String) -> KubernetesError {
            KubernetesError(.unauthorized, "the credential plugin '\(command)' \(what)")
        }
        let info = #"{"kind":"ExecCredential","apiVersion":"\#(apiVersion)","spec":{"interactive":false}}"#
        var variables: [Environment.Key: String?] = ["KUBERNETES_EXEC_INFO": info]
        for (name, value) in environment {
            if let key = Environment.Key(rawValue: name) { variables[key] = value }
        }
        let output: String
        do {
            let result = try await Subprocess.run(
                command.contains("/") ? .path(.init(command)) : .name(command), arguments: .init(arguments),
                environment: .inherit.updating(variables), output: .string(limit: 1 << 20), error: .discarded)
            guard result.terminationStatus.isSuccess else { throw bad("failed: \(result.terminationStatus)") }
            output = result.standardOutput
        } catch let error as KubernetesError {
            throw error
        } catch {
            throw bad("could not be run")
        }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        guard let answer = try? decoder.decode(Answer.self, from: Data(output.utf8)), answer.kind == "ExecCredential",
            answer.apiVersion == apiVersion
        else { throw bad("did not print an ExecCredential of \(apiVersion)") }
        var credential = Credential()
        if let token = answer.status?.token, !token.isEmpty { credential.token = token }
        switch (answer.status?.clientCertificateData, answer.status?.clientKeyData) {
        case (let certificate?, let key?) where !certificate.isEmpty && !key.isEmpty:
            credential.certificate = ClientCertificate(certificate: Data(certificate.utf8), key: Data(key.utf8))
        case (nil, nil): break
        default: throw bad("gave a certificate without its key, or a key without its certificate")
        }
        guard credential != Credential() else { throw bad("gave neither a token nor a certificate") }
        return (credential, answer.status?.expirationTimestamp)
    }
}
