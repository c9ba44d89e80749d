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
import Synchronization

/// Serves the HTTP API.
@main
struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sre-gateway", abstract: "Serves the HTTP API.", version: ProductVersion.current)

    @OptionGroup var options: CommonOptions

    func run() async throws {
        try await ProcessRunner.run("sre-gateway", options) { context in
            let settings = context.settings.gateway
            let tokens = CurrentTokens(try Self.tokens(context.settings))
            context.onReload { configuration in
                let table = try Self.tokens(configuration.settings)
                return { tokens.replace(table) }
            }
            if settings.tokensFile == nil {
                context.logger.warning("gateway.tokens_file is not set: every request that needs a token is refused")
            }
            let delegate = try settings.delegateKeyFile.map { path in
                try KeyFile.open(at: path) { context.configuration.environment["SRE_GATEWAY_PASSPHRASE"] ?? "" }
            }
            let api = GatewayAPI(
                store: context.store, keys: context.keys, partitions: context.partitions,
                configuration: { context.configuration }, tokens: { tokens.table }, delegate: delegate,
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
            return [application]
        }
    }

    private static func tokens(_ settings: Settings) throws(SettingsError) -> TokenTable {
        guard let file = settings.gateway.tokensFile else { return TokenTable(digest: SHA256Digest()) }
        return try TokenTable(YAMLDocument(file: file), digest: SHA256Digest())
    }
}

/// The tokens in force; a reload replaces them.
private final class CurrentTokens: Sendable {
    private let value: Mutex<TokenTable>

    init(_ table: TokenTable) { value = Mutex(table) }

    var table: TokenTable { value.withLock { $0 } }

    func replace(_ table: TokenTable) { value.withLock { $0 = table } }
}
