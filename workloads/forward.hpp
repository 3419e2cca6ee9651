#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "workloads/forward_math.hpp"
#include "workloads/scheme.hpp"
#include "workloads/trace.hpp"

/// The transformer forward pass with every hook of a Scheme, block by block, in float32.
/// Families: vit (pre- or post-norm, layernorm or rmsnorm, gelu/gelu_tanh/relu/silu, gated or not,
/// layer scale, query-key norm).
/// Not modelled: rotary embedding, pooler heads, families other than vit (refused, by name).
namespace attohm {

class Network {
  public:
    /// Throws: UserError for a family or option the forward pass does not know, naming it.
    Network(ModelInfo model, std::shared_ptr<const Weights> weights);

    const ModelInfo& model() const { return model_; }

    /// Input embeddings x0 [N, W] of a sample: stored, or formed from its patches
    /// ([prefix ; patches patch_w^T + patch_b] + position).
    /// Throws: UserError when the sample holds neither.
    Matrix<float> embed(const Scheme& scheme, const Sample& sample, SampleContext& context) const;

    /// q, k, v (and scale, causality, valid lengths) that block `layer` gives its attention for
    /// input x [N, W], the scheme's `tokens` hook applied; `out` stays empty.
    /// Args: valid_len: original tokens 0..valid_len-1 are real, -1 = all;
    ///   ids: original tokens of the rows of x (see `block`), empty = 0..N-1.
    AttentionLayer attention_inputs(const Scheme& scheme, int layer, const Matrix<float>& x,
                                    int valid_len, SampleContext& context,
                                    std::span<const int> ids = {}) const;

    /// One block in place, all hooks called. `ids` are the original tokens of the rows of x; they
    /// follow x when the scheme drops tokens, so that padding stays known.
    /// Throws: InvariantError when a scheme drops or moves the token that the head reads (pool
    ///   "first": row 0 must stay token 0), or leaves padding between real tokens.
    void block(const Scheme& scheme, int layer, Matrix<float>& x, std::vector<int>& ids,
               int valid_len, SampleContext& context) const;

    /// Final norm, pooling, head: [1, classes], or [N, classes] with pool "none". Pool "mean" is
    /// over real rows that are not prefix tokens, after the final norm. Args: valid_len, ids: as
    /// for `block`; only pool "mean" looks at them.
    Matrix<float> logits(const Scheme& scheme, const Matrix<float>& x, SampleContext& context,
                         int valid_len = -1, std::span<const int> ids = {}) const;

    /// embed, all blocks, logits.
    Matrix<float> run(const Scheme& scheme, const Sample& sample, SampleContext& context) const;

  private:
    enum class Pool { first, mean, none };

    void linear(const Scheme& scheme, int layer, std::string_view name,
                const LinearWeights& weights, MatrixView<const float> x, MatrixView<float> y,
                SampleContext& context) const;
    void select_tokens(const Scheme& scheme, int layer, Matrix<float>& x, std::vector<int>& ids,
                       SampleContext& context) const;
    void project(const Scheme& scheme, int layer, MatrixView<const float> x, int valid,
                 SampleContext& context, AttentionLayer& attention) const;
    void attend(const Scheme& scheme, int layer, MatrixView<const float> x, int valid,
                MatrixView<float> y, SampleContext& context) const;
    void feed_forward(const Scheme& scheme, int layer, MatrixView<const float> x,
                      MatrixView<float> y, SampleContext& context) const;
    void normalise(const NormWeights& weights, MatrixView<const float> x,
                   MatrixView<float> y) const;

    ModelInfo model_;
    std::shared_ptr<const Weights> weights_;
    NormKind norm_ = NormKind::layernorm;
    bool norm_first_ = true;
    Activation activation_ = Activation::gelu;
    std::optional<NormKind> head_norm_;  ///< of queries and keys, before the product
    Pool pool_ = Pool::first;
};

}  // namespace attohm
