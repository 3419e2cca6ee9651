#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>

#include "src/tile/threshold_gain.hpp"
#include "tests/tile/tile_pair.hpp"

/// Gains of the threshold: from the mean of what is stored, and what they are good for.
using namespace attohm;
using namespace attohm::literals;

namespace {

constexpr int kHeads = 24;
constexpr float kThreshold = 70.0F;  ///< steps: about a quarter of the pairs lie above

/// 60 keys of 32 elements in arrays of 32 x 30 with lines that take a fifth of the current.
TilePairDesign wired_design(Signs signs) {
    TilePairDesign design = silent_design("gain");
    design.mapping.signs = signs;
    design.n_q = 100;
    design.n_k = 60;
    design.d = 32;
    design.circuits.arrays.shape = {32, 30};
    design.circuits.sense.n_fs = 1000.0;
    design.device.programming = {{1.6e-6}, {}, 1.0};
    design.circuits.comparator.offset_sigma = 2.0_mV;
    WireResistances& wires = design.circuits.arrays.wires;
    wires.row = wires.column = Ohm::from_value(1.0);
    wires.driver = wires.sense = Ohm::from_value(80.0);
    return design;
}

struct Rates {
    double false_prune = 0.0, false_keep = 0.0;
};

/// Decisions of one head against those of the integer scores.
Rates rates(const TilePairDesign& design, const std::vector<double>& digits) {
    const OwnedHead data = coded_head(design);
    const AttentionHead head = data.view();
    const SprintReferenceCodes codes =
        sprint_reference_codes(head, twin_settings(design), coded_scales(design));
    Matrix<float> levels(design.n_k, design.d), nq(design.n_q, design.d);
    for (std::size_t i = 0; i < levels.size(); ++i)
        levels.data()[i] = static_cast<float>(codes.k_level.data()[i]);
    for (std::size_t i = 0; i < nq.size(); ++i)
        nq.data()[i] = static_cast<float>(codes.q_line.data()[i]);
    TileCircuits circuits = design.finished();
    circuits.stored_digits = digits;
    SprintTile tile(circuits, design.map(), design.device, design.site, levels.view(), design.n_k);
    Matrix<std::uint8_t> keep(design.n_q, design.n_k);
    const std::vector<float> thresholds(design.n_q, kThreshold);
    const std::vector<std::uint32_t> ends(design.n_q, static_cast<std::uint32_t>(design.n_k));
    tile.decide(0, nq.view(), thresholds, {ends, {}}, keep.view(), {});
    double above = 0.0, below = 0.0, lost = 0.0, kept = 0.0;
    for (std::size_t t = 0; t < design.n_q; ++t) {
        for (std::size_t j = 0; j < design.n_k; ++j) {
            float z = 0.0F;
            for (std::size_t i = 0; i < design.d; ++i) z += nq(t, i) * levels(j, i);
            (z >= kThreshold ? above : below) += 1.0;
            if (z >= kThreshold) lost += keep(t, j) == 0 ? 1.0 : 0.0;
            if (z < kThreshold) kept += keep(t, j) != 0 ? 1.0 : 0.0;
        }
    }
    return {lost / above, kept / below};
}

/// Mean digits of the keys of other heads: what a calibration has to go by.
std::vector<double> calibrated_digits(TilePairDesign design) {
    MeanDigits digits(design.map());
    for (std::uint64_t sample = 1; sample <= 4; ++sample) {
        design.content = 900 + sample;
        const OwnedHead data = coded_head(design);
        const SprintReferenceCodes codes =
            sprint_reference_codes(data.view(), twin_settings(design), coded_scales(design));
        Matrix<float> levels(design.n_k, design.d);
        for (std::size_t i = 0; i < levels.size(); ++i)
            levels.data()[i] = static_cast<float>(codes.k_level.data()[i]);
        digits.add(levels.view());
    }
    return digits.values();
}

struct Estimate {
    double mean = 0.0, error = 0.0;
};
Estimate estimate(const std::vector<double>& x) {
    double sum = 0.0, squares = 0.0;
    for (const double one : x) {
        sum += one;
        squares += one * one;
    }
    const auto n = static_cast<double>(x.size());
    return {sum / n, std::sqrt(std::max(squares / n - sum * sum / (n * n), 0.0) / (n - 1.0))};
}

}  // namespace

TEST_CASE("mean digits are those of the levels, plane by plane", "[unit]") {
    Matrix<float> levels(2, 3);
    const float values[] = {-8.0F, 3.0F, 0.0F, 7.0F, -1.0F, 5.0F};
    std::copy_n(values, 6, levels.data());
    const auto means = [&](MappingSettings settings) {
        MeanDigits digits(Mapping(10.0_uS, 90.0_uS, 4, settings));
        CHECK(digits.values() == std::vector<double>(digits.values().size(), 0.0));
        digits.add(levels.view().top(1));
        digits.add(levels.view().rows_from(1, 1));
        return digits.values();
    };
    const std::vector<double> pair = means({Signs::differential, {}});
    REQUIRE(pair.size() == 2);
    CHECK(pair[0] == Approx(15.0 / 6.0));
    CHECK(pair[1] == Approx(9.0 / 6.0));
    // m + 8 = 0, 11, 8, 15, 7, 13.
    CHECK(means({Signs::offset, {}}) == std::vector<double>{54.0 / 6.0});
    const std::vector<double> slices = means({Signs::offset, 2});
    REQUIRE(slices.size() == 2);
    CHECK(slices[0] == Approx((0 + 3 + 0 + 3 + 3 + 1) / 6.0));
    CHECK(slices[1] == Approx((0 + 2 + 2 + 3 + 1 + 3) / 6.0));
}

TEST_CASE("the mean of stored levels calibrates strong wires, the middle of the range does not",
          "[stat]") {
    TilePairDesign design = wired_design(Signs::differential);
    const std::vector<double> mean = calibrated_digits(design);
    const std::vector<double> middle(2, 0.5 * design.map().largest_digit());
    REQUIRE(mean.size() == 2);
    for (const double digit : mean) CHECK(digit < 0.5 * middle[0]);
    std::vector<double> prune_ideal, keep_ideal, prune_nearer, keep_nearer, prune_mean, keep_mean,
        prune_middle, keep_middle;
    for (int head = 0; head < kHeads; ++head) {
        design.content = 1 + static_cast<std::uint64_t>(head);
        design.site.chip = static_cast<std::uint64_t>(head);
        TilePairDesign ideal = design;
        ideal.circuits.arrays.wires = {};
        ideal.circuits.calibration = ThresholdCalibration::none;
        design.circuits.calibration = ThresholdCalibration::array;
        const Rates without = rates(ideal, {});
        const Rates before = rates(design, middle), after = rates(design, mean);
        prune_ideal.push_back(without.false_prune);
        keep_ideal.push_back(without.false_keep);
        prune_middle.push_back(before.false_prune);
        keep_middle.push_back(before.false_keep);
        prune_mean.push_back(after.false_prune);
        keep_mean.push_back(after.false_keep);
        prune_nearer.push_back(std::abs(before.false_prune - without.false_prune) -
                               std::abs(after.false_prune - without.false_prune));
        keep_nearer.push_back(std::abs(before.false_keep - without.false_keep) -
                              std::abs(after.false_keep - without.false_keep));
    }
    std::printf("false prunes: ideal wires %.4f, middle %.4f, mean %.4f\n",
                estimate(prune_ideal).mean, estimate(prune_middle).mean, estimate(prune_mean).mean);
    std::printf("false keeps: ideal wires %.4f, middle %.4f, mean %.4f\n",
                estimate(keep_ideal).mean, estimate(keep_middle).mean, estimate(keep_mean).mean);
    const Estimate prunes = estimate(prune_nearer), keeps = estimate(keep_nearer);
    CAPTURE(prunes.mean, prunes.error, keeps.mean, keeps.error);
    CHECK(prunes.mean > 5.0 * prunes.error);
    CHECK(keeps.mean > 5.0 * keeps.error);
}
