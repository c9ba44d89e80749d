import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// A TCP proxy in front of a unix socket that cuts connections at chosen or random bytes.
package final class CuttingProxy: Sendable {
    /// Direction of bytes.
    package enum Direction: Sendable {
        /// From the client to the server.
        case request
        /// From the server to the client.
        case reply
    }

    private struct State {
        var armed: (direction: Direction, bytes: Int)?
        /// Cuts per million chunks.
        var rate = 0
        var generator: SeededGenerator
        var cuts = 0
    }

    private let shared: Shared
    private let listener: any Channel

    /// Port that it listens on, on the loopback interface.
    package let port: Int

    /// Starts a proxy for the server at a unix socket.
    package init(to socket: String, seed: UInt64 = 1) async throws {
        let state = Shared(State(generator: SeededGenerator(seed: seed)))
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop).channelOption(.autoRead, value: false)
                    .connect(unixDomainSocketPath: socket).flatMap { server in
                        client.eventLoop.makeCompletedFuture {
                            try client.pipeline.syncOperations.addHandler(
                                Forwarder(to: server) { state.cut(.request, $0) })
                            try server.pipeline.syncOperations.addHandler(
                                Forwarder(to: client) { state.cut(.reply, $0) })
                            client.setOption(.autoRead, value: true).whenFailure { _ in }
                            server.setOption(.autoRead, value: true).whenFailure { _ in }
                        }
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        shared = state
        port = listener.localAddress?.port ?? 0
    }

    /// The next connection that sends so many more bytes in a direction is cut after them.
    package func arm(_ direction: Direction, after bytes: Int) {
        shared.state.withLock { $0.armed = (direction, bytes) }
    }

    /// Whether what was armed has not been met yet.
    package var isArmed: Bool { shared.state.withLock { $0.armed != nil } }

    /// Cuts at random from now on: so many of a million chunks; 0 ends it.
    package func cut(perMillion rate: Int) { shared.state.withLock { $0.rate = rate } }

    /// Connections that were cut.
    package var cuts: Int { shared.state.withLock { $0.cuts } }

    /// Closes the proxy.
    package func close() async { try? await listener.close() }

    private final class Shared: Sendable {
        let state: Mutex<State>

        init(_ state: State) { self.state = Mutex(state) }

        /// How many bytes of a chunk go through before the connection is cut; `nil`: all of them, and no cut.
        func cut(_ direction: Direction, _ size: Int) -> Int? {
            state.withLock { state in
                if let armed = state.armed, armed.direction == direction {
                    guard armed.bytes < size else {
                        state.armed = (direction, armed.bytes - size)
                        return nil
                    }
                    state.armed = nil
                    state.cuts += 1
                    return armed.bytes
                }
                guard state.rate > 0, Int.random(in: 0..<1_000_000, using: &state.generator) < state.rate else {
                    return nil
                }
                state.cuts += 1
                return Int.random(in: 0...size, using: &state.generator)
            }
        }
    }

    /// Writes what one side sends to the other; both live on one event loop.
    private final class Forwarder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let peer: any Channel
        private let cut: (Int) -> Int?

        init(to peer: any Channel, cut: @escaping (Int) -> Int?) {
            self.peer = peer
            self.cut = cut
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            guard let bytes = cut(buffer.readableBytes) else {
                peer.writeAndFlush(buffer, promise: nil)
                return
            }
            let own = context.channel
            let other = peer
            let part = buffer.getSlice(at: buffer.readerIndex, length: bytes) ?? buffer
            other.writeAndFlush(part).whenComplete { _ in
                other.close(promise: nil)
                own.close(promise: nil)
            }
        }

        func channelInactive(context: ChannelHandlerContext) { peer.close(promise: nil) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
