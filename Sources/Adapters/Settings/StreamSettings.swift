import Bus

extension Settings.Streams {
    /// Reads the section `streams`.
    ///
    /// - Parameter topics: its part `topics`, which says what differs for a topic.
    init(_ scalars: Scalars, topics: YAMLDocument.Value?) throws(SettingsError) {
        softLimit = try scalars.int("streams.soft_limit", in: 1...10_000_000, default: 5_000)
        hardLimit = try scalars.int("streams.hard_limit", in: 1...10_000_000, default: 20_000)
        let hour = 3_600_000.0
        let hours = try scalars.double("streams.retention_hours", in: Self.hours, default: 720)
        records = UInt64(hours * hour)
        let general = Retention.Configuration(
            observations: UInt64(
                try scalars.double("streams.observation_hours", in: 0...8_760, default: 1) * hour),
            records: records,
            audit: UInt64(try scalars.double("streams.audit_days", in: 1...36_500, default: 400) * 24 * hour),
            bytes: try scalars.int("streams.max_bytes", in: Self.bytes, default: 64 << 20), partitions: 1)
        limits = general.limits
        try topics?.allow(Topic.allCases.map(\.rawValue))
        for topic in Topic.allCases {
            guard let section = topics?[topic.rawValue], var limit = limits[topic] else { continue }
            let mayGrow = !Retention.Configuration.isBounded(topic)
            try section.allow(mayGrow ? ["retention_hours"] : ["retention_hours", "max_bytes"])
            let key = "streams.topics.\(topic.rawValue)"
            if section["retention_hours"] != nil {
                limit.milliseconds = UInt64(
                    try scalars.double("\(key).retention_hours", in: Self.hours, default: hours) * hour)
            }
            if section["max_bytes"] != nil {
                limit.bytes = try scalars.int("\(key).max_bytes", in: Self.bytes, default: 64 << 20)
            }
            limits[topic] = limit
        }
        guard softLimit < hardLimit else {
            throw scalars.error(
                "streams.soft_limit", "\(softLimit) is not below the hard limit \(hardLimit)",
                valid: "1 to \(hardLimit - 1)")
        }
    }

    private static var hours: ClosedRange<Double> { 1...87_600 }
    private static var bytes: ClosedRange<Int> { 65_536...(1 << 40) }
}
