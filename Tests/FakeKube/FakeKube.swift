import ArgumentParser
import Foundation
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import KubeSimulator
import Kubernetes
import Logging
import NIOCore
import NIOSSL

/// The simulated Kubernetes API as a server of its own; prints the port it listens on.
@main
struct FakeKube: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "FakeKube", abstract: "A strict simulation of the Kubernetes API for tests.",
        discussion: """
            Paths below /_fake are for tests: faults, an adversary, the log of applied changes.

            It ends with the process that started it, unless --keep-running is given.
            """)

    @Option(help: "Port on the loopback interface; 0 for a free one.")
    var port = 0

    @Option(help: "PEM file of the server's certificate; with --key, the server speaks TLS.")
    var certificate: String?

    @Option(help: "PEM file of the certificate's key.")
    var key: String?

    @Option(help: "PEM file of the authority of clients' certificates; with it, clients must present one.")
    var clientAuthority: String?

    @Option(help: "Folder of manifests to load, such as RBAC.")
    var manifests: [String] = []

    @Option(help: "A token and the user it stands for, as TOKEN=USER.")
    var token: [String] = []

    @Flag(help: "Requests without a token may do everything.")
    var anonymousAdmin = false

    @Option(help: "Milliseconds between two rounds of the controllers; 0: they act at once.")
    var tick = 0

    @Flag(help: "Go on when the process that started this one is gone.")
    var keepRunning = false

    func run() async throws {
        let parent = getppid()
        let server = APIServer()
        server.load(SampleEstate.objects)
        for folder in manifests { server.load(try SampleEstate.manifests(folder: folder)) }
        for pair in token {
            guard let equals = pair.firstIndex(of: "=") else { throw ValidationError("--token needs TOKEN=USER") }
            server.add(token: String(pair[..<equals]), .init(name: String(pair[pair.index(after: equals)...])))
        }
        if anonymousAdmin { server.setAnonymous(.administrator) }
        if tick > 0 { server.setPace(.ticks) }
        let router = HTTPFront(server: server).router
        var logger = Logger(label: "fake-kube")
        logger.logLevel = .critical
        let application = Application(
            router: router, server: try serverBuilder(),
            configuration: .init(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { channel in
                FileHandle.standardOutput.write(Data("\(channel.localAddress?.port ?? 0)\n".utf8))
            }, logger: logger)
        let tick = tick
        let mayOutlive = keepRunning || parent == 1
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.runService() }
            group.addTask {
                // Whoever started this server and was killed cannot end it any more: it has another parent then.
                while mayOutlive || getppid() == parent {
                    try await ContinuousClock().sleep(for: .seconds(1))
                    server.sendBookmarks()
                }
            }
            if tick > 0 {
                group.addTask {
                    for await _ in server.work {
                        repeat { try await ContinuousClock().sleep(for: .milliseconds(tick)) } while server.tick()
                    }
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func serverBuilder() throws -> HTTPServerBuilder {
        guard let certificate, let key else { return .http1() }
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
        if let clientAuthority {
            tls.certificateVerification = .noHostnameVerification
            tls.trustRoots = .file(clientAuthority)
        }
        return try .tls(.http1(), tlsConfiguration: tls)
    }
}
