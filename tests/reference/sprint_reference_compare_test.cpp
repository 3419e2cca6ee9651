#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/reference/sprint_reference_sampling.hpp"

/// Comparators of the twin: trim, gain, hysteresis, metastability; and the probabilities that stand
/// for everything in front of them.
using namespace attohm;

namespace {

/// Key 0 gives z = q, by one cell pair at level 1, for every query code in `codes`.
OwnedHead outputs(const std::vector<int>& codes, std::size_t n_k = 1) {
    OwnedHead head;
    head.q = Matrix<float>(codes.size(), 1);
    head.k = head.v = Matrix<float>(n_k, 1, 20.0F);
    for (std::size_t t = 0; t < codes.size(); ++t) head.q(t, 0) = static_cast<float>(codes[t]);
    return head;
}
constexpr SprintReferenceScales kUnits{7.0, 127.0, 127.0};

struct Run {
    SprintReferenceCodes codes;
    SprintReferenceCells cells;
    SprintReferenceRead read;
    Matrix<double> p_keep;
};
Run run(const AttentionHead& head, const SprintReferenceSettings& settings,
        const std::vector<float>& thresholds, const std::vector<ReferenceLatch>& latches = {}) {
    Run out;
    out.codes = sprint_reference_codes(head, settings, kUnits);
    out.cells = sprint_reference_cells(head, out.codes, settings, kSite);
    const auto columns = sprint_reference_columns(head, out.codes, out.cells, settings, kSite);
    out.read =
        sprint_reference_read(head, out.codes, out.cells, thresholds, settings, kSite, 0, latches);
    out.p_keep = sprint_reference_probabilities(head, out.codes, out.cells, columns, thresholds,
                                                settings, kSite, latches);
    return out;
}

std::string decisions(const Run& run, std::size_t j = 0) {
    std::string text;
    for (std::size_t t = 0; t < run.read.kept.rows(); ++t)
        text += run.read.kept(t, j) != 0 ? '1' : '0';
    return text;
}

}  // namespace

TEST_CASE("a comparator with hysteresis clings to its last decision", "[unit]") {
    // 1 mV a unit, threshold 1: up only at 2 and more, down only below 0.
    const OwnedHead data = outputs({1, 0, 2, 1, 0, -1, 1, 2, 0});
    SprintReferenceSettings settings = noiseless_settings();
    settings.hysteresis_V = 2e-3;
    const std::vector<float> one(9, 1.0F);
    // The first query meets a comparator without a past.
    settings.hysteresis_reset = ReferenceReset::head;
    CHECK(decisions(run(data.view(), settings, one)) == "111110011");
    settings.hysteresis_reset = ReferenceReset::every;
    CHECK(decisions(run(data.view(), settings, one)) == "101100110");
    settings.hysteresis_reset = ReferenceReset::never;
    const Run pruned = run(data.view(), settings, one, {ReferenceLatch::pruned});
    CHECK(decisions(pruned) == "001110011");
    CHECK(pruned.read.latches[0] == ReferenceLatch::kept);
    // A new head does not care.
    settings.hysteresis_reset = ReferenceReset::head;
    CHECK(decisions(run(data.view(), settings, one, {ReferenceLatch::pruned})) == "111110011");
    for (std::size_t t = 0; t < 9; ++t) CHECK(pruned.p_keep(t, 0) == pruned.read.kept(t, 0));
}

TEST_CASE("a query that may not see a key leaves its comparator alone", "[unit]") {
    OwnedHead data = outputs({2, -3, 1});
    data.mask = Matrix<std::uint8_t>(3, 1, 1);
    data.mask(1, 0) = 0;
    SprintReferenceSettings settings = noiseless_settings();
    settings.hysteresis_V = 2.5e-3;
    CHECK(decisions(run(data.view(), settings, {2.0F, 2.0F, 2.0F})) == "101");
}

TEST_CASE("what is not decided in time is resolved as told, and counted", "[unit]") {
    const OwnedHead data = outputs({-2, -1, 0, 1, 2}, 3);
    SprintReferenceSettings settings = noiseless_settings();
    settings.metastable_V = 1.5e-3;
    const std::vector<float> zero(5, 0.0F);
    const Run kept = run(data.view(), settings, zero);
    CHECK(decisions(kept) == "01111");
    CHECK(kept.read.undecided_count == 9);
    CHECK(kept.read.undecided(1, 2) == 1);
    CHECK(kept.read.undecided(0, 0) == 0);
    settings.metastable = ReferenceMetastable::prune;
    CHECK(decisions(run(data.view(), settings, zero)) == "00001");
    settings.metastable = ReferenceMetastable::coin;
    const Run tossed = run(data.view(), settings, zero);
    for (std::size_t t = 1; t < 4; ++t)
        for (std::size_t j = 0; j < 3; ++j) {
            const bool coin = metastability_stream(kSite).below(t * 3 + j, 0.5);
            CHECK(bool(tossed.read.kept(t, j)) == coin);
            CHECK(tossed.p_keep(t, j) == (coin ? 1.0 : 0.0));
        }
    settings.metastable_V = 0.0;
    const Run sharp = run(data.view(), settings, zero);
    CHECK(decisions(sharp) == "00111");
    CHECK(sharp.read.undecided_count == 0);
}

TEST_CASE("a trimmed offset and a key's own gain move the threshold", "[unit]") {
    const OwnedHead data = random_head(6, 12, 8, 1, 71);
    SprintReferenceSettings settings = noiseless_settings();
    settings.threshold_bits.reset();
    settings.comparator_offset_V = 8e-3;
    settings.offset_residual_V = [](double offset_V) {
        return offset_V - 5e-3 * std::nearbyint(offset_V / 5e-3);
    };
    for (std::size_t j = 0; j < 12; ++j) settings.threshold_gain.push_back(0.5 + 0.1 * double(j));
    const auto r = sprint_reference(data.view(), 0.25, settings, kNormalScales, kSite);
    int moved = 0;
    for (std::size_t t = 0; t < 6; ++t)
        for (std::size_t j = 0; j < 12; ++j) {
            const double offset_V = 8e-3 * comparator_offset_stream(kSite, j / 5).normal(j % 5);
            const double left_V = 1e-3 * r.columns.z(t, j) + settings.offset_residual_V(offset_V);
            const double right_V = 1e-3 * settings.threshold_gain[j] * double(r.threshold[t]);
            CHECK(bool(r.kept_hardware(t, j)) == (left_V >= right_V));
            moved += r.kept_hardware(t, j) != r.kept_quant(t, j);
        }
    CHECK(moved > 0);
}

TEST_CASE("probabilities hold for every mapping, drive and memory", "[stat]") {
    constexpr int kReads = 2500;
    const OwnedHead data = random_head(4, 6, 8, 2, 72);
    SprintReferenceSettings settings = noisy_settings();
    settings.read_sigma_rel = 0.1;
    settings.comparator_noise_V = 6e-3;
    const auto check = [&] { check_frequencies(data, settings, 0.1, kNormalScales, kReads); };
    SECTION("reference column") {
        settings.signs = ReferenceSigns::offset;
        check();
    }
    SECTION("slices, bit by bit") {
        settings.cell_bits = 2;
        settings.coding = ReferenceCoding::bit_serial;
        settings.drive = ReferenceDrive::twos_complement;
        check();
    }
    SECTION("pulses in two phases") {
        settings.coding = ReferenceCoding::pulse_width;
        settings.drive = ReferenceDrive::two_phase;
        check();
    }
    SECTION("age, slow noise and a bent I-V") {
        settings.relaxation_sigma_S = [](double G_S, double age_s) { return 0.02 * G_S * age_s; };
        settings.age_write_interval_s = settings.age_read_interval_s = 0.5;
        settings.slow_deviation = [](std::uint64_t, std::size_t j, std::size_t i, std::size_t t) {
            return 0.02 * std::sin(double(3 * j + 5 * i + 7 * t));
        };
        settings.iv_shape_V = [](double V) { return 0.2 * std::sinh(V / 0.1) / std::sinh(2.0); };
        check();
    }
    SECTION("hysteresis remembers what was decided at random") {
        settings.hysteresis_V = 6e-3;
        check();
    }
    SECTION("undecided, by coin") {
        settings.metastable_V = 2e-3;
        settings.metastable = ReferenceMetastable::coin;
        check();
    }
    SECTION("gains and trims") {
        settings.threshold_gain = {0.8, 0.9, 1.0, 1.1, 1.2, 1.3};
        settings.offset_residual_V = [](double offset_V) { return 0.25 * offset_V; };
        check();
    }
}
