#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>

#include "tests/reference/decision_statistics.hpp"
#include "tests/schemes/sprint_pair.hpp"

/// The fast path draws the white noise of a column and its comparator as one number; the twin draws
/// every cell of every read. Same chips, same writes, same common draws: counts and moments agree.
using namespace attohm;

namespace {

constexpr int kChips = 32;

struct NoiseSetting {
    const char* name;
    PairDesign design;
};

std::vector<NoiseSetting> noise_settings() {
    PairDesign quiet;
    quiet.sigma_uS = {0.0112, 0.0113};
    quiet.read_rel = 0.02;
    quiet.offset_V = 8e-3;
    quiet.noise_V = 4e-3;
    PairDesign middling;
    middling.sigma_uS = {0.5, 0.05};
    middling.read_rel = 0.05;
    middling.read_abs_uS = 0.5;
    middling.stuck_low_rate = 0.002;
    middling.stuck_high_rate = 0.01;
    middling.offset_V = 8e-3;
    middling.noise_V = 4e-3;
    middling.threshold_noise_V = 2e-3;
    PairDesign loud;
    loud.k_bits = 5;
    loud.q_bits = 6;
    loud.sigma_uS = {3.0, 0.1};
    loud.read_rel = 0.3;
    loud.read_abs_uS = 4.0;
    loud.stuck_low_rate = 0.01;
    loud.stuck_high_rate = 0.02;
    loud.offset_V = 20e-3;
    loud.noise_V = 15e-3;
    loud.threshold_noise_V = 10e-3;
    return {{"quiet", quiet}, {"middling", middling}, {"loud", loud}};
}

/// Mean and standard error of one difference per chip.
struct Paired {
    double sum = 0.0, squares = 0.0;
    int n = 0;
    void add(double x) {
        sum += x;
        squares += x * x;
        ++n;
    }
    double mean() const { return sum / n; }
    double error() const {
        return std::sqrt(std::max(squares / n - mean() * mean(), 0.0) / (n - 1));
    }
};

/// Bands of false prunes and false keeps given everything but the read draws.
struct Bands {
    BinomialBand prune, keep;
};
Bands false_bands(const SprintReferenceResult& twin) {
    std::vector<double> prune, keep;
    for (std::size_t i = 0; i < twin.p_keep.size(); ++i) {
        if (twin.allowed.data()[i] == 0) continue;
        const double p = twin.p_keep.data()[i];
        if (twin.kept_threshold.data()[i] != 0) {
            prune.push_back(1.0 - p);
        } else {
            keep.push_back(p);
        }
    }
    return {binomial_band(prune), binomial_band(keep)};
}

/// Paired differences must vanish, and be known well enough that 5 % would show.
void check_difference(const char* what, const Paired& difference, double level) {
    CAPTURE(what, difference.mean(), difference.error(), level);
    REQUIRE(difference.n >= 30);
    CHECK(std::abs(difference.mean()) < 5.0 * difference.error());
    CHECK(5.0 * difference.error() < 0.05 * level);
}

}  // namespace

TEST_CASE("false prunes and keeps are the twin's over chips at three noises", "[stat]") {
    const LayerSpec spec{1, 1, 140, 140, 32, 8, false, 133, 137, true};
    for (const NoiseSetting& noise : noise_settings()) {
        const Settings settings = pair_settings(noise.design, write_card(card_text(noise.design)));
        const std::vector<AttentionLayer> layers = {random_layer(spec, 41)};
        const AttentionHead head = head_view(layers[0], 3, 0);
        Paired prune, keep, expected;
        double pruned = 0.0, kept = 0.0, worst = 0.0;
        for (int chip = 0; chip < kChips; ++chip) {
            const PairInputs inputs{99, static_cast<std::uint64_t>(chip), MetricsLevel::full};
            const auto scheme = make_calibrated("sprint", settings, layers, inputs);
            const DecisionCounts fast = run_scheme(*scheme, layers[0], 3).reports[0].decisions;
            const auto twin = run_twin(*scheme, noise.design, head, inputs, 3);
            const Bands bands = false_bands(twin);
            CAPTURE(noise.name, chip);

            // One chip: both samples lie in the band of the exact probabilities.
            REQUIRE(judgeable(bands.prune));
            REQUIRE(judgeable(bands.keep));
            const double deviations[] = {
                deviation(bands.prune, static_cast<double>(fast.fp_total)),
                deviation(bands.keep, static_cast<double>(fast.fk_total)),
                deviation(bands.prune, static_cast<double>(twin.counts.fp_total)),
                deviation(bands.keep, static_cast<double>(twin.counts.fk_total))};
            for (const double d : deviations) {
                CHECK(std::abs(d) < 5.0);
                worst = std::max(worst, std::abs(d));
            }
            // What is expected of the fast path is the sum of the twin's probabilities.
            CHECK(fast.fp_expected == Approx(bands.prune.expected).epsilon(1e-4));
            CHECK(fast.fk_expected == Approx(bands.keep.expected).epsilon(1e-4));
            CHECK(fast.decision_variance ==
                  Approx(std::pow(bands.prune.sigma, 2) + std::pow(bands.keep.sigma, 2))
                      .epsilon(1e-3));
            CHECK(fast.fp_quant == twin.counts.fp_quant);
            CHECK(fast.fk_quant == twin.counts.fk_quant);
            prune.add(static_cast<double>(fast.fp_total - twin.counts.fp_total));
            keep.add(static_cast<double>(fast.fk_total - twin.counts.fk_total));
            expected.add(static_cast<double>(fast.fp_total) - fast.fp_expected);
            pruned += fast.fp_expected / kChips;
            kept += fast.fk_expected / kChips;
        }
        CAPTURE(noise.name);
        check_difference("false prunes", prune, pruned);
        check_difference("false keeps", keep, kept);
        check_difference("false prunes less their expectation", expected, pruned);
        std::printf(
            "%s: false prunes %.1f, keeps %.1f a head; paired difference %.2f +- %.2f, "
            "%.2f +- %.2f; worst chip %.1f sigma\n",
            noise.name, pruned, kept, prune.mean(), prune.error(), keep.mean(), keep.error(),
            worst);
    }
}

namespace {

/// What the comparators compared, offset and comparator noise included: the threshold at which
/// each decision turns, found by bisection. Integer steps.
Matrix<double> drawn_outputs(SprintTile& tile, const ScoreCodes& codes, double far) {
    const std::size_t rows = codes.nq.rows(), n = codes.m.rows();
    Matrix<double> outputs(rows, n);
    const std::vector<std::uint32_t> ends(rows, static_cast<std::uint32_t>(n));
    Matrix<std::uint8_t> keep(rows, n);
    for (std::size_t j = 0; j < n; ++j) {
        std::vector<double> low(rows, -far), high(rows, far);
        std::vector<float> middle(rows);
        for (int step = 0; step < 26; ++step) {
            for (std::size_t t = 0; t < rows; ++t) {
                middle[t] = static_cast<float>(0.5 * (low[t] + high[t]));
            }
            tile.decide(0, codes.nq.view(), middle, {ends, {}}, keep.view(), {});
            for (std::size_t t = 0; t < rows; ++t) {
                (keep(t, j) != 0 ? low : high)[t] = static_cast<double>(middle[t]);
            }
        }
        for (std::size_t t = 0; t < rows; ++t) outputs(t, j) = 0.5 * (low[t] + high[t]);
    }
    return outputs;
}

/// Mean and mean square of the score noise of one read.
struct Moments {
    double mean = 0.0, square = 0.0;
};
Moments noise_moments(const Matrix<double>& outputs, const SprintReferenceResult& twin) {
    Moments moments;
    const auto count = static_cast<double>(outputs.size());
    for (std::size_t t = 0; t < outputs.rows(); ++t) {
        for (std::size_t j = 0; j < outputs.cols(); ++j) {
            const double noise = outputs(t, j) - twin.columns.z(t, j);
            moments.mean += noise / count;
            moments.square += noise * noise / count;
        }
    }
    return moments;
}

}  // namespace

TEST_CASE("moments of the score noise are the twin's over chips at three noises", "[stat]") {
    const LayerSpec spec{1, 1, 40, 40, 32, 4, false, -1, -1, false};
    const std::vector<AttentionLayer> layers = {random_layer(spec, 42)};
    const AttentionHead head = head_view(layers[0], 3, 0);
    for (const NoiseSetting& noise : noise_settings()) {
        // Comparators have no part in the score's noise; nothing clips.
        PairDesign design = noise.design;
        design.offset_V = design.noise_V = design.threshold_noise_V = 0.0;
        design.full_scale = "worst-case";
        const Settings settings = pair_settings(design, write_card(card_text(design)));
        Paired mean, square, read;
        double level = 0.0, read_level = 0.0;
        for (int chip = 0; chip < kChips; ++chip) {
            const PairInputs inputs{100, static_cast<std::uint64_t>(chip), MetricsLevel::counts};
            const auto scheme = make_calibrated("sprint", settings, layers, inputs);
            const auto& own = dynamic_cast<const CalibratedScheme&>(*scheme).calibration(0, 0);
            const auto twin = run_twin(*scheme, design, head, inputs, 3);
            PairTile fast = make_pair_tile(settings, own, head, pair_site(head, inputs, 3, 1));
            const Matrix<double> drawn = drawn_outputs(fast.tile, fast.codes, own.n_fs);
            const Moments a = noise_moments(drawn, twin);
            const Moments b = noise_moments(twin.read.output, twin);
            mean.add(a.mean - b.mean);
            square.add(a.square - b.square);
            level += std::sqrt(b.square) / kChips;
            // The read's own part, and what the fast path says of it.
            double own_part = 0.0, law = 0.0;
            for (std::size_t i = 0; i < drawn.size(); ++i) {
                own_part += std::pow(drawn.data()[i] - twin.columns.mean.data()[i], 2);
                law += std::pow(twin.columns.sigma.data()[i], 2);
            }
            read.add((own_part - law) / static_cast<double>(drawn.size()));
            read_level += law / static_cast<double>(drawn.size()) / kChips;
            const auto report = run_scheme(*scheme, layers[0], 3).reports[0];
            CHECK(report.noise_sigma_score ==
                  Approx(std::sqrt(law / static_cast<double>(drawn.size())) * report.lsb_score)
                      .epsilon(1e-4));
        }
        CAPTURE(noise.name);
        check_difference("mean", mean, level);
        check_difference("mean square", square, level * level);
        check_difference("variance of the read", read, read_level);
        std::printf(
            "%s: score noise %.3f steps; paired differences of mean %.4f +- %.4f, of mean "
            "square %.4f +- %.4f\n",
            noise.name, level, mean.mean(), mean.error(), square.mean(), square.error());
    }
}

TEST_CASE("the drawn noise is normal and independent between decisions", "[stat]") {
    PairDesign design = noise_settings()[1].design;
    design.offset_V = design.threshold_noise_V = 0.0;
    design.full_scale = "worst-case";
    const LayerSpec spec{1, 1, 100, 100, 32, 4, false, -1, -1, false};
    const std::vector<AttentionLayer> layers = {random_layer(spec, 43)};
    const AttentionHead head = head_view(layers[0], 3, 0);
    const Settings settings = pair_settings(design, write_card(card_text(design)));
    const auto scheme = make_calibrated("sprint", settings, layers);
    const auto& own = dynamic_cast<const CalibratedScheme&>(*scheme).calibration(0, 0);
    const auto twin = run_twin(*scheme, design, head, {}, 3);
    PairTile fast = make_pair_tile(settings, own, head, pair_site(head, {}, 3, 1));
    const Matrix<double> drawn = drawn_outputs(fast.tile, fast.codes, own.n_fs);
    const double comparator = design.noise_V / design.v_fs_V * own.n_fs;
    Matrix<double> normal(100, 100);
    for (std::size_t i = 0; i < normal.size(); ++i) {
        normal.data()[i] = (drawn.data()[i] - twin.columns.mean.data()[i]) /
                           std::hypot(twin.columns.sigma.data()[i], comparator);
    }
    // Ten equally likely classes.
    constexpr double kEdges[] = {-1.2815516, -0.8416212, -0.5244005, -0.2533471, 0.0,
                                 0.2533471,  0.5244005,  0.8416212,  1.2815516};
    std::vector<double> counts(10, 0.0);
    double beside = 0.0, below = 0.0;
    for (std::size_t t = 0; t < 100; ++t) {
        for (std::size_t j = 0; j < 100; ++j) {
            std::size_t bin = 0;
            while (bin < 9 && normal(t, j) > kEdges[bin]) ++bin;
            counts[bin] += 1.0;
            if (j > 0) beside += normal(t, j) * normal(t, j - 1);
            if (t > 0) below += normal(t, j) * normal(t - 1, j);
        }
    }
    for (const double count : counts)
        CHECK(std::abs(deviation(binomial_band(10000, 0.1), count)) < 5.0);
    // Products of independent normals: variance 1 each.
    CHECK(std::abs(beside) < 5.0 * std::sqrt(9900.0));
    CHECK(std::abs(below) < 5.0 * std::sqrt(9900.0));
}
