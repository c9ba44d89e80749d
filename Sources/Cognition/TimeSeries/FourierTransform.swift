#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Discrete Fourier transform in place (Cooley and Tukey 1965), lengths that are powers of two.
enum FourierTransform {
    /// - Precondition: both arrays have the same power of two as length.
    static func forward(_ real: inout [Double], _ imaginary: inout [Double]) {
        let count = real.count
        guard count > 1 else { return }
        var reversed = 0
        for index in 1..<count {
            var bit = count >> 1
            while reversed & bit != 0 {
                reversed ^= bit
                bit >>= 1
            }
            reversed |= bit
            if index < reversed {
                real.swapAt(index, reversed)
                imaginary.swapAt(index, reversed)
            }
        }
        var length = 2
        while length <= count {
            let angle = -2 * Double.pi / Double(length)
            let (stepReal, stepImaginary) = (cos(angle), sin(angle))
            for start in stride(from: 0, to: count, by: length) {
                var (turnReal, turnImaginary) = (1.0, 0.0)
                for low in start..<(start + length / 2) {
                    let high = low + length / 2
                    let oddReal = real[high] * turnReal - imaginary[high] * turnImaginary
                    let oddImaginary = real[high] * turnImaginary + imaginary[high] * turnReal
                    real[high] = real[low] - oddReal
                    imaginary[high] = imaginary[low] - oddImaginary
                    real[low] += oddReal
                    imaginary[low] += oddImaginary
                    (turnReal, turnImaginary) = (
                        turnReal * stepReal - turnImaginary * stepImaginary,
                        turnReal * stepImaginary + turnImaginary * stepReal
                    )
                }
            }
            length *= 2
        }
    }

    /// - Precondition: both arrays have the same power of two as length.
    static func inverse(_ real: inout [Double], _ imaginary: inout [Double]) {
        forward(&imaginary, &real)
        let share = 1 / Double(max(1, real.count))
        for index in real.indices {
            real[index] *= share
            imaginary[index] *= share
        }
    }
}
