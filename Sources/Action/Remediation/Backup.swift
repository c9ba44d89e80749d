/// An object as it is before a step changes it, as a person can put it back.
package struct Backup: Sendable, Equatable {
    /// Canonical JSON of the whole object, without what the server keeps for itself.
    package var manifest: [UInt8]

    package init(manifest: [UInt8]) { self.manifest = manifest }
}
