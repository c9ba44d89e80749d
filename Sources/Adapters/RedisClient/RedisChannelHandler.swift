import NIOCore

/// Matches replies to requests in order.
///
/// `@unchecked Sendable`: every property is touched on the channel's event loop only.
final class RedisChannelHandler: ChannelInboundHandler, @unchecked Sendable {  // event loop only
    typealias InboundIn = ByteBuffer

    private struct Request {
        let id: UInt64
        let count: Int
        /// `nil` once the caller has left; the replies are still taken out of the pipe.
        var continuation: CheckedContinuation<[RESPValue], any Error>?
        var deadline: Scheduled<Void>?
    }

    private let reader: RESPReader
    private let address: String
    private var requests = CircularBuffer<Request>()
    /// Replies to the first request so far.
    private var replies: [RESPValue] = []
    private var ending: RedisError?

    init(address: String) throws(RedisError) {
        self.reader = try RESPReader()
        self.address = address
    }

    /// Registers a request whose commands the caller writes next, and waits for so many replies.
    ///
    /// - Returns: `false` when the channel has ended; the continuation has been resumed then.
    func expect(
        _ count: Int, id: UInt64, timeout: TimeAmount, on channel: any Channel,
        _ continuation: CheckedContinuation<[RESPValue], any Error>
    ) -> Bool {
        if let ending {
            continuation.resume(throwing: RedisError(ending.code, ending.message))
            return false
        }
        let deadline = channel.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
            self.end(
                RedisError(.timeout, "\(self.address): no reply within \(timeout)", outcomeUnknown: true), channel)
        }
        requests.append(Request(id: id, count: count, continuation: continuation, deadline: deadline))
        return true
    }

    /// The caller of a request has left.
    func cancel(_ id: UInt64) {
        guard let index = requests.firstIndex(where: { $0.id == id }) else { return }
        let continuation = requests[index].continuation
        requests[index].continuation = nil
        continuation?.resume(
            throwing: RedisError(.cancelled, "\(address): cancelled while waiting for a reply", outcomeUnknown: true))
    }

    /// Fails everything in flight and closes the channel: a stream of replies cannot be taken up in the middle.
    func end(_ error: RedisError, _ channel: any Channel) {
        guard ending == nil else { return }
        ending = error
        let failed = requests
        requests.removeAll()
        for request in failed {
            request.deadline?.cancel()
            request.continuation?.resume(throwing: error)
        }
        channel.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            try reader.feed(unwrapInboundIn(data))
            while let value = try reader.next() { receive(value, context) }
        } catch {
            end(RedisError(error.code, "\(address): \(error.message)", outcomeUnknown: true), context.channel)
        }
    }

    private func receive(_ value: RESPValue, _ context: ChannelHandlerContext) {
        guard !requests.isEmpty else {
            end(RedisError(.protocolError, "\(address): a reply that nobody asked for"), context.channel)
            return
        }
        replies.append(value)
        guard let first = requests.first, replies.count == first.count else { return }
        requests.removeFirst()
        first.deadline?.cancel()
        let complete = replies
        replies = []
        first.continuation?.resume(returning: complete)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(
            RedisError(.connectionClosed, "\(address): the connection was closed", outcomeUnknown: true),
            context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let isTLS = String(reflecting: type(of: error)).contains("NIOSSL")
        end(
            RedisError(isTLS ? .tls : .connectionClosed, "\(address): \(error)", outcomeUnknown: true),
            context.channel)
    }
}
