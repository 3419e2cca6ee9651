#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/schemes/analog_settings.hpp"
#include "src/schemes/calibrated_scheme.hpp"
#include "src/schemes/registry.hpp"
#include "src/tile/sprint_tile.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/reference/sprint_reference.hpp"

/// One design told to both implementations, the fast path and the twin, in words of their own:
/// settings and a card file for the one, SprintReferenceSettings for the other.
namespace attohm {

struct PairDesign {
    // Numbers; nothing = ideal.
    std::optional<int> k_bits = 4;
    std::optional<int> q_bits = 4;
    std::optional<int> dac_bits = 8;
    std::optional<double> range_steps;
    ReferenceSplit split = ReferenceSplit::floor_msb;
    bool midpoint = true;
    ReferenceKMsb k_msb = ReferenceKMsb::stored;
    ReferenceEmptyRow empty_row = ReferenceEmptyRow::dense;
    std::vector<std::size_t> always_keep;
    std::string scale = "percentile";
    double percentile = 0.99;
    std::string threshold = "quantile(0.6)";
    double margin = 3.1e-4;  ///< a quantile is a score itself: away from it
    std::string full_scale = "percentile";
    double sense_percentile = 0.999;

    // Device.
    double g_min_uS = 10.0;
    double g_max_uS = 90.0;
    double g_floor_uS = 0.0;
    std::vector<double> sigma_uS = {0.0};  ///< polynomial of the target in uS
    double read_rel = 0.0;                 ///< at the read time
    double read_abs_uS = 0.0;
    double stuck_low_rate = 0.0;
    double stuck_high_rate = 0.0;
    double stuck_low_ohm = 10e3;
    double stuck_high_ohm = 1e6;

    // Drive, sense, comparators.
    int rows = 64;
    int columns = 24;
    double v_read_V = 0.2;
    double v_supply_V = 1.1;
    double read_time_ns = 10.0;
    double v_fs_V = 0.3;
    std::optional<double> i_max_A;
    double offset_V = 0.0;
    double noise_V = 0.0;
    double threshold_noise_V = 0.0;
    std::string placement = "own";
};

/// The preset with the design laid over it. `card_path`: where the card of `card_text` lies.
Settings pair_settings(const PairDesign& design, const std::string& card_path);
/// The design's card; the read noise is stated at four times the read time, so at half its size.
std::string card_text(const PairDesign& design);
/// The twin's settings. `n_fs` is the calibrated full scale.
SprintReferenceSettings reference_settings(const PairDesign& design, double n_fs);

/// A file that lives as long as the tests.
std::string write_card(const std::string& text);

// -- inputs ---------------------------------------------------------------------------------------

struct LayerSpec {
    int heads = 2;
    int kv_heads = 2;
    int n_q = 40;
    int n_k = 40;
    int d = 32;
    int dv = 32;
    bool causal = false;
    int valid_q = -1;  ///< -1: all
    int valid_k = -1;
    bool mask = false;  ///< forbids a third of the pairs
};

/// Normal q, k, v; scale 1 / sqrt(d).
AttentionLayer random_layer(const LayerSpec& spec, std::uint64_t seed, int layer = 0);
/// Shapes that differ in everything a scheme has to mind.
std::vector<LayerSpec> awkward_layers();
ModelInfo model_of(const std::vector<AttentionLayer>& layers);

// -- runs -----------------------------------------------------------------------------------------

/// Keeps what a scheme hands to the planner.
class KeptSelections final : public SelectionSink {
  public:
    void consume(const Selection&) override {}
    void consume(const HeadWork& work, const Selection& selection) override;
    std::vector<HeadWork> works;
    std::vector<Selection> selections;
};

struct SchemeRun {
    std::vector<Matrix<float>> out;  ///< per head [n_q, dv]
    std::vector<HeadReport> reports;
    std::vector<HeadWork> works;
    std::vector<Selection> selections;
};

struct PairInputs {
    std::uint64_t seed = 20221;
    std::uint64_t chip = 0;
    MetricsLevel metrics = MetricsLevel::full;
};

/// A scheme of the table, calibrated on the layers given (its own inputs unless `calibration` has
/// others: one sample of every layer).
std::unique_ptr<Scheme> make_calibrated(const std::string& name, const Settings& settings,
                                        const std::vector<AttentionLayer>& layers,
                                        const PairInputs& inputs = {});
SchemeRun run_scheme(const Scheme& scheme, const AttentionLayer& layer, int sample = 0);

/// [n_q, n_k], 1 = in the Selection.
Matrix<std::uint8_t> selected(const Selection& selection);
/// Number of entries that differ.
template <class A, class B>
std::int64_t differences(const Matrix<A>& a, const Matrix<B>& b) {
    ATTOHM_CHECK_EQ(a.rows(), b.rows());
    ATTOHM_CHECK_EQ(a.cols(), b.cols());
    std::int64_t count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) count += a.data()[i] != b.data()[i] ? 1 : 0;
    return count;
}
/// Largest |a - b| over the largest |b| (or 1 where b is all 0).
double relative_error(const Matrix<float>& a, const Matrix<double>& b);

/// Everything of both for one head, with the calibration of `scheme`.
SprintReferenceResult run_twin(const Scheme& scheme, const PairDesign& design,
                               const AttentionHead& head, const PairInputs& inputs = {},
                               int sample = 0, int kv_heads = 1, std::uint64_t repeat = 0);
DrawSite pair_site(const AttentionHead& head, const PairInputs& inputs, int sample, int kv_heads);

/// The tile that the scheme makes of one head, put together from its parts.
struct PairTile {
    ScoreCodes codes;
    Mapping map;
    SprintTile tile;
};
PairTile make_pair_tile(const Settings& settings, const HeadCalibration& calibrated,
                        const AttentionHead& head, const DrawSite& site);

}  // namespace attohm
