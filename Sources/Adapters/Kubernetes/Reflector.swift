import Foundation

/// Follows a collection: lists it, then watches it from there, for as long as it runs.
///
/// Bookmarks move the version on without a change. When the server has forgotten a version (410, as a status or as an
/// event within the watch), the collection is listed again.
package struct Reflector: Sendable {
    /// What happened to the collection.
    package enum Event: Sendable {
        /// The whole collection.
        case listed([KubernetesObject])
        /// An object was added or changed.
        case changed(KubernetesObject)
        /// An object was removed.
        case removed(KubernetesObject)
        /// The server did not answer; tried again.
        case interrupted(String)
    }

    private let client: KubernetesClient
    private let path: String
    private let labels: String?

    package init(client: KubernetesClient, path: String, labels: String? = nil) {
        self.client = client
        self.path = path
        self.labels = labels
    }

    /// Runs until the task is cancelled.
    package func run(_ handle: (Event) async -> Void) async {
        var version: String?
        var failures = 0
        while !Task.isCancelled {
            do {
                if version == nil {
                    let listing = try await client.list(path, labels: labels)
                    await handle(.listed(listing.items))
                    version = listing.resourceVersion
                }
                version = try await follow(from: version ?? "", handle)
                failures = 0
            } catch {
                failures = min(failures + 1, 6)
                await handle(.interrupted("\(error)"))
                let wait = Double(50 << failures) * Double.random(in: 0.5...1)
                try? await ContinuousClock().sleep(for: .milliseconds(Int(wait)))
            }
        }
    }

    /// - Returns: where to go on; `nil` when the collection has to be listed again.
    private func follow(from start: String, _ handle: (Event) async -> Void) async throws -> String? {
        var version = start
        do {
            for try await line in try await client.watch(path, from: start, labels: labels) {
                let event = try JSONValue(json: line)
                let object = KubernetesObject(event["object"] ?? .null)
                switch event["type"]?.string {
                case "ADDED", "MODIFIED": await handle(.changed(object))
                case "DELETED": await handle(.removed(object))
                case "BOOKMARK": break
                case "ERROR":
                    guard object.value["code"]?.integer == 410 else {
                        throw KubernetesError(.unknown, object.value["message"]?.string ?? "error within a watch")
                    }
                    return nil
                default: continue
                }
                version = object.resourceVersion
            }
        } catch let error as KubernetesError where error.kind == .expired {
            return nil
        }
        return version
    }
}
