import Bus
import Model

/// Which windows to ask for: pure.
package struct WindowPlan: Sendable, Equatable {
    /// A window on the grid of the step, both ends inclusive.
    package struct Window: Sendable, Equatable {
        /// First instant.
        package var from: Timestamp
        /// Last instant.
        package var to: Timestamp

        package init(from: Timestamp, to: Timestamp) {
            self.from = from
            self.to = to
        }
    }

    /// Step in milliseconds, at least 1.
    package var stepMilliseconds: Int64
    /// Samples younger than this are not asked for yet, because their scrape may not have ended.
    package var settleMilliseconds: Int64
    /// Points of one window, at most 11,000 (Prometheus' limit a series).
    package var pointsPerWindow: Int
    /// How far back a first start goes.
    package var initialMilliseconds: Int64
    /// How far back a start after an outage goes at the most; what is older stays a gap.
    package var catchUpMilliseconds: Int64

    package init(
        stepMilliseconds: Int64, settleMilliseconds: Int64, pointsPerWindow: Int = 120,
        initialMilliseconds: Int64, catchUpMilliseconds: Int64 = 6 * 3_600_000
    ) {
        self.stepMilliseconds = max(1, stepMilliseconds)
        self.settleMilliseconds = max(0, settleMilliseconds)
        self.pointsPerWindow = min(11_000, max(1, pointsPerWindow))
        self.initialMilliseconds = initialMilliseconds
        self.catchUpMilliseconds = max(catchUpMilliseconds, initialMilliseconds)
    }

    /// The same with a step so many times as long: fewer points, nothing missed in between for longer than that.
    package func coarsened(by factor: Int64) -> WindowPlan {
        var plan = self
        plan.stepMilliseconds *= max(1, factor)
        return plan
    }

    /// Newest instant of the grid whose sample is settled at `now`.
    package func newest(now: Timestamp) -> Timestamp {
        let settled = now.rawValue - settleMilliseconds
        return Timestamp(milliseconds: settled - settled % stepMilliseconds)
    }

    /// Where collection begins, given the marks of the partitions that have one.
    ///
    /// The oldest mark counts, so that a partition that lost its newest entries gets them again; marks older than the
    /// catch-up limit belong to namespaces that are gone, or to an outage too long to be filled.
    package func start(marks: [Int64], now: Timestamp) -> Timestamp {
        let newest = newest(now: now)
        let oldest = newest.rawValue - catchUpMilliseconds
        let usable = marks.filter { $0 >= oldest }
        if let mark = usable.min() { return Timestamp(milliseconds: mark + stepMilliseconds) }
        let back = marks.isEmpty ? initialMilliseconds : catchUpMilliseconds
        let begin = newest.rawValue - back
        return Timestamp(milliseconds: begin - begin % stepMilliseconds)
    }

    /// Windows from `start` to the newest settled instant, oldest first.
    package func windows(from start: Timestamp, now: Timestamp) -> [Window] {
        let end = newest(now: now).rawValue
        var windows: [Window] = []
        var from = (start.rawValue + stepMilliseconds - 1) / stepMilliseconds * stepMilliseconds
        while from <= end {
            let to = min(end, from + Int64(pointsPerWindow - 1) * stepMilliseconds)
            windows.append(Window(from: Timestamp(milliseconds: from), to: Timestamp(milliseconds: to)))
            from = to + stepMilliseconds
        }
        return windows
    }
}

/// Turns an answer of a source into observations, one for each partition: pure.
package struct ObservationBuilder: Sendable {
    private let cluster: String
    private let defaultNamespace: String
    private let partitions: Int
    private let maximumSeries: Int

    /// Series of one metric that are watched at most, unless told otherwise.
    package static let maximumSeries = 5_000

    /// Series of one metric beyond `maximumSeries` are dropped with a warning.
    package init(
        cluster: String, defaultNamespace: String, partitions: Int,
        maximumSeries: Int = ObservationBuilder.maximumSeries
    ) {
        self.cluster = cluster
        self.defaultNamespace = defaultNamespace
        self.partitions = partitions
        self.maximumSeries = maximumSeries
    }

    /// Cleans, names and splits the answer for one window.
    package func observations(
        of result: RangeResult, metric: MetricDefinition, window: WindowPlan.Window, stepMilliseconds: Int64
    ) -> [Partition: Observation] {
        var warnings = result.warnings
        if result.series.count > maximumSeries {
            warnings.append("\(result.series.count) series, only the first \(maximumSeries) are watched")
        }
        let points = Int((window.to.rawValue - window.from.rawValue) / stepMilliseconds) + 1
        var byPartition: [Partition: [ObservedSeries]] = [:]
        for series in result.series.prefix(maximumSeries) {
            let entity = metric.entity(labels: series.labels, cluster: cluster, defaultNamespace: defaultNamespace)
            let samples = clean(series.points, in: window)
            byPartition[Partition(of: entity, count: partitions), default: []].append(
                ObservedSeries(
                    id: SeriesID(metric: metric.name, labels: series.labels), entity: entity, samples: samples,
                    missing: max(0, points - samples.count)))
        }
        return byPartition.mapValues { series in
            Observation(
                metric: metric.name, unit: metric.unit, direction: metric.direction, limit: metric.limit,
                from: window.from, to: window.to, stepMilliseconds: stepMilliseconds,
                series: series.sorted { $0.id < $1.id }, warnings: warnings)
        }
    }

    private func clean(_ points: [SamplePoint], in window: WindowPlan.Window) -> [SamplePoint] {
        var samples: [SamplePoint] = []
        samples.reserveCapacity(points.count)
        for point in points
        where point.value.isFinite && point.time >= window.from && point.time <= window.to {
            if let last = samples.last, last.time >= point.time { continue }
            samples.append(point)
        }
        return samples
    }
}
