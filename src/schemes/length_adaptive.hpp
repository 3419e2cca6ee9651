#pragma once

#include "src/schemes/selection_scheme.hpp"

/// Length-adaptive Transformer: 4-bit products rank the keys of a query, the first k are computed
/// exactly.
/// Source: DAC 2022, Peng et al., arXiv 2208.03646.
namespace attohm {

struct LengthAdaptiveSettings {
    int k = 0;     ///< keys of a query
    int bits = 0;  ///< of q and k in the ranking
    int operand_bits = 0;
};
LengthAdaptiveSettings load_length_adaptive_settings(const Settings& settings);

class LengthAdaptiveScheme final : public SelectionScheme {
  public:
    LengthAdaptiveScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "length-adaptive"; }

  private:
    void head_attention(const AttentionHead& head, MatrixView<float> out,
                        SampleContext& context) const override;

    const LengthAdaptiveSettings settings_;
};

/// "q4", "k4", "L4", "top-k", "pack" (Stage::selection), then "L", "softmax", "A" over kept pairs.
/// Empty for a head without queries or keys.
OpList length_adaptive_ops(const HeadShape& shape, int bits, int operand_bits,
                           std::int64_t kept_pairs);

SchemeEntry length_adaptive_entry();

}  // namespace attohm
