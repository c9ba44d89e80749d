import Foundation
import Kubernetes

/// The controllers that an executor meets: deployment, replica set, kubelet, autoscaler, disruption budget.
extension APIServer.State {
    /// Lets the controllers act until nothing changes, when they act at once.
    mutating func settle(time: String) {
        guard pace == .instant, store.workloadVersion != settled else { return }
        defer { settled = store.workloadVersion }
        for _ in 0..<500 {
            let before = store.workloadVersion
            reconcileOnce(time: time)
            if store.workloadVersion == before { return }
        }
    }

    /// One round of each controller.
    mutating func reconcileOnce(time: String) {
        rounds += 1
        for (key, object) in store.list(.autoscalers) { scale(key, object) }
        for (key, object) in store.list(.deployments) { rollOut(key, object, time) }
        for (key, object) in store.list(.replicaSets) { fill(key, object, time) }
        for (key, pod) in store.list(.pods) { runPod(key, pod) }
        for (key, object) in store.list(.deployments) { report(key, object) }
        for (key, budget) in store.list(.budgets) {
            var budget = budget
            let allowed = disruptionsAllowed(budget, namespace: key.namespace)
            budget["status"] = ["disruptionsAllowed": .integer(Int64(allowed))]
            store.update(budget, at: key, countsGeneration: false)
        }
    }

    func isReady(_ pod: JSONValue) -> Bool {
        pod[path: ["status", "conditions"]]?.elements.contains { $0["type"] == "Ready" && $0["status"] == "True" }
            ?? false
    }

    private func replicas(_ object: JSONValue) -> Int { object[path: ["spec", "replicas"]]?.integer ?? 1 }

    private func owned(_ type: ResourceType, by owner: JSONValue) -> [(ObjectKey, JSONValue)] {
        store.list(type, ownedBy: owner[path: ["metadata", "uid"]]?.string ?? "").map { ($0.key, $0.value) }
    }

    // MARK: Autoscaler

    private mutating func scale(_ key: ObjectKey, _ autoscaler: JSONValue) {
        let reference = autoscaler[path: ["spec", "scaleTargetRef"]] ?? [:]
        let target = ObjectKey(type: .deployments, namespace: key.namespace, name: reference["name"]?.string ?? "")
        guard reference["kind"] == "Deployment", var deployment = store.objects[target] else { return }
        let low = autoscaler[path: ["spec", "minReplicas"]]?.integer ?? 1
        let high = autoscaler[path: ["spec", "maxReplicas"]]?.integer ?? low
        let wanted = min(high, max(low, replicas(deployment)))
        if wanted != replicas(deployment) {
            deployment[path: ["spec", "replicas"]] = .integer(Int64(wanted))
            store.update(deployment, at: target, countsGeneration: true)
        }
        var autoscaler = autoscaler
        autoscaler["status"] = [
            "currentReplicas": .integer(Int64(wanted)), "desiredReplicas": .integer(Int64(wanted)),
        ]
        store.update(autoscaler, at: key, countsGeneration: false)
    }

    // MARK: Deployment

    private static let revision = ["metadata", "annotations", "deployment.kubernetes.io/revision"]

    private func bare(_ template: JSONValue?) -> JSONValue {
        var template = template ?? [:]
        template[path: ["metadata", "labels", "pod-template-hash"]] = nil
        return template
    }

    private mutating func rollOut(_ key: ObjectKey, _ deployment: JSONValue, _ time: String) {
        let template = bare(deployment[path: ["spec", "template"]])
        var sets = owned(.replicaSets, by: deployment)
        let newest = sets.compactMap { $0.1[path: Self.revision]?.string.flatMap { Int($0) } }.max() ?? 0
        if let index = sets.firstIndex(where: { bare($0.1[path: ["spec", "template"]]) == template }) {
            let own = sets[index].1[path: Self.revision]?.string.flatMap { Int($0) } ?? 0
            if own < newest {
                var object = sets[index].1
                object[path: Self.revision] = .string("\(newest + 1)")
                sets[index].1 = store.update(object, at: sets[index].0, countsGeneration: false)
            }
        } else {
            sets.append(makeReplicaSet(key, deployment, template, revision: newest + 1, time))
        }
        guard let current = sets.firstIndex(where: { bare($0.1[path: ["spec", "template"]]) == template }) else {
            return
        }
        if var owner = store.objects[key], owner[path: Self.revision] != sets[current].1[path: Self.revision] {
            owner[path: Self.revision] = sets[current].1[path: Self.revision]
            store.update(owner, at: key, countsGeneration: false)
        }
        shift(wanted: replicas(deployment), sets, current)
    }

    private mutating func makeReplicaSet(
        _ key: ObjectKey, _ deployment: JSONValue, _ template: JSONValue, revision: Int, _ time: String
    ) -> (ObjectKey, JSONValue) {
        let hash = "\(revision)" + String(UInt64(bitPattern: Int64(template.canonical.count)), radix: 16)
        var labelled = template
        labelled[path: ["metadata", "labels", "pod-template-hash"]] = .string(hash)
        var selector = deployment[path: ["spec", "selector", "matchLabels"]] ?? [:]
        selector["pod-template-hash"] = .string(hash)
        let name = "\(key.name)-\(hash)"
        let object: JSONValue = [
            "metadata": [
                "labels": labelled[path: ["metadata", "labels"]] ?? [:],
                "annotations": ["deployment.kubernetes.io/revision": .string("\(revision)")],
                "ownerReferences": [
                    [
                        "apiVersion": "apps/v1", "kind": "Deployment", "name": .string(key.name), "controller": true,
                        "uid": deployment[path: ["metadata", "uid"]] ?? "",
                    ]
                ],
            ], "spec": ["replicas": 0, "selector": ["matchLabels": selector], "template": labelled],
        ]
        let own = ObjectKey(type: .replicaSets, namespace: key.namespace, name: name)
        return (own, store.create(object, at: own, time: time))
    }

    /// One step of a rolling update with a surge of one and nobody unavailable.
    private mutating func shift(wanted: Int, _ sets: [(ObjectKey, JSONValue)], _ current: Int) {
        let total = sets.reduce(0) { $0 + replicas($1.1) }
        let own = replicas(sets[current].1)
        let old = sets.indices.filter { $0 != current && replicas(sets[$0].1) > 0 }
        if own > wanted || old.isEmpty {
            set(sets[current].0, sets[current].1, replicas: wanted)
        } else if own < wanted, total <= wanted {
            set(sets[current].0, sets[current].1, replicas: own + 1)
        } else if let first = old.first {
            let ready = owned(.pods, by: sets[current].1).count { isReady($0.1) }
            if ready == own || total > wanted + 1 {
                set(sets[first].0, sets[first].1, replicas: replicas(sets[first].1) - 1)
            }
        }
    }

    private mutating func set(_ key: ObjectKey, _ object: JSONValue, replicas: Int) {
        var object = object
        object[path: ["spec", "replicas"]] = .integer(Int64(replicas))
        store.update(object, at: key, countsGeneration: true)
    }

    private mutating func report(_ key: ObjectKey, _ deployment: JSONValue) {
        let template = bare(deployment[path: ["spec", "template"]])
        var total = 0
        var updated = 0
        var available = 0
        for (_, set) in owned(.replicaSets, by: deployment) {
            let pods = owned(.pods, by: set)
            total += pods.count
            available += pods.count { isReady($0.1) }
            if bare(set[path: ["spec", "template"]]) == template { updated += pods.count }
        }
        var deployment = deployment
        let isAvailable = available >= replicas(deployment)
        deployment["status"] = [
            "observedGeneration": deployment[path: ["metadata", "generation"]] ?? 1,
            "replicas": .integer(Int64(total)), "updatedReplicas": .integer(Int64(updated)),
            "readyReplicas": .integer(Int64(available)), "availableReplicas": .integer(Int64(available)),
            "conditions": [
                ["type": "Available", "status": isAvailable ? "True" : "False", "reason": "MinimumReplicas"],
                ["type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"],
            ],
        ]
        store.update(deployment, at: key, countsGeneration: false)
    }

    // MARK: ReplicaSet and kubelet

    private mutating func fill(_ key: ObjectKey, _ set: JSONValue, _ time: String) {
        let pods = owned(.pods, by: set)
        let wanted = replicas(set)
        if pods.count < wanted {
            for _ in pods.count..<wanted { makePod(key, set, time) }
        }
        for pod in pods.reversed().prefix(max(0, pods.count - wanted)) { store.remove(pod.0) }
        var object = store.objects[key] ?? set
        object["status"] = [
            "replicas": .integer(Int64(wanted)), "readyReplicas": .integer(Int64(pods.count { isReady($0.1) })),
        ]
        store.update(object, at: key, countsGeneration: false)
    }

    private mutating func makePod(_ key: ObjectKey, _ set: JSONValue, _ time: String) {
        let nodes = store.list(.nodes).filter { $0.value[path: ["spec", "unschedulable"]] != true }
        let serial = store.version
        var spec = set[path: ["spec", "template", "spec"]] ?? [:]
        if !nodes.isEmpty { spec["nodeName"] = .string(nodes[serial % nodes.count].key.name) }
        let pod: JSONValue = [
            "metadata": [
                "labels": set[path: ["spec", "template", "metadata", "labels"]] ?? [:],
                "annotations": set[path: ["spec", "template", "metadata", "annotations"]] ?? [:],
                "ownerReferences": [
                    [
                        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": .string(key.name), "controller": true,
                        "uid": set[path: ["metadata", "uid"]] ?? "",
                    ]
                ],
            ], "spec": spec, "status": ["phase": "Pending"],
        ]
        store.create(
            pod, at: ObjectKey(type: .pods, namespace: key.namespace, name: "\(key.name)-\(String(serial, radix: 36))"),
            time: time)
    }

    private mutating func runPod(_ key: ObjectKey, _ pod: JSONValue) {
        guard !isReady(pod) else { return }
        let images = pod[path: ["spec", "containers"]]?.elements.compactMap { $0["image"]?.string } ?? []
        guard brokenImages.isDisjoint(with: images) else { return }
        var pod = pod
        pod["status"] = ["phase": "Running", "conditions": [["type": "Ready", "status": "True"]]]
        store.update(pod, at: key, countsGeneration: false)
    }
}
