/// Moments of an execution at which tests let it die; the names are part of the tests' contract.
package enum CrashPoint: String, Sendable, CaseIterable {
    case afterVerify = "executor.afterVerify"
    case beforeClaim = "executor.beforeClaim"
    case afterClaim = "executor.afterClaim"
    case afterIntent = "executor.afterIntent"
    case beforePatch = "executor.beforePatch"
    case afterPatchBeforeRecord = "executor.afterPatchBeforeRecord"
    case afterRecord = "executor.afterRecord"
    case beforeVerify = "executor.beforeVerify"
    case midVerify = "executor.midVerify"
    case beforeRollback = "executor.beforeRollback"
    case afterRollbackPatch = "executor.afterRollbackPatch"
    case beforeFinish = "executor.beforeFinish"
    case afterFinish = "executor.afterFinish"
}
