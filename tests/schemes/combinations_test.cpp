#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <thread>

#include "src/base/error.hpp"
#include "src/base/random.hpp"
#include "tests/schemes/sprint_pair.hpp"

/// Settings put together at random, parts of the device, wires and circuits that nobody thought of
/// together: cheap laws that hold for each of them, or a refusal.
using namespace attohm;

namespace {

constexpr int kCombinations = 120;
using Keys = std::vector<std::string>;

const std::vector<Keys>& choices() {
    static const std::vector<Keys> all = {
        {"device.card=ibm-cmo-hfox-2pct", "device.card=ibm-cmo-hfox-2pct-1f",
         "device.card=pcm-hermes", "device.card=neurram-wan-2022", "device.card=hp-1t1r-hu-li",
         "device.card=yao-2020", "device.card=milo-2021", "device.card=ideal",
         "device.card=ibm-cmo-hfox-0p2pct", "device.card=sprint-cell"},
        {"bits.k=4", "bits.k=4", "bits.k=2", "bits.k=6", "bits.k=ideal"},
        {"bits.q=4", "bits.q=4", "bits.q=2", "bits.q=6", "bits.q=ideal"},
        {"mapping.signs=differential-pair", "mapping.signs=offset-column",
         "mapping.signs=unit-column"},
        {"mapping.cell_bits=whole", "mapping.cell_bits=whole", "mapping.cell_bits=1",
         "mapping.cell_bits=2", "mapping.cell_bits=3"},
        {"drive.coding=amplitude", "drive.coding=bit-serial", "drive.coding=pulse-width"},
        {"drive.mode=bipolar", "drive.mode=two-phase", "drive.mode=twos-complement"},
        {"drive.accumulate=analog", "drive.accumulate=analog", "drive.accumulate=digital"},
        {"drive.repeats=1", "drive.repeats=1", "drive.repeats=3"},
        {"sense.readout=comparator", "sense.readout=comparator", "sense.readout=adc"},
        {"array.long_keys=current", "array.long_keys=charge", "array.long_keys=adc"},
        {"array.rows=64", "array.rows=20", "array.rows=8"},
        {"array.columns=12", "array.columns=64"},
        {"array.unwritten=open", "array.unwritten=reset"},
        {"wires.row_ohm=0", "wires.row_ohm=0", "wires.row_ohm=5"},
        {"wires.sense_ohm=0", "wires.sense_ohm=0", "wires.sense_ohm=200"},
        {"threshold.calibration=none", "threshold.calibration=array",
         "threshold.calibration=column"},
        {"threshold.dac_bits=8", "threshold.dac_bits=ideal"},
        {"threshold.noise_sigma_V=0", "threshold.noise_sigma_V=0.002"},
        {"sense.full_scale=percentile", "sense.full_scale=worst-case"},
        {"sense.i_max_A=ideal", "sense.i_max_A=ideal", "sense.i_max_A=2e-5"},
        {"comparator.calibration=none", "comparator.calibration=trim(4)"},
        {"comparator.hysteresis_V=0", "comparator.hysteresis_V=0.01"},
        {"comparator.hysteresis_reset=head", "comparator.hysteresis_reset=every"},
        {"comparator.time_available_ns=ideal", "comparator.time_available_ns=0.16"},
        {"comparator.undecided=keep", "comparator.undecided=prune", "comparator.undecided=coin"},
        {"adc.bits=8", "adc.bits=ideal", "adc.bits=5"},
        {"adc.noise_sigma=0", "adc.noise_sigma=0.002"},
        {"adc.offset_sigma=0", "adc.offset_sigma=0.002"},
        {"adc.columns=1", "adc.columns=8"},
        {"device.stuck.spatial=card", "device.stuck.spatial=cluster(4)"},
        {"timing.delay_s=0", "timing.delay_s=3600"},
        {"placement=own", "placement=shared"},
        {"split.mode=msb", "split.mode=sign-magnitude"},
    };
    return all;
}

Keys combination(std::uint64_t number) {
    const Stream stream(20221, Purpose::sampling, {number});
    Keys keys;
    for (std::size_t k = 0; k < choices().size(); ++k) {
        keys.push_back(choices()[k][stream.word(k) % choices()[k].size()]);
    }
    return keys;
}

std::string joined(const Keys& keys) {
    std::string text;
    for (const std::string& key : keys) text += " --set " + key;
    return text;
}

/// What takes every error out of a combination, and everything that clips.
const Keys kSilent = {"device.programming.scale=0",
                      "device.relaxation.scale=0",
                      "device.read_noise.scale=0",
                      "device.slow_noise.scale=0",
                      "device.telegraph.scale=0",
                      "device.iv=linear",
                      "device.stuck.spatial=card",
                      "device.stuck.low_rate=0",
                      "device.stuck.high_rate=0",
                      "wires.row_ohm=0",
                      "wires.sense_ohm=0",
                      "threshold.noise_sigma_V=0",
                      "sense.full_scale=worst-case",
                      "sense.i_max_A=ideal",
                      "comparator.calibration=none",
                      "comparator.offset_sigma_V=0",
                      "comparator.noise_sigma_V=0",
                      "comparator.hysteresis_V=0",
                      "comparator.time_available_ns=ideal",
                      "adc.bits=ideal",
                      "adc.noise_sigma=0",
                      "adc.offset_sigma=0"};

Settings settings_of(const Keys& keys, const Keys& more = {}) {
    Settings settings = scheme_preset();
    settings.overlay_assignment("threshold.source=quantile(0.6)");
    settings.overlay_assignment("threshold.margin=0.00031");
    for (const Keys* part : {&keys, &more}) {
        for (const std::string& key : *part) settings.overlay_assignment(key);
    }
    return settings;
}

const std::vector<AttentionLayer>& inputs() {
    static const std::vector<AttentionLayer> layers = {
        random_layer({2, 1, 70, 45, 20, 8, false, 66, 43, true}, 71)};
    return layers;
}

/// The scheme, or nothing where it was refused with a message.
std::unique_ptr<Scheme> made(const Settings& settings) {
    try {
        return make_calibrated("sprint", settings, inputs());
    } catch (const UserError& error) {
        CHECK(std::string(error.what()).size() > 20);
        CHECK(!error.where().empty());
        return nullptr;
    }
}

bool same_bytes(const SchemeRun& a, const SchemeRun& b) {
    bool same = a.out.size() == b.out.size();
    for (std::size_t h = 0; same && h < a.out.size(); ++h) {
        same = std::memcmp(a.out[h].data(), b.out[h].data(), a.out[h].size() * sizeof(float)) == 0;
    }
    return same;
}

/// Observed against expected decisions of one head.
void check_expected(const DecisionCounts& counts) {
    const double expected =
        static_cast<double>(counts.ref_kept) - counts.fp_expected + counts.fk_expected;
    const double sigma = std::sqrt(counts.decision_variance);
    CHECK(std::abs(static_cast<double>(counts.hw_kept) - expected) < 5.0 * sigma + 2.0);
}

struct Decisions {
    Matrix<std::uint8_t> keep;
    Matrix<float> p;
    ReadPath path = ReadPath::output;
};

/// The first head's decisions, its queries in blocks of this height.
Decisions decide(const Settings& settings, std::size_t height) {
    const auto scheme = make_calibrated("sprint", settings, inputs());
    const auto& own = dynamic_cast<const CalibratedScheme&>(*scheme).calibration(0, 0);
    const AttentionHead head = head_view(inputs()[0], 0, 0);
    PairTile pair = make_pair_tile(settings, own, head, pair_site(head, {}, 0, 1));
    const std::size_t rows = pair.codes.nq.rows(), n = pair.codes.m.rows();
    Decisions out{Matrix<std::uint8_t>(rows, n), Matrix<float>(rows, n), pair.tile.path()};
    const std::vector<float> thresholds(rows, static_cast<float>(0.07 * own.n_fs));
    const std::vector<std::uint32_t> ends(rows, static_cast<std::uint32_t>(n));
    for (std::size_t t = 0; t < rows; t += height) {
        const std::size_t count = std::min(height, rows - t);
        pair.tile.decide(t, pair.codes.nq.view().rows_from(t, count),
                         std::span(thresholds).subspan(t, count),
                         {std::span(ends).subspan(t, count), {}},
                         out.keep.view().rows_from(t, count), out.p.view().rows_from(t, count));
    }
    return out;
}

/// Numbers of the accepted combinations.
const std::vector<std::uint64_t>& accepted() {
    static const std::vector<std::uint64_t> numbers = [] {
        std::vector<std::uint64_t> found;
        for (std::uint64_t c = 0; found.size() < kCombinations && c < 5000; ++c) {
            if (made(settings_of(combination(c)))) found.push_back(c);
        }
        return found;
    }();
    return numbers;
}

}  // namespace

TEST_CASE("combinations are refused by name, or give numbers that agree with their law",
          "[property]") {
    std::int64_t ran = 0, refused = 0, judged = 0;
    for (std::uint64_t c = 0; ran < kCombinations && c < 5000; ++c) {
        const Keys keys = combination(c);
        CAPTURE(c, joined(keys));
        const auto scheme = made(settings_of(keys));
        if (!scheme) {
            ++refused;
            continue;
        }
        ++ran;
        const SchemeRun run = run_scheme(*scheme, inputs()[0]);
        for (std::size_t h = 0; h < run.out.size(); ++h) {
            bool finite = true;
            for (std::size_t i = 0; i < run.out[h].size(); ++i) {
                finite = finite && std::isfinite(run.out[h].data()[i]);
            }
            CHECK(finite);
            const DecisionCounts& counts = run.reports[h].decisions;
            CHECK(counts.valid > 1000);
            if (std::isnan(counts.fp_expected)) {
                CHECK(run.reports[h].events.rows_column > 0);
                continue;
            }
            ++judged;
            check_expected(counts);
        }
        // Heads on threads of their own.
        SchemeRun again[2];
        std::thread other([&] { again[0] = run_scheme(*scheme, inputs()[0]); });
        again[1] = run_scheme(*scheme, inputs()[0]);
        other.join();
        CHECK(same_bytes(run, again[0]));
        CHECK(same_bytes(run, again[1]));
    }
    CHECK(ran == kCombinations);
    CHECK(refused > 10);
    CHECK(judged > 30);
    std::printf("%d combinations ran, %d were refused, %d heads against their expectation\n",
                static_cast<int>(ran), static_cast<int>(refused), static_cast<int>(judged));
}

TEST_CASE("without errors every combination decides as threshold-q", "[property]") {
    for (const std::uint64_t c : accepted()) {
        const Keys keys = combination(c);
        CAPTURE(c, joined(keys));
        const auto scheme = made(settings_of(keys, kSilent));
        REQUIRE(scheme);
        for (const HeadReport& report : run_scheme(*scheme, inputs()[0]).reports) {
            CHECK(report.decisions.hw_kept > 100);
            // Real-valued codes: products that differ in rounding.
            const bool real = joined(keys).find("=ideal --set bits.q") != std::string::npos ||
                              joined(keys).find("bits.q=ideal") != std::string::npos;
            CHECK(report.decisions.fp_analog + report.decisions.fk_analog <= (real ? 1 : 0));
        }
    }
}

TEST_CASE("what a combination draws does not depend on how its queries are cut", "[property]") {
    std::int64_t wrong = 0, decisions = 0;
    for (const std::uint64_t c : accepted()) {
        const Settings settings = settings_of(combination(c));
        const Decisions whole = decide(settings, 64), cut = decide(settings, 7);
        const std::int64_t here = differences(whole.keep, cut.keep);
        CAPTURE(c, joined(combination(c)), here);
        // A product may be rounded differently in a block of another height.
        CHECK(here <= 1);
        wrong += here;
        decisions += static_cast<std::int64_t>(whole.keep.size());
    }
    CHECK(wrong <= 2);
    CHECK(decisions > 100000);
}

TEST_CASE("the column path draws by the law of the output path", "[stat]") {
    const Keys still = {"device.slow_noise.scale=0", "device.telegraph.scale=0"};
    int compared = 0;
    double worst = 0.0;
    for (const std::uint64_t c : accepted()) {
        Keys quiet = still, loud = still;
        for (const char* key : {"device.read_noise.scale=0", "comparator.noise_sigma_V=0"}) {
            quiet.push_back(key);
        }
        loud.push_back("comparator.noise_sigma_V=0.004");
        const Keys keys = combination(c);
        CAPTURE(c, joined(keys));
        const Decisions output = decide(settings_of(keys, loud), 64);
        if (output.path != ReadPath::output) continue;
        const auto forced = [&](Keys more) {
            more.push_back("sense.i_max_A=1");
            return settings_of(keys, more);
        };
        if (!made(forced(loud))) continue;
        ++compared;
        // Without white noise one by one, but for what rounding turns.
        CHECK(differences(decide(settings_of(keys, quiet), 64).keep,
                          decide(forced(quiet), 64).keep) <= 1);
        const Decisions column = decide(forced(loud), 64);
        CHECK(column.path == ReadPath::column);
        double expected = 0.0, variance = 0.0, kept = 0.0, kept_output = 0.0;
        for (std::size_t i = 0; i < output.p.size(); ++i) {
            const auto p = static_cast<double>(output.p.data()[i]);
            REQUIRE(p >= 0.0);
            REQUIRE(p <= 1.0);
            expected += p;
            variance += p * (1.0 - p);
            kept += column.keep.data()[i];
            kept_output += output.keep.data()[i];
        }
        const double sigma = std::sqrt(variance);
        // Hysteresis ties a decision to the one before it, whose own draw differs.
        const bool remembers = joined(keys).find("hysteresis_V=0.01") != std::string::npos &&
                               joined(keys).find("hysteresis_reset=every") == std::string::npos;
        CHECK(std::abs(kept_output - expected) < 5.0 * sigma + 2.0);
        if (remembers) continue;
        CHECK(std::abs(kept - expected) < 5.0 * sigma + 2.0);
        if (sigma > 3.0) worst = std::max(worst, std::abs(kept - expected) / sigma);
    }
    CHECK(compared > 15);
    std::printf("%d combinations on both paths, worst %.1f sigma\n", compared, worst);
}
