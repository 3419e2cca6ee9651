#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>

#include "tests/schemes/sprint_pair.hpp"

/// The standard deviations that a summary prints beside expected rates are those of runs.
using namespace attohm;

namespace {

constexpr int kRuns = 600;

/// Deviations of runs in units of the sigma that each run stated.
struct Scatter {
    int inside = 0;
    double sum = 0.0, squares = 0.0;

    void add(double z) {
        inside += std::abs(z) < 1.0 ? 1 : 0;
        sum += z;
        squares += z * z;
    }
    double share() const { return static_cast<double>(inside) / kRuns; }
    double mean() const { return sum / kRuns; }
    double variance() const { return squares / kRuns; }
};

/// Args: most: fourth moment of z, for the error of its variance.
void check_scatter(const char* what, const Scatter& z, double low, double high, double fourth) {
    std::printf("%s: %.3f of %d runs inside one sigma, mean %.3f, variance %.3f\n", what, z.share(),
                kRuns, z.mean(), z.variance());
    CAPTURE(what, z.share(), z.mean(), z.variance());
    CHECK(z.share() > low);
    CHECK(z.share() < high);
    CHECK(std::abs(z.mean()) < 5.0 / std::sqrt(kRuns));
    CHECK(std::abs(z.variance() - 1.0) < 5.0 * std::sqrt((fourth - 1.0) / kRuns));
}

}  // namespace

TEST_CASE("about 0.68 of the runs lie within one stated sigma of what is expected", "[stat]") {
    PairDesign design;
    design.sigma_uS = {0.5, 0.05};
    design.read_rel = 0.1;
    design.read_abs_uS = 0.5;
    design.offset_V = 8e-3;
    design.noise_V = 8e-3;
    const Settings settings = pair_settings(design, write_card(card_text(design)));
    const LayerSpec spec{1, 1, 60, 60, 32, 8, false, 58, 57, true};
    const std::vector<AttentionLayer> layers = {random_layer(spec, 43)};
    Scatter prune, keep, excess;
    double pruned = 0.0, variance = 0.0;
    for (int chip = 0; chip < kRuns; ++chip) {
        const PairInputs inputs{17, static_cast<std::uint64_t>(chip), MetricsLevel::full};
        const auto scheme = make_calibrated("sprint", settings, layers, inputs);
        const DecisionCounts d = run_scheme(*scheme, layers[0], 3).reports[0].decisions;
        REQUIRE(d.fp_variance > 0.0);
        REQUIRE(d.decision_variance > d.fp_variance);
        // Over the pairs that the reference keeps both sums are the same.
        CHECK(d.fp_variance == Approx(d.key_variance).epsilon(1e-4));
        prune.add((static_cast<double>(d.fp_total) - d.fp_expected) / std::sqrt(d.fp_variance));
        keep.add((static_cast<double>(d.fk_total) - d.fk_expected) /
                 std::sqrt(d.decision_variance - d.fp_variance));
        excess.add((d.key_excess - d.key_variance) / std::sqrt(d.key_excess_variance));
        pruned += d.fp_expected / kRuns;
        variance += d.fp_variance / kRuns;
    }
    std::printf("%.1f false prunes a run, sigma %.2f\n", pruned, std::sqrt(variance));
    REQUIRE(variance > 9.0);
    // 0.683 +- 5 sqrt(0.683 0.317 / runs).
    check_scatter("false prunes", prune, 0.588, 0.778, 3.0);
    check_scatter("false keeps", keep, 0.588, 0.778, 3.0);
    // A sum of squares leans to large values: more than 0.683 lie within its sigma.
    check_scatter("excess of keys", excess, 0.588, 0.86, 8.0);
}
