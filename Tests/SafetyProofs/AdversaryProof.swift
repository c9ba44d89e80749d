import Authority
import Foundation
import KubeSimulator
import Kubernetes
import Model
import Proofs
import Remediation
import Synchronization

/// A person, an autoscaler or a deployment tool changes the target at the worst moment: nothing of it is overwritten.
package enum AdversaryProof: EnumeratedProof {
    package static let name = "adversary"

    private static let changes: [(name: String, manager: String, patch: JSONValue)] = [
        ("a person scales", "kubectl-edit", ["spec": ["replicas": 9]]),
        ("an autoscaler scales", "horizontal-pod-autoscaler", ["spec": ["replicas": 7]]),
        (
            "a deployment tool deploys", "argocd-controller",
            ["spec": ["template": ["spec": ["containers": [["name": "web", "image": "web:hotfix"]]]]]]
        ),
        ("a person deletes", "kubectl-delete", .null),
    ]

    /// Runs every change at every request the executor makes about the target; a short run leaves out two changes.
    package static func run(seed: UInt64, isShort: Bool) async throws -> ProofReport {
        var result = ProofReport("adversary", seed: seed)
        for isGood in [true, false] {
            for change in isShort ? [changes[0], changes[3]] : changes {
                for (verb, moment) in [
                    ("get", Adversary.Moment.before), ("get", .after), ("patch", .before), ("patch", .after),
                ] {
                    // A change after the executor's last look is not its success any more, but nobody can know that.
                    var unseen: [String] = []
                    for skip in 0..<12 {
                        let adversary = Adversary(
                            moment, verb, "deployments", path: Stage.path, patch: change.patch,
                            manager: change.manager, skip: skip)
                        let name =
                            "\(change.name) \(moment.rawValue) \(verb) \(skip), metric \(isGood ? "good" : "bad")"
                        let acted = try await check(name, isGood, &result, &unseen) { stage in
                            stage.server.add(adversary: adversary)
                        }
                        guard acted else { break }
                    }
                    result.violations += moment == .after && verb == "get" ? unseen.dropLast() : unseen[...]
                }
                for look in 1...3 {
                    let name = "\(change.name) at look \(look), metric \(isGood ? "good" : "bad")"
                    var succeeded: [String] = []
                    _ = try await check(name, isGood, &result, &succeeded) { stage in
                        let countdown = Looks(look)
                        stage.onVerify.withLock { hook in
                            hook = { stage in
                                if countdown.isNow() { strike(stage, change.manager, change.patch) }
                            }
                        }
                    }
                    result.violations += succeeded
                }
            }
        }
        return result
    }

    private static func strike(_ stage: Stage, _ manager: String, _ patch: JSONValue) {
        stage.server.add(token: "adversary", .init(name: manager, groups: ["system:masters"]))
        _ = stage.server.handle(
            KubernetesRequest(
                patch == .null ? "DELETE" : "PATCH", Stage.path, query: ["fieldManager": manager],
                contentType: "application/merge-patch+json", body: patch == .null ? nil : .init(patch.canonical),
                token: "adversary"))
    }

    /// Notes in `succeeded` a plan that ended as a success over the adversary's change.
    ///
    /// - Returns: whether the adversary got to act.
    private static func check(
        _ name: String, _ isGood: Bool, _ result: inout ProofReport,
        _ succeeded: inout [String], prepare: (Stage) -> Void
    ) async throws -> Bool {
        let stage = try Stage()
        stage.metric.withLock { $0 = isGood ? 100 : 500 }
        let record = try await stage.propose()
        try await stage.say(.approve, about: record)
        prepare(stage)
        for term in 1...4 {
            try? await stage.execute(term: Int64(term))
            if try await stage.record(record.hash).state.isTerminal { break }
        }
        let deployments = stage.server.log.filter { $0.resource == "deployments.apps" && $0.changedSpecification }
        guard let theirs = deployments.firstIndex(where: { $0.user != Stage.executorUser }) else { return false }
        result.runs += 1
        let state = try await stage.record(record.hash).state
        result.count("ended \(state.rawValue)")
        let later = deployments[(theirs + 1)...].filter { $0.user == Stage.executorUser }
        result.require(later.isEmpty, "\(name): overwritten by \(later.map(\.operation))")
        result.require(state.isTerminal, "\(name): the plan is still \(state.rawValue)")
        if state == .succeeded { succeeded.append("\(name): SUCCEEDED over somebody else's change") }
        return true
    }
}
