#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A small long short-term memory (Hochreiter and Schmidhuber 1997, with forget gates by Gers and others 2000): one layer
/// and a linear read-out, trained by truncated back-propagation through time with Adam (Kingma and Ba 2015).
///
/// State: 3 · (4 · hidden · (inputs + hidden + 1) + hidden + 1) words.
struct RecurrentNetwork: Sendable, Equatable, Codable {
    /// Output and memory of the cells.
    struct Memory: Sendable, Equatable, Codable {
        var output: [Double]
        var cell: [Double]
    }

    /// What one step computed, for the way back.
    private struct Step {
        var input: [Double]
        var before: Memory
        /// Input, forget, output gate and candidate of each cell.
        var gates: [Double]
        var after: Memory
        var error: Double
    }

    let inputs: Int
    let hidden: Int
    /// Gate after gate, cell after cell: weights of the inputs, of the outputs before, and a constant; then the read-out.
    var weights: [Double]
    private var first: [Double]
    private var second: [Double]
    private var updates = 0.0

    private var width: Int { inputs + hidden + 1 }
    private var readOut: Int { 4 * hidden * width }

    /// Random weights, forget gates open.
    init(inputs: Int, hidden: Int, seed: UInt64) {
        self.inputs = inputs
        self.hidden = hidden
        var generator = SplitMix64(seed: seed)
        let width = inputs + hidden + 1
        let reach = (1 / Double(width)).squareRoot()
        let count = 4 * hidden * width + hidden + 1
        weights = (0..<count).map { _ in Double.random(in: -reach...reach, using: &generator) }
        for cell in 0..<hidden { weights[(hidden + cell) * width + width - 1] = 1 }
        first = Array(repeating: 0, count: count)
        second = first
    }

    /// Whether the parts of a stored state fit each other.
    var isConsistent: Bool {
        guard (1...64).contains(inputs), (1...64).contains(hidden) else { return false }
        let count = readOut + hidden + 1
        return [weights, first, second].allSatisfy { $0.count == count && $0.areUsable }
            && second.allSatisfy { $0 >= 0 } && (0...1e9).contains(updates)
    }

    /// Memory of a network that has seen nothing.
    var blank: Memory {
        Memory(output: Array(repeating: 0, count: hidden), cell: Array(repeating: 0, count: hidden))
    }

    /// The output for an input, and the memory after it.
    func predict(_ input: [Double], _ memory: inout Memory) -> Double {
        let step = forward(input, memory)
        memory = step.after
        return answer(step.after)
    }

    /// One step of Adam on a piece of a sequence; the memory is carried on over it.
    ///
    /// - Returns: mean squared error before the step.
    mutating func train(
        _ sequence: [(input: [Double], target: Double)], _ memory: inout Memory, rate: Double
    ) -> Double {
        let (gradient, loss) = gradient(sequence, &memory)
        updates = min(updates + 1, 1e9)
        let (fade, fadeSquares) = (1 - pow(0.9, updates), 1 - pow(0.999, updates))
        for index in weights.indices {
            let slope = max(-1, min(1, gradient[index]))
            first[index] = 0.9 * first[index] + 0.1 * slope
            second[index] = 0.999 * second[index] + 0.001 * slope * slope
            weights[index] -= rate * first[index] / fade / ((second[index] / fadeSquares).squareRoot() + 1e-8)
        }
        return loss
    }

    /// Gradient of the mean squared error of a piece of a sequence, and that error.
    func gradient(
        _ sequence: [(input: [Double], target: Double)], _ memory: inout Memory
    ) -> (gradient: [Double], loss: Double) {
        var steps: [Step] = []
        var loss = 0.0
        let share = 1 / Double(max(1, sequence.count))
        for (input, target) in sequence {
            var step = forward(input, memory)
            step.error = answer(step.after) - target
            loss += step.error * step.error * share
            memory = step.after
            steps.append(step)
        }
        var gradient = Array(repeating: 0.0, count: weights.count)
        var later = blank
        for step in steps.reversed() { backward(step, 2 * step.error * share, &later, &gradient) }
        return (gradient, loss)
    }

    private func answer(_ memory: Memory) -> Double {
        (0..<hidden).reduce(weights[readOut + hidden]) { $0 + weights[readOut + $1] * memory.output[$1] }
    }

    private func forward(_ input: [Double], _ memory: Memory) -> Step {
        var gates = Array(repeating: 0.0, count: 4 * hidden)
        for row in 0..<(4 * hidden) {
            var sum = weights[row * width + width - 1]
            for index in 0..<inputs { sum += weights[row * width + index] * input[index] }
            for index in 0..<hidden { sum += weights[row * width + inputs + index] * memory.output[index] }
            gates[row] = row < 3 * hidden ? 1 / (1 + exp(-sum)) : tanh(sum)
        }
        var after = memory
        for cell in 0..<hidden {
            after.cell[cell] = gates[hidden + cell] * memory.cell[cell] + gates[cell] * gates[3 * hidden + cell]
            after.output[cell] = gates[2 * hidden + cell] * tanh(after.cell[cell])
        }
        return Step(input: input, before: memory, gates: gates, after: after, error: 0)
    }

    /// Carries the slopes of output and memory one step back.
    private func backward(_ step: Step, _ slope: Double, _ later: inout Memory, _ gradient: inout [Double]) {
        var before = blank
        gradient[readOut + hidden] += slope
        for cell in 0..<hidden {
            gradient[readOut + cell] += slope * step.after.output[cell]
            let output = later.output[cell] + slope * weights[readOut + cell]
            let (enter, keep, open) = (step.gates[cell], step.gates[hidden + cell], step.gates[2 * hidden + cell])
            let candidate = step.gates[3 * hidden + cell]
            let bent = tanh(step.after.cell[cell])
            let memory = later.cell[cell] + output * open * (1 - bent * bent)
            before.cell[cell] = memory * keep
            let slopes = [
                memory * candidate * enter * (1 - enter), memory * step.before.cell[cell] * keep * (1 - keep),
                output * bent * open * (1 - open), memory * enter * (1 - candidate * candidate),
            ]
            for (gate, slope) in slopes.enumerated() {
                let row = (gate * hidden + cell) * width
                for index in 0..<inputs { gradient[row + index] += slope * step.input[index] }
                for index in 0..<hidden {
                    gradient[row + inputs + index] += slope * step.before.output[index]
                    before.output[index] += slope * weights[row + inputs + index]
                }
                gradient[row + width - 1] += slope
            }
        }
        later = before
    }
}
