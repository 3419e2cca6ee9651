#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "workloads/forward_math.hpp"
#include "workloads/forward_rope.hpp"
#include "workloads/scheme.hpp"
#include "workloads/trace.hpp"

/// The transformer forward pass with every hook of a Scheme, block by block, in float32.
/// Families vit, bert, gpt and llama: the attributes of a trace say what is computed, the family
/// only its name. Pre- or post-norm, layernorm or rmsnorm, gelu/gelu_tanh/relu/silu, gated or not,
/// layer scale, query-key norm, rotary embedding after it, grouped queries, causality, right
/// padding; patches or tokens in, a class or the logits of every token out. Not modelled: families
/// gcn, cnn and other, scales of q.k other than 1/sqrt(head_dim), biases and masks inside attention
/// (refused, by name).
namespace attohm {

/// Whether a row is no padding. Args: id: of its token, below 0 for a package.
inline bool is_real_token(int id, int valid_len) {
    return id < 0 || valid_len < 0 || id < valid_len;
}

class Network {
  public:
    /// Throws: UserError for a family or option the forward pass does not know, naming it.
    Network(ModelInfo model, std::shared_ptr<const Weights> weights);

    const ModelInfo& model() const { return model_; }

    /// Whether there are logits for every token ([N, classes]) and not for the sample alone.
    bool per_token() const { return pool_ == Pool::none; }

    /// Input embeddings x0 [N, W] of a sample: stored, or formed from its tokens
    /// (embed_norm(embed_scale token + position + segment)) or patches
    /// ([prefix ; patches patch_w^T + patch_b] + position). Without segments all are of type 0.
    /// Throws: UserError when the sample holds none of them, for a token or segment out of range,
    ///   and where position_embedding has too few rows.
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

    /// Final norm (pre-norm only), pooling, head: [1, classes], or [N, classes] with pool "none".
    /// Pool "mean" is over real rows that are not prefix tokens, "pooler" is tanh(pooler_w x[0] +
    /// pooler_b). Args: valid_len, ids: as for `block`; only pool "mean" looks at them.
    Matrix<float> logits(const Scheme& scheme, const Matrix<float>& x, SampleContext& context,
                         int valid_len = -1, std::span<const int> ids = {}) const;

    /// embed, all blocks, logits.
    Matrix<float> run(const Scheme& scheme, const Sample& sample, SampleContext& context) const;

  private:
    enum class Pool { first, mean, pooler, none };
    bool reads_first_row() const { return pool_ == Pool::first || pool_ == Pool::pooler; }

    void linear(const Scheme& scheme, int layer, std::string_view name,
                const LinearWeights& weights, MatrixView<const float> x, MatrixView<float> y,
                SampleContext& context) const;
    void select_tokens(const Scheme& scheme, int layer, Matrix<float>& x, std::vector<int>& ids,
                       SampleContext& context) const;
    Matrix<float> embed_tokens(const Sample& sample) const;
    Matrix<float> embed_patches(const Scheme& scheme, const Sample& sample,
                                SampleContext& context) const;
    /// Where the rows of a block's input stand in the sample.
    struct Rows {
        std::span<const int> ids;
        int valid = 0;
    };
    void project(const Scheme& scheme, int layer, MatrixView<const float> x, const Rows& rows,
                 SampleContext& context, AttentionLayer& attention) const;
    void attend(const Scheme& scheme, int layer, MatrixView<const float> x, const Rows& rows,
                MatrixView<float> y, SampleContext& context) const;
    void feed_forward(const Scheme& scheme, int layer, MatrixView<const float> x,
                      MatrixView<float> y, SampleContext& context) const;
    void normalise(const NormWeights& weights, MatrixView<const float> x,
                   MatrixView<float> y) const;
    /// Norm and rotary embedding of one head's queries or keys, as far as the network has them.
    void normalise_head(const NormWeights& weights, std::span<const int> ids,
                        MatrixView<float> x) const;
    Matrix<float> mean_of_real(const Matrix<float>& x, int valid_len,
                               std::span<const int> ids) const;

    ModelInfo model_;
    std::shared_ptr<const Weights> weights_;
    NormKind norm_ = NormKind::layernorm;
    bool norm_first_ = true;
    Activation activation_ = Activation::gelu;
    std::optional<NormKind> head_norm_;  ///< of queries and keys, before the product
    std::optional<Rotary> rotary_;       ///< of queries and keys, after their norm
    Pool pool_ = Pool::first;
};

}  // namespace attohm
