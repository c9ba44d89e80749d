import Authority
import Bus
import Foundation
import Model
import RedisBus
import Runtime
import Settings
import WireFormat

/// Tells what happens while it happens, from the entries in the streams.
struct DemoStory: Sendable {
    private let stage: DemoStage
    private let leak: Double
    private let asks: Bool
    private let keys = Keys()

    init(stage: DemoStage, leak: Double, asks: Bool) {
        self.stage = stage
        self.leak = leak
        self.asks = asks
    }

    private struct TookTooLong: Error, CustomStringConvertible {
        var description: String
    }

    /// - Returns: whether the incident ended repaired.
    func tell() async throws -> Bool {
        say("1. Starting a private Redis and Prometheus, the shop and all processes")
        note("data, keys and one merged log: \(stage.folder)")
        note("seven days of the shop's past are written into Prometheus")
        let configuration = try LoadedConfiguration(file: stage.configFile)
        return try await BusConnection(configuration).use { bus in try await tell(bus.store, configuration) }
    }

    private func tell(_ store: RedisBus, _ configuration: LoadedConfiguration) async throws -> Bool {
        try await awaitBaselines(store)
        let partition = Partition(cluster: "demo", namespace: "shop")
        try await awaitObservations(store, partition)
        let since = ProcessContext.now()
        say("2. Injecting a memory leak of \(Readable.number(leak)) MiB a minute into the shop")
        try await stage.execute(
            Host.product("sre-demo-shop"), ["fault", "--url", stage.shopURL, "--leak", "\(leak)"])

        let anomaly: Anomaly = try await first(in: .anomalies, store, partition, after: since, within: 150) { _ in true
        }
        tell(anomaly, since)
        let incident: Incident = try await first(in: .incidents, store, partition, after: since, within: 30) {
            $0.anomalies.contains { $0.id == anomaly.id }
        }
        tell(incident)
        let plan: (hash: String, record: PlanRecord) = try await plan(store, partition, after: since)
        try await decide(plan.record)
        let outcome = try await follow(plan.hash, store, partition)
        guard outcome.state == .succeeded else {
            say("The execution ended \(outcome.state.rawValue): \(outcome.detail)")
            return false
        }
        let resolved: Incident = try await first(in: .incidents, store, partition, after: since, within: 60) {
            $0.id == incident.id && $0.status == .resolved
        }
        tell(end: resolved, anomaly, outcome, since)
        let audit = try await stage.execute(
            Host.product("sre-agent"), ["audit", "verify", "--config", stage.configFile])
        note("audit chain \(audit.trimmingCharacters(in: .whitespacesAndNewlines))")
        return true
    }

    // MARK: Waiting

    private func until<Value>(
        _ seconds: Double, _ what: String, _ look: () async throws -> Value?
    ) async throws -> Value {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            try Task.checkCancellation()
            if let value = try? await look() { return value }
            try await Task.sleep(for: .milliseconds(200))
        }
        throw TookTooLong(
            description: "\(what) did not happen within \(Int(seconds)) s; look at \(stage.installation.logFile)")
    }

    private func awaitBaselines(_ store: RedisBus) async throws {
        let status: [String: String] = try await until(120, "learning the baselines") {
            let fields = try await store.fields(keys.global("baselines"))
            return fields["learned"] == nil ? nil : fields.mapValues { String(decoding: $0, as: UTF8.self) }
        }
        note("learned \(status["series"] ?? "0") baselines from seven days of history")
    }

    private func awaitObservations(_ store: RedisBus, _ partition: Partition) async throws {
        let begin = ProcessContext.now().rawValue
        try await until(60, "collecting live metrics") {
            let entries = try await store.newestEntries(keys.stream(.observations, partition), limit: 20)
            let isLive = try entries.contains { entry in
                let observation: Observation = try Envelope(entry).decode()
                return observation.to.rawValue > begin + 10_000 && observation.series.contains { !$0.samples.isEmpty }
            }
            return isLive ? () : nil
        }
        note("live metrics flow through the observations stream")
    }

    private func first<Message: WireMessage>(
        in topic: Topic, _ store: RedisBus, _ partition: Partition, after time: Timestamp, within seconds: Double,
        _ fits: (Message) -> Bool
    ) async throws -> Message {
        try await until(seconds, "an entry in \(topic.rawValue)") {
            for entry in try await store.newestEntries(keys.stream(topic, partition), limit: 200).reversed() {
                guard let envelope = try? Envelope(entry), envelope.time >= time,
                    let message: Message = try? envelope.decode(), fits(message)
                else { continue }
                return message
            }
            return nil
        }
    }

    // MARK: Telling

    private func tell(_ anomaly: Anomaly, _ since: Timestamp) {
        let seconds = Double(ProcessContext.now().milliseconds(since: since)) / 1_000
        say("3. Anomaly after \(Readable.number(seconds)) s")
        note("metric     \(anomaly.series)")
        note(
            "current    \(Readable.amount(anomaly.value, anomaly.unit))   expected \(Readable.amount(anomaly.expected, anomaly.unit))"
        )
        note("deviation  \(Readable.percent(anomaly.relativeDeviation))   score \(Readable.number(anomaly.score))")
        note("severity   \(anomaly.severity.rawValue)")
        note(
            "seen by    \(([anomaly.seenBy.joined(separator: ", ")] + [anomaly.rarity].compactMap { $0 }).joined(separator: "; "))"
        )
        guard let forecast = anomaly.forecast, let p50 = forecast.p50 else {
            note("forecast   no breach within the horizon")
            return
        }
        let early = forecast.p10.map { Readable.duration($0) } ?? "?"
        let late = forecast.p90.map { Readable.duration($0) } ?? "later"
        note(
            "forecast   limit of \(Readable.amount(forecast.limit, anomaly.unit)) in \(Readable.duration(p50)) (P10 \(early), P90 \(late))"
        )
        note(
            "           probability \(Readable.number(forecast.probability)) within \(Readable.duration(forecast.horizon)), "
                + "\(Readable.amount(forecast.slopePerHour, anomaly.unit)) an hour")
    }

    private func tell(_ incident: Incident) {
        say("4. Incident \(incident.id): \(incident.title)")
        for suspect in incident.suspects {
            note("suspect    \(suspect.entity.name), \(suspect.cause), score \(Readable.number(suspect.score))")
            for evidence in suspect.evidence { note("           - \(evidence.statement)") }
        }
    }

    private func plan(
        _ store: RedisBus, _ partition: Partition, after time: Timestamp
    ) async throws -> (hash: String, record: PlanRecord) {
        let found: (String, PlanRecord) = try await until(30, "a plan") {
            for member in try await store.ranked(keys.planIndex(partition), minimum: time.rawValue, limit: 1) {
                let fields = try await store.fields(keys.plan(member.member, partition))
                return (member.member, try PlanRecord(hash: member.member, fields: fields))
            }
            return nil
        }
        let plan = try found.1.plan()
        say("5. Plan \(found.1.id): \(plan.title)")
        note("risk       \(plan.risk.score) \(plan.risk.band.rawValue) (floor \(plan.risk.floor))")
        for factor in plan.risk.factors {
            note("           \(Readable.number(factor.contribution)) \(factor.name): \(factor.reason)")
        }
        for step in plan.steps {
            note("step       \(step.index + 1). \(step.description) [\(step.action.type.rawValue)]")
        }
        return found
    }

    private func decide(_ record: PlanRecord) async throws {
        say("6. Approval")
        note("sre-approver approve \(record.id)")
        if asks {
            print("           Approve it? [y/N] ", terminator: "")
            FileHandle.standardOutput.write(Data())
            guard readLine()?.lowercased().hasPrefix("y") == true else { throw AgentFailure("not approved") }
        }
        let output = try await stage.execute(
            Host.product("sre-approver"),
            [
                "approve", "--config", stage.configFile, "--key", stage.approverKey, "--yes", "--output", "json",
                record.id,
            ],
            environment: ["SRE_APPROVER_PASSPHRASE": stage.passphrase])
        let reply = try? JSONDecoder().decode([String: String].self, from: Data(output.utf8))
        note("signed with Ed25519 by demo@example.com; the plan is \(reply?["state"] ?? "?")")
    }

    private func follow(_ hash: String, _ store: RedisBus, _ partition: Partition) async throws -> Outcome {
        say("7. Execution")
        var position = EntryID.zero
        var told = ""
        return try await until(150, "the end of the execution") {
            let stream = keys.stream(.outcomes, partition)
            for entry in try await store.entries(stream, after: position, limit: 100) {
                position = entry.id
                guard let outcome: Outcome = try? Envelope(entry).decode(), outcome.planHash == hash else { continue }
                let step = outcome.steps.last.map { "step \($0.index + 1) \($0.state.rawValue)" } ?? "started"
                let line =
                    "\(outcome.state.rawValue.padding(toLength: 11, withPad: " ", startingAt: 0))\(step): \(outcome.detail)"
                if line != told { note(line) }
                told = line
                if outcome.state.isTerminal { return outcome }
            }
            return nil
        }
    }

    private func tell(end incident: Incident, _ anomaly: Anomaly, _ outcome: Outcome, _ since: Timestamp) {
        let detect = Double(anomaly.detected.milliseconds(since: since)) / 1_000
        let repair = Double(outcome.time.milliseconds(since: since)) / 1_000
        say("8. Incident \(incident.id) is resolved")
        note("MTTD       \(Readable.number(detect)) s from the fault to the confirmed anomaly")
        note("MTTR       \(Readable.number(repair)) s from the fault to the verified repair")
    }

    private func say(_ text: String) { write("\n\(text)") }

    private func note(_ text: String) { write("   \(text)") }

    /// Written at once: a pipe shows the story as it happens too.
    private func write(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
}
