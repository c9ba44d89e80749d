import Model
import SwiftProtobuf

extension AuditEntry: WireMessage {
    package static var eventType: String { "sre.audit.v1" }

    package init(proto: Sre_V1_AuditEntry) throws(WireError) {
        guard proto.seq > 0 else {
            throw .invalid(type: "AuditEntry", field: "seq", value: "\(proto.seq)", expected: "at least 1")
        }
        self.init(
            sequence: proto.seq, previousHash: try Check.text(proto.prevHash, "AuditEntry", "prev_hash"),
            time: Timestamp(milliseconds: proto.timeMs), actor: proto.actor,
            action: try Check.text(proto.action, "AuditEntry", "action"), subject: proto.subject, detail: proto.detail)
    }

    package var proto: Sre_V1_AuditEntry {
        .with {
            $0.seq = sequence
            $0.prevHash = previousHash
            $0.timeMs = time.rawValue
            $0.actor = actor
            $0.action = action
            $0.subject = subject
            $0.detail = detail
        }
    }
}

extension AuditCheckpoint: WireMessage {
    package static var eventType: String { "sre.audit-checkpoint.v1" }

    package init(proto: Sre_V1_AuditCheckpoint) throws(WireError) {
        let type = "AuditCheckpoint"
        guard proto.seq >= 0 else {
            throw .invalid(type: type, field: "seq", value: "\(proto.seq)", expected: "at least 0")
        }
        guard (0..<1_024).contains(proto.partition) else {
            throw .invalid(type: type, field: "partition", value: "\(proto.partition)", expected: "0 to 1023")
        }
        self.init(
            cluster: try Check.text(proto.cluster, type, "cluster"), partition: Int(proto.partition),
            sequence: proto.seq, hash: try Check.text(proto.hash, type, "hash"),
            time: Timestamp(milliseconds: proto.timeMs))
    }

    package var proto: Sre_V1_AuditCheckpoint {
        .with {
            $0.cluster = cluster
            $0.partition = Int32(clamping: partition)
            $0.seq = sequence
            $0.hash = hash
            $0.timeMs = time.rawValue
        }
    }
}

extension AuditEpoch: WireMessage {
    package static var eventType: String { "sre.audit-epoch.v1" }

    package init(proto: Sre_V1_AuditEpoch) throws(WireError) {
        let type = "AuditEpoch"
        guard (0..<1_024).contains(proto.partition) else {
            throw .invalid(type: type, field: "partition", value: "\(proto.partition)", expected: "0 to 1023")
        }
        guard proto.anchoredSeq > 0 else {
            throw .invalid(type: type, field: "anchored_seq", value: "\(proto.anchoredSeq)", expected: "at least 1")
        }
        guard (0..<proto.anchoredSeq).contains(proto.keptSeq) else {
            throw .invalid(type: type, field: "kept_seq", value: "\(proto.keptSeq)", expected: "less than anchored_seq")
        }
        guard proto.foundSeq >= 0 else {
            throw .invalid(type: type, field: "found_seq", value: "\(proto.foundSeq)", expected: "at least 0")
        }
        self.init(
            cluster: try Check.text(proto.cluster, type, "cluster"), partition: Int(proto.partition),
            anchoredSequence: proto.anchoredSeq,
            anchoredHash: try Check.text(proto.anchoredHash, type, "anchored_hash"),
            keptSequence: proto.keptSeq, foundSequence: proto.foundSeq, time: Timestamp(milliseconds: proto.timeMs))
    }

    package var proto: Sre_V1_AuditEpoch {
        .with {
            $0.cluster = cluster
            $0.partition = Int32(clamping: partition)
            $0.anchoredSeq = anchoredSequence
            $0.anchoredHash = anchoredHash
            $0.keptSeq = keptSequence
            $0.foundSeq = foundSequence
            $0.timeMs = time.rawValue
        }
    }
}
