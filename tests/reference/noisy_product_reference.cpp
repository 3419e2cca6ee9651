#include "tests/reference/noisy_product_reference.hpp"

namespace attohm {

Matrix<double> read_cell_by_cell(const Stream& cells, MatrixView<const float> v,
                                 MatrixView<const float> conductance,
                                 MatrixView<const float> sigma) {
    const std::size_t rows = conductance.rows, columns = conductance.cols;
    Matrix<double> out(v.rows, columns, 0.0);
    for (std::size_t b = 0; b < v.rows; ++b) {
        for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t c = 0; c < columns; ++c) {
                const double z = cells.normal((b * rows + r) * columns + c);
                const double g =
                    static_cast<double>(conductance(r, c)) + static_cast<double>(sigma(r, c)) * z;
                out(b, c) += static_cast<double>(v(b, r)) * g;
            }
        }
    }
    return out;
}

}  // namespace attohm
