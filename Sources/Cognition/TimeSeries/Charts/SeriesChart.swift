/// A series with its band, anomalies and forecast, as a vector graphic and as characters of a terminal.
package struct SeriesChart: Sendable {
    /// What is drawn at one instant; fields that are `nil` are left out.
    package struct Point: Sendable {
        package var timestamp: Int64
        package var value: Double?
        package var lower: Double?
        package var upper: Double?
        package var isAnomalous = false
        package var isForecast = false

        /// All fields as given.
        package init(
            timestamp: Int64, value: Double?, lower: Double? = nil, upper: Double? = nil, isAnomalous: Bool = false,
            isForecast: Bool = false
        ) {
            self.timestamp = timestamp
            self.value = value.flatMap { $0.isFinite ? $0 : nil }
            self.lower = lower.flatMap { $0.isFinite ? $0 : nil }
            self.upper = upper.flatMap { $0.isFinite ? $0 : nil }
            self.isAnomalous = isAnomalous
            self.isForecast = isForecast
        }
    }

    private let title: String
    private let points: [Point]
    private let limit: Double?
    private let low: Double
    private let high: Double

    /// - Parameters:
    ///   - title: shown above.
    ///   - points: ascending.
    ///   - limit: drawn as a line when it is finite.
    package init(title: String, points: [Point], limit: Double? = nil) {
        self.title = title
        self.points = points
        self.limit = limit.flatMap { $0.isFinite ? $0 : nil }
        let numbers =
            points.flatMap { [$0.value, $0.lower, $0.upper].compactMap { $0 } } + [self.limit].compactMap { $0 }
        let (least, most) = (numbers.min() ?? 0, numbers.max() ?? 1)
        // A constant series still needs a height.
        let margin = most > least ? (most / 20 - least / 20) : max(1e-9, abs(most) / 10)
        low = least - margin
        high = most + margin
    }

    /// Height of a value, 0 at the bottom and 1 at the top.
    private func height(_ value: Double) -> Double {
        let share = (value / 2 - low / 2) / (high / 2 - low / 2)
        return share.isFinite ? min(1, max(0, share)) : 0.5
    }

    /// A number with few digits.
    private static func short(_ value: Double) -> String {
        guard value != 0, value.isFinite else { return "0" }
        var unit = 1.0
        while abs(value) / unit >= 1_000, unit < 1e300 { unit *= 10 }
        while abs(value) / unit < 100, unit > 1e-300 { unit /= 10 }
        let rounded = (value / unit).rounded() * unit
        // The product may have gained digits that mean nothing.
        return unit < 1 ? "\((rounded / unit).rounded() / (1 / unit).rounded())" : "\(rounded)"
    }

    /// Characters of a terminal: the value as dots, the band as shade, anomalies and forecast with characters of their
    /// own.
    ///
    /// - Parameters:
    ///   - width: columns of the picture, at least 10.
    ///   - rows: its height, at least 3.
    ///   - isColored: whether anomalies are red and the forecast is blue (ANSI).
    package func terminal(width: Int = 78, height rows: Int = 14, isColored: Bool = false) -> String {
        let (width, rows) = (max(10, width), max(3, rows))
        var cells = Array(repeating: Array(repeating: " ", count: width), count: rows)
        func row(_ value: Double) -> Int { rows - 1 - min(rows - 1, Int(height(value) * Double(rows))) }
        func put(_ text: String, _ column: Int, _ value: Double) { cells[row(value)][column] = text }
        for column in 0..<width {
            let begin = column * points.count / width
            let end = max(begin + 1, (column + 1) * points.count / width)
            guard points.indices.contains(begin), end <= points.count else { continue }
            let part = points[begin..<end]
            if let limit { put("-", column, limit) }
            if let lower = part.compactMap(\.lower).min(), let upper = part.compactMap(\.upper).max() {
                for place in row(upper)...max(row(upper), row(lower)) where cells[place][column] == " " {
                    cells[place][column] = "░"
                }
            }
            // An anomaly is never hidden by its neighbours.
            for point in part.filter({ !$0.isAnomalous }) + part.filter(\.isAnomalous) {
                guard let value = point.value else { continue }
                let mark = point.isAnomalous ? "●" : point.isForecast ? "◦" : "•"
                let color = !isColored ? nil : point.isAnomalous ? "31" : point.isForecast ? "34" : nil
                put(color.map { "\u{1B}[\($0)m\(mark)\u{1B}[0m" } ?? mark, column, value)
            }
        }
        let labels = [0: Self.short(high), rows - 1: Self.short(low)]
        let gutter = max(1, labels.values.map(\.count).max() ?? 1)
        let lines = cells.enumerated().map { index, line in
            let label = labels[index] ?? ""
            return String(repeating: " ", count: gutter - label.count) + label + " │" + line.joined()
        }
        return ([title] + lines + ["• value  ░ band  ● anomaly  ◦ forecast" + (limit == nil ? "" : "  - limit")])
            .joined(separator: "\n") + "\n"
    }

    /// A scalable vector graphic of its own, without scripts or references.
    ///
    /// - Parameters:
    ///   - width: pixels, at least 100.
    ///   - pixels: its height, at least 60.
    package func svg(width: Int = 960, height pixels: Int = 320) -> String {
        let (width, pixels) = (max(100, width), max(60, pixels))
        let (left, top) = (64.0, 28.0)
        let (right, bottom) = (Double(width) - 12, Double(pixels) - 20)
        let (first, last) = (Double(points.first?.timestamp ?? 0), Double(points.last?.timestamp ?? 1))
        func digits(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
        func x(_ timestamp: Int64) -> String {
            let share = last > first ? (Double(timestamp) - first) / (last - first) : 0.5
            return digits(left + share * (right - left))
        }
        func y(_ value: Double) -> String { digits(bottom - height(value) * (bottom - top)) }
        func line(_ chosen: [Point], _ style: String) -> String {
            let places = chosen.compactMap { point in point.value.map { "\(x(point.timestamp)),\(y($0))" } }
            return places.isEmpty
                ? "" : "<polyline fill=\"none\" \(style) points=\"\(places.joined(separator: " "))\"/>\n"
        }
        var body = ""
        for isForecast in [false, true] {
            let band = points.filter { $0.isForecast == isForecast }
            let above = band.compactMap { point in point.upper.map { "\(x(point.timestamp)),\(y($0))" } }
            let below = band.reversed().compactMap { point in point.lower.map { "\(x(point.timestamp)),\(y($0))" } }
            guard !above.isEmpty else { continue }
            let fill = isForecast ? "#bcd7f5" : "#e3e8ee"
            body += "<polygon fill=\"\(fill)\" points=\"\((above + below).joined(separator: " "))\"/>\n"
        }
        if let limit {
            body +=
                "<line x1=\"\(left)\" x2=\"\(right)\" y1=\"\(y(limit))\" y2=\"\(y(limit))\" stroke=\"#b00020\" "
                + "stroke-dasharray=\"6 4\"/>\n"
        }
        body += line(points.filter { !$0.isForecast }, "stroke=\"#1f3b57\" stroke-width=\"1.2\"")
        body += line(points.filter(\.isForecast), "stroke=\"#1565c0\" stroke-width=\"1.2\" stroke-dasharray=\"4 3\"")
        for point in points where point.isAnomalous {
            guard let value = point.value else { continue }
            body += "<circle cx=\"\(x(point.timestamp))\" cy=\"\(y(value))\" r=\"3\" fill=\"#b00020\"/>\n"
        }
        for (value, place) in [(high, top), (low, bottom)] {
            body += "<text x=\"\(left - 6)\" y=\"\(place + 4)\" text-anchor=\"end\">\(Self.short(value))</text>\n"
        }
        return
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(pixels)\" font-family=\"sans-serif\" "
            + "font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
            + "<text x=\"\(left)\" y=\"18\" font-weight=\"bold\">\(Self.escaped(title))</text>\n\(body)</svg>\n"
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
    }
}
