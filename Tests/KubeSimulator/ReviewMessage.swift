import Foundation
import Kubernetes

/// `SelfSubjectAccessReview` as `kubectl auth can-i` sends it: in Kubernetes' protobuf envelope.
///
/// Source of the field numbers: `k8s.io/apimachinery/pkg/runtime/generated.proto` and
/// `k8s.io/api/authorization/v1/generated.proto`.
enum ReviewMessage {
    private static let magic = Data([0x6b, 0x38, 0x73, 0x00])

    /// The review as JSON; `nil` when the bytes are none.
    static func json(_ body: Data) -> JSONValue? {
        guard body.starts(with: magic), let unknown = fields(body.dropFirst(magic.count)), let raw = unknown[2],
            let type = unknown[1].flatMap(fields), text(type[2]) == "SelfSubjectAccessReview",
            let review = fields(raw), let spec = review[2].flatMap(fields)
        else { return nil }
        let attributes = spec[1].flatMap(fields) ?? [:]
        let names = [1: "namespace", 2: "verb", 3: "group", 4: "version", 5: "resource", 6: "subresource", 7: "name"]
        let members = names.reduce(into: JSONValue.object([:])) { $0[$1.value] = .string(text(attributes[$1.key])) }
        return [
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": ["resourceAttributes": members],
        ]
    }

    private static func text(_ data: Data?) -> String { data.map { String(decoding: $0, as: UTF8.self) } ?? "" }

    /// Length-delimited fields by number; `nil` when the bytes are no message.
    private static func fields(_ data: Data) -> [Int: Data]? {
        var fields: [Int: Data] = [:]
        var rest = data
        func varint() -> Int? {
            var (value, shift) = (0, 0)
            while shift < 63, let byte = rest.popFirst() {
                value |= Int(byte & 127) << shift
                if byte < 128 { return value }
                shift += 7
            }
            return nil
        }
        while !rest.isEmpty {
            guard let key = varint() else { return nil }
            switch key & 7 {
            case 0: guard varint() != nil else { return nil }
            case 2:
                guard let length = varint(), length <= rest.count else { return nil }
                fields[key >> 3] = Data(rest.prefix(length))
                rest = rest.dropFirst(length)
            default: return nil
            }
        }
        return fields
    }
}
