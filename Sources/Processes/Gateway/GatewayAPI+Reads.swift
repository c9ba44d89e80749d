import Analyzer
import Authority
import Bus
import Decision
import Foundation
import Hummingbird
import Model
import Runtime
import Settings
import Signatures
import TimeSeries
import WireFormat

extension GatewayAPI {
    private struct Status: Encodable {
        struct Learning: Encodable {
            var learnedAt: String?
            var series: Int
            var metrics: Int
            var progress: String?
        }

        var cluster: String
        var version: String
        var started: String
        var ready: Bool
        var problems: [String: String]
        var openIncidents: Int
        var pendingApprovals: Int
        var autoRemediationEnabled: Bool
        var baselines: Learning
    }

    func status() async throws -> Response {
        let problems = await problems()
        let learning = try await learning()
        var open = 0
        var pending = 0
        for partition in Partition.all(count: partitions) {
            pending += try await store.ranked(keys.approvalQueue(partition), minimum: 0, limit: 10_000).count
            for member in try await store.ranked(keys.incidentIndex(partition), minimum: 0, limit: 200) {
                let fields = try await store.fields(keys.incident(member.member, partition))
                if fields["status"].map({ String(decoding: $0, as: UTF8.self) }) == "OPEN" { open += 1 }
            }
        }
        let settings = configuration().settings
        return try json(
            Status(
                cluster: settings.cluster, version: ProductVersion.current, started: "\(started)",
                ready: problems.isEmpty, problems: problems, openIncidents: open, pendingApprovals: pending,
                autoRemediationEnabled: settings.risk.autoRemediationEnabled, baselines: learning))
    }

    private func learning() async throws -> Status.Learning {
        let fields = try await store.fields(BaselineLearner.statusKey(keys))
            .mapValues { String(decoding: $0, as: UTF8.self) }
        let learned = fields["learned"].flatMap { Int64($0) }.map { "\(Timestamp(milliseconds: $0))" }
        return Status.Learning(
            learnedAt: learned, series: fields["series"].flatMap { Int($0) } ?? 0,
            metrics: fields["metrics"].flatMap { Int($0) } ?? 0, progress: fields["progress"])
    }

    private struct BaselineRow: Encodable {
        var metric: String
        var labels: [String: String]
        var learnedAt: String
        var points: Int
        var days: Double
        var confidence: Double
        var season: String
        /// Why this season, and why these algorithms.
        var seasonReason: String
        var algorithms: [String]?
        var algorithmsReason: String?
        var limit: Double?
        var limitReason: String?
        var expectedNow: Double
        var lowerNow: Double
        var upperNow: Double
    }

    func baselines() async throws -> Response {
        let now = ProcessContext.now()
        var rows: [BaselineRow] = []
        for partition in Partition.all(count: partitions) {
            for bytes in try await store.fields(keys.baselines(partition)).values {
                guard let record = try? JSONDecoder().decode(BaselineRecord.self, from: Data(bytes)) else { continue }
                let baseline = record.learned.baseline
                let band = baseline.band(at: now.rawValue)
                rows.append(
                    BaselineRow(
                        metric: record.metric, labels: record.labels,
                        learnedAt: "\(Timestamp(milliseconds: record.learnedAt))", points: baseline.points,
                        days: baseline.spanDays, confidence: baseline.confidence,
                        season: baseline.season.rawValue, seasonReason: baseline.seasonReason,
                        algorithms: record.learned.choice?.algorithms.map(\.rawValue),
                        algorithmsReason: record.learned.choice?.reason, limit: record.learned.limit?.value,
                        limitReason: record.learned.limit?.reason, expectedNow: band.expected, lowerNow: band.lower,
                        upperNow: band.upper))
            }
        }
        return try json(rows.sorted { ($0.metric, "\($0.labels)") < ($1.metric, "\($1.labels)") })
    }

    func anomalies(_ request: Request) async throws -> Response {
        array(try await records(since(request), keys.anomalyIndex) { keys.anomaly($0, $1) })
    }

    func incidents(_ request: Request) async throws -> Response {
        array(try await records(since(request), keys.incidentIndex) { keys.incident($0, $1) })
    }

    private func since(_ request: Request) throws -> Int64 {
        let text = request.uri.queryParameters["hours"].map(String.init) ?? "24"
        guard let hours = Double(text), hours > 0, hours <= 8_760 else {
            throw Problem(.badRequest, "hours is '\(text)'; valid: a number above 0, at most 8760")
        }
        return ProcessContext.now().rawValue - Int64(hours * 3_600_000)
    }

    private func records(
        _ minimum: Int64, _ index: (Partition) -> String, _ key: (String, Partition) -> String
    ) async throws -> [[UInt8]] {
        var found: [(Int64, [UInt8])] = []
        for partition in Partition.all(count: partitions) {
            for member in try await store.ranked(index(partition), minimum: minimum, limit: 1_000) {
                guard let data = try await store.fields(key(member.member, partition))["data"] else { continue }
                found.append((member.score, data))
            }
        }
        return found.sorted { $0.0 > $1.0 }.prefix(1_000).map(\.1)
    }

    func incident(_ id: String) async throws -> Response {
        for partition in Partition.all(count: partitions) {
            if let data = try await store.fields(keys.incident(id, partition))["data"] { return document(data) }
        }
        throw Problem(.notFound, "there is no incident \(id)")
    }

    struct PlanRow: Encodable {
        var id: String
        var hash: String
        var state: String
        var reason: String
        var title: String
        var target: String
        var incident: String
        var risk: Double
        var band: String
        var created: String
        var expires: String
        var approvals: [String]
        var quorum: Int
        var genuine: Bool
        /// The canonical bytes whose hash is signed.
        var plan: String
        /// Signature of the planner over the hash, in base 64.
        var plannerSignature: String
        /// What people signed, as it is stored, by person: approvals and rejections.
        var statements: [String: String]
        /// Revocations and aborts.
        var withdrawals: [String: String]
        /// Closings of the review of an emergency.
        var reviews: [String: String]
        /// `not needed`, `open`, or `closed`.
        var review: String
    }

    func row(_ filed: FiledPlan) -> PlanRow? {
        let record = filed.record
        guard let plan = try? record.plan() else { return nil }
        let verifier = configuration().verifier
        func texts(_ said: [String: [UInt8]]) -> [String: String] {
            said.mapValues { String(decoding: $0, as: UTF8.self) }
        }
        let review =
            switch verifier.review(of: record, plan) {
            case .notNeeded: "not needed"
            case .open: "open"
            case .closed: "closed"
            }
        return PlanRow(
            id: record.id, hash: record.hash, state: record.state.rawValue, reason: record.reason, title: plan.title,
            target: "\(plan.target)", incident: plan.incidentID, risk: plan.risk.score, band: plan.risk.band.rawValue,
            created: "\(plan.created)", expires: "\(plan.expires)", approvals: record.statements.keys.sorted(),
            quorum: plan.quorum, genuine: (try? verifier.genuine(record)) != nil,
            plan: String(decoding: record.body, as: UTF8.self),
            plannerSignature: Data(record.plannerSignature).base64EncodedString(),
            statements: texts(record.statements), withdrawals: texts(record.withdrawals),
            reviews: texts(record.reviews), review: review)
    }

    private static let probe: @Sendable (DecisionPoint) async throws -> Void = CrashSwitch.probe("gateway.")

    var desk: ApprovalDesk {
        ApprovalDesk(
            store: store, keys: keys, partitions: partitions, digest: SHA256Digest(), now: ProcessContext.now,
            probe: Self.probe)
    }

    func pending() async throws -> Response { try json(try await desk.pending().compactMap { row($0) }) }

    func waiting() async throws -> Response { try json(try await desk.waitingForExecution().compactMap { row($0) }) }

    func reviews() async throws -> Response {
        try json(try await desk.reviews(configuration().verifier).compactMap { row($0) })
    }

    func plan(_ id: String) async throws -> Response {
        guard let row = row(try await find(id)) else { throw Problem(.notFound, "the plan \(id) cannot be read") }
        return try json(row)
    }

    func find(_ id: String) async throws -> FiledPlan {
        do {
            return try await desk.find(id)
        } catch let error as PlanLookupError {
            if case .ambiguous = error { throw Problem(.conflict, "\(error)") }
            throw Problem(.notFound, "\(error)")
        }
    }
}
