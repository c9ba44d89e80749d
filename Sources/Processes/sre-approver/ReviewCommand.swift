import ArgumentParser
import Authority
import Decision
import Model

/// Lists and closes reviews of emergencies.
struct ReviewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "review",
        abstract: "List break-glass approvals nobody has reviewed, or sign that one is reviewed.",
        discussion: """
            Whoever let a plan through cannot close its review: that takes the signature of another approver, made with \
            the person's own key. A review counts as closed only where such a signature is found, by 'show', 'verify' and \
            this list alike.
            """)

    @OptionGroup var options: DeskOptions
    @OptionGroup var signing: SignerOptions

    @Option(help: "What the review found; needed to close one.")
    var comment: String?

    @Argument(help: "Id of the plan whose review is closed.")
    var plan: String?

    func validate() throws {
        guard plan == nil || !(comment ?? "").isEmpty else { throw ValidationError("closing a review needs --comment") }
    }

    func run() async throws {
        guard let plan else {
            let options = options
            return try await Counters.with(options) { desk in
                let open = try await desk.reviews()
                guard !open.isEmpty || options.output == .json else { return print("nothing to review") }
                try await ListCommand.show(open, options.output)
            }
        }
        try await DecisionFlow.run(.review, plan: plan, comment: comment ?? "", options, signing)
    }
}
