/// Keeps lease records with compare-and-swap: the store, or the Kubernetes API.
package protocol LeaseAuthority: Sendable {
    /// Takes a lease if its record is still the expected one; `nil` expects no record.
    func takeLease(_ key: String, owner: String, expected: LeaseRecord?) async throws(BusError) -> LeaseTaken

    /// Renews a lease; `false` when it belongs to somebody else.
    func beatLease(_ proof: LeaseProof) async throws(BusError) -> Bool

    /// Gives a lease back; without effect when it belongs to somebody else.
    func releaseLease(_ proof: LeaseProof) async throws(BusError)

    /// The record of a lease; `nil` when nobody ever held it.
    func lease(_ key: String) async throws(BusError) -> LeaseRecord?
}
