import Bus
import Foundation
import Logging
import Model
import RedisBus
import ServiceLifecycle
import Synchronization
import Telemetry

/// Notices when the database was lost, and holds back whatever carries things out until a person has looked.
package final class InstallationWatch: Sendable {
    private let known = Mutex<InstallationRecord?>(nil)

    /// Whether nothing may be carried out: the installation is recovering, or not known yet.
    package var isHeldBack: Bool { known.withLock { $0?.state != .active } }

    /// Looks once; `true` when something changed.
    func look(_ store: RedisBus, _ keys: Keys) async throws(BusError) -> InstallationRecord? {
        let before = known.withLock { $0 }
        let record = try await InstallationRecord.join(
            store, keys, isLost: before.map { "the database of installation \($0.id) came back empty" },
            id: UUID().uuidString.lowercased(), now: ProcessContext.now().rawValue)
        known.withLock { $0 = record }
        return record == before ? nil : record
    }
}

/// Looks at the installation's record every few seconds.
struct InstallationService: Service {
    let context: ProcessContext

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do throws(BusError) {
                    if let record = try await context.installation.look(context.store, context.keys) { report(record) }
                } catch {
                    context.logger.debug("the installation is not known", metadata: ["reason": "\(error)"])
                }
                try? await ContinuousClock().sleep(for: .seconds(3))
            }
        }
    }

    private func report(_ record: InstallationRecord) {
        let isRecovering = record.state == .recovering
        context.metrics.set(
            "sre_installation_recovering", to: isRecovering ? 1 : 0,
            help: "Whether the database was lost and nothing is carried out until a person has looked.")
        guard isRecovering else { return }
        context.logger.critical(
            "the installation is RECOVERING: nothing is carried out until 'sre-agent recover' ends it",
            metadata: ["reason": "\(record.reason)"])
    }
}
