import Authority
import Bus
import Model

/// Reviews of plans that one person let through in an emergency.
extension ApprovalDesk {
    func openReview(_ filed: FiledPlan, _ time: Timestamp) async throws {
        _ = try await store.transition(
            Transaction(changes: [
                .rank(key: keys.reviewQueue(filed.partition), member: filed.record.hash, score: time.rawValue)
            ]))
    }

    /// Plans that one person let through in an emergency and nobody has reviewed since, oldest first.
    ///
    /// What people signed decides: the queue of reviews only helps to find them, so that nobody who can write to the store
    /// can close a review by taking it out of the queue.
    ///
    /// - Parameter verifier: of the policy in force; emergencies under an earlier policy are found by the queue alone.
    package func reviews(_ verifier: Verifier) async throws -> [FiledPlan] {
        try await withThrowingTaskGroup(of: [FiledPlan].self) { group in
            for partition in Partition.all(count: partitions) {
                group.addTask { try await reviews(verifier, partition) }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }.sorted { $0.record.id < $1.record.id }
    }

    private func reviews(_ verifier: Verifier, _ partition: Partition) async throws -> [FiledPlan] {
        let queued = try await store.ranked(keys.reviewQueue(partition), minimum: 0, limit: 10_000).map(\.member)
        let all = try await store.ranked(keys.planIndex(partition), minimum: 0, limit: 10_000).map(\.member)
        let candidates = Set(queued).union(all)
        return try await withThrowingTaskGroup(of: FiledPlan?.self) { group in
            for hash in candidates {
                group.addTask {
                    guard let filed = try await load(hash, partition), let plan = try? filed.record.plan() else {
                        return nil
                    }
                    let isEmergency = queued.contains(hash) || verifier.hasEmergency(filed.record, plan)
                    return isEmergency && verifier.review(of: filed.record, plan).isOpen ? filed : nil
                }
            }
            return try await group.reduce(into: []) { open, filed in if let filed { open.append(filed) } }
        }
    }
}
