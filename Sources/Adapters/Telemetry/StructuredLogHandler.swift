import Foundation
import Logging

/// Writes log records to standard error: JSON for machines, text for a terminal.
package struct StructuredLogHandler: LogHandler {
    /// How records are written.
    package enum Format: Sendable {
        case json
        case text(colors: Bool)
    }

    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    private let label: String
    private let format: Format
    private let write: @Sendable (String) -> Void

    /// A handler that hands each line, without its end, to `write`; by default that is standard error.
    package init(
        label: String, level: Logger.Level, format: Format,
        write: @escaping @Sendable (String) -> Void = Self.standardError
    ) {
        self.label = label
        self.logLevel = level
        self.format = format
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line to standard error in a single call.
    package static let standardError: @Sendable (String) -> Void = { line in
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }

    package func log(event: LogEvent) {
        let merged = metadata.merging(event.metadata ?? [:]) { $1 }
        let time = Date().ISO8601Format(.iso8601WithTimeZone(includingFractionalSeconds: true))
        switch format {
        case .json:
            var record: [String: String] = merged.mapValues { Self.visible("\($0)", keepingLines: true) }
            record["time"] = time
            record["level"] = event.level.rawValue
            record["process"] = label
            record["message"] = "\(event.message)"
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            guard let data = try? encoder.encode(record) else { return }
            write(String(decoding: data, as: UTF8.self))
        case .text(let colors):
            let facts = merged.sorted { $0.key < $1.key }.map { " \($0.key)=\(Self.visible("\($0.value)"))" }
            let level = "[\(event.level.rawValue.uppercased())]"
            let shown = colors ? "\(Self.color(event.level))\(level)\u{1b}[0m" : level
            write("\(time.dropLast(1)) \(shown) \(label): \(Self.visible("\(event.message)"))\(facts.joined())")
        }
    }

    /// Control characters and direction overrides are made visible: a log line never moves the cursor.
    private static func visible(_ text: String, keepingLines: Bool = false) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
            let isDirection = (0x202a...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
            if isDirection || (isControl && !(keepingLines && scalar == "\n")) {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }

    private static func color(_ level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "\u{1b}[2m"
        case .info, .notice: "\u{1b}[32m"
        case .warning: "\u{1b}[33m"
        case .error, .critical: "\u{1b}[31m"
        }
    }
}
