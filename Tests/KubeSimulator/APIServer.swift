import Foundation
import Kubernetes
import Synchronization

/// A strict simulation of the parts of the Kubernetes API that the product uses.
///
/// Holds objects with resource versions, uids and generations, runs the controllers that matter for an executor, and
/// fails on demand. ``log`` is the ground truth about what was changed.
package final class APIServer: Sendable {
    /// How a request ends.
    package enum Delivery: Sendable {
        /// An answer, after some milliseconds.
        case answer(KubernetesResponse, delay: Int = 0)
        /// No answer at all.
        case silence
        /// An answer that breaks off.
        case truncated(KubernetesResponse)
    }

    /// Whether controllers act at once or when ``tick()`` is called.
    package enum Pace: String, Sendable, Codable {
        case instant, ticks
    }

    /// Who a bearer token stands for.
    package struct User: Sendable {
        package var name: String
        package var groups: Set<String>

        package init(name: String, groups: Set<String> = []) {
            self.name = name
            self.groups = groups
        }

        /// May do everything.
        package static let administrator = User(name: "kubernetes-admin", groups: ["system:masters"])
    }

    struct State: Sendable {
        var store = ObjectStore()
        /// Version of the workloads at which no controller had anything left to do.
        var settled = 0
        /// Rounds of the controllers so far.
        var rounds = 0
        var faults: [Fault] = []
        var adversaries: [Adversary] = []
        var log: [Effect] = []
        var users: [String: User] = [:]
        var anonymous: User?
        var pace = Pace.instant
        /// Images whose pods never become ready.
        var brokenImages: Set<String> = []
        /// Seconds that the server's clock is ahead of real time; `nil`: as given by `clock`.
        var clockOffset: Double = 0
    }

    let state: Mutex<State>
    /// An element whenever the controllers have something to do, at the pace of ``Pace/ticks``.
    package let work: AsyncStream<Void>
    private let arrivals: AsyncStream<Void>.Continuation
    /// Whoever stops watching is found out by the next line: a handler of the end would need this lock while it holds the
    /// task's, and a line that is handed over needs them the other way round.
    private let watchers = Mutex<[UInt64: Watcher]>([:])
    private let nextWatcher = Atomic<UInt64>(0)
    private let clock: @Sendable () -> Date

    /// Token of the administrator.
    package static let adminToken = "fake-token"

    /// - Parameter clock: time of the server's `Date` header and of creation stamps.
    package init(clock: @escaping @Sendable () -> Date = { Date() }) {
        self.clock = clock
        (work, arrivals) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        var state = State()
        state.users[Self.adminToken] = .administrator
        self.state = Mutex(state)
    }

    /// Every change that was applied, in order.
    package var log: [Effect] { state.withLock { $0.log } }

    var now: Date { clock().addingTimeInterval(state.withLock { $0.clockOffset }) }

    // MARK: Requests

    /// Answers a request.
    package func handle(_ request: KubernetesRequest) -> Delivery {
        let time = now
        let delivery = state.withLock { state -> Delivery in
            var request = request
            request.query = request.query.filter { !$0.value.isEmpty }
            let user = request.token.flatMap { state.users[$0] } ?? (request.token == nil ? state.anonymous : nil)
            guard let user else {
                return .answer(StatusError(code: 401, reason: "Unauthorized", message: "Unauthorized").response)
            }
            guard let info = RequestInfo(request) else {
                do {
                    return .answer(try Discovery.answer(request.path))
                } catch let error as StatusError {
                    return .answer(error.response)
                } catch {
                    return .silence
                }
            }
            return state.serve(request, info, user, time: Self.rfc3339(time))
        }
        wakeWatchers()
        return dated(delivery, time)
    }

    private func dated(_ delivery: Delivery, _ time: Date) -> Delivery {
        func dated(_ response: KubernetesResponse) -> KubernetesResponse {
            var response = response
            response.headers["date"] = Self.imfFixdate(time)
            return response
        }
        switch delivery {
        case .answer(let response, let delay): return .answer(dated(response), delay: delay)
        case .truncated(let response): return .truncated(dated(response))
        case .silence: return .silence
        }
    }

    static func rfc3339(_ date: Date) -> String {
        Date.ISO8601FormatStyle().format(date)
    }

    /// The `Date` header of RFC 9110, section 5.6.7.
    static func imfFixdate(_ date: Date) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return formatter.string(from: date)
    }

    // MARK: Watches

    private struct Watcher {
        var info: RequestInfo
        var request: KubernetesRequest
        var position: Int
        var continuation: AsyncStream<Data>.Continuation
    }

    /// Lines of a watch: changes, bookmarks, and an error when the changes asked for are no longer known.
    ///
    /// - Returns: `nil` when the request is not a watch.
    package func watch(_ request: KubernetesRequest) -> AsyncStream<Data>? {
        guard let info = RequestInfo(request), info.verb == "watch" else { return nil }
        let (stream, continuation) = AsyncStream.makeStream(of: Data.self)
        let id = nextWatcher.add(1, ordering: .relaxed).newValue
        let start = request.query["resourceVersion"].flatMap { Int($0) } ?? 0
        let (isExpired, initial, position) = state.withLock { state -> (Bool, [Data], Int) in
            if start > 0 { return (start < state.store.compacted, [], start) }
            let lines = state.store.list(info.type, namespace: info.namespace)
                .filter { state.isSelected($0.value, request) }
                .map { Self.line("ADDED", $0.value, $0.key.type) }
            return (false, lines, state.store.version)
        }
        if isExpired {
            continuation.yield(Self.line("ERROR", StatusError.expired.status, nil))
            continuation.finish()
            return stream
        }
        for line in initial { continuation.yield(line) }
        watchers.withLock {
            $0[id] = Watcher(info: info, request: request, position: position, continuation: continuation)
        }
        wakeWatchers()
        return stream
    }

    private static func line(_ kind: String, _ object: JSONValue, _ type: ResourceType?) -> Data {
        var object = object
        if let type {
            object["apiVersion"] = .string(type.apiVersion)
            object["kind"] = .string(type.kind)
        }
        return Data(JSONValue.object(["type": .string(kind), "object": object]).canonical + [UInt8(ascii: "\n")])
    }

    private func wakeWatchers() {
        if state.withLock({ $0.pace == .ticks && $0.store.workloadVersion != $0.settled }) { arrivals.yield() }
        watchers.withLock { watchers in
            for (id, watcher) in watchers {
                let (events, version, isExpired) = state.withLock { state in
                    (
                        state.store.history.filter { event in
                            event.version > watcher.position && event.key.type == watcher.info.type
                                && (watcher.info.namespace.isEmpty || watcher.info.namespace == event.key.namespace)
                                && state.isSelected(event.object, watcher.request)
                        }, state.store.version, watcher.position < state.store.compacted
                    )
                }
                if isExpired {
                    watcher.continuation.yield(Self.line("ERROR", StatusError.expired.status, nil))
                    watcher.continuation.finish()
                    watchers[id] = nil
                    continue
                }
                watchers[id]?.position = version
                for event in events {
                    let line = Self.line(event.kind, event.object, event.key.type)
                    if case .terminated = watcher.continuation.yield(line) { watchers[id] = nil }
                }
            }
        }
    }

    /// Sends a bookmark to every watch that asked for them.
    package func sendBookmarks() {
        let version = state.withLock { $0.store.version }
        watchers.withLock { watchers in
            for (id, watcher) in watchers where watcher.request.query["allowWatchBookmarks"] == "true" {
                let object: JSONValue = ["metadata": ["resourceVersion": .string("\(version)")]]
                let line = Self.line("BOOKMARK", object, watcher.info.type)
                if case .terminated = watcher.continuation.yield(line) { watchers[id] = nil }
            }
        }
    }

    // MARK: Tests' hands

    /// Faults for requests to come.
    package func add(faults: [Fault]) { state.withLock { $0.faults += faults } }

    /// Somebody else who changes something.
    package func add(adversary: Adversary) { state.withLock { $0.adversaries.append(adversary) } }

    /// Lets a token stand for a user.
    package func add(token: String, _ user: User) { state.withLock { $0.users[token] = user } }

    /// Takes a token away.
    package func revoke(token: String) { state.withLock { $0.users[token] = nil } }

    /// Requests without a token are this user's; `nil`: refused.
    package func setAnonymous(_ user: User?) { state.withLock { $0.anonymous = user } }

    package func setPace(_ pace: Pace) { state.withLock { $0.pace = pace } }

    /// Pods with these images never become ready.
    package func setBroken(images: Set<String>) {
        state.withLock { state in
            state.brokenImages = images
            state.settled = 0
        }
        wakeWatchers()
    }

    /// Seconds that the server's clock is ahead.
    package func setClockOffset(_ seconds: Double) { state.withLock { $0.clockOffset = seconds } }

    /// Forgets all changes, so that older watches and continued lists end with 410.
    package func compact() {
        state.withLock { $0.store.compact() }
        wakeWatchers()
    }

    /// Rounds of the controllers so far.
    package var rounds: Int { state.withLock { $0.rounds } }

    /// One round of the controllers, when there is anything for them to do.
    ///
    /// - Returns: whether anything changed.
    @discardableResult
    package func tick() -> Bool {
        let time = Self.rfc3339(now)
        let changed = state.withLock { state in
            guard state.store.workloadVersion != state.settled else { return false }
            let (before, workloads) = (state.store.version, state.store.workloadVersion)
            state.reconcileOnce(time: time)
            if state.store.workloadVersion == workloads { state.settled = workloads }
            return state.store.version != before
        }
        wakeWatchers()
        return changed
    }

    /// Stores objects as the administrator, such as manifests; existing ones are replaced.
    package func load(_ objects: [JSONValue]) {
        let time = Self.rfc3339(now)
        state.withLock { state in
            for object in objects {
                guard let type = ResourceType.of(object), let name = object[path: ["metadata", "name"]]?.string else {
                    continue
                }
                let namespace = object[path: ["metadata", "namespace"]]?.string ?? "default"
                let key = ObjectKey(type: type, namespace: type.isNamespaced ? namespace : "", name: name)
                if state.store.objects[key] == nil {
                    state.store.create(object, at: key, time: time)
                } else {
                    state.store.update(object, at: key, countsGeneration: true)
                }
            }
            state.settle(time: time)
        }
        wakeWatchers()
    }

    /// An object as it is stored.
    package func object(_ plural: String, group: String = "", namespace: String = "", name: String) -> JSONValue? {
        guard let type = ResourceType.named(plural, group: group) else { return nil }
        return state.withLock { $0.store.objects[ObjectKey(type: type, namespace: namespace, name: name)] }
    }

    /// Objects of a type, by name.
    package func objects(_ plural: String, group: String = "", namespace: String = "") -> [JSONValue] {
        guard let type = ResourceType.named(plural, group: group) else { return [] }
        return state.withLock { $0.store.list(type, namespace: namespace).map(\.value) }
    }
}
