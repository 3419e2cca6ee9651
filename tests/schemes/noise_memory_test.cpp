#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>

#include "crossbar/device/device.hpp"
#include "tests/reference/decision_statistics.hpp"
#include "tests/schemes/sprint_pair.hpp"

/// The cards of scripts/study_noise_memory: one variance of one read, made three ways. Every
/// decision has the same marginal law; what differs is what decisions share.
using namespace attohm;
using namespace attohm::literals;

namespace {

constexpr int kSeeds = 40;
constexpr double kVariance = 0.04;  ///< of one read of 10 ns, relative: what the cards share
const LayerSpec kHead{1, 1, 120, 192, 64, 8, false, -1, -1, false};

Settings study_settings(const char* card) {
    PairDesign design;
    design.rows = 64;
    design.columns = 128;
    const std::string path = std::string("scripts/noise_memory/") + card + ".yaml";
    return pair_settings(design, path);
}

void set(Settings& settings, const char* key, double value) {
    settings.overlay(key, {fmt::format("{:.17g}", value)}, false, "test");
}

SlowSplit split_of(const SlowNoise& noise, double reads, double repeats) {
    const ReadTiming timing{10.0_ns, 10.0_ns, 10.0_ns * (reads * repeats)};
    return {noise, {Second::from_value(100.0), {}}, timing, 0.0_us, 1000.0_us};
}

/// Neighbouring queries resemble each other, as those of a text do: where they do not, a key's
/// frozen error is another one for every query.
AttentionLayer related_queries(std::uint64_t seed) {
    AttentionLayer layer = random_layer(kHead, seed);
    const auto d = static_cast<std::size_t>(kHead.d);
    for (std::size_t i = d; i < layer.q.data.size(); ++i) {
        layer.q.data[i] = 0.95F * layer.q.data[i - d] + 0.3122F * layer.q.data[i];
    }
    return layer;
}

/// Decisions of the same head by seed: the independent unit is the write event of its keys.
std::vector<DecisionCounts> decisions(const Settings& settings) {
    const std::vector<AttentionLayer> layers = {related_queries(71)};
    std::vector<DecisionCounts> all;
    for (int seed = 0; seed < kSeeds; ++seed) {
        const PairInputs inputs{1000 + static_cast<std::uint64_t>(seed), 0, MetricsLevel::full};
        const auto scheme = make_calibrated("sprint", settings, layers, inputs);
        all.push_back(run_scheme(*scheme, layers[0], 3).reports[0].decisions);
    }
    return all;
}

struct Estimate {
    double mean = 0.0, error = 0.0;
};
template <class Value>
Estimate estimate(const std::vector<DecisionCounts>& units, Value value) {
    double sum = 0.0, squares = 0.0;
    for (const DecisionCounts& unit : units) {
        const double x = value(unit);
        sum += x;
        squares += x * x;
    }
    const auto n = static_cast<double>(units.size());
    const double mean = sum / n;
    return {mean, std::sqrt(std::max(squares / n - mean * mean, 0.0) / (n - 1.0))};
}

double false_prunes(const DecisionCounts& d) {
    return static_cast<double>(d.fp_total) / static_cast<double>(d.ref_kept);
}
double false_keeps(const DecisionCounts& d) {
    return static_cast<double>(d.fk_total) / static_cast<double>(d.valid - d.ref_kept);
}
double excess(const DecisionCounts& d) {
    return d.key_excess / d.key_variance;
}
double lost(const DecisionCounts& d) {
    return static_cast<double>(d.keys_lost) / static_cast<double>(d.keys_kept);
}

/// Two rates agree, and a relative difference of `resolved` would have shown.
template <class Value>
void check_same(const char* what, const std::vector<DecisionCounts>& a,
                const std::vector<DecisionCounts>& b, Value value, double resolved) {
    const Estimate first = estimate(a, value), second = estimate(b, value);
    const double error = std::hypot(first.error, second.error);
    CAPTURE(what, first.mean, second.mean, error);
    CHECK(std::abs(first.mean - second.mean) < 5.0 * error);
    CHECK(5.0 * error < resolved * first.mean);
    std::printf("%s: %.5f +- %.5f, %.5f +- %.5f\n", what, first.mean, first.error, second.mean,
                second.error);
}

/// P(keep) of every pair over all read noise, at thresholds of a quarter of the full scale.
Matrix<float> marginal(const Settings& settings, const std::vector<AttentionLayer>& layers,
                       const AttentionHead& head) {
    const auto scheme = make_calibrated("sprint", settings, layers);
    const auto& own = dynamic_cast<const CalibratedScheme&>(*scheme).calibration(0, 0);
    const CodeSettings numbers = load_code_settings(settings);
    const AnalogSettings analog = load_analog_settings(settings);
    const ScoreCodes codes = make_codes(numbers, own.scales, head);
    const Mapping map(analog.device.g_min, analog.device.g_max, numbers.k_bits, analog.mapping);
    TileCircuits circuits = tile_circuits(analog, numbers, map, own.n_fs, head.d());
    const std::size_t rows = codes.nq.rows(), n = codes.m.rows();
    circuits.schedule.read_interval = WordLineDrive(circuits.drive).read_time();
    circuits.schedule.reads_in_all = rows;
    SprintTile tile(circuits, map, analog.device, pair_site(head, {}, 3, 1), codes.m.view(), n);
    const std::vector<std::uint32_t> ends(rows, static_cast<std::uint32_t>(n));
    const std::vector<float> thresholds(rows, static_cast<float>(0.25 * own.n_fs));
    Matrix<std::uint8_t> keep(rows, n);
    Matrix<float> p_keep(rows, n), p(rows, n);
    tile.decide(0, codes.nq.view(), thresholds, {ends, {}}, keep.view(), p_keep.view(), p.view());
    return p;
}

}  // namespace

TEST_CASE("the cards of the study give one read the same variance", "[unit]") {
    const Device white = load_device(study_settings("white"));
    const Device slow = load_device(study_settings("one-over-f"));
    const Device frozen = load_device(study_settings("frozen"));
    const double sigma = white.read_noise.relative_at(10.0_ns);
    CHECK(sigma * sigma == Approx(kVariance));
    CHECK(white.slow_noise.none());
    CHECK(slow.read_noise.relative_at(10.0_ns) == 0.0);
    CHECK(frozen.read_noise.relative_at(10.0_ns) == 0.0);
    for (const double reads : {65.0, 384.0}) {
        for (const double repeats : {1.0, 4.0, 16.0}) {
            const SlowSplit with_memory = split_of(slow.slow_noise, reads, repeats);
            CHECK(with_memory.white_variance() + with_memory.memory_variance(0.0_us) ==
                  Approx(sigma * sigma).epsilon(1e-9));
            CHECK(with_memory.tracks());
            const SlowSplit still = split_of(frozen.slow_noise, reads, repeats);
            CHECK_FALSE(still.tracks());
            CHECK(still.white_variance() == 0.0);
            CHECK(still.frozen_variance(0.0_us) == Approx(sigma * sigma).epsilon(1e-5));
            std::printf("%g reads x %g: 1/f is %.4f frozen, %.4f white, the rest tracked\n", reads,
                        repeats, with_memory.frozen_variance(0.0_us) / (sigma * sigma),
                        with_memory.white_variance() / (sigma * sigma));
        }
    }
}

TEST_CASE("noise of one variance prunes the same share with memory and without", "[stat]") {
    const auto white = decisions(study_settings("white"));
    const auto slow = decisions(study_settings("one-over-f"));
    const auto frozen = decisions(study_settings("frozen"));
    check_same("false prunes, white and 1/f", white, slow, false_prunes, 0.1);
    check_same("false prunes, white and frozen", white, frozen, false_prunes, 0.1);
    check_same("false keeps, white and 1/f", white, slow, false_keeps, 0.1);
    check_same("false keeps, white and frozen", white, frozen, false_keeps, 0.1);
    // Same errors, other keys: independent reads give 1, memory more, and it loses whole keys.
    const Estimate a = estimate(white, excess), b = estimate(slow, excess),
                   c = estimate(frozen, excess);
    CAPTURE(a.mean, a.error, b.mean, b.error, c.mean, c.error);
    CHECK(std::abs(a.mean - 1.0) < 5.0 * a.error);
    CHECK(5.0 * a.error < 0.15);
    CHECK(b.mean - a.mean > 5.0 * std::hypot(a.error, b.error));
    CHECK(c.mean - b.mean > 5.0 * std::hypot(b.error, c.error));
    const Estimate lost_white = estimate(white, lost), lost_frozen = estimate(frozen, lost);
    CAPTURE(lost_white.mean, lost_frozen.mean);
    CHECK(lost_frozen.mean > lost_white.mean);
    std::printf("excess %.3f, %.3f, %.3f; keys lost %.5f, %.5f\n", a.mean, b.mean, c.mean,
                lost_white.mean, lost_frozen.mean);
}

TEST_CASE("averaging reads helps as far as they are independent", "[stat]") {
    constexpr int kRepeats = 4;
    Settings slow_settings = study_settings("one-over-f");
    Settings frozen_settings = study_settings("frozen");
    Settings white_settings = study_settings("white");
    for (Settings* settings : {&slow_settings, &frozen_settings, &white_settings}) {
        set(*settings, "drive.repeats", kRepeats);
    }
    // Frozen noise stays what it is: every draw is the same.
    const auto frozen_once = decisions(study_settings("frozen"));
    const auto frozen = decisions(frozen_settings);
    for (std::size_t i = 0; i < frozen.size(); ++i) {
        CHECK(frozen[i].fp_total == frozen_once[i].fp_total);
        CHECK(frozen[i].fk_total == frozen_once[i].fk_total);
    }
    // White noise of four reads is that of a card with half the sigma.
    Settings half = study_settings("white");
    set(half, "device.read_noise.scale", 0.5);
    const auto white = decisions(white_settings);
    check_same("white x 4 and half the sigma", white, decisions(half), false_prunes, 0.1);
    // 1/f in between, by its own covariance.
    const Device device = load_device(slow_settings);
    const SlowSplit split = split_of(device.slow_noise, kHead.n_q, kRepeats);
    const double share =
        (split.white_variance() / kRepeats + split.memory_variance(0.0_us, kRepeats, 10.0_ns)) /
        kVariance;
    CHECK(share > 0.85);
    CHECK(share < 0.95);
    Settings matched = study_settings("white");
    set(matched, "device.read_noise.scale", std::sqrt(share));
    const auto slow = decisions(slow_settings);
    check_same("1/f x 4 and white of its variance", slow, decisions(matched), false_prunes, 0.1);
    check_same("1/f x 4 and white of its variance, keeps", slow, decisions(matched), false_keeps,
               0.1);
}

TEST_CASE("the marginal law of a decision is that of white noise of the same variance",
          "[property]") {
    const std::vector<AttentionLayer> layers = {related_queries(72)};
    const AttentionHead head = head_view(layers[0], 3, 0);
    struct Law {
        const char* card;
        int repeats;
    };
    for (const Law law : {Law{"one-over-f", 1}, Law{"one-over-f", 16}, Law{"frozen", 16}}) {
        Settings settings = study_settings(law.card);
        set(settings, "drive.repeats", law.repeats);
        const SlowSplit split = split_of(load_device(settings).slow_noise, kHead.n_q, law.repeats);
        const double variance =
            split.white_variance() / law.repeats +
            split.memory_variance(0.0_us, static_cast<std::size_t>(law.repeats), 10.0_ns);
        Settings matched = study_settings("white");
        set(matched, "device.read_noise.scale", std::sqrt(variance / kVariance));
        const Matrix<float> p = marginal(settings, layers, head);
        const Matrix<float> white = marginal(matched, layers, head);
        double worst = 0.0, open = 0.0;
        for (std::size_t i = 0; i < p.size(); ++i) {
            const auto a = static_cast<double>(p.data()[i]),
                       b = static_cast<double>(white.data()[i]);
            worst = std::max(worst, std::abs(a - b));
            open += a > 0.01 && a < 0.99 ? 1.0 : 0.0;
        }
        CAPTURE(law.card, law.repeats, worst);
        CHECK(worst < 1e-3);
        CHECK(open > 0.05 * static_cast<double>(p.size()));
    }
}
