import Authority
import Bus
import Model
import WireFormat

/// Makes statements for a signer.
package struct StatementMaker: Sendable {
    private let cluster: String
    private let policyHash: String
    private let digest: any Digest

    package init(cluster: String, policyHash: String, digest: any Digest) {
        self.cluster = cluster
        self.policyHash = policyHash
        self.digest = digest
    }

    /// Seconds within which the closing of a review has to be handed in.
    private static let reviewSeconds = 600.0

    /// A statement about a plan, signed; the nonce is 32 random hex digits.
    ///
    /// It is valid until the plan cannot be started any more; the closing of a review, which comes later, for ten minutes.
    package func make(
        _ verdict: Verdict, about record: PlanRecord, plan: Plan, approver: String, role: String, comment: String,
        nonce: String, signer: any Signer, now: Timestamp
    ) throws -> (SignedStatement, ApprovalStatement) {
        let statement = ApprovalStatement(
            cluster: cluster, planHash: record.hash, verdict: verdict, approver: approver,
            keyID: Verifier.keyID(signer.publicKey, digest: digest), role: role, nonce: nonce,
            notBefore: now.advanced(bySeconds: -5),
            notAfter: verdict == .review
                ? now.advanced(bySeconds: Self.reviewSeconds) : plan.expires.advanced(bySeconds: 60),
            policyHash: policyHash, comment: comment)
        let bytes = try statement.canonicalJSON()
        return (
            SignedStatement(statement: String(decoding: bytes, as: UTF8.self), signature: try signer.sign(bytes)),
            statement
        )
    }
}
