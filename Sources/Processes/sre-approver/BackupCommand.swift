import ArgumentParser
import Authority
import Bus
import Decision
import Foundation
import Model
import RedisBus
import Runtime
import Signatures

/// Prints the objects of a plan as they were before it changed them.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Print the objects of a plan as they were before it changed them.",
        discussion: """
            Made to be put back: sre-approver backup PLAN | kubectl replace -f -

            Each object is compared with the plan's signed pin and with the digest that the audit recorded when it was \
            backed up. It keeps its uid, so that it cannot replace another object of the same name. Secrets are never \
            backed up.
            """)

    @OptionGroup var options: DeskOptions

    @Option(help: "Only the object before this step, such as step-0 or rollback-0; default: before the plan began.")
    var step: String?

    @Argument(help: "Id of the plan, or its beginning.")
    var plan: String

    func run() async throws {
        let (id, step, options) = (plan, step, options)
        try await Desk.with(options) { desk in
            let (filed, plan) = try await desk.genuine(id)
            let stored = try await desk.store.fields(desk.keys.planBackup(filed.record.hash, filed.partition))
            let wanted = try Self.wanted(plan, stored, step, filed.record.id)
            let recorded = Set(try await desk.audit(of: filed).compactMap { $0.detail["backup"] })
            for (name, pin, manifest) in wanted {
                let digest = SHA256Digest().sha256(manifest)
                guard recorded.contains("\(name) \(digest)") else {
                    throw Failure("\(filed.record.id): the backup of \(name) is not the one that the audit recorded")
                }
                try Self.check(manifest, against: pin, name)
            }
            let items = wanted.map { String(decoding: $0.manifest, as: UTF8.self) }
            print(
                items.count == 1
                    ? items[0] : #"{"apiVersion":"v1","kind":"List","items":[\#(items.joined(separator: ","))]}"#)
        }
    }

    /// The backups to print, with the pins of their objects: the first of each object, or that of one step.
    private static func wanted(
        _ plan: Plan, _ stored: [String: [UInt8]], _ step: String?, _ id: String
    ) throws -> [(name: String, pin: Pin, manifest: [UInt8])] {
        var all: [(name: String, pin: Pin, manifest: [UInt8])] = []
        for (phase, steps) in [("step", plan.steps), ("rollback", plan.rollback)] {
            for candidate in steps {
                let name = "\(phase)-\(candidate.index)"
                guard let pin = candidate.action.pin, let manifest = stored[name] else { continue }
                all.append((name, pin, manifest))
            }
        }
        guard !all.isEmpty else { throw Failure("\(id): no object of this plan is backed up", code: 2) }
        guard let step else {
            var seen: Set<String> = []
            return all.filter { seen.insert($0.pin.object).inserted }
        }
        guard let one = all.first(where: { $0.name == step }) else {
            throw Failure(
                "\(id): there is no backup of '\(Terminal.safe(step))'; there are "
                    + all.map(\.name).joined(separator: ", "), code: 2)
        }
        return [one]
    }

    private struct Manifest: Decodable {
        struct Metadata: Decodable {
            var name: String
            var namespace: String?
            var uid: String
        }

        var metadata: Metadata
    }

    private static func check(_ manifest: [UInt8], against pin: Pin, _ name: String) throws {
        let metadata = try? JSONDecoder().decode(Manifest.self, from: Data(manifest)).metadata
        let parts = pin.object.split(separator: "/").map(String.init)
        let namespace = parts.firstIndex(of: "namespaces").map { parts[$0 + 1] }
        guard let metadata, metadata.uid == pin.uid, metadata.name == parts.last, metadata.namespace == namespace else {
            throw Failure("the backup of \(name) is not of the object that the plan is pinned to (\(pin.object))")
        }
    }
}
