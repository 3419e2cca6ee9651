#pragma once

#include "src/schemes/analog_settings.hpp"
#include "src/schemes/calibrated_scheme.hpp"
#include "src/tile/sprint_tile.hpp"

namespace attohm {

/// SPRINT: scores formed in ReRAM arrays from the MSBs of K and a low-precision copy of q,
/// thresholded by one comparator per key, kept keys recomputed digitally in 8 bits. Source: SPRINT,
/// MICRO 2022, arXiv 2209.00606; equations: physics.md sections 1-4, 6.
class SprintScheme final : public CalibratedScheme {
  public:
    /// Throws: UserError for settings that contradict each other (a rounded K code with
    /// recompute.k_msb: stored), or that no circuit can be built for.
    SprintScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "sprint"; }
    /// Also what the keys of the samples store on average, where the threshold follows it.
    void calibrate(int layer, int head, std::span<const AttentionHead> samples) override;

  protected:
    void head_attention(const AttentionHead& head, MatrixView<float> out,
                        SampleContext& context) const override;

  private:
    struct HeadRun;
    Mapping mapping() const;
    DrawSite draw_site(const AttentionHead& head, const SampleContext& context) const;
    /// From the start of a query's read until its outputs are converted.
    Second query_time(const DriveSettings& drive) const;
    ReadSchedule schedule(const AttentionHead& head, Second read_time) const;
    /// K codes as the recompute reads them, and how many levels were sensed wrongly.
    Matrix<std::int16_t> recompute_codes(const ScoreCodes& codes, const SprintTile& tile,
                                         const Mapping& map, std::int64_t& level_errors) const;
    HeadWork record_work(const AttentionHead& head, const ScoreCodes& codes,
                         const ProgrammedKeys& keys, const Mapping& map,
                         const TileTotals& totals) const;
    void record_events(const HeadRun& run, const HeadCalibration& calibrated,
                       HeadReport& report) const;

    AnalogSettings analog_;
    KeepSettings keep_settings_;
    Second settle_time_ = {};                         ///< 0: no capacitances
    Second conversion_time_ = {};                     ///< of one query
    std::vector<std::vector<double>> stored_digits_;  ///< [layers x heads] [planes], if calibrated
};

}  // namespace attohm
