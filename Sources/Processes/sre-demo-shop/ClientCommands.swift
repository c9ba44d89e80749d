import ArgumentParser
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Where the shop listens.
struct ShopAddress: ParsableArguments {
    @Option(help: "Address of the shop.")
    var url = "http://127.0.0.1:8080"

    /// Sends a request and returns status and text.
    func send(_ method: String, _ path: String, json: Data? = nil) async throws -> (status: UInt, text: String) {
        var request = HTTPClientRequest(url: url + path)
        request.method = .init(rawValue: method)
        if let json {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: json))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(5))
        let body = try await response.body.collect(upTo: 1 << 20)
        return (response.status.code, String(buffer: body))
    }
}

/// Breaks or mends something.
struct FaultCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "fault", abstract: "Break or mend something.")

    @OptionGroup var address: ShopAddress

    @Option(help: "Memory leak in MiB a minute; 0 for none.")
    var leak = 0.0

    @Option(help: "Additional share of failing requests, 0 to 1.")
    var errors = 0.0

    @Option(help: "Factor on latency.")
    var slowdown = 1.0

    func run() async throws {
        var faults = ShopModel.Faults()
        faults.leakPerMinute = leak
        faults.leakSince = leak > 0 ? ServeCommand.now : nil
        faults.errorRate = errors
        faults.slowdown = slowdown
        let reply = try await address.send("POST", "/faults", json: try JSONEncoder().encode(faults))
        guard reply.status == 204 else { throw ValidationError("the shop answered \(reply.status): \(reply.text)") }
    }
}

/// Restarts the shop's service; the same operation id restarts it once.
struct RestartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "restart", abstract: "Restart the shop's service.")

    @OptionGroup var address: ShopAddress

    @Option(help: "Id of the operation; repeating it changes nothing.")
    var operation = ""

    func run() async throws {
        let query = operation.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let reply = try await address.send("POST", "/restart?operation=\(query)")
        guard reply.status == 200 else { throw ValidationError("the shop answered \(reply.status): \(reply.text)") }
        print(reply.text, terminator: "")
    }
}

/// Tells whether an operation was the last restart: exit code 0 yes, 1 no, 2 unknown.
struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Tell whether a restart was carried out.")

    @OptionGroup var address: ShopAddress

    @Option(help: "Id of the operation.")
    var operation: String

    func run() async throws {
        do {
            let reply = try await address.send("GET", "/operation")
            guard reply.status == 200 else { throw ExitCode(2) }
            guard reply.text == operation else { throw ExitCode(1) }
            print("the shop was restarted by \(operation)")
        } catch let code as ExitCode {
            throw code
        } catch {
            print("the shop does not answer: \(error)")
            throw ExitCode(2)
        }
    }
}
