#pragma once

#include "src/schemes/registry.hpp"

/// FLAT: exact softmax attention whose three operators a plan may fuse, tile by tile of complete
/// rows. The numbers are those of `exact`; what is published is the order of the work, and that is
/// a plan's.
/// Source: ASPLOS 2023, arXiv 2107.06419.
namespace attohm {

class FlatScheme final : public Scheme {
  public:
    explicit FlatScheme(const Settings& settings);
    std::string_view name() const override { return "flat"; }

    /// exact_attention of every head; Work: "L", "softmax", "A" (and "bias").
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;
    bool shape_work(const HeadShape& shape, SampleContext& context) const override;

  private:
    const int operand_bits_;
};

SchemeEntry flat_entry();

}  // namespace attohm
