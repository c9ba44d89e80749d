import Bus
import Decision
import Model

/// Looks at the targets of drafts through the API: resolves values, pins objects, dry-runs each step, finds conflicts.
package struct KubernetesSurveyor: TargetSurveyor {
    /// Field managers that put their own values back.
    private static let gitOps = ["argocd", "flux", "kustomize-controller", "helm-controller", "helm"]
    /// Labels and annotations with which deployment tools mark what is theirs, and the tools.
    private static let marks = [
        "argocd.argoproj.io/instance": "Argo CD", "argocd.argoproj.io/tracking-id": "Argo CD",
        "kustomize.toolkit.fluxcd.io/name": "Flux", "helm.toolkit.fluxcd.io/name": "Flux",
        "meta.helm.sh/release-name": "Helm",
    ]

    private let client: KubernetesClient
    private let digest: any Digest
    private let executor: String?

    /// - Parameters:
    ///   - client: of the planner.
    ///   - digest: for pins.
    ///   - executor: user whose rights are asked for before a plan is offered; `nil`: the client's own user.
    package init(client: KubernetesClient, digest: any Digest, executor: String? = nil) {
        self.client = client
        self.digest = digest
        self.executor = executor
    }

    /// The state of a survey between steps.
    private struct Sketch {
        /// Objects as earlier steps leave them, by path.
        var projected: [String: KubernetesObject] = [:]
        var impact = Impact()
        var conflicts: [String] = []
        var objections: [String] = []
        var recentRollouts = 0
    }

    package func survey(_ draft: PlanDraft) async -> Survey {
        guard draft.needsKubernetes else { return Survey(steps: draft.steps, rollback: draft.rollback) }
        var sketch = Sketch()
        var labels: [String: String] = [:]
        do {
            labels = try await measure(draft, &sketch)
        } catch {
            sketch.objections.append("the target cannot be looked at: \(error)")
        }
        let steps = await resolve(draft.steps, draft.target, isRollback: false, &sketch)
        let rollback = await resolve(draft.rollback, draft.target, isRollback: true, &sketch)
        sketch.impact.conflicts = sketch.conflicts
        return Survey(
            steps: steps, rollback: rollback, labels: labels, impact: sketch.impact, objections: sketch.objections,
            recentRollouts: sketch.recentRollouts)
    }

    // MARK: Blast radius

    private func measure(_ draft: PlanDraft, _ sketch: inout Sketch) async throws(KubernetesError) -> [String: String] {
        guard draft.target.kind == "Deployment" else { return [:] }
        let deployment = try await client.get(try ObjectPath.deployment(draft.target, .rolloutRestart))
        let replicas = deployment.replicas
        sketch.impact.replicas = replicas
        let types = Set(draft.steps.map(\.action.type))
        if !types.isDisjoint(with: [.rolloutRestart, .rollbackRevision]) {
            sketch.impact.replicasTouched = max(1, unavailable(deployment, of: replicas))
        } else if types.contains(.restartPod) {
            sketch.impact.replicasTouched = 1
        }
        let namespace = try ObjectPath.checked(draft.target.namespace)
        let podLabels = deployment.value[path: ["spec", "template", "metadata", "labels"]]?.members ?? [:]
        for budget in try await client.list("/apis/policy/v1/namespaces/\(namespace)/poddisruptionbudgets").items {
            let selector = budget.value[path: ["spec", "selector", "matchLabels"]]?.members ?? [:]
            guard !selector.isEmpty, selector.allSatisfy({ podLabels[$0.key] == $0.value }) else { continue }
            let allowed = budget.value[path: ["status", "disruptionsAllowed"]]?.integer ?? 0
            sketch.conflicts.append("disruption budget \(budget.name) allows \(allowed) disruptions now")
        }
        if let autoscaler = try await Autoscalers.owner(of: draft.target, client) {
            let low = autoscaler.value[path: ["spec", "minReplicas"]]?.integer ?? 1
            let high = autoscaler.value[path: ["spec", "maxReplicas"]]?.integer ?? low
            sketch.conflicts.append("autoscaler \(autoscaler.name) keeps \(low) to \(high) replicas")
        }
        sketch.recentRollouts = try await recentRollouts(of: deployment, namespace)
        return deployment.labels
    }

    /// ReplicaSets that somebody else's change of the pod template has made within the last hour.
    private func recentRollouts(
        of deployment: KubernetesObject, _ namespace: String
    ) async throws(KubernetesError) -> Int {
        let limit = try await client.time().advanced(bySeconds: -3_600)
        let sets = try await client.list("/apis/apps/v1/namespaces/\(namespace)/replicasets").items
        return sets.count { item in
            let annotations = item.value[path: ["spec", "template", "metadata", "annotations"]] ?? [:]
            let isOurs = annotations[RolloutRestart.annotation]?.string?.hasPrefix("PLAN-") ?? false
            guard item.isOwned(by: deployment.uid), !isOurs, let created = item.created else { return false }
            return created > limit
        }
    }

    /// `maxUnavailable` of a rolling update; 25 % when it is not given, rounded down.
    private func unavailable(_ deployment: KubernetesObject, of replicas: Int) -> Int {
        let value = deployment.value[path: ["spec", "strategy", "rollingUpdate", "maxUnavailable"]]
        if let number = value?.integer { return number }
        let percent = (value?.string ?? "25%").dropLast()
        return replicas * (Int(percent) ?? 25) / 100
    }

    // MARK: Steps

    private func resolve(
        _ steps: [Step], _ target: Entity, isRollback: Bool, _ sketch: inout Sketch
    ) async -> [Step] {
        var resolved: [Step] = []
        for step in steps {
            do {
                resolved.append(try await resolve(step, target, isRollback: isRollback, &sketch))
            } catch {
                sketch.objections.append("step \(step.index + 1) (\(step.action.type.rawValue)): \(error)")
                resolved.append(step)
            }
        }
        return resolved
    }

    private func resolve(
        _ step: Step, _ target: Entity, isRollback: Bool, _ sketch: inout Sketch
    ) async throws(KubernetesError) -> Step {
        var step = step
        switch step.action.type {
        case .restartPod:
            let pod = try await pod(step.action, target)
            try await askForEviction([pod], &sketch)
            step.action.parameters["pods"] = PodTarget.Victim.text(of: [pod])
            do {
                try await client.evict(namespace: pod.namespace, pod: pod.name, uid: pod.uid, dryRun: true)
            } catch {
                guard case .busy = error.kind else { throw error }
                sketch.conflicts.append("the eviction is blocked now: \(error.description)")
            }
        case .drain:
            let pods = try await pods(on: step, target)
            try await askForEviction(pods.map(\.victim), &sketch)
            step.action.parameters["pods"] = PodTarget.Victim.text(of: pods.map(\.victim))
            if !isRollback { try await measure(draining: pods.map(\.pod), &sketch) }
        case .runCommand, .openTicket, .notify, .manual: break
        default: step.action = try await resolve(step.action, target, step.index, isRollback, &sketch)
        }
        return step
    }

    private func resolve(
        _ action: Action, _ target: Entity, _ index: Int, _ isRollback: Bool, _ sketch: inout Sketch
    ) async throws(KubernetesError) -> Action {
        guard let kind = ObjectActions.of(action.type) else {
            throw KubernetesError(.refused, "\(action.type.rawValue) is not a change to an object")
        }
        var action = action
        if action.type == .scale { try await chooseAutoscaler(&action, target) }
        let path = try kind.object(action, target)
        let earlier = sketch.projected[path]
        let current: KubernetesObject
        if let earlier { current = earlier } else { current = try await client.get(path) }
        try await ask(try AccessQuestion(patching: path), &sketch)
        action.parameters = try await kind.resolve(
            action, target, current: current, client: client, digest: digest)
        action.pin = Pin(
            object: path, uid: current.uid, generation: earlier == nil ? current.generation : 0,
            digest: ObjectDigest.of(current, kind.touched(action), digest))
        var patch = try await kind.patch(
            action, target, current: current, stamp: "this plan", client: client, digest: digest)
        let after: KubernetesObject
        if earlier == nil {
            patch["metadata"] = [
                "uid": .string(current.uid), "resourceVersion": .string(current.resourceVersion),
            ]
            after = try await client.patch(path, patch, dryRun: true)
        } else {
            after = KubernetesObject(current.value.merging(patch))
        }
        sketch.projected[path] = after
        if !isRollback { sketch.impact.changes += FieldDifference.between(current, after, step: index) }
        findOwners(of: kind.touched(action), current, &sketch)
        if action.type == .shiftTraffic, !isRollback {
            let share = ShiftTraffic.movedShare(current, after, route: action.parameters["route"] ?? "")
            sketch.impact.traffic = max(sketch.impact.traffic, share)
        }
        if action.type == .scale, !isRollback, sketch.impact.replicas > 0, after.replicas < current.replicas {
            sketch.impact.replicasTouched = max(sketch.impact.replicasTouched, current.replicas - after.replicas)
        }
        return action
    }

    /// A plan is not offered that would be refused when it is carried out.
    private func ask(_ question: AccessQuestion, _ sketch: inout Sketch) async throws(KubernetesError) {
        let isAllowed: Bool
        if let executor {
            isAllowed = try await client.may(user: executor, groups: [], question)
        } else {
            isAllowed = try await client.mayI(question)
        }
        let objection = "the executor may not \(question)"
        if !isAllowed, !sketch.objections.contains(objection) { sketch.objections.append(objection) }
    }

    private func askForEviction(
        _ pods: [PodTarget.Victim], _ sketch: inout Sketch
    ) async throws(KubernetesError) {
        for namespace in Set(pods.map(\.namespace)).sorted() {
            try await ask(
                AccessQuestion("create", resource: "pods", subresource: "eviction", namespace: namespace), &sketch)
        }
    }

    /// An autoscaler owns the replicas: its lower bound is changed, or nothing.
    private func chooseAutoscaler(_ action: inout Action, _ target: Entity) async throws(KubernetesError) {
        let wish = action.parameters["autoscaler"] ?? "refuse"
        guard let owner = try await Autoscalers.owner(of: target, client) else {
            action.parameters["autoscaler"] = nil
            return
        }
        guard wish == "bounds" else {
            throw KubernetesError(.refused, "the autoscaler \(owner.name) owns the number of replicas")
        }
        action.parameters["autoscaler"] = owner.name
    }

    /// Fields that a deployment tool applies: it would put them back.
    private func findOwners(of touched: [[String]], _ object: KubernetesObject, _ sketch: inout Sketch) {
        let managers =
            touched.flatMap { object.managers(of: $0) } + [object.labels["app.kubernetes.io/managed-by"] ?? ""]
        let owners = managers.filter { name in Self.gitOps.contains { name.lowercased().contains($0) } }
        let marks = object.labels.merging(object.annotations) { $1 }
        let marked = Self.marks.filter { marks[$0.key] != nil }.map(\.value)
        guard let owner = (Set(owners).sorted() + Set(marked).sorted()).first else { return }
        let conflict = "\(object.name) is managed by \(owner)"
        guard !sketch.conflicts.contains(conflict) else { return }
        sketch.conflicts.append(conflict)
        sketch.objections.append("\(conflict), which would undo the change: change it at its source")
    }

    // MARK: Pods

    /// The pod that an action names, or the oldest of the workload.
    private func pod(_ action: Action, _ target: Entity) async throws(KubernetesError) -> PodTarget.Victim {
        let namespace = try ObjectPath.checked(target.namespace)
        let name: String
        if target.kind == "Pod" {
            name = target.name
        } else if let wanted = action.parameters["pod"], wanted != "oldest" {
            name = wanted
        } else {
            let deployment = try await client.get(try ObjectPath.deployment(target, action.type))
            let labels = deployment.value[path: ["spec", "selector", "matchLabels"]]?.members ?? [:]
            let selector = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.string ?? "")" }
            let pods = try await client.list(
                "/api/v1/namespaces/\(namespace)/pods", labels: selector.joined(separator: ","))
            let oldest = pods.items.min {
                ($0.value[path: ["metadata", "creationTimestamp"]]?.string ?? "", $0.name)
                    < ($1.value[path: ["metadata", "creationTimestamp"]]?.string ?? "", $1.name)
            }
            guard let oldest else { throw KubernetesError(.refused, "\(target.name) has no pods") }
            name = oldest.name
        }
        let pod = try await client.get(try ObjectPath.make("v1", "pods", namespace: namespace, name: name))
        return PodTarget.Victim(namespace: namespace, name: pod.name, uid: pod.uid)
    }

    /// Pods of a node that an eviction would move: not those of daemons.
    private func pods(
        on step: Step, _ target: Entity
    ) async throws(KubernetesError) -> [(pod: KubernetesObject, victim: PodTarget.Victim)] {
        let node = try Cordon.node(step.action, target)
        let pods = try await client.list("/api/v1/pods", fields: "spec.nodeName=\(node)")
        return pods.items.filter { pod in
            let owners = pod.value[path: ["metadata", "ownerReferences"]]?.elements ?? []
            return !owners.contains { $0["kind"]?.string == "DaemonSet" }
        }.map { ($0, PodTarget.Victim(namespace: $0.namespace, name: $0.name, uid: $0.uid)) }
    }

    /// The workload that loses the largest share of its replicas with a node is what the plan is judged by.
    private func measure(
        draining pods: [KubernetesObject], _ sketch: inout Sketch
    ) async throws(KubernetesError) {
        var owners: [String: (path: String?, name: String, touched: Int)] = [:]
        for pod in pods {
            let references = pod.value[path: ["metadata", "ownerReferences"]]?.elements ?? []
            let owner = references.first { $0["controller"]?.bool == true } ?? references.first
            let name = owner?["name"]?.string ?? pod.name
            let path =
                owner?["kind"]?.string == "ReplicaSet"
                ? try ObjectPath.make("apps/v1", "replicasets", namespace: pod.namespace, name: name) : nil
            owners[owner?["uid"]?.string ?? pod.uid, default: (path, "\(pod.namespace)/\(name)", 0)].touched += 1
        }
        var worst: (name: String, touched: Int, replicas: Int, share: Double)?
        for owner in owners.values.sorted(by: { $0.name < $1.name }) {
            // Of other owners nobody knows how many there are besides: all of them.
            var replicas = owner.touched
            if let path = owner.path { replicas = max(replicas, try await client.get(path).replicas) }
            // One replica may always be touched.
            let share = owner.touched > 1 ? Double(owner.touched) / Double(replicas) : 0
            if worst.map({ share > $0.share }) ?? true { worst = (owner.name, owner.touched, replicas, share) }
        }
        guard let worst else { return }
        sketch.impact.replicas = worst.replicas
        sketch.impact.replicasTouched = worst.touched
        sketch.conflicts.append(
            "the node runs \(pods.count) pods of \(owners.count) workloads, most of \(worst.name): \(worst.touched) of "
                + "\(worst.replicas)")
    }
}
