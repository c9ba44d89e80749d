import Foundation
import Testing

@testable import TimeSeries

#if canImport(FoundationXML)
    import FoundationXML
#endif

struct BacktestTests {
    private func history(spikeAt place: Int? = nil) -> [Sample] {
        var generator = SplitMix64(seed: 1)
        var series = samples(days: 10, stepSeconds: 300) { daily($0) + 2 * generator.normal() }
        if let place { for index in place..<(place + 6) { series[index].value += 60 } }
        return series
    }

    @Test func incidentIsFoundAndCalmIsNot() throws {
        let place = 288 * 8 + 100
        let series = history(spikeAt: place)
        let run = Backtest(series)
        let alarm = try #require(run.alarms.first)
        #expect(run.alarms.count == 1)
        #expect(alarm.since == series[place].timestamp)
        #expect(alarm.until == series[place + 5].timestamp)
        #expect(alarm.members.contains("mad") && alarm.members.contains("ensemble"))
        #expect(alarm.rarityDays > 30)
        #expect(abs(run.days - 7) < 0.1)
        let agreement = run.agreement(with: [alarm.since...alarm.since + 60_000, 0...1])
        #expect(agreement.precision == 1 && agreement.recall == 1)
        #expect(run.agreement(with: []).recall == nil)
        #expect(Backtest(history()).alarms.isEmpty)
    }

    @Test func judgesOnlyWhatIsAskedForAndSaysWhyItCannot() {
        let series = history(spikeAt: 288 * 8)
        let run = Backtest(series, from: series[288 * 9].timestamp)
        #expect(run.alarms.isEmpty && run.points.count == 288)
        let short = Backtest(Array(series.prefix(288)))
        #expect(short.points.isEmpty && short.baseline == nil)
        #expect(Backtest([]).alarmsPerDay == 0)
    }

    @Test func proposalIsTheLowestThresholdWithinTheBudget() {
        let series = history(spikeAt: 288 * 8)
        let generous = ThresholdProposal(series, alarmsPerDay: 100)
        #expect(generous.proposed == 0.6)
        let rates = generous.trials.map(\.alarmsPerDay)
        #expect(zip(rates, rates.dropFirst()).allSatisfy { $0 >= $1 })
        #expect(ThresholdProposal(series, alarmsPerDay: -1).proposed == nil)
    }

    @Test func feedbackStaysWithinItsBounds() {
        var feedback = ThresholdFeedback(threshold: 0.7)
        for _ in 0..<50 { feedback.take(score: 1, isTrue: false) }
        #expect(feedback.threshold > 0.95 && feedback.threshold <= 0.98)
        for _ in 0..<100 { feedback.take(score: 0.9, isTrue: true) }
        #expect(abs(feedback.threshold - 0.7) < 0.01)
        feedback.take(score: .nan, isTrue: false)
        #expect(abs(feedback.threshold - 0.7) < 0.01)
        #expect(ThresholdFeedback(threshold: .nan).threshold == 0.7)
        #expect(ThresholdFeedback(threshold: 5).threshold == 0.98)
    }

    @Test func chartShowsAnomaliesForecastAndLimit() {
        let points = (0..<200).map { (index: Int) -> SeriesChart.Point in
            let value = Double(index)
            let time = Int64(index) * 60_000
            return SeriesChart.Point(
                timestamp: time, value: value, lower: value - 5, upper: value + 5, isAnomalous: index == 100,
                isForecast: index >= 150)
        }
        let chart = SeriesChart(title: "a<b & \"c\"", points: points, limit: 220)
        let text = chart.terminal(width: 60, height: 10)
        #expect(text.contains("●") && text.contains("◦") && text.contains("-") && text.contains("░"))
        #expect(!text.contains("\u{1B}"))
        #expect(chart.terminal(isColored: true).contains("\u{1B}[31m"))
        #expect(text.split(separator: "\n").count == 12)
        let svg = chart.svg()
        #expect(
            svg.contains("a&lt;b &amp; &quot;c&quot;") && svg.contains("<circle") && svg.contains("stroke-dasharray"))
        #expect(XMLParser(data: Data(svg.utf8)).parse())
    }

    @Test func chartOfAnythingIsDefined() {
        let bad = (0..<50).map { SeriesChart.Point(timestamp: Int64($0), value: badValues[$0 % badValues.count]) }
        for points in [[], bad, [SeriesChart.Point(timestamp: 0, value: 5)]] {
            let chart = SeriesChart(title: "", points: points, limit: .nan)
            #expect(!chart.terminal(width: 0, height: 0).isEmpty)
            #expect(!chart.svg(width: 0, height: 0).contains("nan"))
        }
    }
}
