#pragma once

#include <cstdint>
#include <memory>
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

/// What a graph network computes from, and what its answer is held to.
struct GraphInput {
    Matrix<float> x;  ///< [nodes, features]
    /// [nodes, nodes] of each layer, normalised as stored; one matrix where layers share it.
    std::vector<std::shared_ptr<const SparseMatrix>> adjacency;
    std::vector<std::int64_t> labels;      ///< [nodes] or empty
    std::vector<std::int64_t> eval_index;  ///< the nodes that count, each once
};

/// A graph layer y = A x: the scheme's hook where it takes the layer, else the exact product
/// (float32 sums in stored order, whatever the threads). Args: a: [nodes, nodes]; x: [nodes,
/// features]; y: [nodes, features], any stride. Throws: InvariantError on shapes or indices that do
/// not fit.
void apply_graph(const Scheme& scheme, int layer, const SparseMatrix& a, MatrixView<const float> x,
                 MatrixView<float> y, SampleContext& context);

}  // namespace attohm
