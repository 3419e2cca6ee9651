#include "tests/workloads/synth_count.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "src/base/error.hpp"
#include "workloads/trace_check.hpp"
#include "workloads/trace_reader.hpp"

namespace attohm::testing {

namespace {

/// Sums of one head over its samples and windows.
struct HeadSums {
    double queries = 0.0, later_queries = 0.0;
    double new_keys = 0.0, effective = 0.0, sink = 0.0, near = 0.0, kept = 0.0;
};

double position_of(const AttentionHead& head, std::size_t query) {
    const auto n_q = static_cast<double>(head.n_q()), n_k = static_cast<double>(head.n_k());
    const auto i = static_cast<double>(query);
    if (head.causal) return i + n_k - n_q;
    return n_q == n_k ? i : (i + 0.5) * n_k / n_q - 0.5;
}

void add_head(const AttentionHead& head, double threshold, int reach, int sinks, HeadSums& sums,
              std::int64_t& pairs) {
    std::vector<bool> before(head.n_k(), false);
    for (std::size_t i = 0; i < static_cast<std::size_t>(head.valid_q); ++i) {
        std::vector<bool> now(head.n_k(), false);
        double visible = 0.0, fresh = 0.0, mass = 0.0, squares = 0.0, on_sinks = 0.0;
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (!head.allowed(i, j)) continue;
            double score = 0.0;
            for (std::size_t c = 0; c < head.d(); ++c)
                score += static_cast<double>(head.q(i, c)) * static_cast<double>(head.k(j, c));
            score *= static_cast<double>(head.scale);
            const double e = std::exp(score);
            mass += e;
            squares += e * e;
            if (j < static_cast<std::size_t>(sinks)) on_sinks += e;
            visible += 1.0;
            now[j] = score >= threshold;
            if (!now[j]) continue;
            sums.kept += 1.0;
            fresh += before[j] ? 0.0 : 1.0;
            const double distance = std::abs(static_cast<double>(j) - position_of(head, i));
            sums.near += distance <= reach ? 1.0 : 0.0;
        }
        pairs += static_cast<std::int64_t>(visible);
        before = now;
        sums.queries += 1.0;
        sums.effective += mass * mass / squares / visible;
        sums.sink += on_sinks / mass;
        if (i == 0) continue;
        sums.new_keys += fresh / visible;
        sums.later_queries += 1.0;
    }
}

bool near_asked(double realised, double asked) {
    return std::abs(realised - asked) <= 0.02 * asked;
}

}  // namespace

TemporaryTrace::TemporaryTrace(const std::string& name)
    : path_((std::filesystem::temp_directory_path() /
             fmt::format("attohm_synth_{}_{}.h5", ::getpid(), name))
                .string()) {}

Counted count_trace(const std::string& path, int local_reach, int sinks) {
    const TraceReader reader(path);
    Counted counted;
    double kept = 0.0, heads = 0.0, real = 0.0, tokens = 0.0;
    for (int l = 0; l < reader.model().layers; ++l) {
        std::vector<HeadSums> sums;
        for (int s = 0; s < reader.samples(); ++s) {
            const AttentionLayer layer = reader.layer(reader.sample(s), l, false);
            if (l == 0) counted.lengths.push_back(layer.valid_k);
            real += layer.valid_k;
            tokens += layer.n_k;
            const std::size_t count = layer.q.planes / static_cast<std::size_t>(layer.windows);
            sums.resize(count);
            for (std::size_t plane = 0; plane < layer.q.planes; ++plane) {
                const AttentionHead head = head_view(layer, s, static_cast<int>(plane));
                const int h = static_cast<int>(plane % count);
                const auto threshold = static_cast<double>(reader.thresholds()->at(l, h));
                add_head(head, threshold, local_reach, sinks, sums[plane % count], counted.pairs);
            }
        }
        for (const HeadSums& head : sums) {
            heads += 1.0;
            kept += head.kept;
            counted.new_keys += head.new_keys / head.later_queries;
            counted.effective_keys += head.effective / head.queries;
            counted.sink_mass += head.sink / head.queries;
            counted.local_share += head.near / head.kept;
        }
    }
    counted.kept = kept / static_cast<double>(counted.pairs);
    for (double* mean :
         {&counted.new_keys, &counted.effective_keys, &counted.sink_mass, &counted.local_share})
        *mean /= heads;
    counted.padding = 1.0 - real / tokens;
    return counted;
}

void check_as_asked(const SynthSpec& spec) {
    const TemporaryTrace trace("asked");
    const SynthReport report = write_synthetic_trace(spec, trace.path());
    const Counted counted = count_trace(trace.path(), spec.local_reach, spec.sinks);
    INFO(spec.name << " kept " << spec.kept << " new keys " << spec.new_keys.value_or(-1.0)
                   << " effective " << spec.effective_keys.value_or(-1.0) << " local "
                   << spec.local_share.value_or(-1.0) << " sinks " << spec.sink_mass.value_or(-1.0)
                   << " padding " << spec.padding);
    CHECK(near_asked(counted.kept, spec.kept));
    if (spec.new_keys) CHECK(near_asked(counted.new_keys, *spec.new_keys));
    if (spec.effective_keys) CHECK(near_asked(counted.effective_keys, *spec.effective_keys));
    if (spec.local_share) CHECK(near_asked(counted.local_share, *spec.local_share));
    if (spec.sink_mass) CHECK(near_asked(counted.sink_mass, *spec.sink_mass));
    if (spec.lengths.kind != Lengths::Kind::list) CHECK(near_asked(counted.padding, spec.padding));
    // The report is the count: scores in float may tip a pair only where the gap is tiny.
    CHECK(report.kept == Approx(counted.kept).epsilon(1e-4));
    CHECK(report.new_keys == Approx(counted.new_keys).epsilon(1e-3));
    CHECK(report.effective_keys == Approx(counted.effective_keys).epsilon(1e-3));
    CHECK(report.local_share == Approx(counted.local_share).epsilon(1e-3));
    CHECK(report.sink_mass == Approx(counted.sink_mass).epsilon(1e-3));
    CHECK(report.padding == Approx(counted.padding).margin(1e-12));
    CHECK(report.valid_pairs == counted.pairs);
    const TraceCheck check = check_trace(trace.path());
    CHECK(check.problems == std::vector<std::string>{});
    CHECK(check.heads_checked > 0);
}

std::string refusal(const SynthSpec& spec) {
    const TemporaryTrace trace("refused");
    try {
        write_synthetic_trace(spec, trace.path());
    } catch (const UserError& error) {
        CHECK_FALSE(std::filesystem::exists(trace.path()));
        return error.what();
    }
    return "accepted";
}

SynthSpec sized(const std::string& shape, int layers, int heads, int samples) {
    SynthSpec spec = synth_shape(shape);
    spec.layers = layers;
    spec.heads = heads;
    spec.samples = samples;
    spec.calibration = 0;
    return spec;
}

}  // namespace attohm::testing
