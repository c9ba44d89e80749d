import Bus
import Model
import WireFormat

/// Opens tickets and sends messages: each becomes one entry of `Topic/notices`, written once for a step of a plan.
package struct NoticeTarget: ActionTarget {
    private let store: any BusStore
    private let keys: Keys
    private let partitions: Int
    private let now: @Sendable () -> Timestamp

    package init(store: any BusStore, keys: Keys, partitions: Int, now: @escaping @Sendable () -> Timestamp) {
        self.store = store
        self.keys = keys
        self.partitions = partitions
        self.now = now
    }

    package var types: Set<ActionType> { [.openTicket, .notify] }

    package func prepare(_ request: ActionRequest) async -> Preparation {
        .ready(request.action.type == .openTicket ? "would hand a ticket on" : "would hand a message on")
    }

    package func perform(_ request: ActionRequest, brake: @escaping Brake) async -> ActionResult {
        let done = AppliedChange(
            request.action.type == .openTicket ? "the ticket is handed to the notifier" : "the message is handed on")
        var reason = "no attempt was made"
        for _ in 0..<5 {
            do {
                switch try await store.transition(try transaction(request)) {
                case .committed: return .applied(done)
                case .conflict: return .adopted(done)
                case .repeated, .fenced: return .unknown("the store gave no answer to this")
                }
            } catch {
                // The field makes a repetition harmless.
                reason = "\(error)"
                try? await ContinuousClock().sleep(for: .milliseconds(200))
            }
        }
        return .unknown(reason)
    }

    package func inspect(_ request: ActionRequest) async -> Inspection {
        do {
            let fields = try await store.fields(keys.plan(request.planHash, partition(request)))
            return fields[Self.field(request)] == nil
                ? .untouched : .applied(AppliedChange("it was handed on already"))
        } catch {
            return .unclear("\(error)")
        }
    }

    private func partition(_ request: ActionRequest) -> Partition { Partition(of: request.target, count: partitions) }

    private static func field(_ request: ActionRequest) -> String {
        "notice:\(request.phase.rawValue)-\(request.index)"
    }

    private func transaction(_ request: ActionRequest) throws -> Transaction {
        let partition = partition(request)
        let key = keys.plan(request.planHash, partition)
        let time = now()
        let outcome = Outcome(
            planID: request.planID, planHash: request.planHash, incidentID: request.incidentID,
            target: request.target, state: .running, detail: request.description, steps: [], time: time, runbook: "")
        let notice = Notice(
            request.action.type == .openTicket ? .ticket : .message, step: request.operationID,
            text: request.action.parameters["text"] ?? request.description, outcome: outcome)
        return Transaction(
            checks: [.init(key: key, field: Self.field(request), value: nil)],
            changes: [
                .set(key: key, fields: [Field(Self.field(request), "\(time.rawValue)")]),
                .append(
                    stream: keys.stream(.notices, partition),
                    fields: try notice.fields(TraceContext(seed: request.planHash))),
            ])
    }
}
