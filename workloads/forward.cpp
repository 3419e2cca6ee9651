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

bool is_real(int id, int valid_len) {
    return id < 0 || valid_len < 0 || id < valid_len;
}

/// How many leading rows are real tokens (packages are).
int count_real(std::span<const int> ids, int valid_len) {
    const auto real = [valid_len](int id) { return is_real(id, valid_len); };
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

Matrix<float> Network::embed(const Scheme& scheme, const Sample& sample,
                             SampleContext& context) const {
    if (!sample.x0.empty()) return sample.x0;
    if (sample.patches.empty() || weights_->patch.w.empty())
        throw UserError("sample has no input for the network", sample.name,
                        "neither x0 nor patches with patch_w", "x0, or patches and patch_w");
    const Matrix<float>& prefix = weights_->prefix_embedding;
    const Matrix<float>& position = weights_->position_embedding;
    Matrix<float> x(prefix.rows() + sample.patches.rows(), weights_->patch.w.rows());
    // Prefix tokens first, then one token per patch.
    if (!prefix.empty()) std::copy_n(prefix.data(), prefix.size(), x.data());
    const MatrixView<float> tokens = x.view().rows_from(prefix.rows(), sample.patches.rows());
    linear(scheme, -1, "patch", weights_->patch, sample.patches.view(), tokens, context);
    if (position.empty()) return x;
    ATTOHM_CHECK_EQ(position.rows(), x.rows());
    add_residual(position.view(), {}, x.view());
    return x;
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
    if (pool_ == Pool::first) ATTOHM_CHECK_EQ(next.ids.front(), 0);
    x = std::move(next.x);
    ids = std::move(next.ids);
}

void Network::project(const Scheme& scheme, int layer, MatrixView<const float> x, int valid,
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
    if (head_norm_) {
        const auto each_head = [&](const NormWeights& norm, Tensor3& planes) {
            for (std::size_t h = 0; h < planes.planes; ++h)
                normalise_rows(*head_norm_, norm, weights_->norm_eps, planes.plane(h),
                               planes.plane(h));
        };
        each_head(block.q_norm, attention.q);
        each_head(block.k_norm, attention.k);
    }
    attention.layer = layer;
    attention.n_q = attention.n_k = static_cast<int>(x.rows);
    attention.valid_q = attention.valid_k = valid;
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
    project(scheme, layer, input.view(), count_real(tokens, valid_len), context, attention);
    return attention;
}

void Network::attend(const Scheme& scheme, int layer, MatrixView<const float> x, int valid,
                     MatrixView<float> y, SampleContext& context) const {
    Scratch& buffers = scratch();
    project(scheme, layer, x, valid, context, buffers.attention);
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
    const int valid = count_real(ids, valid_len);
    Scratch& buffers = scratch();
    buffers.branch.resize(x.rows(), x.cols());
    buffers.normed.resize(x.rows(), x.cols());
    const MatrixView<float> branch = buffers.branch.view();
    const MatrixView<float> normed = buffers.normed.view();
    if (norm_first_) {
        // x = x + attn(norm1 x); x = x + mlp(norm2 x)
        normalise(block.norm1, x.view(), normed);
        attend(scheme, layer, normed, valid, branch, context);
        add_residual(branch, block.layer_scale1, x.view());
        normalise(block.norm2, x.view(), normed);
        feed_forward(scheme, layer, normed, branch, context);
        add_residual(branch, block.layer_scale2, x.view());
    } else {
        // x = norm1(x + attn x); x = norm2(x + mlp x)
        attend(scheme, layer, x.view(), valid, branch, context);
        add_residual(branch, block.layer_scale1, x.view());
        normalise(block.norm1, x.view(), x.view());
        feed_forward(scheme, layer, x.view(), branch, context);
        add_residual(branch, block.layer_scale2, x.view());
        normalise(block.norm2, x.view(), x.view());
    }
}

Matrix<float> Network::logits(const Scheme& scheme, const Matrix<float>& x, SampleContext& context,
                              int valid_len, std::span<const int> ids) const {
    // The class token alone is normalised where nothing else is read.
    const std::size_t rows = pool_ == Pool::first ? 1 : x.rows();
    Matrix<float> normed(rows, x.cols());
    std::copy_n(x.data(), normed.size(), normed.data());
    if (norm_first_) normalise(weights_->final_norm, normed.view(), normed.view());
    Matrix<float> pooled;
    if (pool_ == Pool::mean) {
        pooled = Matrix<float>(1, x.cols());
        std::size_t count = 0;
        for (std::size_t i = 0; i < rows; ++i) {
            const int id = ids.empty() ? static_cast<int>(i) : ids[i];
            if ((id >= 0 && id < model_.prefix_tokens) || !is_real(id, valid_len)) continue;
            add_residual(normed.view().rows_from(i, 1), {}, pooled.view());
            ++count;
        }
        ATTOHM_CHECK_LT(std::size_t{0}, count);
        for (float& value : flat(pooled)) value /= static_cast<float>(count);
    } else {
        pooled = std::move(normed);
    }
    Matrix<float> out(pooled.rows(), weights_->head.w.rows());
    linear(scheme, model_.layers, "head", weights_->head, pooled.view(), out.view(), context);
    return out;
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
