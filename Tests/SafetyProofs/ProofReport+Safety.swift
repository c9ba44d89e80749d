import Foundation
import KubeSimulator
import Kubernetes
import Proofs

extension ProofReport {
    init(_ name: String, seed: UInt64) { self.init(name: name, runs: 0, seed: seed) }

    /// Notes a violation; without effect when the condition holds.
    mutating func require(_ condition: Bool, _ violation: @autoclosure () -> String) {
        if !condition { violations.append(violation()) }
    }
}

/// The roles that are shipped: every proof runs under them.
package enum ShippedManifests {
    /// Folder of the manifests.
    package static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("deploy/kubernetes").path

    /// The objects of the manifests, read once for the many stages of a proof.
    static let objects = Result { try SampleEstate.manifests(folder: folder) }
}
