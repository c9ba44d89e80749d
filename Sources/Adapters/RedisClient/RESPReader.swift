import CHiredis
import NIOCore

/// hiredis' incremental RESP decoder, building Swift values.
///
/// The handle is freed exactly once, in `deinit`, before the memory that its callbacks use.
package struct RESPReader: ~Copyable {
    private let handle: UnsafeMutablePointer<redisReader>
    /// In memory of its own, which the callbacks get a pointer to: no reference counts for each value.
    private let assembler: UnsafeMutablePointer<ReplyAssembler>

    /// A decoder that has read nothing.
    package init() throws(RedisError) {
        guard let handle = redisReaderCreateWithFunctions(ReplyAssembler.functions) else {
            throw RedisError(.protocolError, "out of memory")
        }
        // Keep no more than this of a finished reply's buffer.
        handle.pointee.maxbuf = 64 * 1024
        assembler = .allocate(capacity: 1)
        assembler.initialize(to: ReplyAssembler())
        handle.pointee.privdata = UnsafeMutableRawPointer(assembler)
        self.handle = handle
    }

    deinit {
        redisReaderFree(handle)
        assembler.deinitialize(count: 1)
        assembler.deallocate()
    }

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
        return reply == nil ? nil : assembler.pointee.take()
    }

    /// Copies the text at once: the reader overwrites it with the next failure.
    private func failure() -> RedisError {
        var text = handle.pointee.errstr
        let message = withUnsafeBytes(of: &text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return RedisError(.protocolError, "not RESP: \(message)", outcomeUnknown: true)
    }
}

/// Puts replies together from the decoder's callbacks, which come depth first.
///
/// To hiredis every value is the same token; ours are kept on a stack of the arrays that are still open.
private struct ReplyAssembler {
    private struct OpenArray {
        var elements: [RESPValue]
        let count: Int
    }

    /// A header alone must not be able to claim all memory; no reply that is asked for is so long.
    private static let longestArray = 1 << 20
    private static var token: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: 1) }

    private var open: [OpenArray] = []
    private var finished: RESPValue?

    /// The reply that was completed last.
    mutating func take() -> RESPValue? {
        defer { finished = nil }
        return finished
    }

    private mutating func add(_ value: RESPValue) -> UnsafeMutableRawPointer? {
        var value = value
        while let top = open.indices.last {
            open[top].elements.append(value)
            guard open[top].elements.count == open[top].count else { return Self.token }
            value = .array(open.removeLast().elements)
        }
        finished = value
        return Self.token
    }

    private mutating func begin(_ count: Int) -> UnsafeMutableRawPointer? {
        guard count <= Self.longestArray else { return nil }
        guard count > 0 else { return add(.array([])) }
        var elements: [RESPValue] = []
        elements.reserveCapacity(min(count, 1_024))
        open.append(OpenArray(elements: elements, count: count))
        return Self.token
    }

    private static func of(_ task: UnsafePointer<redisReadTask>?) -> UnsafeMutablePointer<ReplyAssembler>? {
        task?.pointee.privdata?.assumingMemoryBound(to: ReplyAssembler.self)
    }

    /// The table that hiredis keeps a pointer to; immutable and never freed, so sharing it is safe.
    nonisolated(unsafe) static let functions: UnsafeMutablePointer<redisReplyObjectFunctions> = {  // immutable
        let table = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        table.initialize(
            to: redisReplyObjectFunctions(
                createString: { task, text, length in
                    let bytes = UnsafeRawBufferPointer(start: text, count: length)
                    let value: RESPValue
                    switch task?.pointee.type {
                    case REDIS_REPLY_STATUS: value = .simpleString(String(decoding: bytes, as: UTF8.self))
                    case REDIS_REPLY_ERROR: value = .error(RedisServerError(String(decoding: bytes, as: UTF8.self)))
                    default: value = .bulk(Array(bytes))
                    }
                    return ReplyAssembler.of(task)?.pointee.add(value)
                },
                createArray: { task, count in ReplyAssembler.of(task)?.pointee.begin(Int(count)) },
                createInteger: { task, value in ReplyAssembler.of(task)?.pointee.add(.integer(value)) },
                createNil: { task in ReplyAssembler.of(task)?.pointee.add(.null) },
                freeObject: { _ in }))
        return table
    }()
}
