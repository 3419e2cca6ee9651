#pragma once

#include "src/base/matrix.hpp"
#include "src/base/random.hpp"

/// Reads of a plain array, cell by cell: the twin of crossbar/array/noisy_product.hpp.
namespace attohm {

/// y[b, c] = sum_r v[b, r] (G[r, c] + s[r, c] z) with a normal z of its own for every cell and
/// read: cell (r, c) of read b draws normal((b rows + r) columns + c).
/// Args: v: [batch, rows]; conductance, sigma: [rows, columns].
Matrix<double> read_cell_by_cell(const Stream& cells, MatrixView<const float> v,
                                 MatrixView<const float> conductance,
                                 MatrixView<const float> sigma);

}  // namespace attohm
