#pragma once

#include <memory>
#include <vector>

#include "workloads/scheme.hpp"
#include "workloads/trace.hpp"

/// The transformer forward pass with every hook of a Scheme, block by block, in float32.
/// Families: vit (pre- or post-norm, layernorm or rmsnorm, gelu/gelu_tanh/relu/silu, gated or not).
namespace attohm {

class Network {
  public:
    /// Throws: UserError for a family or option the forward pass does not know, naming it.
    Network(ModelInfo model, std::shared_ptr<const Weights> weights);

    const ModelInfo& model() const { return model_; }

    /// Input embeddings x0 [N, W] of a sample: stored, or formed from its patches.
    Matrix<float> embed(const Scheme& scheme, const Sample& sample, SampleContext& context) const;

    /// q, k, v (and scale, causality, valid lengths) that block `layer` gives its attention for
    /// input x [N, W]; `out` stays empty.
    AttentionLayer attention_inputs(const Scheme& scheme, int layer, const Matrix<float>& x,
                                    int valid_len, SampleContext& context) const;

    /// One block in place, all hooks called. `ids` are the original tokens of the rows of x.
    void block(const Scheme& scheme, int layer, Matrix<float>& x, std::vector<int>& ids,
               int valid_len, SampleContext& context) const;

    /// Final norm, pooling, head: [1, classes].
    Matrix<float> logits(const Scheme& scheme, const Matrix<float>& x, SampleContext& context) const;

    /// embed, all blocks, logits.
    Matrix<float> run(const Scheme& scheme, const Sample& sample, SampleContext& context) const;

  private:
    ModelInfo model_;
    std::shared_ptr<const Weights> weights_;
};

}  // namespace attohm
