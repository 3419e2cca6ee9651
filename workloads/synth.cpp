#include "workloads/synth.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/base/progress.hpp"
#include "workloads/synth_head.hpp"

namespace attohm {

namespace {

/// How far a realised fraction may lie from the asked one, relative to it.
constexpr double kTolerance = 0.02;

[[noreturn]] void refuse(const std::string& what, const std::string& got,
                         const std::string& allowed) {
    throw UserError(what, "trace synth", got, allowed);
}

void require_count(const char* what, int got, int low, int high) {
    if (got < low || got > high)
        refuse(what, fmt::format("{}", got), fmt::format("{} to {}", low, high));
}

void require_fraction(const char* what, double got, bool zero_allowed) {
    const bool good = got < 1.0 && (zero_allowed ? got >= 0.0 : got > 0.0);
    if (!good) refuse(what, fmt::format("{}", got), zero_allowed ? "0 <= x < 1" : "0 < x < 1");
}

SynthSpec checked(SynthSpec spec) {
    if (spec.kv_heads == 0) spec.kv_heads = spec.heads;
    if (spec.v_head_dim == 0) spec.v_head_dim = spec.head_dim;
    require_count("layers", spec.layers, 1, 10000);
    require_count("heads", spec.heads, 1, 10000);
    require_count("kv heads", spec.kv_heads, 1, spec.heads);
    require_count("tokens", spec.tokens, 2, 1 << 17);
    require_count("d", spec.head_dim, 1, 1 << 14);
    require_count("dv", spec.v_head_dim, 1, 1 << 14);
    require_count("samples", spec.samples, 1, 1000000);
    require_count("calibration samples", spec.calibration, 0, 1000000);
    if (spec.heads % spec.kv_heads != 0)
        refuse("kv heads do not divide the heads", fmt::format("{}", spec.kv_heads),
               fmt::format("a divisor of {}", spec.heads));
    require_fraction("kept", spec.kept, false);
    require_fraction("padding", spec.padding, true);
    if (spec.new_keys) require_fraction("new keys", *spec.new_keys, true);
    return spec;
}

/// Difference of neighbouring roundings: integers whose sums stay within 1/2 of step * count.
std::int64_t spread_evenly(double step, std::int64_t index) {
    return std::llround(step * static_cast<double>(index + 1)) -
           std::llround(step * static_cast<double>(index));
}

int valid_tokens(const SynthSpec& spec, int sample) {
    return static_cast<int>(spread_evenly(spec.tokens * (1.0 - spec.padding), sample));
}

/// Mean over queries 1.. of the share of keys that are seen for the first time (causal: the
/// newest).
double first_seen_share(const SynthSpec& spec, const std::vector<int>& valid) {
    if (!spec.causal) return 0.0;
    double sum = 0.0, queries = 0.0;
    for (const int n : valid)
        for (int i = 1; i < n; ++i) {
            sum += 1.0 / (i + 1.0);
            queries += 1.0;
        }
    return sum / queries;
}

/// What all heads have in common.
struct Plan {
    SynthSpec spec;
    std::vector<int> valid;  ///< real tokens of the samples
    std::int64_t pairs = 0;  ///< per head
    double first_angle = 0.0;
    double padding = 0.0;  ///< realised
};

/// The stationary part of the asked new keys, and the angle that gives it.
/// Throws: UserError naming the range of new keys that the kept fraction allows.
double starting_angle(const SynthSpec& spec, const std::vector<int>& valid) {
    constexpr double kFreeCorrelation = 0.9;
    if (!spec.new_keys) return std::acos(kFreeCorrelation);
    const double newest = first_seen_share(spec, valid);
    const double low = spec.kept * newest;
    const double high = low + std::min(spec.kept, 1.0 - spec.kept) * (1.0 - newest);
    if (*spec.new_keys < low || *spec.new_keys > high)
        refuse("new keys cannot be had with this kept fraction", fmt::format("{}", *spec.new_keys),
               fmt::format("{:.6g} to {:.6g} at kept = {}", low, high, spec.kept));
    return gaussian_angle(spec.kept, (*spec.new_keys - low) / (1.0 - newest));
}

Plan plan_of(const SynthSpec& spec) {
    Plan plan{spec, {}, 0, 0.0, 0.0};
    double real = 0.0;
    for (int sample = 0; sample < spec.samples; ++sample) {
        const std::int64_t n = valid_tokens(spec, sample);
        if (n < 2)
            refuse("padding leaves fewer than two real tokens", fmt::format("{}", spec.padding),
                   fmt::format("at most {}", 1.0 - 2.0 / spec.tokens));
        plan.valid.push_back(static_cast<int>(n));
        plan.pairs += spec.causal ? n * (n + 1) / 2 : n * n;
        real += static_cast<double>(n);
    }
    plan.padding = 1.0 - real / (static_cast<double>(spec.tokens) * spec.samples);
    plan.first_angle = starting_angle(spec, plan.valid);
    return plan;
}

/// Heads share out the counts, so that rounding in one head is made good in the next.
SynthTarget target_of(const Plan& plan, int head) {
    const SynthSpec& spec = plan.spec;
    SynthTarget target;
    target.valid = plan.valid;
    target.first_angle = plan.first_angle;
    const std::int64_t kept = spread_evenly(spec.kept * static_cast<double>(plan.pairs), head);
    target.kept = std::clamp<std::int64_t>(kept, 1, plan.pairs - 1);
    target.new_keys = spec.new_keys;
    if (!spec.new_keys || spec.causal) return target;
    double countable = 0.0;
    for (const double n : plan.valid) countable += n * (n - 1.0);
    target.new_keys =
        static_cast<double>(spread_evenly(*spec.new_keys * countable, head)) / countable;
    return target;
}

SynthPlace place_of(const SynthSpec& spec, int layer, int head) {
    return {layer, head, head * spec.kv_heads / spec.heads, 0, false};
}

std::vector<SynthHead> solve_all(const Plan& plan) {
    const SynthSpec& spec = plan.spec;
    const auto count = static_cast<std::size_t>(spec.layers) * static_cast<std::size_t>(spec.heads);
    std::vector<SynthHead> solved(count);
    Progress progress("thresholds", "heads", static_cast<std::int64_t>(count));
    parallel_for(count, [&](std::size_t i) {
        const int index = static_cast<int>(i);
        const SynthPlace place = place_of(spec, index / spec.heads, index % spec.heads);
        solved[i] = solve_head(spec, place, target_of(plan, index));
        progress.tick();
    });
    return solved;
}

SynthReport report_of(const Plan& plan, const std::vector<SynthHead>& solved) {
    SynthReport report;
    report.padding = plan.padding;
    report.valid_pairs = plan.pairs * static_cast<std::int64_t>(solved.size());
    for (const SynthHead& head : solved) {
        report.kept += static_cast<double>(head.kept) / static_cast<double>(report.valid_pairs);
        report.new_keys += head.new_keys / static_cast<double>(solved.size());
    }
    return report;
}

/// Few tokens make coarse fractions: what cannot be met is refused rather than missed.
void require_met(const char* what, double asked, double realised) {
    if (std::abs(realised - asked) <= kTolerance * asked) return;
    refuse(fmt::format("{} cannot be met within 2 % with so few tokens, heads and samples", what),
           fmt::format("{}", asked), fmt::format("nearest: {:.6g}", realised));
}

ModelInfo model_of(const SynthSpec& spec) {
    ModelInfo model;
    model.name = spec.name;
    model.family = "other";
    model.layers = spec.layers;
    model.heads = spec.heads;
    model.kv_heads = spec.kv_heads;
    model.head_dim = spec.head_dim;
    model.v_head_dim = spec.v_head_dim;
    model.width = spec.heads * spec.head_dim;
    model.causal = spec.causal;
    model.prefix_tokens = spec.class_tokens;
    model.task = "none";
    model.pool = "none";
    return model;
}

Thresholds thresholds_of(const SynthSpec& spec, const std::vector<SynthHead>& solved) {
    Thresholds thresholds;
    thresholds.values =
        Matrix<float>(static_cast<std::size_t>(spec.layers), static_cast<std::size_t>(spec.heads));
    for (std::size_t i = 0; i < solved.size(); ++i)
        thresholds.values.data()[i] = solved[i].threshold;
    return thresholds;
}

/// The layer of one sample; the writer computes `out`, from q, k, v as they are stored.
AttentionLayer make_layer(const SynthSpec& spec, int layer, const Sample& sample,
                          const std::vector<SynthHead>& solved) {
    const auto tokens = static_cast<std::size_t>(spec.tokens);
    const auto heads = static_cast<std::size_t>(spec.heads);
    const auto kv_heads = static_cast<std::size_t>(spec.kv_heads);
    AttentionLayer made;
    made.layer = layer;
    made.n_q = made.n_k = spec.tokens;
    made.valid_q = made.valid_k = sample.valid_len;
    made.scale = 1.0F / std::sqrt(static_cast<float>(spec.head_dim));
    made.causal = spec.causal;
    made.q.resize(heads, tokens, static_cast<std::size_t>(spec.head_dim));
    made.k.resize(kv_heads, tokens, static_cast<std::size_t>(spec.head_dim));
    made.v.resize(kv_heads, tokens, static_cast<std::size_t>(spec.v_head_dim));
    const SynthContent content(spec);
    const auto place = [&](std::size_t head) {
        SynthPlace p = place_of(spec, layer, static_cast<int>(head));
        p.sample = sample.index;
        p.calibration = sample.calibration;
        return p;
    };
    parallel_for(kv_heads, [&](std::size_t kv_head) {
        const SynthPlace first = place(kv_head * heads / kv_heads);
        content.keys(first, made.k.plane(kv_head));
        content.values(first, made.v.plane(kv_head));
    });
    parallel_for(heads, [&](std::size_t head) {
        const std::size_t index = static_cast<std::size_t>(layer) * heads + head;
        content.queries(place(head), solved[index].process, made.q.plane(head));
    });
    return made;
}

void write_samples(const SynthSpec& spec, const std::vector<SynthHead>& solved, bool calibration,
                   TraceWriter& writer, Progress& progress) {
    const int count = calibration ? spec.calibration : spec.samples;
    for (int index = 0; index < count; ++index) {
        Sample sample;
        sample.index = index;
        sample.name = fmt::format("{:06}", index);
        sample.calibration = calibration;
        sample.valid_len = valid_tokens(spec, index);
        sample.layers_stored = spec.layers;
        writer.begin_sample(sample);
        for (int layer = 0; layer < spec.layers; ++layer) {
            writer.layer(make_layer(spec, layer, sample, solved));
            progress.tick();
        }
    }
}

}  // namespace

SynthReport write_synthetic_trace(const SynthSpec& asked, const std::string& path) {
    const SynthSpec spec = checked(asked);
    const Plan plan = plan_of(spec);
    require_met("padding", spec.padding, plan.padding);
    const std::vector<SynthHead> solved = solve_all(plan);
    const SynthReport report = report_of(plan, solved);
    require_met("kept", spec.kept, report.kept);
    if (spec.new_keys) require_met("new keys", *spec.new_keys, report.new_keys);

    WriterOptions options;
    options.tensors = spec.tensors;
    if (spec.tensors == StoredAs::float16) options.tolerance = 1e-2;
    TraceWriter writer(path, model_of(spec), thresholds_of(spec, solved), options);
    const std::int64_t layers = std::int64_t{spec.layers} * (spec.samples + spec.calibration);
    Progress progress("writing", "layers", layers);
    write_samples(spec, solved, true, writer, progress);
    write_samples(spec, solved, false, writer, progress);
    writer.finish();
    return report;
}

}  // namespace attohm
