import NIOCore
import NIOPosix
import NIOSSL

/// One connection; its executor is its channel's event loop, so that a command needs no hop to another thread.
package actor RedisConnection {
    /// The server at the other end.
    package nonisolated let endpoint: RedisConfiguration.Endpoint
    private let channel: any Channel
    private let handler: RedisChannelHandler
    private let configuration: RedisConfiguration
    private var nextID: UInt64 = 0

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        channel.eventLoop.executor.asUnownedSerialExecutor()
    }

    private init(
        endpoint: RedisConfiguration.Endpoint, channel: any Channel, handler: RedisChannelHandler,
        configuration: RedisConfiguration
    ) {
        self.endpoint = endpoint
        self.channel = channel
        self.handler = handler
        self.configuration = configuration
    }

    /// Connects, authenticates and selects the database.
    ///
    /// - Throws: `RedisError`, with `authenticationFailed` when user or password are refused.
    package static func connect(
        to endpoint: RedisConfiguration.Endpoint, _ configuration: RedisConfiguration, on group: any EventLoopGroup
    ) async throws(RedisError) -> RedisConnection {
        let address = "\(endpoint)"
        let security = try configuration.tls.map { tls throws(RedisError) in try Self.context(tls, address) }
        let handler = try RedisChannelHandler(address: address)
        let bootstrap = ClientBootstrap(group: group)
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let security {
                        try channel.pipeline.syncOperations.addHandler(
                            try Self.securityHandler(security, endpoint))
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        let channel: any Channel
        do {
            switch endpoint {
            case .tcp(let host, let port):
                channel = try await bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .connect(host: host, port: port).get()
            case .unix(let path): channel = try await bootstrap.connect(unixDomainSocketPath: path).get()
            }
        } catch {
            throw RedisError(.connectFailed, "\(address): \(error)")
        }
        let connection = RedisConnection(
            endpoint: endpoint, channel: channel, handler: handler, configuration: configuration)
        try await connection.introduce()
        return connection
    }

    private func introduce() async throws(RedisError) {
        var commands: [RedisCommand] = []
        if let password = configuration.password {
            let words = (configuration.username.map { [$0] } ?? []) + [password]
            commands.append(RedisCommand("AUTH", arguments: words.map { Array($0.utf8) }))
        }
        if configuration.database != 0 { commands.append(RedisCommand("SELECT", "\(configuration.database)")) }
        if let name = configuration.clientName { commands.append(RedisCommand("CLIENT", "SETNAME", name)) }
        commands.append(RedisCommand("PING"))
        do throws(RedisError) {
            let replies = try await pipeline(commands, deadline: configuration.connectTimeout)
            for (command, reply) in zip(commands, replies) {
                guard case .error(let error) = reply else { continue }
                let name = command.name
                // Not every user may name its connection, and a loading server still gets its commands later.
                if name == "CLIENT" || (name == "PING" && error.code != "NOAUTH") { continue }
                let refused = ["WRONGPASS", "NOAUTH"].contains(error.code) || name == "AUTH"
                throw RedisError(
                    refused ? .authenticationFailed : .server(error),
                    "\(endpoint): \(name) was refused: \(error.message)")
            }
        } catch {
            await close()
            throw error
        }
    }

    /// Sends commands in one write and returns their replies in order; errors of the server are values in the array.
    ///
    /// When the deadline passes, the connection is closed and everything in flight on it fails with an unknown
    /// outcome; `nil` is the configured command timeout. A cancelled caller leaves at once; its replies are still taken
    /// out of the pipe.
    package func pipeline(
        _ commands: [RedisCommand], deadline: Duration? = nil
    ) async throws(RedisError) -> [RESPValue] {
        guard !commands.isEmpty else { return [] }
        nextID += 1
        let id = nextID
        let timeout = TimeAmount(deadline ?? configuration.commandTimeout)
        do {
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    let isOpen = handler.expect(
                        commands.count, id: id, timeout: timeout, on: channel, continuation)
                    if isOpen { write(commands) }
                    if Task.isCancelled { handler.cancel(id) }
                }
            } onCancel: {
                channel.eventLoop.execute { self.handler.cancel(id) }
            }
        } catch let error as RedisError {
            throw error
        } catch {
            throw RedisError(.connectionClosed, "\(endpoint): \(error)", outcomeUnknown: true)
        }
    }

    /// Encodes and writes in portions, so that the server works on the first ones meanwhile.
    private func write(_ commands: [RedisCommand]) {
        let portion = 64
        for start in stride(from: 0, to: commands.count, by: portion) {
            let commands = commands[start..<min(commands.count, start + portion)]
            var buffer = channel.allocator.buffer(capacity: commands.reduce(0) { $0 + $1.longestEncoding })
            for command in commands { command.encode(into: &buffer) }
            channel.writeAndFlush(buffer, promise: nil)
        }
    }

    /// Sends one command; an error of the server is thrown.
    package func send(_ command: RedisCommand, deadline: Duration? = nil) async throws(RedisError) -> RESPValue {
        let replies = try await pipeline([command], deadline: deadline)
        if case .error(let error) = replies[0] {
            throw RedisError(.server(error), "\(endpoint): \(error.message)")
        }
        return replies[0]
    }

    /// Runs a sequence of commands on the connection's own event loop, so that none of them needs a hop between threads.
    package func perform<Result: Sendable>(
        _ body: @Sendable (isolated RedisConnection) async throws -> Result
    ) async throws -> Result {
        try await body(self)
    }

    /// Closes the connection and returns when it is closed.
    package func close() async {
        handler.end(RedisError(.connectionClosed, "\(endpoint): closed by us"), channel)
        await closed()
    }

    /// Returns when the connection is closed, by whomever.
    package nonisolated func closed() async { try? await channel.closeFuture.get() }

    /// Whether the connection is open.
    package nonisolated var isOpen: Bool { channel.isActive }

    private static func context(_ tls: RedisConfiguration.TLS, _ address: String) throws(RedisError) -> NIOSSLContext {
        do {
            var settings = TLSConfiguration.makeClientConfiguration()
            if let file = tls.caFile { settings.trustRoots = .file(file) }
            if let file = tls.certificateFile {
                settings.certificateChain = try NIOSSLCertificate.fromPEMFile(file).map { .certificate($0) }
            }
            if let file = tls.privateKeyFile {
                settings.privateKey = .privateKey(try NIOSSLPrivateKey(file: file, format: .pem))
            }
            if !tls.verifyHostname { settings.certificateVerification = .noHostnameVerification }
            return try NIOSSLContext(configuration: settings)
        } catch {
            throw RedisError(.tls, "\(address): the TLS settings cannot be used: \(error)")
        }
    }

    private static func securityHandler(
        _ context: NIOSSLContext, _ endpoint: RedisConfiguration.Endpoint
    ) throws -> NIOSSLClientHandler {
        guard case .tcp(let host, _) = endpoint else {
            return try NIOSSLClientHandler(context: context, serverHostname: nil)
        }
        // An IP address is no server name (RFC 6066 §3); it is checked against the certificate all the same.
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host)
    }
}
