import Foundation
import Yams

/// Where the API server is and how to be recognised by it.
package struct KubernetesAccess: Sendable {
    /// Address, such as `https://10.0.0.1:6443`.
    package var server: String
    /// PEM of the authority that signed the server's certificate; `nil`: those of the system.
    package var authority: Data?
    /// Bearer token.
    package var token: String?
    /// File with a token that is replaced from time to time; read again when the server answers 401 (not recognised).
    package var tokenFile: String?
    /// The client's certificate and key.
    package var clientCertificate: ClientCertificate?
    /// Program that gives tokens or certificates.
    package var plugin: CredentialPlugin?

    package init(server: String, authority: Data? = nil, token: String? = nil, tokenFile: String? = nil) {
        self.server = server
        self.authority = authority
        self.token = token
        self.tokenFile = tokenFile
    }

    /// The file that is configured, else `$KUBECONFIG`, else the pod's service account, else `~/.kube/config`.
    ///
    /// - Throws: `KubernetesError` naming what is missing.
    package static func configured(
        file: String?, context: String?, environment: [String: String]
    ) throws(KubernetesError) -> KubernetesAccess {
        if let file = file ?? environment["KUBECONFIG"] { return try .kubeconfig(file, context: context) }
        if let access = KubernetesAccess.inCluster(environment: environment) { return access }
        return try .kubeconfig(NSHomeDirectory() + "/.kube/config", context: context)
    }

    /// The service account of the pod that this process runs in; `nil` outside a cluster.
    package static func inCluster(
        environment: [String: String], folder: String = "/var/run/secrets/kubernetes.io/serviceaccount"
    ) -> KubernetesAccess? {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], let port = environment["KUBERNETES_SERVICE_PORT"],
            FileManager.default.fileExists(atPath: "\(folder)/token")
        else { return nil }
        let address = host.contains(":") ? "[\(host)]" : host
        return KubernetesAccess(
            server: "https://\(address):\(port)", authority: FileManager.default.contents(atPath: "\(folder)/ca.crt"),
            tokenFile: "\(folder)/token")
    }

    /// The cluster and user of a context of a kubeconfig file.
    ///
    /// A context of `nil` stands for the current one.
    ///
    /// - Throws: `KubernetesError` naming what is missing.
    package static func kubeconfig(_ file: String, context: String?) throws(KubernetesError) -> KubernetesAccess {
        func bad(_ what: String) -> KubernetesError { KubernetesError(.refused, "\(file): \(what)") }
        guard let data = FileManager.default.contents(atPath: file),
            let document = try? YAMLDecoder().decode(File.self, from: String(decoding: data, as: UTF8.self))
        else { throw bad("not a kubeconfig file") }
        let name = context ?? document.currentContext ?? ""
        guard let chosen = document.contexts?.first(where: { $0.name == name })?.context else {
            throw bad("there is no context '\(name)'")
        }
        guard let cluster = document.clusters?.first(where: { $0.name == chosen.cluster })?.cluster else {
            throw bad("there is no cluster '\(chosen.cluster)'")
        }
        let user = document.users?.first { $0.name == chosen.user }?.user
        let folder = (file as NSString).deletingLastPathComponent
        func bytes(_ inline: String?, _ path: String?) throws(KubernetesError) -> Data? {
            if let inline {
                guard let data = Data(base64Encoded: inline) else { throw bad("a *-data value is not base 64") }
                return data
            }
            guard let path else { return nil }
            let absolute = path.hasPrefix("/") ? path : "\(folder)/\(path)"
            guard let data = FileManager.default.contents(atPath: absolute) else { throw bad("\(path) cannot be read") }
            return data
        }
        var access = KubernetesAccess(
            server: cluster.server, authority: try bytes(cluster.authorityData, cluster.authority),
            token: user?.token, tokenFile: user?.tokenFile)
        if let certificate = try bytes(user?.certificateData, user?.certificate),
            let key = try bytes(user?.keyData, user?.key)
        {
            access.clientCertificate = ClientCertificate(certificate: certificate, key: key)
        }
        if let exec = user?.exec {
            let variables = (exec.env ?? []).map { ($0.name, $0.value) }
            access.plugin = CredentialPlugin(
                command: exec.command.contains("/") && !exec.command.hasPrefix("/")
                    ? "\(folder)/\(exec.command)" : exec.command,
                arguments: exec.args ?? [], environment: Dictionary(variables) { $1 }, apiVersion: exec.apiVersion)
        }
        return access
    }

    private struct File: Decodable {
        struct Named<Value: Decodable>: Decodable {
            var name: String
            var context: Value?
            var cluster: Value?
            var user: Value?
        }

        struct Context: Decodable {
            var cluster: String
            var user: String
        }

        struct Cluster: Decodable {
            var server: String
            var authority: String?
            var authorityData: String?

            enum CodingKeys: String, CodingKey {
                case server
                case authority = "certificate-authority"
                case authorityData = "certificate-authority-data"
            }
        }

        struct Exec: Decodable {
            struct Variable: Decodable {
                var name: String
                var value: String
            }

            var apiVersion: String
            var command: String
            var args: [String]?
            var env: [Variable]?
        }

        struct User: Decodable {
            var exec: Exec?
            var token: String?
            var tokenFile: String?
            var certificate: String?
            var certificateData: String?
            var key: String?
            var keyData: String?

            enum CodingKeys: String, CodingKey {
                case exec, token, tokenFile
                case certificate = "client-certificate"
                case certificateData = "client-certificate-data"
                case key = "client-key"
                case keyData = "client-key-data"
            }
        }

        var contexts: [Named<Context>]?
        var clusters: [Named<Cluster>]?
        var users: [Named<User>]?
        var currentContext: String?

        enum CodingKeys: String, CodingKey {
            case contexts, clusters, users
            case currentContext = "current-context"
        }
    }
}
