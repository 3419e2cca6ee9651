#pragma once

#include <string>
#include <vector>

#include "circuits/threshold_dac.hpp"
#include "src/schemes/kept_attention.hpp"
#include "src/schemes/registry.hpp"
#include "src/schemes/score_codes.hpp"

/// What threshold, threshold-q and sprint share: scales, thresholds and the sense range of every
/// layer and head, fixed on calibration samples before anything is evaluated.
namespace attohm {

struct HeadCalibration {
    HeadScales scales;
    float threshold = 0.0F;    ///< scaled-score units, margin included
    float score_sigma = 1.0F;  ///< standard deviation of the scaled score over allowed pairs
    double n_fs = 1.0;         ///< sense full scale in integer steps
};

class CalibratedScheme : public Scheme {
  public:
    /// What `settings` is read for: a scheme without codes must not mark their keys as read.
    enum class Uses { scores, codes };

    CalibratedScheme(SchemeInputs inputs, const Settings& settings, Uses uses);

    void calibrate(int layer, int head, std::span<const AttentionHead> samples) override;

    /// Throws: UserError for a layer with additive bias, by name.
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const final;

    const HeadCalibration& calibration(int layer, int head) const;

  protected:
    /// One head: out [n_q, dv] (padded rows are already 0); adds HeadWork, HeadReport and
    /// Selection.
    virtual void head_attention(const AttentionHead& head, MatrixView<float> out,
                                SampleContext& context) const = 0;

    /// Scales of this head: the calibrated ones, or its own where the method is dynamic.
    HeadScales scales_of(const AttentionHead& head) const;
    /// Hands the Selection on and files report and work.
    void file(const AttentionHead& head, KeptAttention& kept, HeadReport report, HeadWork work,
              SampleContext& context) const;

    const SchemeInputs inputs_;
    const Uses uses_;
    const ThresholdSettings threshold_settings_;
    CodeSettings code_settings_;
    FullScaleSettings full_scale_settings_;
    DacSettings dac_settings_;
    Ampere i_lsb_ = {};  ///< of one integer step; only where the sense range is given in amperes

  private:
    float calibrated_threshold(std::span<const AttentionHead> samples) const;
    double calibrated_full_scale(const HeadScales& scales,
                                 std::span<const AttentionHead> samples) const;

    std::vector<HeadCalibration> calibration_;
};

/// Queries decided together: the height of every product, so that shapes follow from the trace
/// alone.
constexpr std::size_t kQueryBlock = 128;

/// Threshold DAC settings of all valid queries.
struct RowThresholds {
    std::vector<float> steps;
    std::int64_t clamped = 0;
};
RowThresholds row_thresholds(const ScoreCodes& codes, float threshold, const ThresholdDac& dac);

}  // namespace attohm
