#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/schemes/sprint_pair.hpp"

/// What is fixed on the calibration samples: scales, thresholds, the sense range.
using namespace attohm;

namespace {

/// Two samples, masked, causal, with a query that has no key.
std::vector<AttentionLayer> two_samples() {
    const LayerSpec spec{1, 1, 50, 48, 32, 8, true, 47, 45, true};
    return {random_layer(spec, 81), random_layer(spec, 82)};
}

/// Calibration of one head by its settings.
HeadCalibration calibrate(const std::string& scheme_name, const std::vector<std::string>& keys,
                          const std::vector<AttentionLayer>& samples,
                          std::optional<Thresholds> thresholds = std::nullopt) {
    Settings settings = scheme_preset();
    for (const std::string& key : keys) settings.overlay_assignment(key);
    SchemeInputs inputs;
    inputs.model = model_of({samples.front()});
    inputs.thresholds = std::move(thresholds);
    const auto scheme = find_scheme(scheme_name).make(inputs, settings);
    std::vector<AttentionHead> heads;
    for (const AttentionLayer& sample : samples) heads.push_back(head_view(sample, 0, 0));
    scheme->calibrate(0, 0, heads);
    return dynamic_cast<const CalibratedScheme&>(*scheme).calibration(0, 0);
}

/// Scores of every allowed pair, row by row.
std::vector<std::vector<double>> score_rows(const std::vector<AttentionLayer>& samples) {
    std::vector<std::vector<double>> rows;
    for (const AttentionLayer& sample : samples) {
        const AttentionHead head = head_view(sample, 0, 0);
        for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
            rows.emplace_back();
            for (std::size_t j = 0; j < head.n_k(); ++j) {
                if (!head.allowed(t, j)) continue;
                double dot = 0.0;
                for (std::size_t i = 0; i < head.d(); ++i) {
                    dot += static_cast<double>(head.q(t, i)) * static_cast<double>(head.k(j, i));
                }
                rows.back().push_back(static_cast<double>(head.scale) * dot);
            }
        }
    }
    return rows;
}

std::vector<double> sorted_scores(const std::vector<AttentionLayer>& samples) {
    std::vector<double> scores;
    for (const auto& row : score_rows(samples)) scores.insert(scores.end(), row.begin(), row.end());
    std::sort(scores.begin(), scores.end());
    return scores;
}

/// Mean softmax mass over rows with a key that a threshold keeps.
double kept_mass(const std::vector<std::vector<double>>& rows, double threshold) {
    double sum = 0.0, count = 0.0;
    for (const auto& row : rows) {
        double total = 0.0, kept = 0.0;
        for (const double s : row) {
            total += std::exp(s);
            kept += s >= threshold ? std::exp(s) : 0.0;
        }
        if (row.empty()) continue;
        sum += kept / total;
        count += 1.0;
    }
    return sum / count;
}

/// |x| of the valid rows, sorted.
std::vector<double> sorted_absolutes(const std::vector<AttentionLayer>& samples,
                                     Tensor3 AttentionLayer::*tensor, int valid) {
    std::vector<double> values;
    for (const AttentionLayer& sample : samples) {
        const auto plane = (sample.*tensor).plane(0);
        for (std::size_t r = 0; r < static_cast<std::size_t>(valid); ++r) {
            for (std::size_t c = 0; c < plane.cols; ++c) {
                values.push_back(std::abs(static_cast<double>(plane(r, c))));
            }
        }
    }
    std::sort(values.begin(), values.end());
    return values;
}

}  // namespace

TEST_CASE("quantile(p) prunes a fraction p of the calibration scores", "[unit]") {
    const auto samples = two_samples();
    const auto scores = sorted_scores(samples);
    const auto n = static_cast<double>(scores.size());
    REQUIRE(scores.size() > 1000);
    for (const double p : {0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0}) {
        const auto own =
            calibrate("threshold", {fmt::format("threshold.source=quantile({})", p)}, samples);
        const auto at = static_cast<double>(own.threshold);
        // The threshold is a score itself, so a float's rounding apart from it.
        const auto pruned = std::lower_bound(scores.begin(), scores.end(), at - 1e-6);
        const double fraction = static_cast<double>(pruned - scores.begin()) / n;
        CAPTURE(p, fraction);
        CHECK(fraction <= p);
        CHECK(fraction >= p - 1.0 / n - 1e-12);
    }
}

TEST_CASE("mass(p) is the largest threshold that keeps the mass", "[unit]") {
    const auto samples = two_samples();
    const auto rows = score_rows(samples);
    const auto scores = sorted_scores(samples);
    for (const double p : {0.1, 0.5, 0.9, 0.99, 0.999}) {
        const auto own =
            calibrate("threshold", {fmt::format("threshold.source=mass({})", p)}, samples);
        const auto at = static_cast<double>(own.threshold);
        const auto next = std::upper_bound(scores.begin(), scores.end(), at + 1e-6);
        REQUIRE(next != scores.end());
        CAPTURE(p, at, kept_mass(rows, at - 1e-6), kept_mass(rows, *next));
        CHECK(kept_mass(rows, at - 1e-6) >= p - 1e-6);
        CHECK(kept_mass(rows, *next) < p + 1e-6);
        // Two scores further the mass is missing for certain.
        CHECK(kept_mass(rows, *(next + 20)) < p);
    }
    // All of it: the lowest score.
    const auto all = calibrate("threshold", {"threshold.source=mass(1)"}, samples);
    CHECK(static_cast<double>(all.threshold) == Approx(scores.front()).margin(1e-5));
}

TEST_CASE("value(x) and the margin set the threshold", "[unit]") {
    const auto samples = two_samples();
    CHECK(calibrate("threshold", {"threshold.source=value(0.75)"}, samples).threshold == 0.75F);
    CHECK(
        calibrate("threshold", {"threshold.source=value(0.75)", "threshold.margin=-0.25"}, samples)
            .threshold == 0.5F);
    const float at =
        calibrate("threshold-q", {"threshold.source=quantile(0.5)"}, samples).threshold;
    CHECK(calibrate("sprint", {"threshold.source=quantile(0.5)", "threshold.margin=0.5"}, samples)
              .threshold == at + 0.5F);
}

TEST_CASE("thresholds of the trace are taken per layer, or per layer and head", "[unit]") {
    Settings settings = scheme_preset();
    std::vector<AttentionLayer> layers = {random_layer({}, 1, 0), random_layer({}, 2, 1)};
    for (const std::size_t columns : {std::size_t{1}, std::size_t{2}}) {
        Thresholds thresholds;
        thresholds.values.resize(2, columns);
        for (std::size_t i = 0; i < thresholds.values.size(); ++i) {
            thresholds.values.data()[i] = static_cast<float>(i) + 0.5F;
        }
        for (const char* name : {"threshold", "threshold-q", "sprint"}) {
            SchemeInputs inputs;
            inputs.model = model_of(layers);
            inputs.thresholds = thresholds;
            const auto scheme = find_scheme(name).make(inputs, settings);
            for (int l = 0; l < 2; ++l) {
                for (int h = 0; h < 2; ++h) {
                    const AttentionHead head = head_view(layers[std::size_t(l)], 0, h);
                    scheme->calibrate(l, h, {&head, 1});
                    const float expected = columns == 1 ? static_cast<float>(l) + 0.5F
                                                        : static_cast<float>(2 * l + h) + 0.5F;
                    CHECK(dynamic_cast<const CalibratedScheme&>(*scheme)
                              .calibration(l, h)
                              .threshold == expected);
                }
            }
        }
    }
}

TEST_CASE("scales are quantiles of the calibration samples, padding left out", "[unit]") {
    const auto samples = two_samples();
    const auto q = sorted_absolutes(samples, &AttentionLayer::q, 47);
    const auto k = sorted_absolutes(samples, &AttentionLayer::k, 45);
    const auto v = sorted_absolutes(samples, &AttentionLayer::v, 45);
    const std::string source = "threshold.source=value(0)";
    const auto most = calibrate("threshold-q", {source, "quant.scale=absmax"}, samples).scales;
    CHECK(static_cast<double>(most.q) == q.back());
    CHECK(static_cast<double>(most.k) == k.back());
    CHECK(static_cast<double>(most.v) == v.back());
    for (const double p : {0.5, 0.9, 0.999}) {
        const auto own =
            calibrate("threshold-q", {source, fmt::format("quant.percentile={}", p)}, samples)
                .scales;
        // At least p lies within the scale, and no smaller value would do.
        const auto within = [&](const std::vector<double>& values, double scale) {
            const auto n = static_cast<double>(values.size());
            const auto end = std::upper_bound(values.begin(), values.end(), scale);
            const auto before = std::lower_bound(values.begin(), values.end(), scale);
            return static_cast<double>(end - values.begin()) / n >= p &&
                   static_cast<double>(before - values.begin()) / n < p;
        };
        CAPTURE(p);
        CHECK(within(q, static_cast<double>(own.q)));
        CHECK(within(k, static_cast<double>(own.k)));
        CHECK(within(v, static_cast<double>(own.v)));
    }
}

TEST_CASE("dynamic scales are those of the head itself", "[unit]") {
    // Calibrated on one sample, run on another: as if calibrated by absmax on that one.
    const auto samples = two_samples();
    const auto run_with = [&](const std::string& scale, const AttentionLayer& calibration) {
        Settings settings = scheme_preset();
        settings.overlay_assignment("quant.scale=" + scale);
        settings.overlay_assignment("threshold.source=value(0.3)");
        settings.overlay_assignment("sense.full_scale=worst-case");
        const auto scheme = make_calibrated("threshold-q", settings, {calibration});
        return run_scheme(*scheme, samples[1]);
    };
    const SchemeRun dynamic = run_with("dynamic-per-head", samples[0]);
    const SchemeRun own = run_with("absmax", samples[1]), other = run_with("absmax", samples[0]);
    CHECK(differences(dynamic.out[0], own.out[0]) == 0);
    CHECK(differences(dynamic.out[0], other.out[0]) > 0);
}

TEST_CASE("the sense range by percentile, worst case and current", "[unit]") {
    const auto samples = two_samples();
    const std::vector<std::string> base = {"threshold.source=value(0)", "quant.percentile=0.99"};
    const auto with = [&](const std::vector<std::string>& more) {
        std::vector<std::string> keys = base;
        keys.insert(keys.end(), more.begin(), more.end());
        return calibrate("threshold-q", keys, samples);
    };
    // |z| over allowed pairs, by plain loops.
    PairDesign design;
    const auto scales = with({}).scales;
    std::vector<double> outputs;
    for (const AttentionLayer& sample : samples) {
        const AttentionHead head = head_view(sample, 0, 0);
        const auto codes =
            sprint_reference_codes(head, reference_settings(design, 1.0),
                                   {static_cast<double>(scales.q), static_cast<double>(scales.k),
                                    static_cast<double>(scales.v)});
        for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
            for (std::size_t j = 0; j < head.n_k(); ++j) {
                if (!head.allowed(t, j)) continue;
                double z = 0.0;
                for (std::size_t i = 0; i < head.d(); ++i) {
                    z += codes.q_line(t, i) * codes.k_level(j, i);
                }
                outputs.push_back(std::abs(z));
            }
        }
    }
    std::sort(outputs.begin(), outputs.end());
    for (const double p : {0.5, 0.9, 0.999, 1.0}) {
        const double n_fs = with({fmt::format("sense.percentile={}", p)}).n_fs;
        const auto n = static_cast<double>(outputs.size());
        const auto end = std::upper_bound(outputs.begin(), outputs.end(), n_fs);
        const auto before = std::lower_bound(outputs.begin(), outputs.end(), n_fs);
        CAPTURE(p, n_fs);
        CHECK(static_cast<double>(end - outputs.begin()) / n >= p);
        CHECK(static_cast<double>(before - outputs.begin()) / n < p);
    }
    CHECK(with({"sense.full_scale=worst-case"}).n_fs == 32.0 * 7.0 * 8.0);
    CHECK(with({"sense.full_scale=worst-case", "bits.k=6", "bits.q=5"}).n_fs == 32.0 * 15.0 * 32.0);
    // I_lsb = 0.2 V * 10 uS / 7.
    CHECK(with({"sense.full_scale=current_A(20e-6)"}).n_fs == Approx(70.0));
}

TEST_CASE("the spread of the score eye is that of the calibration scores", "[unit]") {
    const auto samples = two_samples();
    const auto scores = sorted_scores(samples);
    double mean = 0.0, square = 0.0;
    for (const double s : scores) mean += s / static_cast<double>(scores.size());
    for (const double s : scores) {
        square += (s - mean) * (s - mean) / static_cast<double>(scores.size());
    }
    const auto own = calibrate("threshold", {"threshold.source=value(0)"}, samples);
    CHECK(static_cast<double>(own.score_sigma) == Approx(std::sqrt(square)).epsilon(1e-4));
}

TEST_CASE("gains follow what the keys of the calibration samples store", "[unit]") {
    const LayerSpec spec{1, 1, 40, 48, 32, 8, false, -1, -1, false};
    const std::vector<AttentionLayer> layers = {random_layer(spec, 83)};
    const AttentionHead head = head_view(layers[0], 0, 0);
    PairDesign design;
    Settings settings = pair_settings(design, write_card(card_text(design)));
    for (const char* key : {"threshold.calibration=column", "wires.row_ohm=2", "wires.column_ohm=2",
                            "wires.sense_ohm=100", "threshold.dac_bits=ideal"})
        settings.overlay_assignment(key);
    const auto scheme = make_calibrated("sprint", settings, layers);
    const auto& own = dynamic_cast<const CalibratedScheme&>(*scheme).calibration(0, 0);
    // A tile told the mean digits of these keys, which were the samples.
    PairTile pair = make_pair_tile(settings, own, head, pair_site(head, {}, 0, 1));
    for (const float gain : pair.tile.threshold_gains()) CHECK(gain < 0.95F);
    const RowThresholds rows = row_thresholds(pair.codes, own.threshold, {{}, own.n_fs, {}});
    const std::vector<std::uint32_t> ends(40, 48);
    Matrix<std::uint8_t> keep(40, 48);
    pair.tile.decide(0, pair.codes.nq.view(), rows.steps, {ends, {}}, keep.view(), {});
    const std::int64_t kept = std::count(keep.data(), keep.data() + keep.size(), 1);
    CHECK(run_scheme(*scheme, layers[0]).reports[0].decisions.hw_kept == kept);
    CHECK(kept > 300);
}
