import Authority
import Foundation
import Model
import Synchronization

/// A client of the API server: reads, lists in chunks, watches, and writes with the outcome told apart.
///
/// Reads are tried again; a request that changes something never is, because only the caller can tell whether the first
/// one had its effect.
package struct KubernetesClient: Sendable {
    /// Name under which this product manages fields.
    package static let fieldManager = "sre-agent"

    private let transport: any KubernetesTransport
    private let credentials: Credentials
    private let limiter: RateLimiter
    private let clock: ServerClock

    /// A client over HTTP.
    ///
    /// - Throws: `KubernetesError` when certificates cannot be used.
    package init(_ access: KubernetesAccess) throws(KubernetesError) {
        self.init(access, transport: try HTTPTransport(access))
    }

    /// A client that sends at most `requestsPerSecond` (above 0) in the long run, and `burst` at once.
    package init(
        _ access: KubernetesAccess, transport: any KubernetesTransport, requestsPerSecond: Double = 50,
        burst: Int = 100
    ) {
        self.transport = transport
        credentials = Credentials(access)
        limiter = RateLimiter(perSecond: requestsPerSecond, burst: burst)
        clock = ServerClock()
    }

    // MARK: Reads

    /// Reads an object.
    package func get(_ path: String) async throws(KubernetesError) -> KubernetesObject {
        KubernetesObject(try await read(path, [:]))
    }

    /// Reads an object; `nil` when it is not there.
    package func find(_ path: String) async throws(KubernetesError) -> KubernetesObject? {
        do {
            return try await get(path)
        } catch  where error.kind == .notFound {
            return nil
        }
    }

    /// A list and the version it stands for.
    package struct Listing: Sendable {
        package var items: [KubernetesObject]
        package var resourceVersion: String
    }

    /// Reads a list in chunks; begins anew without chunks when the server forgot where it was (410).
    package func list(
        _ path: String, labels: String? = nil, fields: String? = nil, chunk: Int = 500
    ) async throws(KubernetesError) -> Listing {
        var query: [String: String] = ["limit": "\(chunk)"]
        query["labelSelector"] = labels
        query["fieldSelector"] = fields
        var items: [KubernetesObject] = []
        while true {
            let page: JSONValue
            do {
                page = try await read(path, query)
            } catch  where error.kind == .expired && query["continue"] != nil {
                query["continue"] = nil
                query["limit"] = nil
                items = []
                continue
            }
            items += (page["items"]?.elements ?? []).map(KubernetesObject.init)
            let version = page[path: ["metadata", "resourceVersion"]]?.string ?? ""
            guard let token = page[path: ["metadata", "continue"]]?.string, !token.isEmpty else {
                return Listing(items: items, resourceVersion: version)
            }
            query["continue"] = token
        }
    }

    private func read(_ path: String, _ query: [String: String]) async throws(KubernetesError) -> JSONValue {
        var attempt = 0
        while true {
            attempt += 1
            do {
                return try await send("GET", path, query: query)
            } catch {
                switch error.kind {
                case .unknown where attempt < 3:
                    try await pause(.milliseconds(50 * attempt), error)
                case .busy(let wait) where attempt < 3: try await pause(wait, error)
                default: throw error
                }
            }
        }
    }

    private func pause(_ duration: Duration, _ error: KubernetesError) async throws(KubernetesError) {
        do {
            try await ContinuousClock().sleep(for: duration)
        } catch {
            throw KubernetesError(.unknown, "cancelled while waiting")
        }
    }

    // MARK: Writes

    /// Applies a merge patch (RFC 7386) and returns the object as it is then.
    ///
    /// With `dryRun` the server checks and answers, and changes nothing.
    package func patch(
        _ path: String, _ patch: JSONValue, dryRun: Bool = false
    ) async throws(KubernetesError) -> KubernetesObject {
        KubernetesObject(
            try await send(
                "PATCH", path, query: write(dryRun), contentType: "application/merge-patch+json", body: patch))
    }

    /// Applies a configuration on the server's side; fields that others manage are a conflict.
    package func apply(
        _ path: String, _ object: JSONValue, dryRun: Bool = false
    ) async throws(KubernetesError) -> KubernetesObject {
        KubernetesObject(
            try await send(
                "PATCH", path, query: write(dryRun), contentType: "application/apply-patch+yaml", body: object))
    }

    /// Creates an object in a collection.
    package func create(
        _ path: String, _ object: JSONValue, dryRun: Bool = false
    ) async throws(KubernetesError) -> KubernetesObject {
        KubernetesObject(
            try await send("POST", path, query: write(dryRun), contentType: "application/json", body: object))
    }

    /// Replaces an object; its resource version must be the one in `object`.
    package func replace(_ path: String, _ object: JSONValue) async throws(KubernetesError) -> KubernetesObject {
        KubernetesObject(
            try await send("PUT", path, query: write(false), contentType: "application/json", body: object))
    }

    /// Evicts a pod, if it is still the one with this uid.
    ///
    /// - Throws: `busy` while a disruption budget does not allow it.
    package func evict(
        namespace: String, pod: String, uid: String, dryRun: Bool = false
    ) async throws(KubernetesError) {
        var options: JSONValue = ["preconditions": ["uid": .string(uid)]]
        if dryRun { options["dryRun"] = ["All"] }
        let eviction: JSONValue = [
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": ["name": .string(pod), "namespace": .string(namespace)], "deleteOptions": options,
        ]
        _ = try await send(
            "POST", "/api/v1/namespaces/\(namespace)/pods/\(pod)/eviction", query: write(dryRun),
            contentType: "application/json", body: eviction)
    }

    /// Deletes an object, if it is still the one with this uid.
    package func delete(_ path: String, uid: String) async throws(KubernetesError) {
        let options: JSONValue = [
            "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": ["uid": .string(uid)],
        ]
        _ = try await send("DELETE", path, query: [:], contentType: "application/json", body: options)
    }

    private func write(_ dryRun: Bool) -> [String: String] {
        var query = ["fieldManager": Self.fieldManager, "fieldValidation": "Strict"]
        if dryRun { query["dryRun"] = "All" }
        return query
    }

    // MARK: Rights and time

    /// Whether this client may do something.
    package func mayI(_ access: AccessQuestion) async throws(KubernetesError) -> Bool {
        let review: JSONValue = [
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": ["resourceAttributes": access.attributes],
        ]
        return try await ask("selfsubjectaccessreviews", review)
    }

    /// Whether a user of the cluster may do something.
    package func may(
        user: String, groups: [String], _ access: AccessQuestion
    ) async throws(KubernetesError) -> Bool {
        let review: JSONValue = [
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": [
                "user": .string(user), "groups": .array(groups.map { .string($0) }),
                "resourceAttributes": access.attributes,
            ],
        ]
        return try await ask("subjectaccessreviews", review)
    }

    /// Why a person may not do something; `nil` when the person may.
    func objection(to person: Policy.ClusterUser, _ question: AccessQuestion) async throws(KubernetesError) -> String? {
        try await may(user: person.name, groups: person.groups, question)
            ? nil : "\(person.name) may not \(question) in the cluster"
    }

    private func ask(_ resource: String, _ review: JSONValue) async throws(KubernetesError) -> Bool {
        let answer = try await send(
            "POST", "/apis/authorization.k8s.io/v1/\(resource)", query: [:], contentType: "application/json",
            body: review)
        return answer[path: ["status", "allowed"]]?.bool ?? false
    }

    /// The server's wall clock, to the second.
    ///
    /// - Throws: `KubernetesError` when the server does not answer or tells no time.
    package func time() async throws(KubernetesError) -> Timestamp {
        _ = try await read("/version", [:])
        guard let time = clock.newest else { throw KubernetesError(.unknown, "the server tells no time") }
        return time
    }

    /// Names of the resources of a group version, such as `apps/v1`; empty when the server does not have it.
    package func resources(of groupVersion: String) async throws(KubernetesError) -> Set<String> {
        let root = groupVersion.contains("/") ? "/apis" : "/api"
        do {
            let list = try await read("\(root)/\(groupVersion)", [:])
            return Set((list["resources"]?.elements ?? []).compactMap { $0["name"]?.string })
        } catch  where error.kind == .notFound {
            return []
        }
    }

    // MARK: Watches

    /// Opens a watch from a version; ends when the server closes it.
    func watch(
        _ path: String, from version: String, labels: String?
    ) async throws(KubernetesError) -> AsyncThrowingStream<Data, any Error> {
        var query = ["watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"]
        query["timeoutSeconds"] = "300"
        query["labelSelector"] = labels
        var request = KubernetesRequest("GET", path, query: query)
        try await recognise(&request)
        do {
            return try await transport.lines(request)
        } catch  where error.kind == .unauthorized {
            guard try await credentials.renew() else { throw error }
            try await recognise(&request)
            return try await transport.lines(request)
        }
    }

    // MARK: Requests

    /// Puts the credential of the moment into a request.
    private func recognise(_ request: inout KubernetesRequest) async throws(KubernetesError) {
        let credential = try await credentials.current()
        request.token = credential.token
        request.certificate = credential.certificate
    }

    private func send(
        _ method: String, _ path: String, query: [String: String], contentType: String? = nil, body: JSONValue? = nil
    ) async throws(KubernetesError) -> JSONValue {
        var request = KubernetesRequest(
            method, path, query: query, contentType: contentType, body: body.map { Data($0.canonical) })
        do {
            return try await attempt(&request)
        } catch  where error.kind == .unauthorized {
            // Certainly not done. Tokens rotate: the file or the plugin has the next one.
            guard try await credentials.renew() else { throw error }
            return try await attempt(&request)
        }
    }

    private func attempt(_ request: inout KubernetesRequest) async throws(KubernetesError) -> JSONValue {
        do {
            try await limiter.pass()
        } catch {
            throw KubernetesError(.unknown, "cancelled before the request was sent")
        }
        try await recognise(&request)
        let response = try await transport.send(request)
        clock.note(response.headers["date"])
        try KubernetesError.check(response)
        do {
            return try JSONValue(json: response.body)
        } catch {
            throw KubernetesError(.unknown, "the answer was not understood: \(error)")
        }
    }
}

/// Something that a client may or may not do.
package struct AccessQuestion: Sendable, Hashable, CustomStringConvertible {
    package var verb: String
    package var group: String
    package var resource: String
    package var subresource: String
    package var namespace: String
    package var name: String

    package init(
        _ verb: String, group: String = "", resource: String, subresource: String = "", namespace: String,
        name: String = ""
    ) {
        self.verb = verb
        self.group = group
        self.resource = resource
        self.subresource = subresource
        self.namespace = namespace
        self.name = name
    }

    var attributes: JSONValue {
        [
            "verb": .string(verb), "group": .string(group), "resource": .string(resource),
            "subresource": .string(subresource), "namespace": .string(namespace), "name": .string(name),
        ]
    }

    package var description: String {
        let target = subresource.isEmpty ? resource : "\(resource)/\(subresource)"
        return "\(verb) \(target)\(namespace.isEmpty ? "" : " in \(namespace)")"
    }
}

/// The newest time that the server told.
private final class ServerClock: Sendable {
    private let value = Mutex<Timestamp?>(nil)

    var newest: Timestamp? { value.withLock { $0 } }

    /// Takes in a `Date` header (RFC 9110, section 5.6.7).
    func note(_ header: String?) {
        guard let header else { return }
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        guard let date = formatter.date(from: header) else { return }
        value.withLock { $0 = Timestamp(milliseconds: Int64(date.timeIntervalSince1970 * 1_000)) }
    }
}
