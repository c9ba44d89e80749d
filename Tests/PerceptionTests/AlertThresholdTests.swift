import Testing

@testable import Perception

@Suite struct AlertThresholdTests {
    private let disk = "100 * (1 - node_filesystem_avail_bytes{fstype!~\"tmpfs|overlay\"} / node_filesystem_size_bytes)"

    private func threshold(_ rule: String, _ query: String, seconds: Double = 0) -> AlertThreshold? {
        AlertThreshold(AlertRule(name: "A", query: rule, seconds: seconds), query: query)
    }

    @Test(arguments: [
        ("depth > 90", 90.0, true), ("depth>=9e1", 90, true), ("(depth) < 5", 5, false), ("90 < depth", 90, true),
        ("5 >= (depth)", 5, false), ("depth > bool 3", 3, true), ("depth > -2.5", -2.5, true),
        ("depth # > 7\n > 8", 8, true), ("((depth > 4))", 4, true),
    ])
    func comparisonsAreRead(rule: String, value: Double, isUpper: Bool) throws {
        let threshold = try #require(self.threshold(rule, "depth"))
        #expect(threshold.value == value && threshold.isUpper == isUpper && threshold.labels.isEmpty)
    }

    @Test(arguments: [
        "", "depth", "> 5", "depth > other", "depth > 5 and on() up == 1", "depth > 5 or depth < 1", "depth == 5",
        "depth != 5", "depth[5m] > 5", "rate(depth[5m]) > 5", "depth > 5 > 3", "depth{ > 5", "(depth > 5", "other > 5",
        "depth{queue=~\"a|b\"} > 5", "depth{queue!=\"a\"} > 5", "\"depth > 5\"", "depth > NaN(", "depth > +Inf",
    ])
    func anythingElseSaysNothing(rule: String) { #expect(threshold(rule, "depth") == nil) }

    @Test func queriesAreComparedButForSpaceAndParenthesesAndPercent() throws {
        let same =
            "( 100*(1 - node_filesystem_avail_bytes{fstype!~\"tmpfs|overlay\"}\n  / node_filesystem_size_bytes) ) > 85"
        #expect(threshold(same, disk, seconds: 300)?.value == 85)
        #expect(threshold(same, disk, seconds: 300)?.reason == "alert A fires above it for 300 s")
        let ratio = "1 - node_filesystem_avail_bytes{fstype!~\"tmpfs|overlay\"} / node_filesystem_size_bytes > 0.9"
        #expect(threshold(ratio, disk)?.value == 90)
        #expect(threshold("100 * depth > 50", "depth")?.value == 0.5)
        // What stands in quotes counts as it is.
        #expect(threshold("up{job=\"a b\"} < 1", "up{job=\"ab\"}") == nil)
        #expect(threshold("up{job=\"a>b\"} < 1", "up{job=\"a>b\"}")?.value == 1)
    }

    @Test func furtherMatchersSayWhichSeries() throws {
        let threshold = try #require(self.threshold("depth{queue=\"a,b\",env=\"prod\"} > 5", "depth{env=\"prod\"}"))
        #expect(threshold.labels == ["queue": "a,b"] && threshold.value == 5)
        #expect(self.threshold("depth > 5", "depth{env=\"prod\"}") == nil)
    }

    @Test func anyTextHasADefinedAnswer() {
        let pieces = [
            "depth", ">", "<", "=", "(", ")", "{", "}", "\"", "\\", "#", "\n", " ", "5", "and", "bool", ",", "a=\"b\"",
        ]
        var state: UInt64 = 7
        for _ in 0..<20_000 {
            var text = ""
            for _ in 0..<8 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += pieces[Int(state >> 33) % pieces.count]
            }
            if let threshold = threshold(text, "depth") { #expect(threshold.value.isFinite) }
        }
    }
}
