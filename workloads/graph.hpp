#pragma once

#include <cstdint>
#include <vector>

#include "workloads/scheme.hpp"

namespace attohm {

/// Compressed sparse rows: row i holds `indices[indptr[i] .. indptr[i+1])` with their values.
struct SparseMatrix {
    std::size_t rows = 0;
    std::size_t cols = 0;
    std::vector<std::int64_t> indptr;   ///< [rows + 1]
    std::vector<std::int32_t> indices;  ///< column of each stored element
    std::vector<float> values;
};

/// A graph layer y = A x: the scheme's hook where it takes the layer, else the exact product
/// (float32 sums in stored order). Args: a: [nodes, nodes]; x: [nodes, features]; y: [nodes,
/// features], any stride. Throws: InvariantError on shapes or indices that do not fit.
void apply_graph(const Scheme& scheme, int layer, const SparseMatrix& a, MatrixView<const float> x,
                 MatrixView<float> y, SampleContext& context);

}  // namespace attohm
