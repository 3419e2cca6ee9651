#include <catch2/catch.hpp>
#include <cmath>

#include "src/tile/clipped_decision.hpp"
#include "tests/reference/decision_statistics.hpp"
#include "tests/schemes/sprint_pair.hpp"

/// Where sense or columns clip, the fast path tells read and comparator noise apart: decisions of
/// many reads of the same cells against the twin's probabilities and its sampled reads.
using namespace attohm;

namespace {

constexpr int kReads = 3000;

struct Case {
    const char* name;
    PairDesign design;
    double threshold;  ///< as a fraction of n_fs
};

PairDesign clipping_design() {
    PairDesign design;
    design.columns = 5;
    design.dac_bits.reset();
    design.sigma_uS = {1.0, 0.05};
    design.read_rel = 0.2;
    design.read_abs_uS = 2.0;
    design.offset_V = 30e-3;
    design.noise_V = 30e-3;
    design.sense_percentile = 0.7;
    return design;
}

std::vector<Case> cases() {
    std::vector<Case> all;
    const auto add = [&](const char* name, double threshold, auto change) {
        PairDesign design = clipping_design();
        change(design);
        all.push_back({name, design, threshold});
    };
    const auto same = [](PairDesign&) {};
    add("threshold at the upper clip", 1.0, same);
    add("threshold at the lower clip", -1.0, same);
    add("threshold beyond the clip", 1.1, same);
    add("threshold inside", 0.6, same);
    add("no comparator noise", 0.9, [](PairDesign& d) { d.noise_V = 0.0; });
    add("no read noise", 1.0, [](PairDesign& d) { d.read_rel = d.read_abs_uS = 0.0; });
    // Limits within what the columns carry.
    add("columns clip", 0.3, [](PairDesign& d) { d.i_max_A = 22e-6; });
    add("columns clip hard", 0.1, [](PairDesign& d) { d.i_max_A = 9e-6; });
    add("columns and sense clip", 1.0, [](PairDesign& d) { d.i_max_A = 15e-6; });
    return all;
}

/// Counts over reads of the fast path: every query head reads the same cells with draws of its own.
struct Counts {
    Matrix<double> kept;
    std::int64_t sense = 0, column = 0;
};

Counts fast_reads(const Settings& settings, const HeadCalibration& own, const AttentionHead& head,
                  float threshold) {
    const std::size_t rows = head.n_q(), n = head.n_k();
    Counts counts{Matrix<double>(rows, n)};
    const std::vector<float> thresholds(rows, threshold);
    std::vector<std::uint32_t> ends(rows);
    for (std::size_t t = 0; t < rows; ++t) ends[t] = static_cast<std::uint32_t>(head.key_end(t));
    Matrix<std::uint8_t> keep(rows, n);
    DrawSite site = pair_site(head, {}, 0, 1);
    for (int read = 0; read < kReads; ++read) {
        site.head = static_cast<std::uint64_t>(read);
        PairTile fast = make_pair_tile(settings, own, head, site);
        const TileTotals totals = fast.tile.decide(0, fast.codes.nq.view(), thresholds,
                                                   {ends, head.mask}, keep.view(), {});
        counts.sense += totals.sense_clipped;
        counts.column += totals.column_clipped;
        for (std::size_t i = 0; i < keep.size(); ++i) counts.kept.data()[i] += keep.data()[i];
    }
    return counts;
}

}  // namespace

TEST_CASE("decisions near clipping follow the exact law", "[stat]") {
    const LayerSpec spec{1, 1, 8, 11, 16, 4, true, -1, -1, true};
    const std::vector<AttentionLayer> layers = {random_layer(spec, 51)};
    const AttentionHead head = head_view(layers[0], 0, 0);
    for (const Case& one : cases()) {
        DYNAMIC_SECTION(one.name) {
            const Settings settings = pair_settings(one.design, write_card(card_text(one.design)));
            const auto scheme = make_calibrated("sprint", settings, layers);
            const auto& own = dynamic_cast<const CalibratedScheme&>(*scheme).calibration(0, 0);
            const auto threshold = static_cast<float>(one.threshold * own.n_fs);
            const Counts fast = fast_reads(settings, own, head, threshold);

            // The twin's law, and its reads of the same cells.
            const auto twin = run_twin(*scheme, one.design, head);
            const auto twin_settings = reference_settings(one.design, own.n_fs);
            const DrawSite site = pair_site(head, {}, 0, 1);
            const std::vector<float> thresholds(head.n_q(), threshold);
            const auto exact = sprint_reference_probabilities(
                head, twin.codes, twin.cells, twin.columns, thresholds, twin_settings, site);
            Counts slow{Matrix<double>(head.n_q(), head.n_k())};
            for (int read = 0; read < kReads; ++read) {
                const auto sampled =
                    sprint_reference_read(head, twin.codes, twin.cells, thresholds, twin_settings,
                                          site, static_cast<std::uint64_t>(read));
                slow.sense += sampled.sense_clipped;
                slow.column += sampled.column_clipped;
                for (std::size_t i = 0; i < sampled.kept.size(); ++i) {
                    slow.kept.data()[i] += sampled.kept.data()[i];
                }
            }
            const double bound = sidak_sigmas(5.0, 3 * exact.size());
            int judged = 0;
            for (std::size_t t = 0; t < head.n_q(); ++t) {
                for (std::size_t j = 0; j < head.n_k(); ++j) {
                    if (!head.allowed(t, j)) continue;
                    const BinomialBand band = binomial_band(kReads, exact(t, j));
                    CAPTURE(t, j, exact(t, j), fast.kept(t, j), slow.kept(t, j));
                    // Rare events: five counts beyond what the bound allows of a Poisson law.
                    const double slack = judgeable(band) ? 0.0 : 5.0;
                    CHECK(std::abs(fast.kept(t, j) - band.expected) <= bound * band.sigma + slack);
                    CHECK(std::abs(fast.kept(t, j) - slow.kept(t, j)) <=
                          bound * std::sqrt(2.0) * band.sigma + 2.0 * slack);
                    judged += judgeable(band) ? 1 : 0;
                }
            }
            CHECK(judged >= 10);

            // Clips are counted over allowed pairs. Their numbers scatter by less than 5 sigma of
            // as many independent events.
            const auto close = [](std::int64_t a, std::int64_t b) {
                const auto mean = 0.5 * static_cast<double>(a + b);
                return std::abs(static_cast<double>(a - b)) <= 5.0 * std::sqrt(2.0 * mean);
            };
            CAPTURE(fast.sense, slow.sense, fast.column, slow.column);
            CHECK(close(fast.sense, slow.sense));
            CHECK(close(fast.column, slow.column));
            CHECK(fast.sense > 1000);
            CHECK((fast.column > 1000) == one.design.i_max_A.has_value());
        }
    }
}

TEST_CASE("columns that cannot clip decide like the output", "[stat]") {
    // A limit moves the draws to other streams, not the law: counts stay in their band.
    PairDesign design = clipping_design();
    design.i_max_A = 1.0;
    const LayerSpec spec{1, 1, 120, 120, 32, 4, false, -1, -1, false};
    const std::vector<AttentionLayer> layers = {random_layer(spec, 52)};
    const AttentionHead head = head_view(layers[0], 0, 0);
    const Settings settings = pair_settings(design, write_card(card_text(design)));
    const auto scheme = make_calibrated("sprint", settings, layers);
    const SchemeRun run = run_scheme(*scheme, layers[0]);
    const auto twin = run_twin(*scheme, design, head);
    std::vector<double> p;
    for (std::size_t i = 0; i < twin.p_keep.size(); ++i) p.push_back(twin.p_keep.data()[i]);
    const BinomialBand band = binomial_band(p);
    REQUIRE(judgeable(band));
    CHECK(std::abs(deviation(band, static_cast<double>(run.reports[0].decisions.hw_kept))) < 5.0);
    CHECK(run.reports[0].events.column_clipped == 0);
    // Single columns have no law that the fast path states.
    CHECK(std::isnan(run.reports[0].decisions.fp_expected));
}

TEST_CASE("the probability of a clipped decision is the twin's", "[unit]") {
    double worst = 0.0;
    for (const double sigma_x : {0.0, 1e-3, 0.3, 1.0, 4.0}) {
        for (const double sigma_y : {0.0, 1e-3, 0.2, 1.0, 3.0}) {
            for (const double mean : {-14.0, -10.0, -9.0, 0.0, 9.5, 10.0, 13.0}) {
                for (const double threshold : {-11.0, -10.0, -9.7, 0.0, 8.0, 9.9, 10.0, 10.5}) {
                    const double fast =
                        clipped_keep_probability(mean, sigma_x, sigma_y, 10.0, threshold);
                    const double twin =
                        reference_keep_probability(mean, sigma_x, -10.0, 10.0, sigma_y, threshold);
                    CAPTURE(sigma_x, sigma_y, mean, threshold, fast, twin);
                    worst = std::max(worst, std::abs(fast - twin));
                    CHECK(std::abs(fast - twin) < 2e-6);
                }
            }
        }
    }
    CHECK(worst > 0.0);
}
