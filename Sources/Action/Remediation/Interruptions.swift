import Synchronization

/// Plans whose execution this process broke off for a reason that was not theirs, such as a lost lease.
///
/// Taking them up again is not held against them.
package final class Interruptions: Sendable {
    private let hashes = Mutex<Set<String>>([])

    package init() {}

    /// The execution of a plan was broken off.
    func add(_ hash: String) { hashes.withLock { _ = $0.insert(hash) } }

    /// Whether the execution of a plan was broken off since this was asked last.
    func remove(_ hash: String) -> Bool { hashes.withLock { $0.remove(hash) != nil } }
}
