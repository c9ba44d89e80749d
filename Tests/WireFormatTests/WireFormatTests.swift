import Model
import TestSupport
import Testing
import WireFormat

@Suite struct CanonicalJSONTests {
    @Test(arguments: [
        (#"{ "b" : 1 , "a" : [ true , null ] }"#, #"{"a":[true,null],"b":1}"#),
        (#""\u0041\/\n\u001f\ud83d\ude00""#, "\"A/\\n\\u001f\u{1F600}\""),
        ("[]", "[]"), ("{}", "{}"), (" -0.5e+10 ", "-0.5e+10"), (#"{"a":{"d":1,"c":2}}"#, #"{"a":{"c":2,"d":1}}"#),
    ])
    func hasOneSpelling(text: String, canonical: String) throws {
        let result = try CanonicalJSON.canonicalize(Array(text.utf8))
        #expect(String(decoding: result, as: UTF8.self) == canonical)
        #expect(CanonicalJSON.isCanonical(result))
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "01", "1.", "+1", "nul", "\"\\x\"", "\"\\ud800\"", "\"\n\"",
        "1 2", "{a:1}", "'a'", String(repeating: "[", count: 100),
    ])
    func refusesWhatIsNotJSON(text: String) {
        #expect(throws: CanonicalJSON.SyntaxError.self) { try CanonicalJSON.canonicalize(Array(text.utf8)) }
    }

    @Test func refusesInvalidUTF8() {
        #expect(throws: CanonicalJSON.SyntaxError.self) { try CanonicalJSON.canonicalize([0x22, 0xff, 0x22]) }
    }

    @Test func randomBytesNeverTrap() {
        var generator = SeededGenerator(seed: 7)
        let alphabet = Array(#"{}[]",:\ue0-1.5trfalsn "#.utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            if let canonical = try? CanonicalJSON.canonicalize(bytes) { #expect(CanonicalJSON.isCanonical(canonical)) }
        }
    }
}

@Suite struct MessageTests {
    private func roundTrip<Message: WireMessage & Equatable>(_ message: Message) throws {
        #expect(try Message(json: message.canonicalJSON()) == message)
        #expect(try Message(binary: message.binary()) == message)
        #expect(CanonicalJSON.isCanonical(try message.canonicalJSON()))
    }

    @Test func everyMessageComesBack() throws {
        try roundTrip(Fixtures.anomaly())
        try roundTrip(Fixtures.incident())
        try roundTrip(Fixtures.plan())
        let record = try Fixtures.record()
        let signed = try Fixtures.statement(about: record)
        try roundTrip(signed)
        try roundTrip(try ApprovalStatement(json: Array(signed.statement.utf8)))
        try roundTrip(
            Decision(
                planID: "PLAN-1", planHash: "ab", state: .approved, actor: "jane", time: Fixtures.now, reason: "ok"))
        try roundTrip(
            Outcome(
                planID: "PLAN-1", planHash: "ab", incidentID: "INC-1", target: Fixtures.target, state: .verifying,
                detail: "d",
                steps: [
                    StepResult(
                        index: 0, phase: .rollback, state: .adopted, detail: "x", started: Fixtures.now, finished: nil)
                ], time: Fixtures.now, runbook: "r"))
        try roundTrip(
            AuditEntry(
                sequence: 1, previousHash: "0", time: Fixtures.now, actor: "a", action: "b", subject: "c",
                detail: ["k": "v"]))
        try roundTrip(Command(name: Command.learnBaselines, requester: "r", arguments: ["a": "b"]))
        try roundTrip(
            Observation(
                metric: "m", unit: "bytes", direction: .below, limit: 1.5, from: Fixtures.now,
                to: Fixtures.now.advanced(bySeconds: 60), stepMilliseconds: 60_000,
                series: [
                    ObservedSeries(
                        id: Fixtures.series, entity: Fixtures.target,
                        samples: [SamplePoint(time: Fixtures.now, value: .leastNonzeroMagnitude)], missing: 3)
                ], warnings: ["partial"]))
    }

    @Test func unknownFieldsOfNewerSendersAreIgnored() throws {
        let json = #"{"name":"baseline.learn","futureField":{"x":1}}"#
        #expect(try Command(json: Array(json.utf8)).name == "baseline.learn")
    }

    @Test func errorsNameTheField() throws {
        #expect(throws: WireError.missing(type: "Command", field: "name")) { try Command(json: Array("{}".utf8)) }
        var text = String(decoding: try Fixtures.plan().canonicalJSON(), as: UTF8.self)
        text = text.replacing("\"RISK_BAND_SEMI_AUTO\"", with: "\"RISK_BAND_AUTO\"")
        #expect(throws: WireError.self) { try Plan(json: Array(text.utf8)) }
        let unknown = String(decoding: try Fixtures.plan().canonicalJSON(), as: UTF8.self)
            .replacing("command.run", with: "rm.everything")
        #expect(throws: WireError.self) { try Plan(json: Array(unknown.utf8)) }
    }

    @Test func truncatedBinariesAreRefusedOrDifferent() throws {
        let bytes = try Fixtures.incident().binary()
        for length in 0..<bytes.count {
            if let incident = try? Incident(binary: Array(bytes[..<length])) {
                #expect(incident != Fixtures.incident())
            }
        }
    }

    @Test func samplesMustAscendAndBeFinite() {
        func observation(_ times: [Int64], _ values: [Double]) -> Observation {
            Observation(
                metric: "m", unit: "", direction: .both, limit: nil, from: Fixtures.now, to: Fixtures.now,
                stepMilliseconds: 1,
                series: [
                    ObservedSeries(
                        id: Fixtures.series, entity: Fixtures.target,
                        samples: zip(times, values).map { SamplePoint(time: Timestamp(milliseconds: $0), value: $1) })
                ])
        }
        #expect(throws: WireError.self) { try Observation(binary: observation([2, 1], [0, 0]).binary()) }
        #expect(throws: WireError.self) { try Observation(binary: observation([1], [.nan]).binary()) }
    }
}
