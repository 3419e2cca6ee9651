#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "src/base/error.hpp"
#include "tests/reference/decision_statistics.hpp"
#include "tests/reference/sprint_reference.hpp"
#include "tests/reference/sprint_reference_fixture.hpp"
#include "tests/reference/sprint_reference_sampling.hpp"

using namespace attohm;

namespace {

double phi(double x) {
    return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

/// m = (2, -2) and (-1, 6), nq = (3, -2).
OwnedHead two_by_two() {
    OwnedHead head;
    head.q = Matrix<float>(1, 2);
    head.k = head.v = Matrix<float>(2, 2, 1.0F);
    head.q(0, 0) = 3.0F;
    head.q(0, 1) = -2.0F;
    head.k(0, 0) = 40.0F;
    head.k(0, 1) = -20.0F;
    head.k(1, 0) = -1.0F;
    head.k(1, 1) = 100.0F;
    head.scale = 0.0625F;
    return head;
}

constexpr SprintReferenceScales kTwoScales{7.0, 127.0, 127.0};

}  // namespace

TEST_CASE("the energy of two cells by two keys, by hand", "[unit]") {
    const OwnedHead data = two_by_two();
    const SprintReferenceSettings settings = noiseless_settings();
    const auto result = sprint_reference(data.view(), 0.0, settings, kTwoScales, kSite);
    // G+ = (30, 10), (10, 70) uS; G- = (10, 30), (20, 10) uS.
    CHECK(result.cells.dG_S == Approx(10e-6));
    CHECK(result.cells.G_plus_S(0, 0) == Approx(30e-6));
    CHECK(result.cells.G_minus_S(0, 1) == Approx(30e-6));
    CHECK(result.cells.G_minus_S(1, 0) == Approx(20e-6));
    CHECK(result.cells.G_plus_S(1, 1) == Approx(70e-6));
    const double V0 = 0.2 * 3.0 / 7.0, V1 = 0.2 * 2.0 / 7.0;
    CHECK(result.cell_energy_J == Approx(10e-9 * (V0 * V0 * 70e-6 + V1 * V1 * 120e-6)));
    CHECK(result.driver_energy_J == Approx(10e-9 * 1.2 * (V0 * 70e-6 + V1 * 120e-6)));
}

TEST_CASE("the current is z in units of I_lsb", "[unit]") {
    const OwnedHead data = two_by_two();
    const SprintReferenceSettings settings = noiseless_settings();
    const auto result = sprint_reference(data.view(), 0.0, settings, kTwoScales, kSite);
    // Key 1 in ampere: V (G+ - G-) summed over the rows.
    const double current_A = 0.2 / 7.0 * (3.0 * (10e-6 - 20e-6) - 2.0 * (70e-6 - 10e-6));
    const double I_lsb_A = 0.2 * 10e-6 / 7.0;
    CHECK(result.columns.mean(0, 1) == Approx(current_A / I_lsb_A));
    CHECK(result.columns.mean_plus(0, 1) - result.columns.mean_minus(0, 1) ==
          Approx(result.columns.mean(0, 1)));
}

TEST_CASE("the white noise of two cells by two keys, by hand", "[unit]") {
    const OwnedHead data = two_by_two();
    SprintReferenceSettings settings = noiseless_settings();
    settings.read_sigma_rel = 0.1;
    settings.read_sigma_S = 2e-6;
    const auto columns = sprint_reference(data.view(), 0.0, settings, kTwoScales, kSite).columns;
    // Key 0 in levels of 10 uS: relative parts 0.3, 0.1 and 0.1, 0.3, absolute part 0.2 each.
    const double plus = 9.0 * (0.09 + 0.04) + 4.0 * (0.01 + 0.04);
    const double minus = 9.0 * (0.01 + 0.04) + 4.0 * (0.09 + 0.04);
    CHECK(columns.sigma_plus(0, 0) == Approx(std::sqrt(plus)));
    CHECK(columns.sigma_minus(0, 0) == Approx(std::sqrt(minus)));
    CHECK(columns.sigma(0, 0) == Approx(std::sqrt(plus + minus)));
}

TEST_CASE("cells follow the draws of their write event", "[unit]") {
    const OwnedHead data = random_head(2, 12, 8, 2, 4);
    SprintReferenceSettings settings = noiseless_settings();
    settings.programming_sigma_S = [](double G_S) { return 0.1 * G_S; };
    settings.programming_bias_S = [](double G_S) { return 1e-6 - 0.02 * G_S; };
    const auto codes = sprint_reference_codes(data.view(), settings, kNormalScales);
    const auto cells = sprint_reference_cells(data.view(), codes, settings, kSite);
    for (std::size_t j = 0; j < 12; ++j)
        for (std::size_t i = 0; i < 8; ++i) {
            const double target = 10e-6 + 10e-6 * std::max(-codes.k_level(j, i), 0.0);
            const double z = programming_stream(kSite, plane_id(Polarity::minus)).normal(j * 8 + i);
            const double expected = target + 1e-6 - 0.02 * target + 0.1 * target * z;
            CHECK(cells.G_minus_S(j, i) == Approx(expected));
            CHECK(cells.error_minus_S(j, i) == Approx(expected - target).margin(1e-15));
        }
    // A floor above everything catches every draw, before faults replace some.
    settings.G_floor_S = 1.0;
    settings.stuck_high_rate = 0.5;
    settings.stuck_low_rate = 0.25;
    settings.stuck_high_ohm = 1e6;
    settings.stuck_low_ohm = 10e3;
    const auto broken = sprint_reference_cells(data.view(), codes, settings, kSite);
    CHECK(broken.floored == broken.cells);
    std::int64_t stuck = 0;
    for (std::size_t j = 0; j < 12; ++j)
        for (std::size_t i = 0; i < 8; ++i) {
            // Five keys an array, 64 rows.
            const double u = stuck_fault_stream(kSite, j / 5, plane_id(Polarity::plus))
                                 .uniform32(j % 5 * 64 + i);
            const double expected = u < 0.25 ? 1e-4 : (u < 0.75 ? 1e-6 : 1.0);
            CHECK(broken.G_plus_S(j, i) == Approx(expected));
            const double v = stuck_fault_stream(kSite, j / 5, plane_id(Polarity::minus))
                                 .uniform32(j % 5 * 64 + i);
            stuck += (u < 0.75) + (v < 0.75);
        }
    CHECK(broken.stuck == stuck);
}

TEST_CASE("the recompute sees the levels that the cells hold", "[unit]") {
    const OwnedHead data = two_by_two();
    SprintReferenceSettings settings = noiseless_settings();
    settings.stuck_low_rate = 1.0;
    settings.stuck_low_ohm = 10e3;
    const auto stored = sprint_reference(data.view(), -1e9, settings, kTwoScales, kSite);
    // All cells alike: m^ = 0, and l alone is left of 40 = 16 * 2 + 8.
    CHECK(stored.events.stuck_cells == 8);
    CHECK(stored.events.level_errors == 4);
    CHECK(stored.k8_hardware(0, 0) == 8);
    CHECK(stored.k8_hardware(1, 0) == 15);
    settings.k_msb = ReferenceKMsb::slc_copy;
    const auto copied = sprint_reference(data.view(), -1e9, settings, kTwoScales, kSite);
    CHECK(copied.k8_hardware(0, 0) == 40);
    // A bias of 2.6 levels on a cell of 20 uS and more: m^ is rounded and clamped.
    settings.stuck_low_rate = 0.0;
    settings.programming_bias_S = [](double G_S) { return G_S > 15e-6 ? 26e-6 : 0.0; };
    const auto shifted = sprint_reference(data.view(), -1e9, settings, kTwoScales, kSite);
    CHECK(shifted.cells.k_sensed(0, 0) == 5);
    CHECK(shifted.cells.k_sensed(0, 1) == -5);
    CHECK(shifted.cells.k_sensed(1, 1) == 7);
}

TEST_CASE("offset and threshold noise are those of the location and the read", "[unit]") {
    const OwnedHead data = random_head(6, 12, 8, 2, 5);
    SprintReferenceSettings settings = noiseless_settings();
    settings.comparator_offset_V = 8e-3;
    settings.threshold_noise_V = 4e-3;
    const double threshold = 0.25;
    const auto result = sprint_reference(data.view(), threshold, settings, kNormalScales, kSite);
    int changed = 0;
    for (std::size_t t = 0; t < 6; ++t)
        for (std::size_t j = 0; j < 12; ++j) {
            // In volts: 1 mV a unit.
            const double v = 1e-3 * result.columns.z(t, j);
            const double o = 8e-3 * comparator_offset_stream(kSite, j / 5).normal(j % 5);
            const double n = 4e-3 * threshold_noise_stream(kSite, j / 5).normal(t);
            const double v_th = 1e-3 * static_cast<double>(result.threshold[t]);
            CHECK(bool(result.kept_hardware(t, j)) == (v + o >= v_th + n));
            changed += result.kept_hardware(t, j) != result.kept_quant(t, j);
        }
    CHECK(changed > 0);
    CHECK(result.counts.decision_variance == 0.0);
}

TEST_CASE("physical columns clip before they are subtracted", "[unit]") {
    const OwnedHead data = two_by_two();
    SprintReferenceSettings settings = noiseless_settings();
    // Key 1 carries 3 - 14 = -11 and 6 - 2 = 4 units, key 0 9 - 2 = 7 and 3 - 6 = -3.
    const double I_lsb_A = 0.2 * 10e-6 / 7.0;
    settings.i_max_A = 6.5 * I_lsb_A;
    const auto result = sprint_reference(data.view(), 0.0, settings, kTwoScales, kSite);
    CHECK(result.read.output(0, 0) == Approx(6.5 + 3.0));
    CHECK(result.read.output(0, 1) == Approx(-6.5 - 4.0));
    CHECK(result.events.column_clipped == 2);
    CHECK(result.columns.mean(0, 1) == Approx(-15.0));
    settings.i_max_A = 11.5 * I_lsb_A;
    const auto wide = sprint_reference(data.view(), 0.0, settings, kTwoScales, kSite);
    CHECK(wide.events.column_clipped == 0);
    CHECK(wide.read.output(0, 1) == -15.0);
}

TEST_CASE("probabilities of keeping in closed form", "[unit]") {
    // Never clipped: the variances add.
    CHECK(reference_keep_probability(3.0, 3.0, -1e3, 1e3, 4.0, 8.0) == Approx(phi(-1.0)));
    // No noise: a step that keeps on a tie.
    CHECK(reference_keep_probability(5.0, 0.0, -9.0, 9.0, 0.0, 5.0) == 1.0);
    CHECK(reference_keep_probability(5.0, 0.0, -9.0, 9.0, 0.0, 5.0001) == 0.0);
    CHECK(reference_keep_probability(50.0, 0.0, -9.0, 9.0, 0.0, 9.0) == 1.0);
    // Clipped noise: all above full scale ties with a threshold there; beyond it nothing is kept.
    CHECK(reference_keep_probability(8.0, 2.0, -9.0, 9.0, 0.0, 9.0) == Approx(phi(-0.5)));
    CHECK(reference_keep_probability(8.0, 2.0, -9.0, 9.0, 0.0, 9.1) == 0.0);
    CHECK(reference_keep_probability(-8.0, 2.0, -9.0, 9.0, 0.0, -9.0) == 1.0);
    // Far outside only the comparator is left.
    CHECK(reference_keep_probability(99.0, 2.0, -9.0, 9.0, 3.0, 12.0) == Approx(phi(-1.0)));
    CHECK(reference_keep_probability(-99.0, 2.0, -9.0, 9.0, 3.0, -12.0) == Approx(phi(1.0)));
    // By symmetry, and against the law where clipping hardly matters.
    CHECK(reference_keep_probability(0.0, 5.0, -9.0, 9.0, 3.0, 0.0) == Approx(0.5));
    const double clipped = reference_keep_probability(0.0, 2.0, -12.5, 12.5, 0.02, 1.0);
    CHECK(clipped == Approx(phi(-1.0 / std::hypot(2.0, 0.02))).epsilon(1e-6));
}

TEST_CASE("scaling every conductance changes no decision", "[property]") {
    const OwnedHead data = random_head(10, 14, 16, 2, 6);
    SprintReferenceSettings settings = noisy_settings();
    settings.i_max_A = 4e-6;
    const auto a = sprint_reference(data.view(), 0.2, settings, kNormalScales, kSite);
    settings.G_min_S *= 2.0;
    settings.G_max_S *= 2.0;
    settings.programming_sigma_S = [](double G_S) { return 2e-6 + 0.03 * G_S; };
    settings.read_sigma_S *= 2.0;
    settings.stuck_low_ohm /= 2.0;
    settings.stuck_high_ohm /= 2.0;
    settings.i_max_A = 8e-6;
    const auto b = sprint_reference(data.view(), 0.2, settings, kNormalScales, kSite);
    CHECK(a.events.column_clipped > 0);
    CHECK(a.events.column_clipped == b.events.column_clipped);
    for (std::size_t n = 0; n < a.p_keep.size(); ++n) {
        CHECK(a.p_keep.data()[n] == Approx(b.p_keep.data()[n]).margin(1e-9));
        CHECK(a.kept_hardware.data()[n] == b.kept_hardware.data()[n]);
    }
    CHECK(b.cell_energy_J == Approx(2.0 * a.cell_energy_J));
    CHECK(b.driver_energy_J == Approx(2.0 * a.driver_energy_J));
}

TEST_CASE("counts balance", "[property]") {
    const OwnedHead data = random_head(20, 24, 16, 2, 7);
    const auto r = sprint_reference(data.view(), 0.2, noisy_settings(), kNormalScales, kSite);
    const DecisionCounts& c = r.counts;
    CHECK(c.valid == 480);
    CHECK(c.hw_kept == c.ref_kept - c.fp_total + c.fk_total);
    CHECK(c.quant_kept == c.ref_kept - c.fp_quant + c.fk_quant);
    CHECK(c.hw_kept == c.quant_kept - c.fp_analog + c.fk_analog);
    CHECK(r.events.stuck_cells > 0);
    CHECK(r.events.conductance_floored == 0);
    CHECK(r.events.level_errors > 0);
    CHECK(r.cell_energy_J > 0.0);
    // |V| <= V_read < V_dd.
    CHECK(r.driver_energy_J > 6.0 * r.cell_energy_J);
}

TEST_CASE("noise of single cells adds up to the law at the output", "[stat]") {
    constexpr int kReads = 20000;
    const OwnedHead data = random_head(1, 3, 16, 2, 8);
    SprintReferenceSettings settings = noisy_settings();
    settings.n_fs = 1e4;
    const auto result = sprint_reference(data.view(), 0.2, settings, kNormalScales, kSite);
    const auto sampled = sample_reads(data.view(), result, settings, kReads);
    const double bound = sidak_sigmas(5.0, 6);
    for (std::size_t j = 0; j < 3; ++j) {
        const double sigma = result.columns.sigma(0, j);
        CHECK(sigma > 0.5);
        // Mean of N normals: sigma / sqrt(N); mean square: sigma^2 sqrt(2 / N).
        const double mean = sampled.sum(0, j) / kReads;
        const double square = sampled.sum_squares(0, j) / kReads;
        CHECK(std::abs(mean) < bound * sigma / std::sqrt(kReads));
        CHECK(std::abs(square / (sigma * sigma) - 1.0) < bound * std::sqrt(2.0 / kReads));
    }
}

TEST_CASE("reads are kept as often as their probabilities say", "[stat]") {
    const OwnedHead data = random_head(4, 6, 8, 2, 9);
    SprintReferenceSettings settings = noisy_settings();
    SECTION("no clipping") {
        check_frequencies(data, settings, 0.1, kNormalScales);
    }
    SECTION("comparators alone") {
        settings.read_sigma_rel = settings.read_sigma_S = 0.0;
        settings.comparator_noise_V = 20e-3;
        check_frequencies(data, settings, 0.1, kNormalScales);
    }
    SECTION("threshold at the sense's full scale") {
        settings.n_fs = 12.0;
        settings.v_fs_V = 0.1;
        settings.comparator_noise_V = 20e-3;
        check_frequencies(data, settings, 0.3, kNormalScales);
    }
    SECTION("physical columns clip") {
        settings.i_max_A = 2.0e-6;
        check_frequencies(data, settings, 0.1, kNormalScales);
    }
}

TEST_CASE("one read of a large head lies in the band of its probabilities", "[stat]") {
    const OwnedHead data = random_head(60, 80, 32, 2, 10);
    const auto r = sprint_reference(data.view(), 0.4, noisy_settings(), kNormalScales, kSite);
    const BinomialBand false_prunes{r.counts.fp_expected, std::sqrt(r.counts.decision_variance)};
    REQUIRE(judgeable(false_prunes));
    // Given the probabilities, false prunes and false keeps have the variance of their own pairs.
    double var_fp = 0.0, var_fk = 0.0;
    for (std::size_t n = 0; n < r.p_keep.size(); ++n) {
        const double p = r.p_keep.data()[n];
        (r.kept_threshold.data()[n] != 0 ? var_fp : var_fk) += p * (1.0 - p);
    }
    CHECK(var_fp + var_fk == Approx(r.counts.decision_variance));
    const double bound = sidak_sigmas(5.0, 2);
    const BinomialBand fp{r.counts.fp_expected, std::sqrt(var_fp)};
    const BinomialBand fk{r.counts.fk_expected, std::sqrt(var_fk)};
    CHECK(std::abs(deviation(fp, double(r.counts.fp_total))) < bound);
    CHECK(std::abs(deviation(fk, double(r.counts.fk_total))) < bound);
}
