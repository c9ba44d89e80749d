import Foundation
import Subprocess
import SystemPackage

/// The bearer token of the moment: fixed, from a file that is replaced, or from a program.
actor Credentials {
    private let access: KubernetesAccess
    private var token: String?
    private var expires: Date?

    init(_ access: KubernetesAccess) {
        self.access = access
        token = access.token
    }

    /// The token to present; `nil` when a certificate is enough.
    ///
    /// - Throws: `KubernetesError` when the file or the program gives none.
    func current() async throws(KubernetesError) -> String? {
        if let expires, expires.timeIntervalSinceNow < 10 { token = nil }
        if token == nil { try await refresh() }
        return token
    }

    /// Reads the token again after the server did not accept it.
    ///
    /// - Returns: whether there is another one now.
    func renew() async throws(KubernetesError) -> Bool {
        let old = token
        try await refresh()
        return token != old
    }

    private func refresh() async throws(KubernetesError) {
        if let file = access.tokenFile {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw KubernetesError(.unauthorized, "\(file) cannot be read")
            }
            token = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        } else if let plugin = access.plugin {
            let credential = try await plugin.run()
            token = credential.token
            expires = credential.expires
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
            var clientCertificateData: String?
        }

        var kind: String
        var apiVersion: String
        var status: Status?
    }

    /// Runs the program.
    ///
    /// - Throws: `KubernetesError` naming what is wrong; what the program printed is never part of it.
    func run() async throws(KubernetesError) -> (token: String, expires: Date?) {
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
        guard let token = answer.status?.token, !token.isEmpty else {
            throw bad(
                answer.status?.clientCertificateData == nil
                    ? "gave no token" : "gave a certificate: only tokens of a plugin are supported")
        }
        return (token, answer.status?.expirationTimestamp)
    }
}
