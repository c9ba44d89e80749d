@preconcurrency import Foundation

/// Text for a terminal: colours only there, hostile characters made visible everywhere.
package struct Terminal: Sendable {
    /// Whether colours are used: standard output is a terminal and `NO_COLOR` is not set.
    package let colors: Bool

    package init() {
        colors = isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
    }

    /// Hands each line of standard output on when it is complete, also when a pipe or a file reads it.
    ///
    /// Otherwise what is printed stays in the process until some thousand bytes have come together, and nobody who follows
    /// it sees anything. To be called before anything is printed.
    package static func writeByLine() { setvbuf(stdout, nil, _IOLBF, 0) }

    /// Bold text.
    package func bold(_ text: String) -> String { paint(text, "1") }

    /// Dim text.
    package func dim(_ text: String) -> String { paint(text, "2") }

    /// Text in one of the terminal's colours, as SGR code.
    package func paint(_ text: String, _ code: String) -> String {
        colors ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }

    /// Control, direction and zero-width characters as `\u{…}`, so that a name cannot draw or hide anything.
    package static func safe(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }

    /// Rows in columns as wide as their widest cell, two spaces apart.
    package static func table(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1
                    ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
