import ArgumentParser
import Logging

/// Options of every executable.
package struct CommonOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "Configuration file.")
    package var config = "config/config.yaml"

    @Flag(help: "Read the configuration with all files it names, say what is wrong, and exit.")
    package var checkConfig = false

    @Option(help: "Least level of log records: trace, debug, info, notice, warning, error, critical.")
    package var logLevel: Logger.Level?

    @Option(help: "Port for /metrics, /healthz and /readyz on the loopback interface; 0 for none.")
    package var telemetryPort = 0

    package init() {}
}

extension Logger.Level: @retroactive ExpressibleByArgument {}

/// Version of all executables.
package enum ProductVersion {
    /// Semantic version.
    package static let current = "0.1.0"
}
