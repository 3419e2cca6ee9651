#pragma once

#include <optional>

#include "src/schemes/calibrated_scheme.hpp"

/// The three digital references: `exact` (softmax attention, the hooks' default), `threshold` and
/// `threshold-q`.
namespace attohm {

/// Every hook exact.
class ExactScheme final : public Scheme {
  public:
    /// Args: operand_bits: width of the operands in the Work; nothing: no Work is recorded.
    explicit ExactScheme(std::optional<int> operand_bits = {}) : operand_bits_(operand_bits) {}
    std::string_view name() const override { return "exact"; }
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;
    bool shape_work(const HeadShape& shape, SampleContext& context) const override;

  private:
    const std::optional<int> operand_bits_;
};

/// Adds the Work of dense attention of every head: dense_attention_ops.
void record_dense_work(std::span<const AttentionHead> heads, int operand_bits,
                       SampleContext& context);
/// The same of a head of which only the shape is known; no bias.
void record_dense_work(const HeadShape& shape, int operand_bits, SampleContext& context);

/// Float scores, hard threshold: keep iff scale q.k >= Th; float softmax and V.
/// Source: LeOPArd, ISCA 2022, arXiv 2204.03227.
class ThresholdScheme final : public CalibratedScheme {
  public:
    ThresholdScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "threshold"; }

  protected:
    void head_attention(const AttentionHead& head, MatrixView<float> out,
                        SampleContext& context) const override;

  private:
    KeepSettings keep_settings_;
};

/// The integer codes and threshold code of the hardware, 8-bit recompute, nothing analog:
/// keep iff clip(z) >= n_th. Source: physics.md section 1.
class ThresholdQScheme final : public CalibratedScheme {
  public:
    ThresholdQScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "threshold-q"; }

  protected:
    void head_attention(const AttentionHead& head, MatrixView<float> out,
                        SampleContext& context) const override;

  private:
    KeepSettings keep_settings_;
};

}  // namespace attohm
