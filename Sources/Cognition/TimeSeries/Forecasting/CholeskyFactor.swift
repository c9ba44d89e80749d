/// A symmetric positive definite system, factored once (Golub and Van Loan, Matrix Computations, algorithm 4.2.1).
struct CholeskyFactor {
    private let size: Int
    /// Lower triangle, row by row.
    private let lower: [Double]

    /// - Parameters:
    ///   - matrix: row by row, of which the lower triangle is read.
    ///   - size: rows.
    /// - Returns: `nil` when the matrix is not positive definite.
    init?(_ matrix: [Double], size: Int) {
        guard size > 0, matrix.count == size * size else { return nil }
        var lower = matrix
        for column in 0..<size {
            let columnStart = column * size
            var diagonal = lower[columnStart + column]
            for index in 0..<column { diagonal -= lower[columnStart + index] * lower[columnStart + index] }
            guard diagonal > 0, diagonal.isFinite else { return nil }
            let root = diagonal.squareRoot()
            lower[columnStart + column] = root
            for row in (column + 1)..<max(column + 1, size) {
                let rowStart = row * size
                var sum = lower[rowStart + column]
                for index in 0..<column { sum -= lower[rowStart + index] * lower[columnStart + index] }
                lower[rowStart + column] = sum / root
            }
        }
        self.size = size
        self.lower = lower
    }

    /// The solution for one right-hand side of `size` entries.
    func solve(_ right: [Double]) -> [Double] {
        var result = right
        for row in 0..<size {
            var sum = result[row]
            for column in 0..<row { sum -= lower[row * size + column] * result[column] }
            result[row] = sum / lower[row * size + row]
        }
        for row in stride(from: size - 1, through: 0, by: -1) {
            var sum = result[row]
            for column in (row + 1)..<max(row + 1, size) { sum -= lower[column * size + row] * result[column] }
            result[row] = sum / lower[row * size + row]
        }
        return result
    }
}
