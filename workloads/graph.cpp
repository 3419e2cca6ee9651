#include "workloads/graph.hpp"

#include <algorithm>

#include "src/base/error.hpp"
#include "src/base/parallel.hpp"

namespace attohm {

namespace {

void check_structure(const SparseMatrix& a) {
    ATTOHM_CHECK_EQ(a.indptr.size(), a.rows + 1);
    ATTOHM_CHECK_EQ(a.indices.size(), a.values.size());
    ATTOHM_CHECK_EQ(a.indptr.front(), 0);
    ATTOHM_CHECK_EQ(a.indptr.back(), static_cast<std::int64_t>(a.indices.size()));
    ATTOHM_CHECK(std::is_sorted(a.indptr.begin(), a.indptr.end()));
    for (const std::int32_t j : a.indices)
        ATTOHM_CHECK(j >= 0 && static_cast<std::size_t>(j) < a.cols);
}

/// Row i of A x.
void add_neighbours(const SparseMatrix& a, std::size_t i, MatrixView<const float> x, float* y) {
    std::fill_n(y, x.cols, 0.0F);
    const auto last = static_cast<std::size_t>(a.indptr[i + 1]);
    for (auto e = static_cast<std::size_t>(a.indptr[i]); e < last; ++e) {
        const float* source = x.row(static_cast<std::size_t>(a.indices[e]));
        const float value = a.values[e];
        for (std::size_t f = 0; f < x.cols; ++f) y[f] += value * source[f];
    }
}

}  // namespace

void apply_graph(const Scheme& scheme, int layer, const SparseMatrix& a, MatrixView<const float> x,
                 MatrixView<float> y, SampleContext& context) {
    check_structure(a);
    ATTOHM_CHECK_EQ(a.cols, x.rows);
    ATTOHM_CHECK_EQ(a.rows, y.rows);
    ATTOHM_CHECK_EQ(x.cols, y.cols);
    if (scheme.graph(layer, a, x, y, context)) return;
    constexpr std::size_t kRows = 256;
    parallel_for((a.rows + kRows - 1) / kRows, [&](std::size_t block) {
        const std::size_t end = std::min(a.rows, (block + 1) * kRows);
        for (std::size_t i = block * kRows; i < end; ++i) add_neighbours(a, i, x, y.row(i));
    });
}

}  // namespace attohm
