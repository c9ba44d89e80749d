/// A detector by its name in configurations.
package enum Algorithm: String, Sendable, Equatable, Codable, CaseIterable {
    case threeSigma = "3-sigma"
    case mad = "mad"
    case iqr = "iqr"
    case ensemble = "ensemble"
    case ewma = "ewma"
    case levelShift = "level-shift"
    case pageHinkley = "page-hinkley"
    case changePoint = "change-point"
    case varianceChange = "variance-change"
    case flatLine = "flat-line"
    case missingData = "missing-data"
    case counterReset = "counter-reset"
    case spectralResidual = "spectral-residual"
    case matrixProfile = "matrix-profile"
    case isolationForest = "isolation-forest"
    case randomCutForest = "random-cut-forest"
    case oneClassSVM = "one-class-svm"
    case seasonalTail = "seasonal-tail"
    case logTail = "log-tail"
    case rateTail = "rate-tail"

    /// What a series is watched with unless its metric says otherwise.
    package static let standard: [Algorithm] = [.threeSigma, .mad, .iqr, .ensemble]

    /// Whether it compares values with the band of the learned baseline, and not with the series' recent past.
    var isBand: Bool { self == .threeSigma || self == .mad || self == .iqr }

    /// Whether it sees what need not depart from the expected value, so that least deviations do not apply.
    var isAboutShape: Bool {
        switch self {
        // What was transformed before has no deviation in the unit of the series.
        case .rateTail, .logTail: true
        case .flatLine, .missingData, .counterReset, .varianceChange, .matrixProfile: true
        default: false
        }
    }

    /// Bytes that a series' state takes at most, with all that it refers to.
    package var mostStateBytes: Int {
        switch self {
        case .mad: 0
        case .threeSigma: 16
        case .iqr: 416
        case .ewma: 48
        case .levelShift, .counterReset: 88
        case .flatLine, .missingData: 96
        case .varianceChange: 136
        case .pageHinkley: 168
        case .spectralResidual: 768
        case .seasonalTail, .logTail, .rateTail: 4_096
        case .ensemble: 5_120
        case .changePoint: 10_240
        case .matrixProfile: 17_408
        case .oneClassSVM: 22_528
        case .isolationForest: 98_304
        case .randomCutForest: 655_360
        }
    }

    /// The parts of the ensemble behind a pre-processing.
    private typealias Composed<First: Preprocessing> = ComposedDetector<
        First, ReferencePool, RunningScale, TailCalibration
    >

    /// A streaming detector that has seen nothing; `nil` for one that needs a band.
    var streaming: (any StreamingDetector)? {
        switch self {
        case .threeSigma, .mad, .iqr: nil
        case .ensemble: StreamingEnsemble()
        case .ewma: EWMADetector()
        case .levelShift: LevelShiftDetector()
        case .pageHinkley: PageHinkleyDetector()
        case .changePoint: ChangePointDetector()
        case .varianceChange: VarianceChangeDetector()
        case .flatLine: FlatLineDetector()
        case .missingData: MissingDataDetector()
        case .counterReset: CounterResetDetector()
        case .spectralResidual: SpectralResidualDetector()
        case .matrixProfile: MatrixProfileDetector()
        case .isolationForest: IsolationForestDetector()
        case .randomCutForest: RandomCutForestDetector()
        case .oneClassSVM: OneClassSupportDetector()
        case .seasonalTail: Composed(preprocessing: NoPreprocessing())
        case .logTail: Composed(preprocessing: LogarithmicScale())
        case .rateTail: Composed(preprocessing: CounterRate())
        }
    }
}
