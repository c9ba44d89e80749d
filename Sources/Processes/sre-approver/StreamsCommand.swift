import ArgumentParser
import Bus
import Foundation
import Runtime
import Settings

/// Reads the streams.
struct StreamsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "streams", abstract: "Read the streams.", subcommands: [TailCommand.self])
}

/// Prints the newest entries of a topic, decoded.
struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Print the newest entries of a topic, decoded.",
        discussion: "Topics: " + Topic.allCases.map(\.rawValue).joined(separator: ", "))

    @OptionGroup var options: DeskOptions

    @Option(name: .shortAndLong, help: "Entries of each partition to begin with.")
    var lines = 10

    @Flag(name: .shortAndLong, help: "Go on with new entries until interrupted.")
    var follow = false

    @Argument(help: "Topic.")
    var topic: String

    func validate() throws {
        guard Topic(rawValue: topic) != nil else {
            throw ValidationError(
                "unknown topic '\(topic)'; valid: \(Topic.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard lines >= 0 else { throw ValidationError("--lines must not be negative") }
    }

    func run() async throws {
        let options = options
        guard let topic = Topic(rawValue: topic) else { return }
        let lines = lines
        let follow = follow
        try await Desk.with(options) { desk in
            let tail = StreamTail(
                store: desk.store, keys: desk.keys, partitions: desk.configuration.settings.redis.partitions)
            try await tail.run(topic, lines: lines, follow: follow) { row in
                if options.output == .json { try printJSON(row) } else { print(StreamTail.text(row)) }
            }
        }
    }
}
