/// A forecaster by its name in configurations.
package enum ForecastMethod: String, Sendable, Equatable, Codable, CaseIterable {
    case autoregressionPool = "autoregression-pool"
    case localModels = "local-models"
    case arima
    case exponentialSmoothing = "exponential-smoothing"
    case additiveModel = "additive-model"
    case lstm
    case seasonalNaive = "seasonal-naive"

    /// The best of them on hourly series (`make bench NAME=forecast`).
    package static let standard = ForecastMethod.autoregressionPool

    /// What the name stands for.
    package var type: any Forecaster.Type {
        switch self {
        case .autoregressionPool: AutoregressionPool.self
        case .localModels: LocalModelForecaster.self
        case .arima: SeasonalARIMA.self
        case .exponentialSmoothing: ExponentialSmoothing.self
        case .additiveModel: AdditiveModel.self
        case .lstm: RecurrentForecaster.self
        case .seasonalNaive: SeasonalNaive.self
        }
    }
}
