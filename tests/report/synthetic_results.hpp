#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "src/replay/result.hpp"
#include "src/replay/statistics.hpp"
#include "src/work/work.hpp"
#include "tests/machine/random_work.hpp"

/// Results made up for tests: numbers of a plausible size, computed by nobody.
namespace attohm::test {

struct MadeUp {
    std::string scheme = "sprint";
    double noise = 1.0;
    double margin = 0.0;
    int k_bits = 4;
    std::uint64_t chip = 0;
    int layers = 4;
    int heads = 2;
    int samples = 300;
    bool closed = true;
    std::string trace = "made-up-vit";
    bool axes = true;
    std::vector<std::string> machines = {"sprint-s"};
};

inline double made_up_normal_cdf(double x) {
    return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

/// Standard deviation of what blurs a decision, in sigmas of the score.
inline double made_up_blur(const MadeUp& m) {
    return 0.08 * m.noise + 0.9 * std::pow(2.0, -m.k_bits);
}

/// Scores normal about -0.7 sigma; a decision is blurred by a normal.
inline HeadReport made_up_head(const MadeUp& m, int layer, int head) {
    HeadReport r;
    r.layer = layer;
    r.head = head;
    r.rows = 65 * m.samples;
    r.score_sigma = 1.4 + 0.1 * layer;
    r.threshold = 0.3 * head;
    r.offset_sigma_score = r.score_sigma * 0.06;
    r.lsb_score = r.score_sigma * 0.12;
    const double blur = made_up_blur(m), pairs = 65.0 * 65.0 * m.samples;
    const double mean = -0.6 - 0.1 * layer - m.margin;
    for (int b = 0; b < ScoreEye::kBins; ++b) {
        const double width = 2.0 * ScoreEye::kRange / ScoreEye::kBins;
        const double left = -ScoreEye::kRange + width * b;
        const double mass =
            made_up_normal_cdf(left + width - mean) - made_up_normal_cdf(left - mean);
        const auto at = static_cast<std::size_t>(b);
        const double centre = left + 0.5 * width;
        const double p_keep = made_up_normal_cdf(centre / blur);
        const auto total = static_cast<std::int64_t>(pairs * mass);
        r.eye.kept[at] = static_cast<std::int64_t>(static_cast<double>(total) * p_keep);
        r.eye.pruned[at] = total - r.eye.kept[at];
        if (centre > 0.0)
            r.eye.false_prune[at] = r.eye.pruned[at];
        else
            r.eye.false_keep[at] = r.eye.kept[at];
        DecisionCounts& d = r.decisions;
        d.valid += total;
        d.hw_kept += r.eye.kept[at];
        d.ref_kept += centre > 0.0 ? total : 0;
        d.fp_total += r.eye.false_prune[at];
        d.fk_total += r.eye.false_keep[at];
    }
    DecisionCounts& d = r.decisions;
    d.fp_quant = d.fp_total / 4;
    d.fk_quant = d.fk_total / 4;
    d.fp_analog = d.fp_total - d.fp_quant / 2;
    d.fk_analog = d.fk_total - d.fk_quant / 2;
    d.quant_kept = d.ref_kept - d.fp_quant + d.fk_quant;
    d.fp_expected = static_cast<double>(d.fp_total) * 1.02;
    d.fk_expected = static_cast<double>(d.fk_total) * 0.99;
    r.kept_pairs = d.hw_kept;
    r.empty_rows = r.rows / 25;
    r.top1_lost = d.fp_total / 400;
    r.mass_dropped = 0.002 * static_cast<double>(r.rows) * m.noise;
    r.events.cells = 65 * 64 * 2 * m.samples;
    r.events.keys = 65 * m.samples;
    r.events.conductance_floored = r.events.cells / 40;
    r.events.level_errors = static_cast<std::int64_t>(0.003 * static_cast<double>(r.events.cells));
    r.events.sense_clipped = d.valid / 1000;
    r.events.q_clipped = r.rows * 64 / 900;
    return r;
}

inline std::vector<SampleOutcome> made_up_samples(const MadeUp& m) {
    const Stream stream(7, Purpose::sampling);
    std::vector<SampleOutcome> samples;
    for (int i = 0; i < m.samples; ++i) {
        SampleOutcome s;
        s.sample = i;
        const auto draw = static_cast<std::uint64_t>(i);
        s.label = i % 10;
        s.predicted_exact = stream.below(draw, 0.025) ? (i + 1) % 10 : i % 10;
        // The same draw for every setting: more noise only adds mistakes.
        const double wrong = m.scheme == "threshold"
                                 ? 0.03
                                 : 0.03 + 0.0009 * m.noise * m.noise +
                                       0.02 * std::abs(m.margin - 0.2) +
                                       0.2 * std::pow(2.0, -m.k_bits) * (m.k_bits < 4);
        s.predicted = stream.below(draw, std::min(0.9, m.scheme == "exact" ? 0.025 : wrong))
                          ? (i + 1) % 10
                          : i % 10;
        s.logits.assign(10, 0.0F);
        s.logit_squared_error = 0.01 * m.noise;
        samples.push_back(s);
    }
    return samples;
}

inline std::vector<MachineOutcome> made_up_machines(const MadeUp& m) {
    HeadShape shape = plain_shape(65, 64);
    const double kept =
        made_up_normal_cdf((-0.7 - m.margin) / std::sqrt(1.0 + made_up_blur(m) * made_up_blur(m)));
    const CostEngine engine(load_machines(m.machines),
                            {"sprint", {"dense", "mask-only", "dense-tiled"}, {}}, {});
    SamplePlanner planner = engine.planner();
    for (int layer = 0; layer < m.layers; ++layer)
        for (int head = 0; head < m.heads; ++head) {
            shape.layer = layer;
            shape.head = shape.kv_head = head;
            HeadCase one = head_case(random_selection(shape, kept, 0.6, 11));
            one.work[Event::mlc_cell_write] = std::int64_t{2} * shape.valid_k * shape.d;
            one.work[Physical::mlc_write_J] *= 0.25 * m.k_bits;
            planner.consume(one.work, one.selection);
        }
    const std::vector<SampleCost> costs = {planner.finish()};
    return engine.accumulate(costs);
}

inline Result made_up_result(const MadeUp& m) {
    Result r;
    r.experiment_yaml = fmt::format(
        "bits.k: {}\nchip: {}\ndevice.read_noise.scale: {}\nscheme: {}\nseed: 1\nthreshold.margin: "
        "{}\n",
        m.k_bits, m.chip, m.noise, m.scheme, m.margin);
    r.version = "0.0-test";
    r.scheme = m.scheme;
    r.mode = m.closed ? "closed" : "open";
    r.trace_id = "id-of-" + m.trace;
    r.trace_name = m.trace;
    r.seed = 1;
    r.chip = m.chip;
    r.notes = {"made up for a test"};
    r.assumed = {"drive.v_read_V = 0.2: a <usual> read voltage"};
    if (m.axes)
        r.axes = {{"bits.k", std::to_string(m.k_bits)},
                  {"device.read_noise.scale", fmt::format("{}", m.noise)},
                  {"threshold.margin", fmt::format("{}", m.margin)}};
    r.samples = made_up_samples(m);
    if (m.closed) r.accuracy = make_accuracy(r.samples, 1);
    const bool analog = m.scheme == "sprint";
    for (int layer = 0; layer < m.layers; ++layer)
        for (int head = 0; head < m.heads; ++head) {
            HeadSummary s;
            if (analog) s.report = made_up_head(m, layer, head);
            s.report.layer = layer;
            s.report.head = head;
            if (m.scheme != "exact") {
                s.to_exact = Fidelity{0.02 * made_up_blur(m) * (1 + layer), 1.0, 0.1, 10.0, 10};
                s.to_threshold = Fidelity{0.01 * made_up_blur(m) * (1 + head), 1.0, 0.1, 10.0, 10};
            }
            r.heads.push_back(std::move(s));
        }
    if (analog) r.machines = made_up_machines(m);
    return r;
}

/// What the demo asks for: margin x bits at two read noises, a noise axis, two digital references.
inline std::vector<Result> made_up_sweep() {
    std::vector<Result> all;
    for (const char* scheme : {"exact", "threshold"}) {
        MadeUp m;
        m.scheme = scheme;
        m.axes = false;
        all.push_back(made_up_result(m));
    }
    for (const double margin : {-1.0, -0.5, 0.0, 0.5, 1.0})
        for (const int k_bits : {2, 3, 4, 6})
            for (const double noise : {1.0, 4.0}) {
                MadeUp m;
                m.margin = margin;
                m.k_bits = k_bits;
                m.noise = noise;
                all.push_back(made_up_result(m));
            }
    for (const double noise : {1.0, 2.0, 4.0, 8.0, 16.0}) {
        MadeUp m;
        m.noise = noise;
        all.push_back(made_up_result(m));
    }
    return all;
}

}  // namespace attohm::test
