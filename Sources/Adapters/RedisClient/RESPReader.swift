import CHiredis
import NIOCore

/// hiredis' incremental RESP decoder, building Swift values.
///
/// The reader owns unfinished replies; finished ones belong to us. The handle is freed exactly once, in `deinit`.
package struct RESPReader: ~Copyable {
    private let handle: UnsafeMutablePointer<redisReader>

    /// A decoder that has read nothing.
    package init() throws(RedisError) {
        guard let handle = redisReaderCreateWithFunctions(ReplyBuilder.functions) else {
            throw RedisError(.protocolError, "out of memory")
        }
        // Keep no more than this of a finished reply's buffer.
        handle.pointee.maxbuf = 64 * 1024
        self.handle = handle
    }

    deinit { redisReaderFree(handle) }

    /// Adds received bytes.
    package func feed(_ buffer: ByteBuffer) throws(RedisError) {
        let status = buffer.withUnsafeReadableBytes { bytes in
            redisReaderFeed(handle, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        if status != REDIS_OK { throw failure() }
    }

    /// The next complete reply; `nil` when more bytes are needed.
    package func next() throws(RedisError) -> RESPValue? {
        var reply: UnsafeMutableRawPointer?
        if redisReaderGetReply(handle, &reply) != REDIS_OK { throw failure() }
        guard let reply else { return nil }
        return Unmanaged<ReplyBuilder>.fromOpaque(reply).takeRetainedValue().value
    }

    /// Copies the text at once: the reader overwrites it with the next failure.
    private func failure() -> RedisError {
        var text = handle.pointee.errstr
        let message = withUnsafeBytes(of: &text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return RedisError(.protocolError, "not RESP: \(message)", outcomeUnknown: true)
    }
}

/// A reply under construction.
///
/// Children are kept alive by their parent, the root by the reader.
private final class ReplyBuilder {
    private enum Content {
        case leaf(RESPValue)
        case array([ReplyBuilder?])
    }

    private static let longestArray = 1 << 20

    private var content: Content

    private init(_ content: Content) { self.content = content }

    var value: RESPValue {
        switch content {
        case .leaf(let value): value
        case .array(let elements): .array(elements.map { $0?.value ?? .null })
        }
    }

    private typealias Task = UnsafePointer<redisReadTask>

    /// Attaches a new object to the array it belongs to, or hands it to the reader as a root with one retain.
    private static func place(_ content: Content, _ task: Task?) -> UnsafeMutableRawPointer? {
        let object = ReplyBuilder(content)
        guard let parent = task?.pointee.parent?.pointee.obj, let index = task.map({ Int($0.pointee.idx) }) else {
            return Unmanaged.passRetained(object).toOpaque()
        }
        let array = Unmanaged<ReplyBuilder>.fromOpaque(parent).takeUnretainedValue()
        guard case .array(var elements) = array.content, elements.indices.contains(index) else { return nil }
        array.content = .array([])
        elements[index] = object
        array.content = .array(elements)
        return Unmanaged.passUnretained(object).toOpaque()
    }

    /// The table that hiredis keeps a pointer to; immutable and never freed, so sharing it is safe.
    nonisolated(unsafe) static let functions: UnsafeMutablePointer<redisReplyObjectFunctions> = {  // immutable
        let table = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        table.initialize(
            to: redisReplyObjectFunctions(
                createString: { task, text, length in
                    let bytes = UnsafeBufferPointer(start: text, count: length).map { UInt8(bitPattern: $0) }
                    let value: RESPValue
                    switch task?.pointee.type {
                    case REDIS_REPLY_STATUS: value = .simpleString(String(decoding: bytes, as: UTF8.self))
                    case REDIS_REPLY_ERROR: value = .error(RedisServerError(String(decoding: bytes, as: UTF8.self)))
                    default: value = .bulk(bytes)
                    }
                    return ReplyBuilder.place(.leaf(value), task)
                },
                createArray: { task, count in
                    // A header alone must not be able to claim all memory; no reply that is asked for is so long.
                    guard count <= ReplyBuilder.longestArray else { return nil }
                    return ReplyBuilder.place(.array(Array(repeating: nil, count: Int(max(0, count)))), task)
                },
                createInteger: { task, value in ReplyBuilder.place(.leaf(.integer(value)), task) },
                createNil: { task in ReplyBuilder.place(.leaf(.null), task) },
                freeObject: { object in
                    guard let object else { return }
                    Unmanaged<ReplyBuilder>.fromOpaque(object).release()
                }))
        return table
    }()
}
