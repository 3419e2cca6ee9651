#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/report/group.hpp"

/// Numbers of a point, chips taken together.
namespace attohm {

/// Over chips: the mean, and the smallest and largest of one chip.
struct Spread {
    double mean = 0.0;
    double least = 0.0;
    double most = 0.0;
};

/// Top-1 with its 0.95 interval over samples: value, low and high are means over the chips, which
/// all see the same samples. Nothing in the open loop and without labels.
std::optional<Interval> top1(const Point& point);
std::optional<Spread> top1_spread(const Point& point);
/// Of the exact network on the same samples.
std::optional<Interval> top1_exact(const Point& point);
/// Paired with the exact network.
std::optional<Interval> top1_difference(const Point& point);

/// Perplexity of a next-token task, of the exact network on the same samples, and their paired
/// ratio. Nothing without targets.
std::optional<Interval> perplexity(const Point& point);
std::optional<Interval> perplexity_exact(const Point& point);
std::optional<Interval> perplexity_ratio(const Point& point);

/// Top-1 of `point` less top-1 of `base` on the same samples, with a 0.95 interval: percentile
/// bootstrap over samples, each sample standing for the mean over its chips. Nothing unless both
/// ran the same samples with labels in the closed loop.
std::optional<Interval> paired_change(const Point& base, const Point& point);

/// What is the more the better: top-1, or perplexity below 0. Nothing where there is neither.
std::optional<Interval> merit(const Point& point);
/// Change of top-1, else of the loss per token below 0, from `base` to `point` on the same samples,
/// chips averaged within a sample: above 0 is better. Nothing where they cannot be paired.
std::optional<Interval> paired_merit(const Point& base, const Point& point);

/// Relative rms error of the attention output against `exact`, over all heads and chips.
std::optional<double> output_error(const Point& point);

/// Counts summed over heads and chips.
DecisionTotals decisions(const Point& point);
double rate(double part, double whole);  ///< 0 where there is no whole

const MachineOutcome* find_machine(const Result& result, std::string_view machine);
const Pricing* find_pricing(const MachineOutcome& machine, std::string_view pricing);
/// Args: title: of a plan; empty: the scheme's own.
const PricedPlan* find_plan(const Pricing& pricing, std::string_view title);

/// Whether operands are written into a memory that computes.
bool has_operand_writes(const MachineOutcome& machine);
/// Whether it is a near-memory engine and no SPRINT chip.
bool is_engine(const MachineOutcome& machine);
/// What a plan does on a machine of this kind, in words. Empty: no longer known by that name.
std::string plan_help(const MachineOutcome& machine, const std::string& plan);

/// Energy per inference under the pricing that the experiment asked for. Nothing: not priced.
std::optional<Spread> energy_J(const Point& point, std::string_view machine,
                               std::string_view plan_title = "", bool with_writes = true);

/// Whether the output was compared and not only the decisions counted (metrics.level: full).
bool detailed(const Result& result);

/// What the details of a group are shown of: the one point measured in full where there is one,
/// else the cheapest point whose top-1 or perplexity is not surely worse than the best, paired;
/// without accuracy or energy the point nearest the middle of every axis.
std::size_t choose_headline(const Group& group);

}  // namespace attohm
