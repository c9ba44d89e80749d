import Bus
import Foundation

/// Entries of streams as lines of JSON, so that they can be kept, sent and read in again.
///
/// A line is `{"stream":"sre:{p07}:audit","id":"1764-0","fields":[["name","value"],…]}`; values that are not UTF-8 are
/// written as `{"base64":"…"}`.
package enum StreamExport {
    /// One entry with the stream that it stands in.
    package struct Line: Codable, Sendable, Equatable {
        private enum Text: Codable, Equatable {
            case plain(String)
            case binary(Data)

            private enum CodingKeys: CodingKey { case base64 }

            init(_ bytes: [UInt8]) {
                self = String(validating: bytes, as: UTF8.self).map(Text.plain) ?? .binary(Data(bytes))
            }

            init(from decoder: any Decoder) throws {
                if let text = try? decoder.singleValueContainer().decode(String.self) {
                    self = .plain(text)
                } else {
                    self = .binary(try decoder.container(keyedBy: CodingKeys.self).decode(Data.self, forKey: .base64))
                }
            }

            func encode(to encoder: any Encoder) throws {
                switch self {
                case .plain(let text):
                    var container = encoder.singleValueContainer()
                    try container.encode(text)
                case .binary(let data):
                    var container = encoder.container(keyedBy: CodingKeys.self)
                    try container.encode(data, forKey: .base64)
                }
            }

            var bytes: [UInt8] {
                switch self {
                case .plain(let text): Array(text.utf8)
                case .binary(let data): Array(data)
                }
            }
        }

        /// Key of the stream.
        package var stream: String
        private var id: String
        private var fields: [[Text]]

        /// The line of an entry.
        package init(_ entry: StreamEntry, of stream: String) {
            self.stream = stream
            self.id = "\(entry.id)"
            self.fields = entry.fields.map { [.plain($0.name), Text($0.value)] }
        }

        /// The entry; `nil` when the line is not a valid one.
        package var entry: StreamEntry? {
            guard let id = EntryID(id), fields.allSatisfy({ $0.count == 2 }) else { return nil }
            return StreamEntry(
                id: id, fields: fields.map { Field(String(decoding: $0[0].bytes, as: UTF8.self), $0[1].bytes) })
        }
    }

    /// An entry as one line of JSON.
    package static func encode(_ entry: StreamEntry, of stream: String) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(Line(entry, of: stream)), as: UTF8.self)
    }

    /// Reads an export.
    ///
    /// - Throws: `ExportError` naming the line that is not valid.
    package static func decode(_ text: String, file: String) throws(ExportError) -> [(
        stream: String, entry: StreamEntry
    )] {
        var entries: [(stream: String, entry: StreamEntry)] = []
        for (number, line) in text.split(separator: "\n").enumerated() {
            guard let decoded = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)), let entry = decoded.entry
            else {
                throw ExportError(
                    description: "\(file):\(number + 1): not an exported entry; "
                        + "valid: {\"stream\":…,\"id\":\"ms-n\",\"fields\":[[name,value],…]}")
            }
            entries.append((decoded.stream, entry))
        }
        return entries
    }
}

/// A line of an export cannot be read.
package struct ExportError: Error, CustomStringConvertible {
    package var description: String
}
