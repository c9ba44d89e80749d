import AsyncHTTPClient
import Foundation
import Model
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Perception

/// Prometheus' HTTP API, as far as it is read from.
package struct PrometheusClient: MetricsSource {
    /// Address of the server as it may be shown: without user and password.
    package let address: String
    private let http: HTTPClient
    private let credential: PrometheusCredential?
    private let timeout: TimeAmount

    /// A client of the server at `url`, such as `http://prometheus:9090`, with or without a path prefix.
    ///
    /// A query counts as unanswered after `timeoutSeconds`. User and password of the URL are used for basic authentication,
    /// and win against a file with a bearer token.
    package init(url: String, http: HTTPClient, bearerTokenFile: String? = nil, timeoutSeconds: Int64 = 30) {
        var base = url.hasSuffix("/") ? String(url.dropLast()) : url
        var credential = bearerTokenFile.map { PrometheusCredential.bearerFile($0) }
        if var parts = URLComponents(string: base), let user = parts.user {
            credential = .basic(user: user, password: parts.password ?? "")
            (parts.user, parts.password) = (nil, nil)
            base = parts.string ?? base
        }
        self.address = base
        self.http = http
        self.credential = credential
        self.timeout = .seconds(timeoutSeconds)
    }

    package func range(
        _ query: String, from: Timestamp, to: Timestamp, stepMilliseconds: Int64
    ) async throws(SourceError) -> RangeResult {
        let limit = 11_000
        var merged: [[String: String]: RangeResult.Series] = [:]
        var order: [[String: String]] = []
        var warnings: [String] = []
        var start = from.rawValue
        while start <= to.rawValue {
            let end = min(to.rawValue, start + Int64(limit - 1) * stepMilliseconds)
            let part = try await post(
                "query_range",
                [
                    ("query", query), ("start", Self.seconds(start)), ("end", Self.seconds(end)),
                    ("step", Self.seconds(stepMilliseconds)),
                ])
            for series in part.series {
                if merged[series.labels] == nil { order.append(series.labels) }
                merged[series.labels, default: .init(labels: series.labels, points: [])].points += series.points
            }
            for warning in part.warnings where !warnings.contains(warning) { warnings.append(warning) }
            start = end + stepMilliseconds
        }
        return RangeResult(series: order.compactMap { merged[$0] }, warnings: warnings)
    }

    package func instant(_ query: String, at time: Timestamp?) async throws(SourceError) -> RangeResult {
        var form = [("query", query)]
        if let time { form.append(("time", Self.seconds(time.rawValue))) }
        return try await post("query", form)
    }

    package func alertRules() async throws(SourceError) -> [AlertRule] {
        let data: RuleReply = try await request("rules?type=alert", form: nil)
        return data.groups.flatMap(\.rules).filter { $0.type == "alerting" }.map {
            AlertRule(name: $0.name, query: $0.query, seconds: $0.duration ?? 0)
        }
    }

    /// Whether Prometheus answers and is ready to serve queries.
    package func isReady() async -> Bool {
        guard let request = try? request("/-/ready"),
            let response = try? await http.execute(request, timeout: .milliseconds(1_500))
        else { return false }
        _ = try? await response.body.collect(upTo: 1 << 16)
        return response.status == .ok
    }

    private func request(_ path: String) throws(SourceError) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: address + path)
        if let credential { request.headers.add(name: "Authorization", value: try credential.authorization()) }
        return request
    }

    private static func seconds(_ milliseconds: Int64) -> String {
        let fraction = String(milliseconds % 1_000)
        return "\(milliseconds / 1_000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }

    private func post(_ path: String, _ form: [(String, String)]) async throws(SourceError) -> RangeResult {
        var warnings: [String] = []
        let data: Payload = try await request(path, form: form, warnings: &warnings)
        return RangeResult(series: data.result.map(\.series), warnings: warnings)
    }

    private func request<Content: Decodable>(
        _ path: String, form: [(String, String)]?
    ) async throws(SourceError) -> Content {
        var warnings: [String] = []
        return try await request(path, form: form, warnings: &warnings)
    }

    /// The content of an answer; with a form it is posted.
    private func request<Content: Decodable>(
        _ path: String, form: [(String, String)]?, warnings: inout [String]
    ) async throws(SourceError) -> Content {
        var request = try request("/api/v1/\(path)")
        let url = request.url
        if let form {
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
            let pairs = form.map { "\($0.0)=\(Self.encoded($0.1))" }
            request.body = .bytes(ByteBuffer(string: pairs.joined(separator: "&")))
        }
        let status: HTTPResponseStatus
        let body: ByteBuffer
        let retryAfter: Duration?
        do {
            let response = try await http.execute(request, timeout: timeout)
            status = response.status
            retryAfter = response.headers.first(name: "Retry-After").flatMap { Int64($0) }.map { .seconds($0) }
            body = try await response.body.collect(upTo: 256 << 20)
        } catch {
            throw SourceError(.unreachable, "\(url): \(error)")
        }
        let reply = try? JSONDecoder().decode(Reply<Content>.self, from: body)
        guard status == .ok, let reply, reply.status == "success", let data = reply.data else {
            let reason = reply?.error.map { "\(reply?.errorType ?? "error"): \($0)" } ?? "HTTP \(status.code)"
            let kind: SourceError.Kind
            switch status.code {
            case 400, 422: kind = .badQuery
            case 200: kind = .malformed
            case 429, 500...: kind = .overloaded
            default: kind = .unreachable
            }
            throw SourceError(kind, "\(url): \(reason)", retryAfter: retryAfter)
        }
        warnings = reply.warnings ?? []
        return data
    }

    private static func encoded(_ text: String) -> String {
        let unreserved = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        return text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }
}

private struct Reply<Content: Decodable>: Decodable {
    var status: String
    var data: Content?
    var errorType: String?
    var error: String?
    var warnings: [String]?
}

private struct RuleReply: Decodable {
    struct Group: Decodable { var rules: [Rule] }

    struct Rule: Decodable {
        var name: String
        var query: String
        var type: String
        var duration: Double?
    }

    var groups: [Group]
}

/// `result` is a list of series, or the point itself when the query's type is `scalar`.
private struct Payload: Decodable {
    var result: [Row]

    private enum Key: CodingKey { case resultType, result }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        if try container.decodeIfPresent(String.self, forKey: .resultType) == "scalar" {
            result = [Row(metric: [:], value: try container.decode(Point.self, forKey: .result))]
        } else {
            result = try container.decode([Row].self, forKey: .result)
        }
    }
}

private struct Row: Decodable {
    var metric: [String: String]
    var values: [Point]?
    var value: Point?

    var series: RangeResult.Series {
        var labels = metric
        labels["__name__"] = nil
        return RangeResult.Series(labels: labels, points: (values ?? value.map { [$0] } ?? []).map(\.sample))
    }
}

/// `[seconds, "value"]`; the value may be `NaN`, `+Inf` or `-Inf`.
private struct Point: Decodable {
    var sample: SamplePoint

    init(from decoder: any Decoder) throws {
        var pair = try decoder.unkeyedContainer()
        let seconds = try pair.decode(Double.self)
        let text = try pair.decode(String.self)
        guard let value = Double(text.replacingOccurrences(of: "+", with: "")) else {
            throw DecodingError.dataCorruptedError(in: pair, debugDescription: "not a sample value: \(text)")
        }
        sample = SamplePoint(time: Timestamp(milliseconds: Int64((seconds * 1_000).rounded())), value: value)
    }
}
