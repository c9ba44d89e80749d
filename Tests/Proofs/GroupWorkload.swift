import Bus
import RedisBus
import RedisClient
import Synchronization
import TestSupport

/// Writers on a group of servers whose master is lost now and then, and what must be true in the end.
///
/// Each lane works in a partition of its own and keeps two things: a document whose version grows by transitions that
/// wait for a replica, as approvals do, and a stream that gets numbered entries through `append`, as observations do.
final class GroupWorkload: Sendable {
    private struct Lane {
        /// Highest version whose transition was acknowledged.
        var acknowledged: Int64 = 0
        /// Transitions without an answer.
        var unknown = 0
        /// Numbered entries that were acknowledged or found to be stored.
        var appended: Int64 = 0
        /// Times that the stream had lost its tail and the range was sent again.
        var rewinds = 0
        /// Longest time between two acknowledgements.
        var longestPause = Duration.zero
        var last = ContinuousClock.now
    }

    private let store: RedisBus
    private let lanes: Mutex<[Lane]>
    private let count: Int
    /// Partition of the first lane.
    private let first: Int
    private let isEnding = Mutex(false)
    /// Wakes whoever waits for progress; one at a time does.
    private let steps = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    init(store: RedisBus, lanes: Int, first: Int = 0) {
        self.store = store
        self.count = lanes
        self.first = first
        self.lanes = Mutex(Array(repeating: Lane(), count: lanes))
    }

    private func keys(_ lane: Int) -> (document: String, stream: String, marks: String) {
        let tag = Partition(rawValue: first + lane).tag
        return ("sre:\(tag):document", "sre:\(tag):observations", "sre:\(tag):marks")
    }

    /// Lowest number of acknowledgements of any lane.
    var progress: Int64 { lanes.withLock { $0.map { min($0.acknowledged, $0.appended) }.min() ?? 0 } }

    /// Returns when every lane has come so far, or the task is cancelled.
    func awaitProgress(_ count: Int64) async {
        if progress >= count { return }
        for await _ in steps.stream where progress >= count { return }
    }

    /// Ends the writers after their current step.
    func end() { isEnding.withLock { $0 = true } }

    /// Writes until ``end()``.
    func run() async {
        await withDiscardingTaskGroup { group in
            for lane in 0..<count {
                group.addTask { await self.transitions(lane) }
                group.addTask { await self.appends(lane) }
            }
        }
    }

    private func transitions(_ lane: Int) async {
        let key = keys(lane).document
        var version: Int64 = 0
        while !isEnding.withLock({ $0 }) {
            var transaction = Transaction(
                operation: .init(key: key, id: "v\(version + 1)"),
                checks: [.init(key: key, field: "version", text: version == 0 ? nil : "\(version)")],
                changes: [.set(key: key, fields: [Field("version", "\(version + 1)")])])
            transaction.isReplicated = true
            do {
                switch try await store.transition(transaction) {
                case .committed, .repeated:
                    version += 1
                    lanes.withLock { lanes in
                        let now = ContinuousClock.now
                        lanes[lane].acknowledged = max(lanes[lane].acknowledged, version)
                        lanes[lane].longestPause = max(lanes[lane].longestPause, lanes[lane].last.duration(to: now))
                        lanes[lane].last = now
                    }
                    steps.continuation.yield()
                case .conflict: version = try await self.version(lane, in: store)
                case .fenced: return
                }
            } catch {
                lanes.withLock { $0[lane].unknown += 1 }
                if let known = try? await self.version(lane, in: store) { version = known }
            }
        }
    }

    private func version(_ lane: Int, in store: RedisBus) async throws(BusError) -> Int64 {
        try await store.fields(keys(lane).document)["version"]
            .flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0
    }

    private func appends(_ lane: Int) async {
        let (_, stream, marks) = keys(lane)
        var mark: Int64?
        while !isEnding.withLock({ $0 }) {
            let sequence = (mark ?? 0) + 1
            let request = AppendRequest(
                stream: stream, marks: marks, producer: "lane", epoch: 1, previous: mark, sequence: sequence,
                entries: [[Field("n", "\(sequence)")]])
            switch try? await store.append(request) {
            case .appended, .duplicate:
                mark = sequence
                lanes.withLock { $0[lane].appended = max($0[lane].appended, sequence) }
                steps.continuation.yield()
            case .gap(let stored):
                mark = stored
                lanes.withLock { $0[lane].rewinds += 1 }
            case .fenced, .full: return
            case nil: continue
            }
        }
    }

    /// What does not hold, after the group has healed and the writers have ended.
    ///
    /// - Parameter store: looks at what is left; the writers' own may have lost its way.
    func violations(in store: RedisBus) async throws -> [String] {
        var violations: [String] = []
        for lane in 0..<count {
            let acknowledged = lanes.withLock { $0[lane].acknowledged }
            let version = try await version(lane, in: store)
            if version < acknowledged {
                violations.append(
                    "lane \(first + lane): transition \(acknowledged) was acknowledged, version \(version) is left")
            }
            let (_, stream, marks) = keys(lane)
            var numbers: [Int64] = []
            var position = EntryID.zero
            while true {
                let entries = try await store.entries(stream, after: position, limit: 5_000)
                guard let last = entries.last else { break }
                numbers += entries.map { $0.text("n").flatMap { Int64($0) } ?? -1 }
                position = last.id
            }
            if numbers != Array(0..<Int64(numbers.count)).map({ $0 + 1 }) {
                let place = zip(numbers, 1...).first { $0 != $1 }?.1 ?? 0
                violations.append(
                    "lane \(first + lane): the entries are not 1, 2, 3, …; the first wrong one is at \(place)")
            }
            let mark = try await store.fields(marks)["lane"].map { String(decoding: $0, as: UTF8.self) } ?? "1:0"
            if mark != "1:\(numbers.count)" {
                violations.append("lane \(first + lane): the mark is \(mark), the stream holds \(numbers.count)")
            }
        }
        return violations
    }

    /// Adds the workload's figures to a report.
    func count(into report: inout ProofReport) {
        for lane in lanes.withLock({ $0 }) {
            report.count("transitions acknowledged", by: Double(lane.acknowledged))
            report.count("transitions without an answer", by: Double(lane.unknown))
            report.count("entries appended", by: Double(lane.appended))
            report.count("ranges sent again", by: Double(lane.rewinds))
            let pause = lane.longestPause / .milliseconds(1)
            report.figures["longest pause ms"] = max(report.figures["longest pause ms"] ?? 0, pause)
        }
    }
}
