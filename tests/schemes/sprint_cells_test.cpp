#include <catch2/catch.hpp>
#include <cmath>

#include "tests/reference/decision_statistics.hpp"
#include "tests/schemes/sprint_pair.hpp"

/// The same chip, write event and common draws in front of both implementations: cells, levels,
/// offsets, laws of the outputs and probabilities, one by one.
using namespace attohm;

namespace {

PairDesign noisy_design() {
    PairDesign design;
    design.sigma_uS = {0.9, 0.04, 2e-4};
    design.read_rel = 0.04;
    design.read_abs_uS = 0.6;
    design.stuck_low_rate = 0.02;
    design.stuck_high_rate = 0.03;
    design.offset_V = 8e-3;
    design.noise_V = 2e-3;
    design.threshold_noise_V = 1.5e-3;
    return design;
}

std::vector<PairDesign> designs() {
    std::vector<PairDesign> all = {noisy_design()};
    const auto vary = [&](auto change) {
        all.push_back(noisy_design());
        change(all.back());
    };
    vary([](PairDesign& d) { d.k_bits = 2; });
    vary([](PairDesign& d) { d.k_bits = 8, d.q_bits = 8; });
    vary([](PairDesign& d) { d.k_bits = 1; });
    vary([](PairDesign& d) { d.k_bits.reset(), d.q_bits.reset(); });
    vary([](PairDesign& d) { d.split = ReferenceSplit::sign_magnitude; });
    vary([](PairDesign& d) {
        d.split = ReferenceSplit::round;
        d.k_msb = ReferenceKMsb::slc_copy;
    });
    vary([](PairDesign& d) { d.read_rel = 0.0; });  // the same variance for all pairs
    vary([](PairDesign& d) { d.read_abs_uS = 0.0; });
    vary([](PairDesign& d) { d.sigma_uS = {20.0, 0.0, 0.0, 1e-5}; });  // many draws below 0
    vary([](PairDesign& d) { d.sigma_uS = {5.0, -0.05}; });            // a law that falls
    vary([](PairDesign& d) { d.g_floor_uS = 9.5; });
    vary([](PairDesign& d) { d.g_min_uS = 0.4, d.g_max_uS = 37.3; });
    vary([](PairDesign& d) { d.rows = 41, d.columns = 7; });
    vary([](PairDesign& d) { d.stuck_low_rate = 0.4, d.stuck_high_rate = 0.6; });
    return all;
}

struct Worst {
    double plus = 0, minus = 0, mean = 0, variance = 0, output = 0, sigma = 0, p = 0;
    std::int64_t judged = 0;
};

void worst(double& so_far, double fast, double twin, double size) {
    so_far = std::max(so_far, std::abs(fast - twin) / size);
}

double variance_of(const ProgrammedKeys& keys, std::size_t j, std::size_t i) {
    return keys.variance.empty() ? keys.uniform_variance : static_cast<double>(keys.variance(j, i));
}

/// Cells of all keys.
void compare_cells(const AttentionHead& head, PairTile& fast, const SprintReferenceResult& twin,
                   const PairDesign& design, Worst& worse) {
    const ProgrammedKeys& keys = fast.tile.keys();
    const double dG = twin.cells.dG_S;
    for (std::size_t j = 0; j < static_cast<std::size_t>(head.valid_k); ++j) {
        for (std::size_t i = 0; i < head.d(); ++i) {
            const double plus = twin.cells.G_plus_S(j, i), minus = twin.cells.G_minus_S(j, i);
            const double size = (plus + minus) / dG + 1.0;
            worst(worse.plus, static_cast<double>(keys.cells[0].conductance(j, i)), plus / dG,
                  size);
            worst(worse.minus, static_cast<double>(keys.cells[1].conductance(j, i)), minus / dG,
                  size);
            worst(worse.mean, static_cast<double>(keys.mean(j, i)), (plus - minus) / dG, size);
            const double noise = std::pow(design.read_rel * plus / dG, 2) +
                                 std::pow(design.read_rel * minus / dG, 2) +
                                 2.0 * std::pow(design.read_abs_uS * 1e-6 / dG, 2);
            worst(worse.variance, variance_of(keys, j, i), noise, noise + 1e-30);
        }
    }
}

/// Laws of all outputs, formed in double from the fast path's cells.
void compare_outputs(const AttentionHead& head, PairTile& fast, const SprintReferenceResult& twin,
                     Worst& worse) {
    const ProgrammedKeys& keys = fast.tile.keys();
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        for (std::size_t j = 0; j < static_cast<std::size_t>(head.valid_k); ++j) {
            double mean = 0.0, variance = 0.0, size = 1.0;
            for (std::size_t i = 0; i < head.d(); ++i) {
                const auto n = static_cast<double>(fast.codes.nq(t, i));
                mean += n * static_cast<double>(keys.mean(j, i));
                size += std::abs(n * static_cast<double>(keys.mean(j, i)));
                variance += n * n * variance_of(keys, j, i);
            }
            worst(worse.output, mean, twin.columns.mean(t, j), size);
            worst(worse.sigma, std::sqrt(variance), twin.columns.sigma(t, j),
                  twin.columns.sigma(t, j) + 1e-30);
        }
    }
}

/// P(keep) at thresholds that cut the scores everywhere.
void compare_probabilities(const AttentionHead& head, PairTile& fast,
                           const SprintReferenceResult& twin,
                           const SprintReferenceSettings& settings, const DrawSite& site,
                           Worst& worse) {
    const auto rows = static_cast<std::size_t>(head.valid_q);
    const auto n = static_cast<std::size_t>(head.valid_k);
    for (const double fraction : {-1.0, -0.7, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.97, 1.0}) {
        const std::vector<float> thresholds(head.n_q(),
                                            static_cast<float>(fraction * settings.n_fs));
        const auto exact = sprint_reference_probabilities(head, twin.codes, twin.cells,
                                                          twin.columns, thresholds, settings, site);
        Matrix<std::uint8_t> keep(rows, n);
        Matrix<float> p(rows, n);
        const std::vector<std::uint32_t> ends(rows, static_cast<std::uint32_t>(n));
        fast.tile.decide(0, fast.codes.nq.view(), std::span(thresholds).first(rows), {ends, {}},
                         keep.view(), p.view());
        for (std::size_t t = 0; t < rows; ++t) {
            for (std::size_t j = 0; j < n; ++j) {
                if (!head.allowed(t, j)) continue;
                worst(worse.p, static_cast<double>(p(t, j)), exact(t, j), 1.0);
                worse.judged += exact(t, j) > 0.01 && exact(t, j) < 0.99 ? 1 : 0;
            }
        }
    }
}

}  // namespace

TEST_CASE("cells, levels and laws of the outputs are the twin's on the same chip", "[property]") {
    for (const PairDesign& design : designs()) {
        const std::string card = write_card(card_text(design));
        const Settings settings = pair_settings(design, card);
        for (const LayerSpec& spec : {LayerSpec{2, 1, 30, 40, 32, 8, false, 27, 37, true},
                                      LayerSpec{1, 1, 20, 50, 41, 8, true, -1, -1, false}}) {
            const std::vector<AttentionLayer> layers = {random_layer(spec, 31)};
            const PairInputs inputs{77, 5, MetricsLevel::full};
            const auto scheme = make_calibrated("sprint", settings, layers, inputs);
            const auto& own = dynamic_cast<const CalibratedScheme&>(*scheme);
            for (int h = 0; h < spec.heads; ++h) {
                const AttentionHead head = head_view(layers[0], 9, h);
                const DrawSite site = pair_site(head, inputs, 9, spec.kv_heads);
                PairTile fast = make_pair_tile(settings, own.calibration(0, h), head, site);
                const auto twin = run_twin(*scheme, design, head, inputs, 9, spec.kv_heads);
                const ProgrammedKeys& keys = fast.tile.keys();
                Worst worse;
                compare_cells(head, fast, twin, design, worse);
                compare_outputs(head, fast, twin, worse);
                compare_probabilities(head, fast, twin,
                                      reference_settings(design, own.calibration(0, h).n_fs), site,
                                      worse);
                CAPTURE(design.k_bits.value_or(0), design.sigma_uS, design.g_min_uS,
                        static_cast<int>(design.split), design.stuck_low_rate, spec.d);
                CHECK(worse.plus < 1e-6);
                CHECK(worse.minus < 1e-6);
                CHECK(worse.mean < 1e-6);
                CHECK(worse.variance < 3e-6);
                CHECK(worse.output < 1e-6);
                CHECK(worse.sigma < 3e-6);
                CHECK(worse.p < 1e-4);
                CHECK(worse.judged > 100);
                CHECK(keys.counts.floored == twin.cells.floored);
                CHECK(keys.counts.stuck == twin.cells.stuck);
                CHECK(keys.counts.cells == twin.cells.cells);
                if (!design.k_bits) continue;

                // What the sense amplifiers read back.
                Matrix<float> sensed(fast.codes.m.rows(), fast.codes.m.cols());
                CHECK(sense_levels(keys, fast.map, fast.codes.m.view(), sensed.view()) ==
                      twin.cells.level_errors);
                std::int64_t wrong = 0;
                for (std::size_t j = 0; j < sensed.rows(); ++j) {
                    for (std::size_t i = 0; i < sensed.cols(); ++i) {
                        wrong += static_cast<int>(sensed(j, i)) != twin.cells.k_sensed(j, i);
                    }
                }
                CHECK(wrong == 0);
            }
        }
    }
}

TEST_CASE("the recompute reads the twin's K, and so gives its output", "[property]") {
    std::int64_t level_errors = 0;
    for (const auto k_msb :
         {ReferenceKMsb::stored, ReferenceKMsb::slc_copy, ReferenceKMsb::ideal}) {
        for (const auto split : {ReferenceSplit::floor_msb, ReferenceSplit::sign_magnitude}) {
            for (const int k_bits : {2, 3, 4, 6, 8}) {
                PairDesign design;
                design.k_msb = k_msb;
                design.split = split;
                design.k_bits = k_bits;
                design.sigma_uS = {1.0, 0.08};
                design.stuck_low_rate = 0.01;
                design.stuck_high_rate = 0.01;
                // Decisions without read noise can be compared one by one.
                design.dac_bits.reset();
                design.full_scale = "worst-case";
                const LayerSpec spec{2, 1, 40, 45, 32, 20, false, 38, 43, true};
                const std::vector<AttentionLayer> layers = {random_layer(spec, 32)};
                const Settings settings = pair_settings(design, write_card(card_text(design)));
                const auto scheme = make_calibrated("sprint", settings, layers);
                const SchemeRun run = run_scheme(*scheme, layers[0], 4);
                for (int h = 0; h < 2; ++h) {
                    const AttentionHead head = head_view(layers[0], 4, h);
                    const auto twin = run_twin(*scheme, design, head, {}, 4);
                    const auto at = static_cast<std::size_t>(h);
                    CAPTURE(static_cast<int>(k_msb), static_cast<int>(split), k_bits, h);
                    CHECK(differences(selected(run.selections[at]), twin.final_hardware) == 0);
                    CHECK(relative_error(run.out[at], twin.out_hardware) < 1e-5);
                    const HeadEvents& events = run.reports[at].events;
                    CHECK(events.level_errors ==
                          (k_msb == ReferenceKMsb::stored ? twin.events.level_errors : 0));
                    CHECK(events.stuck_cells == twin.events.stuck_cells);
                    CHECK(events.conductance_floored == twin.events.conductance_floored);
                    CHECK(events.cells == twin.events.cells);
                    CHECK(run.reports[at].decisions.hw_kept == twin.counts.hw_kept);
                    CHECK(run.reports[at].decisions.fp_analog == twin.counts.fp_analog);
                    CHECK(run.reports[at].decisions.fk_analog == twin.counts.fk_analog);
                    level_errors += events.level_errors;
                }
            }
        }
    }
    CHECK(level_errors > 1000);
}

TEST_CASE("offsets and threshold noise shift decisions by the twin's amounts", "[property]") {
    // Nothing random within a read: every decision follows from the common draws.
    for (const auto& [offset_V, threshold_V] :
         {std::pair{12e-3, 0.0}, std::pair{0.0, 9e-3}, std::pair{12e-3, 9e-3}}) {
        for (const int columns : {7, 24, 128}) {
            PairDesign design;
            design.offset_V = offset_V;
            design.threshold_noise_V = threshold_V;
            design.columns = columns;
            design.dac_bits.reset();
            design.full_scale = "worst-case";
            design.v_fs_V = 2.0;
            design.empty_row = ReferenceEmptyRow::zero;
            const LayerSpec spec{2, 2, 90, 60, 16, 4, false, 85, 57, true};
            const std::vector<AttentionLayer> layers = {random_layer(spec, 33)};
            const auto scheme = make_calibrated(
                "sprint", pair_settings(design, write_card(card_text(design))), layers);
            const SchemeRun run = run_scheme(*scheme, layers[0], 2);
            for (int h = 0; h < 2; ++h) {
                const auto twin =
                    run_twin(*scheme, design, head_view(layers[0], 2, h), {}, 2, spec.kv_heads);
                const auto at = static_cast<std::size_t>(h);
                CAPTURE(offset_V, threshold_V, columns, h);
                CHECK(differences(selected(run.selections[at]), twin.kept_hardware) == 0);
                CHECK(twin.counts.fp_analog + twin.counts.fk_analog > 50);
            }
        }
    }
}
