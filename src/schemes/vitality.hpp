#pragma once

#include "src/schemes/digital_work.hpp"
#include "src/schemes/registry.hpp"

/// ViTALiTy: attention by the first-order Taylor expansion of the exponential around token-centred
/// keys, linear in the number of tokens.
/// Source: HPCA 2023, arXiv 2211.05109, Algorithm 1. The forward pass that was released with it is
/// another function and is not what is computed here.
namespace attohm {

class VitalityScheme final : public Scheme {
  public:
    /// Throws: UserError for a causal model.
    VitalityScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "vitality"; }

    /// Throws: UserError for a causal or masked head, or one with an additive bias: a sum over all
    /// keys cannot leave some of them out.
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;
    /// Throws: UserError where some pairs are not allowed.
    bool shape_work(const HeadShape& shape, SampleContext& context) const override;

  private:
    AllPairsRule rule() const;

    const std::string trace_path_;
    const int operand_bits_;
};

/// Algorithm 1 of one head, over its valid keys:
///     kbar = column means of K,  Khat = K - 1 kbar,  G = Khat^T V
///     t_D = n / scale + Q (sum of Khat rows),  T_N = (sum of V rows) / scale + Q G
///     Z = T_N / t_D, row by row
/// with scale = 1/sqrt(d) in the paper. Time and memory O(n d dv / min(d, dv)); no clamp: a weight
/// 1 + scale q.khat may be negative. Column sums are kept in double, all else in float32.
/// Args: head: without mask, causality or bias; out: [n_q, dv], padded rows become 0.
void taylor_attention(const AttentionHead& head, MatrixView<float> out);

/// What the hardware does for it, serial and small steps included: "k mean" (sums, then d
/// divisions), "khat", "G", "khat sum", "v sum" (sums, then the scaling), "t_D" (diagonal product,
/// then the constant), "Q G", "T_N", "Z". Empty for a head without queries or keys.
OpList taylor_attention_ops(const HeadShape& shape, int bits);

SchemeEntry vitality_entry();

}  // namespace attohm
