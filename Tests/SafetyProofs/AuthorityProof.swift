import Authority
import Bus
import Decision
import Model
import Proofs
import Signatures
import Synchronization
import WireFormat

/// The matrix user × role × risk × route under several policies: every cell against a table of its own.
package enum AuthorityProof: EnumeratedProof {
    package static let name = "authority"

    /// How a statement reaches the store.
    enum Route: String, CaseIterable {
        /// Signed with the person's own key.
        case ownKey
        /// Signed by the gateway for somebody it has authenticated.
        case gateway
        /// Signed with the person's own key in an emergency.
        case breakGlass
        /// Signed with a key that nobody has in the policy.
        case strangersKey
    }

    private struct User {
        var name: String
        var roles: Set<String>
        var key: Ed25519Signer
        var isRevoked = false
    }

    private struct Rules {
        var isCritical: Bool
        var isManualAssisted: Bool
        var quorumOfAction: Int?
    }

    private struct Cell {
        var users: [User]
        var route: Route
        var score: Double
        var isRequester: Bool
        var rules: Rules
    }

    /// Runs every cell; a short run leaves out most pairs of people and two of the scores.
    package static func run(seed: UInt64, isShort: Bool) async throws -> ProofReport {
        var result = ProofReport("authority", seed: seed)
        let stage = try Stage()
        let users = [
            User(name: "jane@example.com", roles: ["approver"], key: stage.jane),
            User(name: "john@example.com", roles: ["approver"], key: stage.john),
            User(name: "glass@example.com", roles: ["approver", "break-glass"], key: Ed25519Signer()),
            User(name: "only-glass@example.com", roles: ["break-glass"], key: Ed25519Signer()),
            User(name: "viewer@example.com", roles: ["viewer"], key: Ed25519Signer()),
            User(name: "gone@example.com", roles: ["approver"], key: Ed25519Signer(), isRevoked: true),
            User(name: "nobody@example.com", roles: [], key: Ed25519Signer()),
        ]
        let base = try await stage.propose()
        for isCritical in [false, true] {
            for isManualAssisted in [false, true] {
                for quorumOfAction in [nil, 2] {
                    let rules = Rules(
                        isCritical: isCritical, isManualAssisted: isManualAssisted, quorumOfAction: quorumOfAction)
                    for score in isShort ? [0.6, 0.8] : [0.6, 0.7, 0.8, 0.95] {
                        for route in Route.allCases {
                            for first in users {
                                for second in [nil] + (isShort ? Array(users[1...2]) : users).map(Optional.some) {
                                    for isRequester in [false, true] {
                                        var people = [first]
                                        if let second, second.name != first.name { people.append(second) }
                                        let cell = Cell(
                                            users: people, route: route, score: score, isRequester: isRequester,
                                            rules: rules)
                                        try check(cell, users, base, stage, &result)
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        return result
    }

    /// What the documentation says, worked out without the verifier.
    private static func isAllowed(_ cell: Cell) -> Bool {
        let isManual = cell.score >= 0.8
        if isManual && !cell.rules.isManualAssisted { return false }
        var needed = 1
        if cell.rules.isCritical { needed = max(needed, 2) }
        if let quorum = cell.rules.quorumOfAction { needed = max(needed, quorum) }
        if isManual { needed = max(needed, 2) }
        for user in cell.users {
            if cell.isRequester && user.name == cell.users[0].name { return false }
            switch cell.route {
            case .strangersKey: return false
            case .ownKey: if !user.roles.contains("approver") || user.isRevoked { return false }
            case .gateway: if !user.roles.contains("approver") || needed > 1 { return false }
            case .breakGlass: if !user.roles.contains("break-glass") || isManual { return false }
            }
        }
        return cell.route == .breakGlass || cell.users.count >= needed
    }

    private static func check(
        _ cell: Cell, _ users: [User], _ base: PlanRecord, _ stage: Stage, _ result: inout ProofReport
    ) throws {
        var policy = stage.policy.withLock { $0 }
        policy.approvers = users.filter { !$0.roles.isEmpty }.map {
            .init(name: $0.name, roles: $0.roles, keys: [$0.key.publicKey])
        }
        policy.revokedKeys = users.filter(\.isRevoked).map(\.key.publicKey)
        policy.criticalNamespaces = cell.rules.isCritical ? [Stage.namespace] : []
        policy.isManualAssisted = cell.rules.isManualAssisted
        policy.actionQuorum = cell.rules.quorumOfAction.map { [.scale: $0] } ?? [:]
        let verifier = Verifier(
            policy: policy, cluster: "proof", autoRemediationEnabled: false, digest: SHA256Digest(),
            signatures: Ed25519Verifier())
        var plan = try base.plan()
        plan.risk = RiskAssessment(score: cell.score, floor: 0.6, band: RiskBand(score: cell.score), factors: [])
        if cell.isRequester { plan.requester = cell.users[0].name }
        let identity = try PlanIdentity(plan, digest: SHA256Digest())
        var record = base
        record.id = identity.id
        record.hash = identity.hash
        record.body = identity.body
        record.plannerSignature = try stage.planner.sign(Array(identity.hash.utf8))
        record.state = .approved
        for user in cell.users {
            let (role, key): (String, Ed25519Signer) =
                switch cell.route {
                case .ownKey: (Verifier.approverRole, user.key)
                case .gateway: (Verifier.delegateRole, stage.gateway)
                case .breakGlass: (Verifier.breakGlassRole, user.key)
                case .strangersKey: (Verifier.approverRole, stage.planner)
                }
            let maker = StatementMaker(cluster: "proof", policyHash: policy.hash, digest: SHA256Digest())
            let (signed, _) = try maker.make(
                .approve, about: record, plan: plan, approver: user.name, role: role, comment: "",
                nonce: String(repeating: "b", count: 32), signer: key, now: stage.now)
            record.statements[user.name] = try signed.canonicalJSON()
        }
        let isStartable = (try? verifier.startable(record, now: stage.now)) != nil
        let expected = isAllowed(cell)
        result.runs += 1
        result.count(expected ? "allowed" : "refused")
        result.require(
            isStartable == expected,
            "\(cell.users.map(\.name)) by \(cell.route.rawValue), risk \(cell.score), requester \(cell.isRequester), "
                + "\(cell.rules): \(isStartable ? "startable" : "refused"), expected the opposite")
    }
}
