import Configuration

/// Scalars of the main configuration: environment over file over default.
///
/// The variable of `prometheus.url` is `PROMETHEUS_URL`.
struct Scalars {
    private let reader: ConfigReader
    private let environment: [String: String]
    private let locations: [String: String]
    private let file: String

    init(_ document: YAMLDocument, environment: [String: String]) throws(SettingsError) {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        var locations: [String: String] = [:]
        func flatten(_ value: YAMLDocument.Value, _ path: [String]) {
            switch value.content {
            case .scalar(let text):
                values[AbsoluteConfigKey(path)] = ConfigValue(.string(text), isSecret: false)
                locations[path.joined(separator: ".")] = value.location
            case .mapping(let pairs): for pair in pairs { flatten(pair.value, path + [pair.key]) }
            case .sequence, .null: break
            }
        }
        flatten(document.root, [])
        self.reader = ConfigReader(providers: [
            EnvironmentVariablesProvider(environmentVariables: environment), InMemoryProvider(values: values),
        ])
        self.environment = environment
        self.locations = locations
        self.file = document.file
    }

    func error(_ key: String, _ problem: String, valid: String) -> SettingsError {
        let variable = key.uppercased().map { $0 == "." ? "_" : "\($0)" }.joined()
        let location = environment[variable] != nil ? "environment variable \(variable)" : locations[key] ?? file
        return SettingsError(location: location, key: key, problem: problem, valid: valid)
    }

    func string(_ key: String) -> String? {
        reader.string(forKey: ConfigKey(key)).flatMap { $0.isEmpty ? nil : $0 }
    }

    func string(_ key: String, default value: String) -> String { string(key) ?? value }

    func double(_ key: String, in range: ClosedRange<Double>, default value: Double) throws(SettingsError) -> Double {
        guard let text = string(key) else { return value }
        guard let number = Double(text), range.contains(number) else {
            throw error(key, "'\(text)' is not valid", valid: "\(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func int(_ key: String, in range: ClosedRange<Int>, default value: Int) throws(SettingsError) -> Int {
        guard let text = string(key) else { return value }
        guard let number = Int(text), range.contains(number) else {
            throw error(
                key, "'\(text)' is not valid", valid: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func bool(_ key: String, default value: Bool) throws(SettingsError) -> Bool {
        guard let text = string(key) else { return value }
        switch text.lowercased() {
        case "true", "yes", "on": return true
        case "false", "no", "off": return false
        default: throw error(key, "'\(text)' is not valid", valid: "true or false")
        }
    }

    func url(_ key: String, schemes: [String], default value: String) throws(SettingsError) -> String {
        let text = string(key, default: value)
        guard schemes.contains(where: { text.hasPrefix("\($0)://") && text.count > $0.count + 3 }) else {
            // What stands before the host may be a password.
            let shown = text.split(separator: "@").last.map(String.init) ?? text
            throw error(
                key, "'\(shown)' is not a URL of this kind", valid: schemes.map { "\($0)://…" }.joined(separator: ", "))
        }
        return text
    }
}
