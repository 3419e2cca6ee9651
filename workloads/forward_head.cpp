#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "workloads/forward.hpp"

/// From the output of the last block to logits.
namespace attohm {

Matrix<float> Network::mean_of_real(const Matrix<float>& x, int valid_len,
                                    std::span<const int> ids) const {
    Matrix<float> mean(1, x.cols());
    std::size_t count = 0;
    for (std::size_t i = 0; i < x.rows(); ++i) {
        const int id = ids.empty() ? static_cast<int>(i) : ids[i];
        const bool is_prefix = id >= 0 && id < model_.prefix_tokens;
        if (is_prefix || !is_real_token(id, valid_len)) continue;
        add_residual(x.view().rows_from(i, 1), {}, mean.view());
        ++count;
    }
    ATTOHM_CHECK_LT(std::size_t{0}, count);
    for (std::size_t c = 0; c < mean.cols(); ++c) mean(0, c) /= static_cast<float>(count);
    return mean;
}

Matrix<float> Network::logits(const Scheme& scheme, const Matrix<float>& x, SampleContext& context,
                              int valid_len, std::span<const int> ids) const {
    // The first token alone is normalised where nothing else is read.
    const std::size_t rows = reads_first_row() ? 1 : x.rows();
    Matrix<float> pooled(rows, x.cols());
    std::copy_n(x.data(), pooled.size(), pooled.data());
    if (norm_first_) normalise(weights_->final_norm, pooled.view(), pooled.view());
    if (pool_ == Pool::mean) pooled = mean_of_real(pooled, valid_len, ids);
    if (pool_ == Pool::pooler) {
        Matrix<float> dense(1, weights_->pooler.w.rows());
        linear(scheme, model_.layers, "pooler", weights_->pooler, pooled.view(), dense.view(),
               context);
        for (std::size_t c = 0; c < dense.cols(); ++c) dense(0, c) = std::tanh(dense(0, c));
        pooled = std::move(dense);
    }
    Matrix<float> out(pooled.rows(), weights_->head.w.rows());
    linear(scheme, model_.layers, "head", weights_->head, pooled.view(), out.view(), context);
    return out;
}

}  // namespace attohm
