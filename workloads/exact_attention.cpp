#include <algorithm>
#include <limits>
#include <span>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/base/vmath.hpp"
#include "workloads/scheme.hpp"

namespace attohm {

namespace {

/// Query rows per block: no N x N matrix is held however long the sequence is. A constant, so that
/// the shape of every BLAS call follows from the head alone.
constexpr std::size_t kQueryBlock = 256;

constexpr float kMasked = -std::numeric_limits<float>::infinity();

void check_shapes(const AttentionHead& head, const MatrixView<float>& out) {
    ATTOHM_CHECK_EQ(head.k.cols, head.d());
    ATTOHM_CHECK_EQ(head.v.rows, head.n_k());
    ATTOHM_CHECK_EQ(out.rows, head.n_q());
    ATTOHM_CHECK_EQ(out.cols, head.dv());
    ATTOHM_CHECK(head.valid_q >= 0 && static_cast<std::size_t>(head.valid_q) <= head.n_q());
    ATTOHM_CHECK(head.valid_k >= 0 && static_cast<std::size_t>(head.valid_k) <= head.n_k());
    ATTOHM_CHECK(head.bias.empty() ||
                 (head.bias.rows == head.n_q() && head.bias.cols == head.n_k()));
    ATTOHM_CHECK(head.mask.empty() ||
                 (head.mask.rows == head.n_q() && head.mask.cols == head.n_k()));
}

/// Scaled scores of one query -> its probabilities over keys 0 .. row.size()-1.
void softmax_of_query(const AttentionHead& head, std::size_t query, std::span<float> row) {
    const std::size_t end = head.key_end(query);
    if (!head.bias.empty()) {
        const float* bias = head.bias.row(query);
        for (std::size_t j = 0; j < end; ++j) row[j] += bias[j];
    }
    if (!head.mask.empty()) {
        const std::uint8_t* mask = head.mask.row(query);
        for (std::size_t j = 0; j < end; ++j) row[j] = mask[j] != 0 ? row[j] : kMasked;
    }
    // A row without an allowed key comes out as zeros.
    softmax_row(row.first(end));
    std::fill(row.begin() + static_cast<std::ptrdiff_t>(end), row.end(), 0.0F);
}

void zero_rows(MatrixView<float> out, std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) std::fill_n(out.row(i), out.cols, 0.0F);
}

}  // namespace

void exact_attention(const AttentionHead& head, MatrixView<float> out) {
    check_shapes(head, out);
    const auto rows = static_cast<std::size_t>(head.valid_q);
    thread_local AlignedVector<float> scratch;
    for (std::size_t first = 0; first < rows; first += kQueryBlock) {
        const std::size_t count = std::min(kQueryBlock, rows - first);
        // Causal rows see ever more keys: the last row of the block bounds what the block needs.
        const std::size_t keys = head.key_end(first + count - 1);
        if (keys == 0) {
            zero_rows(out, first, first + count);
            continue;
        }
        if (scratch.size() < count * keys) scratch.resize(count * keys);
        const MatrixView<float> scores(scratch.data(), count, keys);
        sgemm_nt(head.scale, head.q.rows_from(first, count), head.k.top(keys), 0.0F, scores);
        for (std::size_t i = 0; i < count; ++i)
            softmax_of_query(head, first + i, {scores.row(i), keys});
        sgemm_nn(scores, head.v.top(keys), out.rows_from(first, count));
    }
    zero_rows(out, rows, out.rows);
}

}  // namespace attohm
