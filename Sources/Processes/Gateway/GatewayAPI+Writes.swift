import Analyzer
import Authority
import Bus
import Decision
import Foundation
import Hummingbird
import Model
import Perception
import Runtime
import Settings
import Signatures
import WireFormat

extension GatewayAPI {
    private struct DecisionBody: Decodable {
        var approver: String?
        var reason: String?
        var comment: String?
        /// A statement that the person signed with an own key, and its signature in base 64.
        var statement: String?
        var signature: String?
    }

    private struct Receipt: Encodable {
        var plan: String
        var state: String
        var approver: String
        var repeated: Bool
    }

    func decide(_ verdict: Verdict, _ request: Request, _ context: GatewayContext) async throws -> Response {
        guard let principal = context.principal else { throw Problem(.unauthorized, "a valid bearer token is needed") }
        let body = try await body(request, context)
        if let claimed = body.approver, claimed != principal.subject {
            throw Problem(
                .badRequest, "approver is '\(claimed)', but the token belongs to '\(principal.subject)'; leave it out")
        }
        let reason = body.reason ?? body.comment ?? ""
        if verdict != .approve, reason.isEmpty {
            throw Problem(.badRequest, "\(verdict.rawValue.lowercased()) needs a 'reason'")
        }
        let filed = try await find(try context.parameters.require("id"))
        let open: Set<PlanState> =
            switch verdict {
            case .approve: [.awaiting]
            case .reject: [.awaiting, .approved, .autoReady, .manual]
            case .revoke: [.awaiting, .approved, .autoReady]
            case .abort: [.running, .verifying, .rollingBack]
            case .review: Set(PlanState.allCases)
            }
        // A repetition of the same decision by the same person is answered like the first time.
        let isRepetition = earlier(filed, verdict, principal) != nil
        guard open.contains(filed.record.state) || isRepetition else {
            throw Problem(.conflict, "the plan is \(filed.record.state.rawValue) and no longer to be decided")
        }
        let verifier = configuration().verifier
        let now = ProcessContext.now()
        do {
            let plan = try verifier.genuine(filed.record)
            if isRepetition { return try receipt(again: filed, principal, verdict) }
            let (signed, statement) = try statement(verdict, body, reason, filed, plan, principal, now)
            if verdict == .review {
                _ = try verifier.review(signed, of: filed.record, plan, now: now)
            } else {
                _ = try verifier.statement(signed, about: plan, hash: filed.record.hash, now: now)
            }
            let desk = desk
            return answering(try receipt(try await desk.submit(signed, statement, about: filed), filed, principal)) {
                try await desk.answered()
            }
        } catch let refusal as Refusal {
            throw Problem(refusal == .expired ? .conflict : .forbidden, "\(refusal)")
        }
    }

    /// The response, and what follows when it is written.
    private func answering(_ response: Response, then follow: @escaping @Sendable () async throws -> Void) -> Response {
        var response = response
        let body = response.body
        response.body = ResponseBody(contentLength: body.contentLength) { writer in
            try await body.write(writer)
            try await follow()
        }
        return response
    }

    private func body(_ request: Request, _ context: GatewayContext) async throws -> DecisionBody {
        let buffer = try await request.body.collect(upTo: context.maxUploadSize)
        guard buffer.readableBytes > 0 else { return DecisionBody() }
        do {
            return try JSONDecoder().decode(DecisionBody.self, from: Data(buffer.readableBytesView))
        } catch {
            throw Problem(.badRequest, "the body is not a JSON object with texts")
        }
    }

    private func statement(
        _ verdict: Verdict, _ body: DecisionBody, _ reason: String, _ filed: FiledPlan, _ plan: Plan,
        _ principal: Principal, _ now: Timestamp
    ) throws -> (SignedStatement, ApprovalStatement) {
        if let text = body.statement {
            guard let signature = body.signature.flatMap({ Data(base64Encoded: $0) }), signature.count == 64,
                let statement = try? ApprovalStatement(json: Array(text.utf8))
            else { throw Problem(.badRequest, "'statement' and 'signature' (64 bytes in base 64) belong together") }
            guard statement.approver == principal.subject, statement.verdict == verdict else {
                throw Problem(.badRequest, "the statement is another person's or says something else")
            }
            return (SignedStatement(statement: text, signature: Array(signature)), statement)
        }
        guard let delegate else {
            throw Problem(
                .forbidden, "this gateway has no delegate key: hand in a signed 'statement', or use sre-approver")
        }
        let configuration = configuration()
        return try StatementMaker(
            cluster: configuration.settings.cluster, policyHash: configuration.policy.hash, digest: SHA256Digest()
        ).make(
            verdict, about: filed.record, plan: plan, approver: principal.subject, role: Verifier.delegateRole,
            comment: reason, nonce: UUID().uuidString.replacingOccurrences(of: "-", with: "").lowercased(),
            signer: delegate, now: now)
    }

    /// What the person said before in the same matter.
    private func earlier(_ filed: FiledPlan, _ verdict: Verdict, _ principal: Principal) -> [UInt8]? {
        switch verdict {
        case .approve, .reject: filed.record.statements[principal.subject]
        case .revoke, .abort: filed.record.withdrawals[principal.subject]
        case .review: filed.record.reviews[principal.subject]
        }
    }

    private func receipt(again filed: FiledPlan, _ principal: Principal, _ verdict: Verdict) throws -> Response {
        guard let bytes = earlier(filed, verdict, principal),
            let signed = try? SignedStatement(json: bytes),
            let statement = try? ApprovalStatement(json: Array(signed.statement.utf8)), statement.verdict == verdict
        else { throw Problem(.conflict, "you said something else before; the plan is \(filed.record.state.rawValue)") }
        return try json(
            Receipt(
                plan: filed.record.id, state: filed.record.state.rawValue, approver: principal.subject,
                repeated: true))
    }

    private func receipt(_ result: ApproveResult, _ filed: FiledPlan, _ principal: Principal) throws -> Response {
        let state: String
        var repeated = false
        switch result {
        case .recorded(let now): state = now
        case .repeated(let now):
            state = now
            repeated = true
        case .contradicts(let now): throw Problem(.conflict, "you said something else before; the plan is \(now)")
        case .decided(let now): throw Problem(.conflict, "the plan is \(now) and no longer to be decided")
        case .expired: throw Problem(.conflict, "the plan has expired")
        case .notFound: throw Problem(.notFound, "the plan is gone")
        case .auditMoved: throw Problem(.serviceUnavailable, "the audit chain is too busy; try again")
        }
        return try json(
            Receipt(plan: filed.record.id, state: state, approver: principal.subject, repeated: repeated))
    }

    func learn(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let key = BaselineLearner.statusKey(keys)
        let metric = request.uri.queryParameters["metric"].map(String.init)
        let known = configuration().metrics.map(\.name)
        if let metric, !known.contains(metric) {
            throw Problem(.badRequest, "metric is '\(metric)'; valid: \(known.joined(separator: ", "))")
        }
        let now = ProcessContext.now()
        let subject = context.principal?.subject ?? ""
        let transaction = Transaction(changes: [
            .set(
                key: key,
                fields: [Field(BaselineLearner.requestField(metric), "\(now.rawValue)"), Field("requester", subject)])
        ])
        _ = try await store.transition(transaction)
        return try json(["requested": "\(now)", "requester": subject], status: .accepted)
    }
}
