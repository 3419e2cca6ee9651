#pragma once

#include "src/schemes/registry.hpp"

/// The smallest scheme there is: every query gets the mean of the values it may see. The example of
/// docs/add-a-scheme.md, compiled and tested, in no table.
namespace attohm {

class MeanScheme final : public Scheme {
  public:
    explicit MeanScheme(int operand_bits) : operand_bits_(operand_bits) {}
    std::string_view name() const override { return "mean"; }
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;

  private:
    const int operand_bits_;
};

SchemeEntry mean_entry();

}  // namespace attohm
