#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "src/base/error.hpp"
#include "workloads/forward.hpp"

/// From a sample to the input of the first block.
namespace attohm {

namespace {

/// Adds row ids[i] of the table, times `scale`, to row i of x. `ids` empty: row 0 for all.
/// Args: where: of ids; table_name: the dataset that they index.
void add_rows(const Matrix<float>& table, const std::string& table_name,
              std::span<const std::int32_t> ids, const std::string& where, float scale,
              Matrix<float>& x) {
    const std::vector<float> factors(scale == 1.0F ? 0 : table.cols(), scale);
    for (std::size_t i = 0; i < x.rows(); ++i) {
        const std::int32_t id = ids.empty() ? 0 : ids[i];
        if (id < 0 || static_cast<std::size_t>(id) >= table.rows())
            throw UserError("index out of range", where, fmt::format("{} at [{}]", id, i),
                            fmt::format("0 to {} (rows of {})",
                                        static_cast<std::int64_t>(table.rows()) - 1, table_name));
        const MatrixView<const float> row = table.view().rows_from(static_cast<std::size_t>(id), 1);
        add_residual(row, factors, x.view().rows_from(i, 1));
    }
}

/// Position i to row i.
void add_positions(const Weights& weights, const std::string& sample, bool exactly,
                   Matrix<float>& x) {
    const Matrix<float>& position = weights.position_embedding;
    if (position.empty()) return;
    if (position.rows() < x.rows() || (exactly && position.rows() != x.rows()))
        throw UserError("wrong number of positions", weights.where + "/position_embedding",
                        fmt::format("{} rows", position.rows()),
                        fmt::format("{}{} rows, for the tokens of {}", exactly ? "" : "at least ",
                                    x.rows(), sample));
    add_residual(position.view().top(x.rows()), {}, x.view());
}

bool is_absent(const NormWeights& norm) {
    return norm.w.empty() && norm.b.empty();
}

}  // namespace

Matrix<float> Network::embed(const Scheme& scheme, const Sample& sample,
                             SampleContext& context) const {
    if (!sample.x0.empty()) return sample.x0;
    if (!sample.tokens.empty()) return embed_tokens(sample);
    if (!sample.patches.empty() && !weights_->patch.w.empty())
        return embed_patches(scheme, sample, context);
    throw UserError("the sample has no input for the network",
                    sample.where.empty() ? sample.name : sample.where,
                    "neither x0, tokens nor patches with /model/weights/patch_w",
                    "x0, tokens and token_embedding, patches and patch_w, or mode: open");
}

Matrix<float> Network::embed_tokens(const Sample& sample) const {
    const Weights& weights = *weights_;
    if (weights.token_embedding.empty())
        throw UserError("tokens cannot be embedded", weights.where + "/token_embedding",
                        "no such dataset", "token_embedding[vocabulary, W], or x0 in the samples");
    if (!weights.prefix_embedding.empty())
        throw UserError("tokens cannot follow a learned prefix",
                        weights.where + "/prefix_embedding", "present",
                        "no prefix_embedding, or x0 in the samples");
    Matrix<float> x(sample.tokens.size(), weights.token_embedding.cols());
    add_rows(weights.token_embedding, "token_embedding", sample.tokens, sample.where + "/tokens",
             weights.embed_scale, x);
    add_positions(weights, sample.where, false, x);
    if (!weights.segment_embedding.empty())
        add_rows(weights.segment_embedding, "segment_embedding", sample.segments,
                 sample.where + "/segments", 1.0F, x);
    else if (!sample.segments.empty())
        throw UserError("segments cannot be embedded", weights.where + "/segment_embedding",
                        "no such dataset", "segment_embedding[types, W], or samples without them");
    if (!is_absent(weights.embed_norm)) normalise(weights.embed_norm, x.view(), x.view());
    return x;
}

Matrix<float> Network::embed_patches(const Scheme& scheme, const Sample& sample,
                                     SampleContext& context) const {
    const Matrix<float>& prefix = weights_->prefix_embedding;
    Matrix<float> x(prefix.rows() + sample.patches.rows(), weights_->patch.w.rows());
    // Prefix tokens first, then one token per patch.
    if (!prefix.empty()) std::copy_n(prefix.data(), prefix.size(), x.data());
    const MatrixView<float> tokens = x.view().rows_from(prefix.rows(), sample.patches.rows());
    linear(scheme, -1, "patch", weights_->patch, sample.patches.view(), tokens, context);
    add_positions(*weights_, sample.where, true, x);
    return x;
}

}  // namespace attohm
