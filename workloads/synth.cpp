#include "workloads/synth.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/base/progress.hpp"
#include "workloads/synth_plan.hpp"
#include "workloads/synth_tensors.hpp"

namespace attohm {

namespace {

/// How far a realised statistic may lie from the asked one, relative to it.
constexpr double kTolerance = 0.02;

std::vector<SynthHead> solve_all(const SynthPlan& plan) {
    const std::vector<SynthTarget> targets = targets_of(plan);
    std::vector<SynthPlace> places;
    for (std::size_t l = 0; l < plan.attention.size(); ++l)
        for (int head = 0; head < plan.attention[l].size.heads; ++head)
            places.push_back(place_of(plan.attention[l].size, static_cast<int>(l), head));
    std::vector<SynthHead> solved(places.size());
    Progress progress("thresholds", "heads", static_cast<std::int64_t>(places.size()));
    parallel_for(places.size(), [&](std::size_t i) {
        const AttentionPlan& layer = plan.attention[static_cast<std::size_t>(places[i].layer)];
        solved[i] = solve_head(plan.spec, layer.size, places[i], targets[i]);
        progress.tick();
    });
    return solved;
}

SynthReport report_of(const SynthPlan& plan, const std::vector<SynthHead>& solved) {
    SynthReport report;
    report.padding = plan.padding;
    report.lengths = plan.lengths;
    for (const LayerShape& layer : plan.layers) report.macs += layer.macs();
    for (const AttentionPlan& layer : plan.attention)
        report.valid_pairs += layer.pairs * layer.size.heads;
    for (const SynthHead& head : solved) {
        const auto count = static_cast<double>(solved.size());
        report.kept += static_cast<double>(head.kept) / static_cast<double>(report.valid_pairs);
        report.new_keys += head.new_keys / count;
        report.effective_keys += head.effective_keys / count;
        report.local_share += head.local_share / count;
        report.sink_mass += head.sink_mass / count;
    }
    return report;
}

bool met(double asked, double realised) {
    return std::abs(realised - asked) <= kTolerance * asked;
}

/// Few tokens make coarse fractions, and statistics act on each other: what cannot be met is
/// refused rather than missed.
void require_met(const char* what, const std::optional<double>& asked, double realised,
                 const std::string& range = "") {
    if (!asked || met(*asked, realised)) return;
    refuse_synth(fmt::format("{} cannot be met within 2 % with these tokens, heads and samples and "
                             "the other statistics",
                             what),
                 fmt::format("{}", *asked), fmt::format("{}nearest: {:.6g}", range, realised));
}

/// What the search saw at both ends, mean over heads.
std::string local_range(const std::vector<SynthHead>& solved) {
    double low = 0.0, high = 0.0;
    for (const SynthHead& head : solved) {
        low += head.local_low / static_cast<double>(solved.size());
        high += head.local_high / static_cast<double>(solved.size());
    }
    return fmt::format("{:.6g} to {:.6g} at this kept fraction and reach; ", low, high);
}

/// A sink alone bounds the participation ratio of its row: p of a sink, (1 - p) over the rest.
std::string concentration_range(const SynthPlan& plan) {
    double least = 0.0, most = 0.0, heads = 0.0;
    for (const AttentionPlan& layer : plan.attention) {
        const double keys = static_cast<double>(layer.pairs) /
                            (static_cast<double>(layer.size.n_q) * layer.size.windows *
                             static_cast<double>(layer.valid.size()));
        const double mass = plan.spec.sink_mass.value_or(0.0);
        const double sinks = plan.spec.sinks;
        const double squares =
            plan.spec.sink_mass ? mass * mass / sinks + (1.0 - mass) * (1.0 - mass) / (keys - sinks)
                                : 1.0 / keys;
        least += layer.size.heads / keys;
        most += layer.size.heads / (squares * keys);
        heads += layer.size.heads;
    }
    return fmt::format("about {:.6g} to {:.6g}{}; ", least / heads, most / heads,
                       plan.spec.sink_mass ? " with this mass on sinks" : "");
}

void require_all_met(const SynthPlan& plan, const std::vector<SynthHead>& solved,
                     const SynthReport& report) {
    const SynthSpec& spec = plan.spec;
    if (solved.empty()) return;
    require_met("kept", spec.kept, report.kept);
    require_met("local share", spec.local_share, report.local_share, local_range(solved));
    require_met("effective keys", spec.effective_keys, report.effective_keys,
                concentration_range(plan));
    require_met("sink mass", spec.sink_mass, report.sink_mass);
    require_met("new keys", spec.new_keys, report.new_keys);
}

}  // namespace

SynthReport write_synthetic_trace(const SynthSpec& asked, const std::string& path) {
    const SynthPlan plan = plan_synth(asked);
    // A list of lengths says what it is by itself.
    if (asked.lengths.kind != Lengths::Kind::list)
        require_met("padding", asked.padding, plan.padding);
    if (asked.shape_only) {
        write_shapes(plan, path);
        return report_of(plan, {});
    }
    const std::vector<SynthHead> solved = solve_all(plan);
    const SynthReport report = report_of(plan, solved);
    require_all_met(plan, solved, report);
    write_tensors(plan, solved, path);
    return report;
}

}  // namespace attohm
