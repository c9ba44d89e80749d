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
        let timeout: TimeAmount
        let deadline: NIODeadline
    }

    private let reader: RESPReader
    private let address: String
    private var requests = CircularBuffer<Request>()
    /// Replies to the first request so far.
    private var replies: [RESPValue] = []
    private var ending: RedisError?
    /// When the watch over deadlines looks next; `nil` while nothing is awaited.
    private var watch: (time: NIODeadline, task: Scheduled<Void>)?

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
        let deadline = NIODeadline.now() + timeout
        requests.append(
            Request(id: id, count: count, continuation: continuation, timeout: timeout, deadline: deadline))
        watchDeadlines(until: deadline, channel)
        return true
    }

    /// One timer looks after all requests, since nearly all of them are answered long before their deadline.
    private func watchDeadlines(until time: NIODeadline, _ channel: any Channel) {
        if let watch, watch.time <= time { return }
        watch?.task.cancel()
        let task = channel.eventLoop.assumeIsolated().scheduleTask(deadline: time) {
            self.watch = nil
            let now = NIODeadline.now()
            if let late = self.requests.first(where: { $0.deadline <= now }) {
                let text = "\(self.address): no reply within \(late.timeout)"
                self.end(RedisError(.timeout, text, outcomeUnknown: true), channel)
            } else if let next = self.requests.lazy.map(\.deadline).min() {
                self.watchDeadlines(until: next, channel)
            }
        }
        watch = (time, task)
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
        watch?.task.cancel()
        watch = nil
        for request in failed { request.continuation?.resume(throwing: error) }
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
        let count = requests[requests.startIndex].count
        if replies.isEmpty { replies.reserveCapacity(count) }
        replies.append(value)
        guard replies.count == count else { return }
        let first = requests.removeFirst()
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
