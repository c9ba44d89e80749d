import Model
import SwiftProtobuf

extension Outcome: WireMessage {
    package static var eventType: String { "sre.outcome.v1" }

    package init(proto: Sre_V1_Outcome) throws(WireError) {
        let type = "Outcome"
        try Check.present(proto.hasTarget, type, "target")
        var steps: [StepResult] = []
        for message in proto.steps { steps.append(try StepResult(proto: message)) }
        self.init(
            planID: try Check.text(proto.planID, type, "plan_id"),
            planHash: try Check.text(proto.planHash, type, "plan_hash"),
            incidentID: try Check.text(proto.incidentID, type, "incident_id"),
            target: try Entity(proto: proto.target), state: try Check.name(proto.state, type, "state"),
            detail: proto.detail, steps: steps, time: Timestamp(milliseconds: proto.timeMs), runbook: proto.runbook)
    }

    package var proto: Sre_V1_Outcome {
        .with {
            $0.planID = planID
            $0.planHash = planHash
            $0.incidentID = incidentID
            $0.target = target.proto
            $0.state = state.rawValue
            $0.detail = detail
            $0.steps = steps.map(\.proto)
            $0.timeMs = time.rawValue
            $0.runbook = runbook
        }
    }
}

extension StepResult {
    init(proto: Sre_V1_StepResult) throws(WireError) {
        guard let phase = Phase(rawValue: proto.phase), let state = State(rawValue: proto.state) else {
            throw .invalid(
                type: "StepResult", field: "phase, state", value: "\(proto.phase), \(proto.state)",
                expected: "step or rollback, and INTENT, DONE, ADOPTED, FAILED or UNKNOWN")
        }
        self.init(
            index: Int(proto.index), phase: phase, state: state, detail: proto.detail,
            started: Timestamp(milliseconds: proto.startedMs), finished: Timestamp(optional: proto.finishedMs),
            object: proto.object, generation: proto.generation, digest: proto.digest)
    }

    var proto: Sre_V1_StepResult {
        .with {
            $0.index = UInt32(clamping: index)
            $0.phase = phase.rawValue
            $0.state = state.rawValue
            $0.detail = detail
            $0.startedMs = started.rawValue
            $0.finishedMs = finished?.rawValue ?? 0
            $0.object = object
            $0.generation = generation
            $0.digest = digest
        }
    }
}

extension Command: WireMessage {
    package static var eventType: String { "sre.command.v1" }

    package init(proto: Sre_V1_Command) throws(WireError) {
        self.init(
            name: try Check.text(proto.name, "Command", "name"), requester: proto.requester,
            arguments: proto.arguments)
    }

    package var proto: Sre_V1_Command {
        .with {
            $0.name = name
            $0.requester = requester
            $0.arguments = arguments
        }
    }
}
