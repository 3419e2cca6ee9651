#include "workloads/synth_plan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/base/error.hpp"

namespace attohm {

namespace {

void require_count(const char* what, std::int64_t got, std::int64_t low, std::int64_t high) {
    if (got < low || got > high)
        refuse_synth(what, fmt::format("{}", got), fmt::format("{} to {}", low, high));
}

void require_fraction(const char* what, const std::optional<double>& got, bool zero_allowed) {
    if (!got) return;
    const bool good = *got < 1.0 && (zero_allowed ? *got >= 0.0 : *got > 0.0);
    if (!good)
        refuse_synth(what, fmt::format("{}", *got), zero_allowed ? "0 <= x < 1" : "0 < x < 1");
}

LayerShape uniform_layer(const SynthSpec& spec) {
    LayerShape layer;
    AttentionSize& size = layer.attention;
    size.heads = spec.heads;
    size.kv_heads = spec.kv_heads == 0 ? spec.heads : spec.kv_heads;
    size.head_dim = spec.head_dim;
    size.v_head_dim = spec.v_head_dim == 0 ? spec.head_dim : spec.v_head_dim;
    size.n_q = size.n_k = spec.tokens;
    size.causal = spec.causal;
    size.pattern = spec.pattern;
    size.width = spec.width > 0 ? spec.width : spec.heads * spec.head_dim;
    size.hidden = spec.hidden;
    return layer;
}

void check_attention(const AttentionSize& size, bool shape_only) {
    // Rows of scores are counted in 32 bits; shapes alone may be longer.
    const int longest = shape_only ? 1 << 24 : 1 << 17;
    require_count("heads", size.heads, 1, 10000);
    require_count("kv heads", size.kv_heads, 1, size.heads);
    require_count("tokens", std::min(size.n_q, size.n_k), 2, longest);
    require_count("tokens", std::max(size.n_q, size.n_k), 2, longest);
    require_count("d", size.head_dim, 1, 1 << 14);
    require_count("dv", size.v_head_dim, 1, 1 << 14);
    if (size.heads % size.kv_heads != 0)
        refuse_synth("kv heads do not divide the heads", fmt::format("{}", size.kv_heads),
                     fmt::format("a divisor of {}", size.heads));
    if (size.causal && (size.n_q != size.n_k || size.windows > 1))
        refuse_synth("a causal layer with windows or reduced keys",
                     fmt::format("{} queries, {} keys", size.n_q, size.n_k), "as many keys");
}

void check_spec(const SynthSpec& spec) {
    require_count("layers", spec.layers, 1, 10000);
    require_count("samples", spec.samples, 1, 1000000);
    require_count("calibration samples", spec.calibration, 0, 1000000);
    require_count("local reach", spec.local_reach, 1, 1 << 17);
    require_count("sinks", spec.sinks, 1, 1 << 10);
    require_fraction("kept", spec.kept, false);
    require_fraction("padding", spec.padding, true);
    require_fraction("new keys", spec.new_keys, true);
    require_fraction("effective keys", spec.effective_keys, false);
    require_fraction("local share", spec.local_share, false);
    require_fraction("sink mass", spec.sink_mass, false);
    if (!(spec.density > 0.0 && spec.density <= 1.0))
        refuse_synth("density", fmt::format("{}", spec.density), "0 < x <= 1");
    if (spec.lengths.kind == Lengths::Kind::list && spec.lengths.list.empty())
        refuse_synth("no lengths in the list", "an empty list", "lengths of the samples in turn");
    if (spec.lengths.spread && !(*spec.lengths.spread >= 0.0 && *spec.lengths.spread <= 1.0))
        refuse_synth("length spread", fmt::format("{}", *spec.lengths.spread), "0 <= x <= 1");
}

/// Locality and sinks take dimensions of their own.
void require_room(const SynthSpec& spec, const AttentionSize& size) {
    constexpr int kLeast = 8;
    if ((spec.local_share || spec.sink_mass) && size.head_dim < kLeast)
        refuse_synth("heads too narrow for locality and sinks",
                     fmt::format("d = {}", size.head_dim), fmt::format("d of {} and more", kLeast));
    if (spec.sink_mass && spec.sinks >= size.n_k)
        refuse_synth("as many sinks as keys", fmt::format("{}", spec.sinks),
                     fmt::format("1 to {}", size.n_k - 1));
}

bool padded(const SynthSpec& spec) {
    return spec.padding > 0.0 || spec.lengths.kind == Lengths::Kind::list;
}

/// Mean over queries 1.. of the share of keys that are seen for the first time (causal: the
/// newest; a pattern: those that come into reach).
double first_seen_share(const AttentionPlan& layer) {
    const AttentionSize& size = layer.size;
    if (!size.causal && size.pattern.empty()) return 0.0;
    double sum = 0.0, queries = 0.0;
    for (const int n : layer.valid)
        for (int i = 1; i < n; ++i) {
            queries += 1.0;
            if (size.pattern.empty()) {
                sum += 1.0 / (i + 1.0);
                continue;
            }
            double visible = 0.0, fresh = 0.0;
            for (int j = 0; j < (size.causal ? i + 1 : size.n_k); ++j) {
                if (!size.pattern.allows(i, j)) continue;
                visible += 1.0;
                const bool before = size.pattern.allows(i - 1, j) && !(size.causal && j == i);
                fresh += before ? 0.0 : 1.0;
            }
            sum += fresh / visible;
        }
    return sum / queries;
}

/// The stationary part of the asked new keys, and the angle that gives it.
/// Throws: UserError naming the range of new keys that the kept fraction allows.
double starting_angle(const SynthSpec& spec, const AttentionPlan& layer) {
    constexpr double kFreeCorrelation = 0.9;
    if (!spec.new_keys) return std::acos(kFreeCorrelation);
    const double newest = first_seen_share(layer);
    const double low = spec.kept * newest;
    const double high = low + std::min(spec.kept, 1.0 - spec.kept) * (1.0 - newest);
    if (*spec.new_keys < low || *spec.new_keys > high)
        refuse_synth("new keys cannot be had with this kept fraction",
                     fmt::format("{}", *spec.new_keys),
                     fmt::format("{:.6g} to {:.6g} at kept = {}", low, high, spec.kept));
    return gaussian_angle(spec.kept, (*spec.new_keys - low) / (1.0 - newest));
}

AttentionPlan plan_attention(const SynthSpec& spec, const AttentionSize& size,
                             const std::vector<int>& lengths) {
    require_room(spec, size);
    AttentionPlan layer{size, lengths, 0, 0, 0.0};
    if (lengths.empty()) layer.valid.assign(static_cast<std::size_t>(spec.samples), size.n_k);
    for (const int valid : layer.valid) {
        const auto n = std::int64_t{valid};
        const auto queries = std::int64_t{valid == size.n_k ? size.n_q : valid};
        if (!size.pattern.empty())
            layer.pairs += size.allowed_pairs();
        else
            layer.pairs += size.windows * (size.causal ? n * (n + 1) / 2 : queries * n);
        if (!size.causal && size.pattern.empty())
            layer.countable += size.windows * (queries - 1) * n;
    }
    layer.first_angle = starting_angle(spec, layer);
    return layer;
}

void plan_lengths(SynthPlan& plan) {
    const SynthSpec& spec = plan.spec;
    const int tokens = plan.attention.empty() && plan.layers.empty() ? 0 : [&] {
        int n = 0;
        for (const LayerShape& layer : plan.layers) {
            const AttentionSize& size = layer.attention;
            const bool plain = layer.kind == LayerKind::attention && size.windows == 1 &&
                               size.n_q == size.n_k && size.pattern.empty() &&
                               (n == 0 || n == size.n_k);
            if (!plain)
                refuse_synth("padding where layers differ in tokens, have windows or patterns",
                             fmt::format("{}", spec.padding), "0 there");
            n = size.n_k;
        }
        return n;
    }();
    plan.lengths = sample_lengths(spec, tokens, spec.samples, false);
    plan.calibration_lengths = sample_lengths(spec, tokens, spec.calibration, true);
    const double real = std::accumulate(plan.lengths.begin(), plan.lengths.end(), 0.0);
    plan.padding = 1.0 - real / (static_cast<double>(tokens) * spec.samples);
}

}  // namespace

void refuse_synth(const std::string& what, const std::string& got, const std::string& allowed) {
    throw UserError(what, "trace synth", got, allowed);
}

std::vector<LayerShape> layers_of(const SynthSpec& spec) {
    std::vector<LayerShape> layers = spec.shapes;
    if (layers.empty()) {
        require_count("layers", spec.layers, 1, 10000);
        layers.assign(static_cast<std::size_t>(spec.layers), uniform_layer(spec));
    }
    for (const LayerShape& layer : layers)
        if (layer.kind == LayerKind::attention) check_attention(layer.attention, spec.shape_only);
    return layers;
}

SynthSpec synth_shape(const std::string& name) {
    const NamedShape shape = named_shape(name);
    SynthSpec spec;
    spec.name = "synthetic " + shape.name;
    spec.family = shape.family;
    spec.class_tokens = shape.prefix_tokens;
    if (shape.graph) {
        spec.exponent = shape.graph->exponent;
        spec.density = shape.graph->feature_density;
    }
    const AttentionSize& size = shape.layers.front().attention;
    if (!shape.uniform() || size.n_q != size.n_k || size.windows != 1) {
        spec.shapes = shape.layers;
        return spec;
    }
    spec.layers = static_cast<int>(shape.layers.size());
    spec.heads = size.heads;
    spec.kv_heads = size.kv_heads == size.heads ? 0 : size.kv_heads;
    spec.tokens = size.n_q;
    spec.head_dim = size.head_dim;
    spec.v_head_dim = size.v_head_dim == size.head_dim ? 0 : size.v_head_dim;
    spec.causal = size.causal;
    spec.pattern = size.pattern;
    spec.width = size.width;
    spec.hidden = size.hidden;
    return spec;
}

SynthPlan plan_synth(const SynthSpec& spec) {
    SynthPlan plan;
    plan.spec = spec;
    check_spec(spec);
    plan.layers = layers_of(spec);
    if (padded(spec)) plan_lengths(plan);
    if (spec.shape_only) return plan;
    for (const LayerShape& layer : plan.layers) {
        if (layer.kind != LayerKind::attention) continue;
        const std::vector<AttentionPlan>& made = plan.attention;
        // Equal layers are planned once.
        const bool again = !made.empty() && spec.shapes.empty();
        plan.attention.push_back(again ? made.front()
                                       : plan_attention(spec, layer.attention, plan.lengths));
    }
    return plan;
}

std::vector<SynthTarget> targets_of(const SynthPlan& plan) {
    const SynthSpec& spec = plan.spec;
    std::vector<SynthTarget> targets;
    double pairs = 0.0, countable = 0.0;
    for (const AttentionPlan& layer : plan.attention)
        for (int head = 0; head < layer.size.heads; ++head) {
            SynthTarget target;
            target.valid = layer.valid;
            target.first_angle = layer.first_angle;
            const double pairs_after = pairs + static_cast<double>(layer.pairs);
            const std::int64_t kept =
                std::llround(spec.kept * pairs_after) - std::llround(spec.kept * pairs);
            pairs = pairs_after;
            target.kept = std::clamp<std::int64_t>(kept, 1, layer.pairs - 1);
            target.new_keys = spec.new_keys;
            if (spec.new_keys && layer.countable > 0) {
                const double step = *spec.new_keys;
                const double after = countable + static_cast<double>(layer.countable);
                target.new_keys = static_cast<double>(std::llround(step * after) -
                                                      std::llround(step * countable)) /
                                  static_cast<double>(layer.countable);
                countable = after;
            }
            targets.push_back(std::move(target));
        }
    return targets;
}

}  // namespace attohm
