import Foundation
import Model
import Remediation

/// An object of the API server, kept whole.
package struct KubernetesObject: Sendable, Equatable {
    /// The object.
    package var value: JSONValue

    package init(_ value: JSONValue) { self.value = value }

    private var metadata: JSONValue { value["metadata"] ?? .null }

    package var name: String { metadata["name"]?.string ?? "" }
    package var namespace: String { metadata["namespace"]?.string ?? "" }
    package var uid: String { metadata["uid"]?.string ?? "" }
    package var resourceVersion: String { metadata["resourceVersion"]?.string ?? "" }

    /// Counts changes of the specification; 0 for kinds that do not count.
    package var generation: Int64 { Int64(metadata["generation"]?.integer ?? 0) }

    package var annotations: [String: String] { (metadata["annotations"]?.members ?? [:]).compactMapValues(\.string) }
    package var labels: [String: String] { (metadata["labels"]?.members ?? [:]).compactMapValues(\.string) }

    /// When it was made; `nil` when the object does not say.
    package var created: Timestamp? {
        guard let text = metadata["creationTimestamp"]?.string,
            let date = try? Date.ISO8601FormatStyle().parse(text)
        else { return nil }
        return Timestamp(milliseconds: Int64(date.timeIntervalSince1970 * 1_000))
    }

    /// Whether it is being deleted.
    package var isTerminating: Bool { metadata["deletionTimestamp"]?.string != nil }

    /// Whether an owner has this uid.
    package func isOwned(by uid: String) -> Bool {
        !uid.isEmpty && metadata["ownerReferences"]?.elements.contains { $0["uid"]?.string == uid } ?? false
    }

    /// Field managers that own a field, such as `spec.replicas`.
    package func managers(of path: [String]) -> [String] {
        (metadata["managedFields"]?.elements ?? []).compactMap { entry in
            entry[path: ["fieldsV1"] + path.map { "f:\($0)" }] == nil ? nil : entry["manager"]?.string
        }
    }

    /// `spec.replicas`, 1 when it is not given.
    package var replicas: Int { value[path: ["spec", "replicas"]]?.integer ?? 1 }

    /// As `kubectl rollout status` judges a Deployment.
    package var isRolledOut: Bool {
        let status = value["status"] ?? .null
        func count(_ name: String) -> Int { status[name]?.integer ?? 0 }
        return Int64(count("observedGeneration")) >= generation && count("updatedReplicas") == replicas
            && count("availableReplicas") == replicas && count("replicas") == replicas
    }

    /// The object as a person can put it back with `kubectl replace`: without status and what the server counts; it keeps
    /// its uid, so that it cannot land on another object of the same name.
    ///
    /// `nil` for a Secret, whose content leaves the cluster nowhere.
    package var backup: Backup? {
        guard value["kind"]?.string != "Secret" else { return nil }
        var manifest = value
        manifest["status"] = nil
        for field in ["managedFields", "resourceVersion", "generation", "creationTimestamp", "selfLink"] {
            manifest[path: ["metadata", field]] = nil
        }
        return Backup(manifest: manifest.canonical)
    }
}
