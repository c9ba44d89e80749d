import Foundation

/// Asks for passphrases without showing them; `SRE_APPROVER_PASSPHRASE` answers for scripts.
enum Passphrase {
    /// Asks once.
    static func ask(_ prompt: String) throws -> String {
        if let given = ProcessInfo.processInfo.environment["SRE_APPROVER_PASSPHRASE"] { return given }
        guard isatty(STDIN_FILENO) == 1 else {
            throw Failure("a passphrase is needed: run on a terminal or set SRE_APPROVER_PASSPHRASE")
        }
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else { throw Failure("the terminal cannot be read") }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            FileHandle.standardError.write(Data("\n".utf8))
        }
        FileHandle.standardError.write(Data(prompt.utf8))
        return readLine() ?? ""
    }

    /// Asks twice for a new one of at least eight characters.
    static func choose() throws -> String {
        let first = try ask("New passphrase (at least 8 characters): ")
        guard first.count >= 8 else { throw Failure("the passphrase has fewer than 8 characters") }
        guard try ask("The same again: ") == first else { throw Failure("the passphrases differ") }
        return first
    }
}
