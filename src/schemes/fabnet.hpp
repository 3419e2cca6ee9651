#pragma once

#include "src/schemes/butterfly.hpp"
#include "src/schemes/digital_work.hpp"
#include "src/schemes/registry.hpp"

/// FABNet's FBfly block: tokens are mixed by a Fourier transform over the sequence and the hidden
/// dimension, and the layers of the MLP are butterfly products. No attention, no projections.
/// Source: MICRO 2022, arXiv 2209.09570; facts from github.com/SamsungLabs/Butterfly_Acc.
namespace attohm {

struct FabnetSettings {
    bool widening = false;  ///< strides of the stages grow
    int operand_bits = 0;
};
FabnetSettings load_fabnet_settings(const Settings& settings);

class FabnetScheme final : public Scheme {
  public:
    /// Throws: UserError for a causal model.
    FabnetScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "fabnet"; }

    /// Throws: UserError for a network whose heads together are not as wide as its tokens.
    std::shared_ptr<const Weights> prepare(const ModelInfo& model,
                                           std::shared_ptr<const Weights> weights) override;
    /// The butterflies of "up" and "down", with the biases of the network. q and k are 0, v and o
    /// pass tokens on as they are: the transform takes what the norm gives and goes to the sum.
    /// Throws: UserError where butterflies are missing, and for a gated MLP.
    bool linear(int layer, std::string_view name, const LinearWeights& weights,
                MatrixView<const float> x, MatrixView<float> y,
                SampleContext& context) const override;
    /// The transform of all tokens, padding too. Throws: UserError for heads without a network
    /// around them, and for causal, masked or biased ones.
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;
    bool shape_work(const HeadShape& shape, SampleContext& context) const override;
    /// q, k, v and o are gone; up and down are butterflies.
    void linear_shapes(int layer, int heads, std::vector<LinearShape>& shapes) const override;

  private:
    AllPairsRule rule() const;
    void require_all_tokens(const HeadShape& shape) const;
    void record(const HeadShape& shape, SampleContext& context) const;

    const ModelInfo model_;
    const std::string trace_path_;
    const ExtraWeights extra_;
    const FabnetSettings settings_;
    bool in_network_ = false;
};

/// "norm", "FFT hidden" (N rows of D, padded to 2^m), "FFT sequence" (D rows of N, padded), and
/// "residual": the mixing of one layer. Twiddles stand as the 2 x 2 matrices that the engine takes.
/// Empty without tokens.
OpList fabnet_mixing_ops(std::int64_t tokens, std::int64_t width, int bits);

/// Butterflies for a linear layer: the smallest 2^m >= inputs, ceil(outputs / 2^m) of them.
std::int64_t butterfly_length(std::int64_t inputs);

SchemeEntry fabnet_entry();

}  // namespace attohm
