#include "workloads/graph.hpp"

#include <algorithm>

#include "src/base/error.hpp"

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

}  // namespace

void apply_graph(const Scheme& scheme, int layer, const SparseMatrix& a, MatrixView<const float> x,
                 MatrixView<float> y, SampleContext& context) {
    check_structure(a);
    ATTOHM_CHECK_EQ(a.cols, x.rows);
    ATTOHM_CHECK_EQ(a.rows, y.rows);
    ATTOHM_CHECK_EQ(x.cols, y.cols);
    if (scheme.graph(layer, a, x, y, context)) return;
    for (std::size_t i = 0; i < a.rows; ++i) {
        std::fill_n(y.row(i), y.cols, 0.0F);
        const auto first = static_cast<std::size_t>(a.indptr[i]);
        const auto last = static_cast<std::size_t>(a.indptr[i + 1]);
        for (std::size_t e = first; e < last; ++e) {
            const float* source = x.row(static_cast<std::size_t>(a.indices[e]));
            for (std::size_t f = 0; f < x.cols; ++f) y(i, f) += a.values[e] * source[f];
        }
    }
}

}  // namespace attohm
