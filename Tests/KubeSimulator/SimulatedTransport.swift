import Foundation
import Kubernetes

/// Carries requests to a simulated server within the process; time-outs come at once.
package struct SimulatedTransport: KubernetesTransport {
    private let server: APIServer

    package init(_ server: APIServer) { self.server = server }

    package func send(_ request: KubernetesRequest) async throws(KubernetesError) -> KubernetesResponse {
        switch server.handle(request) {
        case .answer(let response, let delay):
            guard Double(delay) < request.timeoutSeconds * 1_000 else { throw KubernetesError(.unknown, "timed out") }
            return response
        case .silence: throw KubernetesError(.unknown, "timed out")
        case .truncated: throw KubernetesError(.unknown, "the connection was closed within the answer")
        }
    }

    package func lines(
        _ request: KubernetesRequest
    ) async throws(KubernetesError) -> AsyncThrowingStream<Data, any Error> {
        try KubernetesError.check(try await send(request))
        guard let lines = server.watch(request) else { throw KubernetesError(.refused, "not a watch") }
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: Data.self)
        let task = Task {
            for await line in lines { continuation.yield(line) }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }
}
