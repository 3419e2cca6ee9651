#pragma once

#include <vector>

#include "src/schemes/registry.hpp"
#include "src/schemes/threshold_settings.hpp"

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
    KeepSettings keep;
};
SangerSettings load_sanger_settings(const Settings& settings);

/// Codes of q and k in the prediction; scores are scale q_step k_step (q.k), exact integers times
/// one float.
struct SangerCodes {
    Matrix<float> q;  ///< [valid_q, d] integers -L..L, L = 2^(bits-1) - 1
    Matrix<float> k;  ///< [valid_k, d]
    float score_step = 0.0F;
    std::int64_t q_clipped = 0;
    std::int64_t k_clipped = 0;
};

/// |x| that the largest code stands for.
struct SangerScales {
    float q = 0.0F;
    float k = 0.0F;
};
SangerScales sanger_scales(std::span<const AttentionHead> samples);
SangerCodes sanger_codes(const AttentionHead& head, const SangerScales& scales, int bits);

class SangerScheme final : public Scheme {
  public:
    SangerScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "sanger"; }

    void calibrate(int layer, int head, std::span<const AttentionHead> samples) override;
    /// Throws: UserError for a layer with additive bias, by name.
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;

  private:
    void head_attention(const AttentionHead& head, MatrixView<float> out,
                        SampleContext& context) const;

    const SchemeInputs inputs_;
    const SangerSettings settings_;
    std::vector<SangerScales> scales_;  ///< by layer and head; range: calibrated
};

/// Prediction ("q4", "k4", "L4", "softmax4", "mask", "pack"; Stage::selection), then attention over
/// kept pairs ("L", "softmax", "A"). Empty for a head without queries or keys.
OpList sanger_ops(const HeadShape& shape, int prediction_bits, int operand_bits,
                  std::int64_t kept_pairs);

SchemeEntry sanger_entry();

}  // namespace attohm
