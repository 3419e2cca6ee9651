#include "workloads/forward.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

/// Buffers of one thread, kept between calls: a forward pass of a small network allocates nothing.
struct Scratch {
    Matrix<float> normed;     ///< [N, W]
    Matrix<float> projected;  ///< [N, heads * d]
    Matrix<float> attended;   ///< [N, heads * dv]
    Matrix<float> branch;     ///< [N, W], what a residual branch adds
    Matrix<float> hidden;     ///< [N, F]
    Matrix<float> gate;       ///< [N, F]
    AttentionLayer attention;
    std::vector<AttentionHead> heads;
};

Scratch& scratch() {
    thread_local Scratch buffers;
    return buffers;
}

/// How many leading rows are real tokens (packages are).
int count_real(std::span<const int> ids, int valid_len) {
    const auto real = [valid_len](int id) { return is_real_token(id, valid_len); };
    const auto padding = std::find_if_not(ids.begin(), ids.end(), real);
    // Valid lengths describe right padding only: no real token may follow a padded one.
    ATTOHM_CHECK(std::none_of(padding, ids.end(), real));
    return static_cast<int>(padding - ids.begin());
}

std::vector<int> all_tokens(std::size_t count) {
    std::vector<int> ids(count);
    std::iota(ids.begin(), ids.end(), 0);
    return ids;
}

std::span<float> flat(Matrix<float>& x) {
    return {x.data(), x.size()};
}

/// [N, planes * cols] -> one [N, cols] plane per head.
void split_heads(const Matrix<float>& x, Tensor3& planes, std::size_t count) {
    const std::size_t cols = x.cols() / count;
    planes.resize(count, x.rows(), cols);
    for (std::size_t h = 0; h < count; ++h)
        for (std::size_t i = 0; i < x.rows(); ++i)
            std::copy_n(x.row(i) + h * cols, cols, planes.plane(h).row(i));
}

}  // namespace

void Network::linear(const Scheme& scheme, int layer, std::string_view name,
                     const LinearWeights& weights, MatrixView<const float> x, MatrixView<float> y,
                     SampleContext& context) const {
    ATTOHM_CHECK_EQ(weights.w.cols(), x.cols);
    ATTOHM_CHECK_EQ(weights.w.rows(), y.cols);
    if (scheme.linear(layer, name, weights, x, y, context)) return;
    sgemm_nt(x, weights.w.view(), y);
    add_bias(weights.b, y);
}

void Network::normalise(const NormWeights& weights, MatrixView<const float> x,
                        MatrixView<float> y) const {
    normalise_rows(norm_, weights, weights_->norm_eps, x, y);
}

void Network::select_tokens(const Scheme& scheme, int layer, Matrix<float>& x,
                            std::vector<int>& ids, SampleContext& context) const {
    ATTOHM_CHECK_EQ(ids.size(), x.rows());
    TokenStep next;
    if (!scheme.tokens(layer, std::as_const(x).view(), ids, context, next)) return;
    ATTOHM_CHECK_EQ(next.ids.size(), next.x.rows());
    ATTOHM_CHECK_EQ(next.x.cols(), x.cols());
    ATTOHM_CHECK(!next.ids.empty());
    // The head reads row 0: the scheme must have kept its token there.
    if (reads_first_row()) ATTOHM_CHECK_EQ(next.ids.front(), 0);
    x = std::move(next.x);
    ids = std::move(next.ids);
}

void Network::normalise_head(const NormWeights& weights, std::span<const int> ids,
                             MatrixView<float> x) const {
    if (head_norm_) normalise_rows(*head_norm_, weights, weights_->norm_eps, x, x);
    if (rotary_) rotate(*rotary_, ids, x);
}

void Network::project(const Scheme& scheme, int layer, MatrixView<const float> x, const Rows& rows,
                      SampleContext& context, AttentionLayer& attention) const {
    const BlockWeights& block = weights_->blocks[static_cast<std::size_t>(layer)];
    const auto heads = static_cast<std::size_t>(model_.heads);
    const auto kv_heads = static_cast<std::size_t>(model_.kv_heads);
    Matrix<float>& y = scratch().projected;
    const auto fill = [&](std::string_view name, const LinearWeights& weights, std::size_t count,
                          Tensor3& planes) {
        y.resize(x.rows, weights.w.rows());
        linear(scheme, layer, name, weights, x, y.view(), context);
        split_heads(y, planes, count);
    };
    fill("q", block.q, heads, attention.q);
    fill("k", block.k, kv_heads, attention.k);
    fill("v", block.v, kv_heads, attention.v);
    for (std::size_t h = 0; h < heads; ++h)
        normalise_head(block.q_norm, rows.ids, attention.q.plane(h));
    for (std::size_t h = 0; h < kv_heads; ++h)
        normalise_head(block.k_norm, rows.ids, attention.k.plane(h));
    attention.layer = layer;
    attention.n_q = attention.n_k = static_cast<int>(x.rows);
    attention.valid_q = attention.valid_k = rows.valid;
    attention.scale = 1.0F / std::sqrt(static_cast<float>(model_.head_dim));
    attention.causal = model_.causal;
}

AttentionLayer Network::attention_inputs(const Scheme& scheme, int layer, const Matrix<float>& x,
                                         int valid_len, SampleContext& context,
                                         std::span<const int> ids) const {
    Matrix<float> input = x;
    std::vector<int> tokens =
        ids.empty() ? all_tokens(x.rows()) : std::vector(ids.begin(), ids.end());
    select_tokens(scheme, layer, input, tokens, context);
    if (norm_first_)
        normalise(weights_->blocks[static_cast<std::size_t>(layer)].norm1, input.view(),
                  input.view());
    AttentionLayer attention;
    project(scheme, layer, input.view(), {tokens, count_real(tokens, valid_len)}, context,
            attention);
    return attention;
}

void Network::attend(const Scheme& scheme, int layer, MatrixView<const float> x, const Rows& rows,
                     MatrixView<float> y, SampleContext& context) const {
    Scratch& buffers = scratch();
    project(scheme, layer, x, rows, context, buffers.attention);
    buffers.heads.clear();
    for (int h = 0; h < model_.heads; ++h)
        buffers.heads.push_back(head_view(buffers.attention, context.sample, h));
    buffers.attended.resize(x.rows, static_cast<std::size_t>(model_.heads * model_.v_head_dim));
    scheme.attention(layer, buffers.heads, buffers.attended.view(), context);
    const LinearWeights& output = weights_->blocks[static_cast<std::size_t>(layer)].o;
    linear(scheme, layer, "o", output, buffers.attended.view(), y, context);
}

void Network::feed_forward(const Scheme& scheme, int layer, MatrixView<const float> x,
                           MatrixView<float> y, SampleContext& context) const {
    const BlockWeights& block = weights_->blocks[static_cast<std::size_t>(layer)];
    Scratch& buffers = scratch();
    buffers.hidden.resize(x.rows, block.up.w.rows());
    linear(scheme, layer, "up", block.up, x, buffers.hidden.view(), context);
    if (weights_->gated) {
        buffers.gate.resize(x.rows, block.gate.w.rows());
        linear(scheme, layer, "gate", block.gate, x, buffers.gate.view(), context);
        activate(activation_, flat(buffers.gate));
        multiply(buffers.gate.view(), buffers.hidden.view());
    } else {
        activate(activation_, flat(buffers.hidden));
    }
    linear(scheme, layer, "down", block.down, buffers.hidden.view(), y, context);
}

void Network::block(const Scheme& scheme, int layer, Matrix<float>& x, std::vector<int>& ids,
                    int valid_len, SampleContext& context) const {
    ATTOHM_CHECK(layer >= 0 && layer < model_.layers);
    select_tokens(scheme, layer, x, ids, context);
    if (scheme.block(layer, x.view(), context)) return;
    const BlockWeights& block = weights_->blocks[static_cast<std::size_t>(layer)];
    const Rows rows{ids, count_real(ids, valid_len)};
    Scratch& buffers = scratch();
    buffers.branch.resize(x.rows(), x.cols());
    buffers.normed.resize(x.rows(), x.cols());
    const MatrixView<float> branch = buffers.branch.view();
    const MatrixView<float> normed = buffers.normed.view();
    if (norm_first_) {
        // x = x + attn(norm1 x); x = x + mlp(norm2 x)
        normalise(block.norm1, x.view(), normed);
        attend(scheme, layer, normed, rows, branch, context);
        add_residual(branch, block.layer_scale1, x.view());
        normalise(block.norm2, x.view(), normed);
        feed_forward(scheme, layer, normed, branch, context);
        add_residual(branch, block.layer_scale2, x.view());
    } else {
        // x = norm1(x + attn x); x = norm2(x + mlp x)
        attend(scheme, layer, x.view(), rows, branch, context);
        add_residual(branch, block.layer_scale1, x.view());
        normalise(block.norm1, x.view(), x.view());
        feed_forward(scheme, layer, x.view(), branch, context);
        add_residual(branch, block.layer_scale2, x.view());
        normalise(block.norm2, x.view(), x.view());
    }
}

Matrix<float> Network::run(const Scheme& scheme, const Sample& sample,
                           SampleContext& context) const {
    Matrix<float> x = embed(scheme, sample, context);
    std::vector<int> ids = all_tokens(x.rows());
    for (int layer = 0; layer < model_.layers; ++layer)
        block(scheme, layer, x, ids, sample.valid_len, context);
    return logits(scheme, x, context, sample.valid_len, ids);
}

}  // namespace attohm
