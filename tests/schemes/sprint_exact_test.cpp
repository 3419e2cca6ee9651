#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>

#include "src/base/error.hpp"
#include "tests/schemes/sprint_pair.hpp"
#include "workloads/trace_reader.hpp"

/// Without noise, errors, offsets and faults SPRINT is threshold-q, bit for bit; with ideal numbers
/// its kept set is threshold's.
using namespace attohm;

namespace {

constexpr const char* kDigits = "workloads/zoo/digits_vit/digits_vit.h5";

Settings noiseless(const std::vector<std::string>& more) {
    Settings settings = scheme_preset();
    for (const char* assignment :
         {"device.card=ideal", "comparator.offset_sigma_V=0", "comparator.noise_sigma_V=0",
          "threshold.noise_sigma_V=0", "sense.i_max_A=ideal", "array.rows=128",
          "threshold.source=quantile(0.7)"}) {
        settings.overlay_assignment(assignment);
    }
    for (const std::string& assignment : more) settings.overlay_assignment(assignment);
    return settings;
}

/// What must be nothing.
struct Difference {
    std::int64_t pairs = 0;    ///< kept by one of the two
    std::int64_t outputs = 0;  ///< elements whose bits differ
    std::int64_t analog = 0;   ///< decisions that the device changed
    std::int64_t levels = 0;   ///< level errors
    double expected = 0.0;     ///< |expected - counted| false prunes and keeps
    std::int64_t judged = 0;   ///< pairs looked at

    bool none() const {
        return pairs == 0 && outputs == 0 && analog == 0 && levels == 0 && expected == 0.0;
    }
};

void compare(const SchemeRun& sprint, const SchemeRun& quant, Difference& sum) {
    REQUIRE(sprint.out.size() == quant.out.size());
    for (std::size_t h = 0; h < sprint.out.size(); ++h) {
        const HeadReport& report = sprint.reports[h];
        const DecisionCounts& counts = report.decisions;
        sum.pairs += differences(selected(sprint.selections[h]), selected(quant.selections[h]));
        sum.outputs += differences(sprint.out[h], quant.out[h]);
        sum.analog += counts.fp_analog + counts.fk_analog;
        sum.levels += report.events.level_errors;
        sum.expected += std::abs(counts.fp_expected - static_cast<double>(counts.fp_quant)) +
                        std::abs(counts.fk_expected - static_cast<double>(counts.fk_quant)) +
                        counts.decision_variance;
        sum.judged += counts.valid;
    }
}

Difference compare_schemes(const Settings& settings, const std::vector<AttentionLayer>& layers) {
    const auto sprint = make_calibrated("sprint", settings, layers);
    const auto quant = make_calibrated("threshold-q", settings, layers);
    Difference sum;
    for (const AttentionLayer& layer : layers) {
        compare(run_scheme(*sprint, layer), run_scheme(*quant, layer), sum);
    }
    return sum;
}

std::vector<std::vector<AttentionLayer>> random_inputs() {
    std::vector<std::vector<AttentionLayer>> inputs;
    for (const LayerSpec& spec : awkward_layers()) inputs.push_back({random_layer(spec, 21)});
    return inputs;
}

/// Layers of the stored samples, one vector per sample.
std::vector<std::vector<AttentionLayer>> digits_inputs(std::size_t most) {
    const TraceReader trace(kDigits);
    std::vector<std::vector<AttentionLayer>> inputs;
    for (int i = 0; i < trace.samples() && inputs.size() < most; ++i) {
        const Sample sample = trace.sample(i);
        if (sample.layers_stored < trace.model().layers) continue;
        std::vector<AttentionLayer> layers;
        for (int l = 0; l < trace.model().layers; ++l) {
            layers.push_back(trace.layer(sample, l, false));
        }
        inputs.push_back(std::move(layers));
    }
    return inputs;
}

/// K of 1..8 bits, q of 2..8 bits; split and further keys as given.
void check_all_bits(const std::vector<std::vector<AttentionLayer>>& inputs, int k_first,
                    const std::vector<std::string>& more) {
    for (int k_bits = k_first; k_bits <= 8; ++k_bits) {
        for (int q_bits = 2; q_bits <= 8; ++q_bits) {
            std::vector<std::string> keys = more;
            keys.push_back("bits.k=" + std::to_string(k_bits));
            keys.push_back("bits.q=" + std::to_string(q_bits));
            const Settings settings = noiseless(keys);
            Difference sum;
            for (const auto& layers : inputs) {
                const Difference part = compare_schemes(settings, layers);
                sum.pairs += part.pairs;
                sum.outputs += part.outputs;
                sum.analog += part.analog;
                sum.levels += part.levels;
                sum.expected += part.expected;
                sum.judged += part.judged;
            }
            CAPTURE(k_bits, q_bits, more, sum.pairs, sum.outputs, sum.analog, sum.levels,
                    sum.expected);
            CHECK(sum.none());
            CHECK(sum.judged > 1000);
        }
    }
}

}  // namespace

TEST_CASE("without noise SPRINT is threshold-q at every bit count", "[property]") {
    const auto inputs = random_inputs();
    check_all_bits(inputs, 1, {});
    check_all_bits(inputs, 2, {"split.mode=sign-magnitude", "empty_row=top1-digital"});
    check_all_bits(inputs, 2, {"split.mode=round", "recompute.k_msb=slc-copy", "empty_row=self"});
}

TEST_CASE("without noise SPRINT is threshold-q on the digits at every bit count", "[property]") {
    const auto inputs = digits_inputs(8);
    REQUIRE(inputs.size() == 8);
    // Two samples at every pair of bit counts, all of them at the preset's.
    check_all_bits({inputs[0], inputs[5]}, 1, {});
    Difference sum;
    for (const auto& layers : inputs) {
        const Difference part = compare_schemes(noiseless({}), layers);
        CHECK(part.none());
        sum.judged += part.judged;
    }
    CHECK(sum.judged == std::int64_t{8} * 4 * 2 * 65 * 65);
}

TEST_CASE("without noise no other setting tells SPRINT from threshold-q", "[property]") {
    const std::vector<std::vector<std::string>> variants = {
        {"split.midpoint=false"},
        {"threshold.dac_bits=ideal"},
        {"threshold.dac_bits=2"},
        {"threshold.dac_bits=16"},
        {"threshold.range=steps(37.3)"},
        {"sense.full_scale=worst-case"},
        {"sense.percentile=0.6"},
        {"sense.percentile=0.6", "threshold.source=quantile(0.97)"},
        {"sense.percentile=0.9", "threshold.source=quantile(0.03)"},
        {"quant.scale=absmax"},
        {"quant.scale=dynamic-per-head"},
        {"quant.scale=dynamic-per-query"},
        {"always_keep=[0, 3]"},
        {"empty_row=zero", "threshold.source=quantile(0.99)"},
        {"recompute.k_msb=ideal"},
        {"recompute.k_msb=slc-copy"},
        {"array.columns=7"},
        {"placement=shared"},
        {"bits.k=ideal"},
        {"bits.q=ideal"},
        {"bits.k=ideal", "bits.q=ideal", "threshold.dac_bits=ideal"},
        {"bits.k=1"},
        {"drive.v_read_V=0.123", "sense.v_fs_V=0.456", "drive.read_time_ns=3.7"},
    };
    for (const auto& layers : random_inputs()) {
        for (const auto& variant : variants) {
            const Difference sum = compare_schemes(noiseless(variant), layers);
            CAPTURE(variant, sum.pairs, sum.outputs, sum.analog, sum.expected);
            CHECK(sum.none());
        }
    }
}

TEST_CASE("a sense range given in ampere keeps ties at the clipped score", "[property]") {
    // Thresholds clamp to the range that the scores clip to: all of those are ties.
    for (int i = 0; i < 40; ++i) {
        const double full_scale_A = 11e-6 + 0.377e-6 * i;
        const Settings settings =
            noiseless({fmt::format("sense.full_scale=current_A({})", full_scale_A),
                       "threshold.source=quantile(0.98)"});
        const Difference sum = compare_schemes(
            settings, {random_layer({1, 1, 40, 40, 32, 8, false, -1, -1, false}, 3)});
        CAPTURE(full_scale_A, sum.pairs, sum.analog);
        CHECK(sum.none());
    }
}

TEST_CASE("a column limit that nothing reaches changes nothing", "[property]") {
    // Columns of such a card are no integers, their differences are.
    PairDesign odd;
    odd.g_min_uS = 7.3;
    odd.g_max_uS = 91.7;
    const std::string card = "device.card=" + write_card(card_text(odd));
    for (const char* bits : {"bits.k=3", "bits.k=4", "bits.k=8"}) {
        for (const auto& layers : random_inputs()) {
            const Difference sum =
                compare_schemes(noiseless({bits, "bits.q=6", "sense.i_max_A=1", card}), layers);
            CAPTURE(bits, sum.pairs, sum.analog);
            // Expected rates are unknown where columns may clip.
            CHECK(sum.pairs + sum.outputs + sum.analog + sum.levels == 0);
        }
    }
}

namespace {

struct IdealCheck {
    std::int64_t pairs = 0;
    std::int64_t differ = 0;       ///< kept by one of the two ...
    std::int64_t unexplained = 0;  ///< ... and not within 1e-5 of the threshold
    std::int64_t borderline = 0;
};

void compare_ideal(const std::vector<AttentionLayer>& layers, const Settings& settings,
                   IdealCheck& check) {
    const auto sprint = make_calibrated("sprint", settings, layers);
    const auto exact = make_calibrated("threshold", settings, layers);
    for (const AttentionLayer& layer : layers) {
        const SchemeRun a = run_scheme(*sprint, layer), b = run_scheme(*exact, layer);
        for (std::size_t h = 0; h < a.out.size(); ++h) {
            const AttentionHead head = head_view(layer, 0, static_cast<int>(h));
            const double threshold = b.reports[h].threshold;
            const auto kept_a = selected(a.selections[h]), kept_b = selected(b.selections[h]);
            for (std::size_t t = 0; t < head.n_q(); ++t) {
                for (std::size_t j = 0; j < head.n_k(); ++j) {
                    double dot = 0.0, qq = 0.0, kk = 0.0;
                    for (std::size_t i = 0; i < head.d(); ++i) {
                        const auto q = static_cast<double>(head.q(t, i));
                        const auto k = static_cast<double>(head.k(j, i));
                        dot += q * k;
                        qq += q * q;
                        kk += k * k;
                    }
                    const double scale = static_cast<double>(head.scale);
                    const bool near =
                        std::abs(scale * dot - threshold) <= 1e-5 * std::sqrt(qq * kk) * scale;
                    const bool differ = kept_a(t, j) != kept_b(t, j);
                    const bool allowed =
                        t < static_cast<std::size_t>(head.valid_q) && head.allowed(t, j);
                    check.pairs += allowed ? 1 : 0;
                    check.borderline += allowed && near ? 1 : 0;
                    check.differ += differ ? 1 : 0;
                    check.unexplained += differ && !(allowed && near) ? 1 : 0;
                }
            }
        }
    }
}

}  // namespace

TEST_CASE("with ideal numbers SPRINT keeps what threshold keeps", "[property]") {
    for (const double pruned : {0.2, 0.7, 0.95}) {
        const Settings settings =
            noiseless({"bits.k=ideal", "bits.q=ideal", "threshold.dac_bits=ideal",
                       "sense.full_scale=worst-case", "empty_row=zero",
                       fmt::format("threshold.source=quantile({})", pruned)});
        IdealCheck check;
        for (const auto& layers : random_inputs()) compare_ideal(layers, settings, check);
        for (const auto& layers : digits_inputs(8)) compare_ideal(layers, settings, check);
        CAPTURE(pruned, check.borderline);
        CHECK(check.unexplained == 0);
        CHECK(check.pairs > 250000);
        std::printf(
            "ideal numbers, %g pruned: %ld pairs, %ld within 1e-5 of the threshold, %ld of "
            "them decided differently\n",
            pruned, static_cast<long>(check.pairs), static_cast<long>(check.borderline),
            static_cast<long>(check.differ));
    }
}
