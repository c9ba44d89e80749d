/// What is done to samples before anything is compared: the first part of a ``ComposedDetector``.
package protocol Preprocessing: Sendable, Equatable, Codable {
    /// Prefix of the detector's name; empty for nothing.
    static var name: String { get }

    /// The sample to look at; `nil` for none.
    mutating func apply(_ sample: Sample) -> Sample?
}

/// What a value is expected to be, by the series' own past: the second part of a ``ComposedDetector``.
package protocol Seasonality: Sendable, Equatable, Codable {
    /// What is expected, with whatever else the update needs.
    associatedtype Prediction: ExpectedValue

    /// A part that has seen nothing.
    init()

    /// The prediction for the clock's newest sample, made without its value, and the value put to the test.
    mutating func predict(_ value: Double, at clock: SampleClock) -> Prediction

    /// Takes in a value that is bounded, so that an anomaly does not become what is expected.
    mutating func update(_ value: Double, _ prediction: Prediction, at clock: SampleClock)
}

/// A prediction of a ``Seasonality``.
package protocol ExpectedValue {
    /// The expected value.
    var combined: Double { get }
}

/// How large a residual is against those before it: the detector proper, the third part of a ``ComposedDetector``.
package protocol ResidualMeasure: Sendable, Equatable, Codable {
    /// Typical residual, in the unit of the series; 0 while there is none.
    var value: Double { get }

    /// A part that has seen nothing.
    init()

    /// The size of a residual in typical ones, before it is taken in; 0 while nothing is typical.
    ///
    /// - Parameters:
    ///   - residual: in the unit of the series.
    ///   - floor: residuals are never measured by less than this.
    mutating func magnitude(_ residual: Double, floor: Double) -> Double
}

/// How seldom a magnitude comes, so that a score means the same on every series: the last part of a ``ComposedDetector``.
package protocol Calibration: Sendable, Equatable, Codable {
    /// A part that has seen nothing.
    init()

    /// Natural logarithm of the probability that a magnitude is exceeded, at most 0, as it was before it is taken in.
    ///
    /// - Parameters:
    ///   - magnitude: at least 0.
    ///   - logPerDay: natural logarithm of the samples a day.
    mutating func update(_ magnitude: Double, logPerDay: Double) -> Double
}

/// Leaves samples as they are.
package struct NoPreprocessing: Preprocessing {
    /// Nothing is named after it.
    package static let name = ""

    /// The part.
    package init() {}

    /// The sample as it is.
    package mutating func apply(_ sample: Sample) -> Sample? { sample }
}

/// Looks at the logarithm of `1 + |value|` with the value's sign: for series that span decades, such as latencies.
package struct LogarithmicScale: Preprocessing {
    /// Prefix of detectors.
    package static let name = "log"

    /// The part.
    package init() {}

    /// The sample with its logarithm; `nil` for an unusable one.
    package mutating func apply(_ sample: Sample) -> Sample? {
        guard sample.isUsable else { return nil }
        let size = Statistics.logarithm(onePlus: abs(sample.value))
        return Sample(timestamp: sample.timestamp, value: sample.value < 0 ? -size : size)
    }
}

extension CounterRate: Preprocessing {
    /// Prefix of detectors.
    package static var name: String { "rate" }

    /// The rate since the sample before.
    package mutating func apply(_ sample: Sample) -> Sample? { update(sample) }
}
