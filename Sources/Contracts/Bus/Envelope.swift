import Model
import WireFormat

/// An event as it stands in a stream, with the attributes of CloudEvents 1.0 as fields.
package struct Envelope: Sendable, Equatable {
    /// `application/json` or `application/protobuf`.
    package enum ContentType: String, Sendable {
        case json = "application/json"
        case protobuf = "application/protobuf"
    }

    /// Unique within `source`; the key for deduplication.
    package var id: String
    /// Type of the message, such as `sre.anomaly.v1`.
    package var type: String
    /// Process that wrote it, such as `sre-analyzer`.
    package var source: String
    /// When it was written.
    package var time: Timestamp
    /// W3C trace context that the event belongs to.
    package var traceparent: TraceContext
    /// Encoding of `data`.
    package var contentType: ContentType
    /// Further plain fields for a reader, such as `series` and `samples` of a batch.
    package var notes: [Field]
    /// The encoded message.
    package var data: [UInt8]

    /// Wraps a message.
    ///
    /// - Throws: `WireError` when the message cannot be encoded.
    package init(
        _ message: some WireMessage, id: String, source: String, time: Timestamp, trace: TraceContext,
        as contentType: ContentType = .json, notes: [Field] = []
    ) throws(WireError) {
        self.id = id
        self.type = Swift.type(of: message).eventType
        self.source = source
        self.time = time
        self.traceparent = trace
        self.contentType = contentType
        self.notes = notes
        self.data = contentType == .json ? try message.canonicalJSON() : try message.binary()
    }

    /// Reads the attributes of an entry.
    ///
    /// - Throws: `WireError` naming the attribute that is missing or invalid.
    package init(_ entry: StreamEntry) throws(WireError) {
        func required(_ name: String) throws(WireError) -> String {
            guard let text = entry.text(name), !text.isEmpty else { throw .missing(type: "entry", field: name) }
            return text
        }
        self.id = try required("id")
        self.type = try required("type")
        self.source = try required("source")
        let time = try required("time")
        guard let milliseconds = Int64(time) else {
            throw .invalid(type: "entry", field: "time", value: time, expected: "Unix milliseconds")
        }
        self.time = Timestamp(milliseconds: milliseconds)
        self.traceparent = entry.text("traceparent").flatMap(TraceContext.init) ?? TraceContext(seed: self.id)
        let encoding = try required("datacontenttype")
        guard let contentType = ContentType(rawValue: encoding) else {
            throw .invalid(
                type: "entry", field: "datacontenttype", value: encoding,
                expected: "application/json or application/protobuf")
        }
        self.contentType = contentType
        guard let data = entry["data"] else { throw .missing(type: "entry", field: "data") }
        self.data = data
        let attributes: Set<String> = ["id", "type", "source", "time", "traceparent", "datacontenttype", "data"]
        self.notes = entry.fields.filter { !attributes.contains($0.name) }
    }

    /// The fields to write, attributes first and `data` last.
    package var fields: [Field] {
        [
            Field("id", id), Field("type", type), Field("source", source), Field("time", "\(time.rawValue)"),
            Field("traceparent", "\(traceparent)"), Field("datacontenttype", contentType.rawValue),
        ] + notes + [Field("data", data)]
    }

    /// Decodes the message.
    ///
    /// - Throws: `WireError` when the type differs or the data is not such a message.
    package func decode<Message: WireMessage>(_: Message.Type = Message.self) throws(WireError) -> Message {
        guard type == Message.eventType else {
            throw .invalid(type: "entry", field: "type", value: type, expected: Message.eventType)
        }
        return switch contentType {
        case .json: try Message(json: data)
        case .protobuf: try Message(binary: data)
        }
    }
}
