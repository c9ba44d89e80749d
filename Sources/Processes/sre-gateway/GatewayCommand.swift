import ArgumentParser
import Bus
import Foundation
import Gateway
import Hummingbird
import Logging
import Model
import Runtime
import ServiceLifecycle
import Settings
import Signatures

/// Serves the HTTP API.
@main
struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sre-gateway", abstract: "Serves the HTTP API.", version: ProductVersion.current)

    @OptionGroup var options: CommonOptions

    func run() async throws {
        try await ProcessRunner.run("sre-gateway", options) { context in
            let settings = context.settings.gateway
            let tokens: TokenTable
            if let file = settings.tokensFile {
                tokens = try TokenTable(YAMLDocument(file: file), digest: SHA256Digest())
            } else {
                tokens = TokenTable(digest: SHA256Digest())
                context.logger.warning("gateway.tokens_file is not set: every request that needs a token is refused")
            }
            let delegate = try settings.delegateKeyFile.map { path in
                try KeyFile.open(at: path) { context.configuration.environment["SRE_GATEWAY_PASSPHRASE"] ?? "" }
            }
            let api = GatewayAPI(
                store: context.store, keys: context.keys, partitions: context.partitions,
                configuration: { context.configuration }, tokens: { tokens }, delegate: delegate,
                started: ProcessContext.now(), problems: { await context.problems() })
            var quiet = context.logger
            quiet.logLevel = max(.warning, quiet.logLevel)
            let application = Application(
                router: api.router(),
                configuration: .init(
                    address: .hostname(settings.host, port: settings.port), serverName: "sre-gateway"),
                onServerRunning: { channel in
                    context.logger.info(
                        "serving the API", metadata: ["address": "\(channel.localAddress.map { "\($0)" } ?? "?")"])
                }, logger: quiet)
            return [Worker { try await application.run() }]
        }
    }
}
