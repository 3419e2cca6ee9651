#include "src/schemes/float_row_scores.hpp"

#include "src/base/blas.hpp"
#include "src/schemes/calibrated_scheme.hpp"

namespace attohm {

FloatRowScores::FloatRowScores(const AttentionHead& head)
    : head_(head), block_(kQueryBlock, static_cast<std::size_t>(head.valid_k)) {}

void FloatRowScores::load(std::size_t first, std::size_t count) {
    first_ = first;
    sgemm_nt(head_.scale, {head_.q.row(first), count, head_.d(), head_.q.stride},
             head_.k.top(static_cast<std::size_t>(head_.valid_k)), 0.0F, block_.view().top(count));
}

void FloatRowScores::scores(std::size_t query, std::span<const std::uint32_t> keys,
                            float* out) const {
    const float* score = row(query);
    for (std::size_t k = 0; k < keys.size(); ++k) out[k] = score[keys[k]];
}

}  // namespace attohm
