#pragma once

#include <vector>

#include "src/schemes/selection_scheme.hpp"

/// Sanger: probabilities predicted from low-precision q and k say which pairs are computed at full
/// precision.
/// Source: MICRO 2021; facts from github.com/hatsu3/Sanger (bench_sanger.py, configs/).
namespace attohm {

enum class SangerRange { dynamic, calibrated };

struct SangerSettings {
    int bits = 0;
    double threshold = 0.0;
    SangerRange range = SangerRange::dynamic;
    int operand_bits = 0;
};
SangerSettings load_sanger_settings(const Settings& settings);

class SangerScheme final : public SelectionScheme {
  public:
    SangerScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "sanger"; }

    void calibrate(int layer, int head, std::span<const AttentionHead> samples) override;

  private:
    void head_attention(const AttentionHead& head, MatrixView<float> out,
                        SampleContext& context) const override;

    const SangerSettings settings_;
    std::vector<CodeScales> scales_;  ///< by layer and head; range: calibrated
};

/// Prediction ("q4", "k4", "L4", "softmax4", "mask", "pack"; Stage::selection), then attention over
/// kept pairs ("L", "softmax", "A"). Empty for a head without queries or keys.
OpList sanger_ops(const HeadShape& shape, int prediction_bits, int operand_bits,
                  std::int64_t kept_pairs);

SchemeEntry sanger_entry();

}  // namespace attohm
