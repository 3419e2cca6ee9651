#include "src/report/findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "src/base/text.hpp"
#include "src/replay/read_summary.hpp"
#include "src/replay/statistics.hpp"
#include "src/report/events.hpp"
#include "src/report/format.hpp"
#include "src/report/knees.hpp"
#include "src/report/metrics.hpp"

namespace attohm {

namespace {

std::string at_setting(const Group& group, const Point& point) {
    return group.points.size() > 1 ? " at " + point_label(group, point) : "";
}

std::string accuracy_sentence(const Group& group) {
    const Point& p = group.shown();
    const Accuracy& a = *p.first().accuracy;
    std::string text = fmt::format(
        "Top-1 over {}, closed loop: exact {}",
        a.nodes > 0 ? fmt::format("{} nodes", a.nodes) : fmt::format("{} samples", a.samples),
        format_interval(*top1_exact(p)));
    for (const Point& reference : group.references)
        if (reference.first().scheme != "exact" && reference.first().accuracy)
            text +=
                fmt::format(", {} {}", reference.first().scheme, format_interval(*top1(reference)));
    text += fmt::format(", {} {}{}; paired with exact {} (0.95 intervals over {}", p.first().scheme,
                        format_interval(*top1(p)), at_setting(group, p),
                        format_change(*top1_difference(p)), a.nodes > 0 ? "nodes" : "samples");
    if (p.chips.size() > 1)
        text += fmt::format("; mean of {} chips, which reach {:.3f} to {:.3f}", p.chips.size(),
                            top1_spread(p)->least, top1_spread(p)->most);
    return text + ").";
}

std::string perplexity_sentence(const Group& group) {
    const Point& p = group.shown();
    const LanguageScore& score = *p.first().language;
    std::string text =
        fmt::format("Perplexity over {} tokens of {} samples, closed loop: exact {}", score.scored,
                    score.samples, format_interval(*perplexity_exact(p)));
    for (const Point& reference : group.references)
        if (reference.first().scheme != "exact" && perplexity(reference))
            text += fmt::format(", {} {}", reference.first().scheme,
                                format_interval(*perplexity(reference)));
    text += fmt::format(", {} {}{}; {} times that of exact, paired", p.first().scheme,
                        format_interval(*perplexity(p)), at_setting(group, p),
                        format_interval(*perplexity_ratio(p)));
    text += fmt::format("; next token right {}, as exact predicts {}", format_interval(score.top1),
                        format_interval(score.agreement));
    text += fmt::format(" (0.95 intervals over samples{}",
                        score.samples < kFewSamples ? ", which are few" : "");
    if (p.chips.size() > 1)
        text += fmt::format("; perplexities are means of {} chips, the rest is of the first",
                            p.chips.size());
    return text + ").";
}

std::string fidelity_sentence(const Group& group) {
    const Point& p = group.shown();
    const HeadSummary* worst = nullptr;
    for (const HeadSummary& head : p.first().heads)
        if (head.to_exact &&
            (!worst || head.to_exact->relative_rms() > worst->to_exact->relative_rms()))
            worst = &head;
    return fmt::format(
        "Attention output of {}{} against exact: relative rms error {} over all layers and heads; "
        "worst head layer {} head {} with {}.",
        p.first().scheme, at_setting(group, p), format_figure(*output_error(p)),
        worst->report.layer, worst->report.head, format_figure(worst->to_exact->relative_rms()));
}

void decision_sentence(const Group& group, std::vector<std::string>& out) {
    const Point& p = group.shown();
    const DecisionTotals totals = decisions(p);
    const DecisionCounts& c = totals.counts;
    if (c.valid == 0 || c.ref_kept == 0) return;
    const auto kept = static_cast<double>(c.ref_kept);
    out.push_back(fmt::format(
        "{}{} keeps {} of the valid pairs. False-prune rate {} of what threshold keeps (bits "
        "alone {}), false-keep rate {} of what it prunes; the exact top-1 key is falsely pruned in "
        "{} of the rows, and pruned keys hold {} of the softmax mass.",
        p.first().scheme, at_setting(group, p),
        format_figure(rate(static_cast<double>(totals.kept_pairs), static_cast<double>(c.valid))),
        format_figure(rate(static_cast<double>(c.fp_total), kept)),
        format_figure(rate(static_cast<double>(c.fp_quant), kept)),
        format_figure(rate(static_cast<double>(c.fk_total), static_cast<double>(c.valid) - kept)),
        format_figure(
            rate(static_cast<double>(totals.top1_lost), static_cast<double>(totals.rows))),
        format_figure(rate(totals.mass_dropped, static_cast<double>(totals.rows)))));
}

void energy_sentence(const Group& group, const MachineOutcome& machine,
                     std::vector<std::string>& out) {
    const Point& p = group.shown();
    const auto all = energy_J(p, machine.machine);
    const auto without = energy_J(p, machine.machine, "", false);
    if (!all || !without) return;
    std::string text = fmt::format("Energy per inference on {} ({} prices){}, plan {}: {}",
                                   machine.machine, machine.headline, at_setting(group, p),
                                   machine.own().title(), format_si(all->mean, "J"));
    text += has_operand_writes(machine)
                ? fmt::format(", of which operand writes are {}; {} without them.",
                              format_figure(rate(all->mean - without->mean, all->mean)),
                              format_si(without->mean, "J"))
                : fmt::format("; latency {}.", format_si(machine.own().latency.value(), "s"));
    for (const PlanSummary& plan : machine.plans) {
        const double keys = plan.buffer_hits + plan.buffer_misses;
        if (&plan == &machine.own() && keys > 0.0)
            text += fmt::format(" {} of the kept keys are found in the K/V buffer.",
                                format_figure(plan.buffer_hits / keys));
    }
    if (all->mean - without->mean > 0.5 * all->mean)
        text +=
            " Operand writes dominate: every plan pays them, and pruning does not make them less.";
    out.push_back(text);
}

std::string gains_of(const Pricing& pricing, bool with_writes) {
    std::string text;
    for (const Gain& gain : pricing.gains)
        if (gain.with_writes == with_writes)
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", gain.baseline_title(),
                                format_figure(gain.energy.energy));
    return text;
}

/// Whether the best blocking of the plain machine fetches every K and V token once, and of how
/// many.
std::optional<double> tokens_fetched_once(const Group& group, const MachineOutcome& machine) {
    const Result& shown = group.shown().first();
    double rows = 0.0;
    for (const HeadSummary& head : shown.heads) rows += static_cast<double>(head.report.rows);
    const auto samples = static_cast<double>(std::max<std::int64_t>(machine.samples, 1));
    for (const PlanSummary& plan : machine.plans) {
        if (plan.name != "dense-tiled" || plan.buffer_misses > rows / samples) continue;
        return rows / samples / static_cast<double>(shown.heads.size());
    }
    return std::nullopt;
}

void gain_sentence(const Group& group, const MachineOutcome& machine,
                   std::vector<std::string>& out) {
    std::string text;
    for (const Pricing& pricing : machine.pricings) {
        if (pricing.gains.empty()) continue;
        text += has_operand_writes(machine)
                    ? fmt::format(" By {} prices: {} with operand writes; {} without.",
                                  pricing.name, gains_of(pricing, true), gains_of(pricing, false))
                    : fmt::format(" By {} prices: {}.", pricing.name, gains_of(pricing, true));
    }
    if (text.empty()) return;
    const auto tokens = tokens_fetched_once(group, machine);
    const auto fit_sentence = [](double count) {
        return fmt::format(
            " The {:.0f} tokens of a head fit the K/V buffer, so dense-tiled fetches each of them "
            "once as well: what is left to gain over it is small.",
            count);
    };
    out.push_back(fmt::format(
        "Energy gain on {} over baselines with the same MACs, clock, buffer, memory and bits."
        "{} Components without a figure are left out of both sides.{}",
        machine.machine, text, tokens ? fit_sentence(*tokens) : ""));
}

/// Which law drew the outputs, and what a reader of the numbers has to be warned of.
void read_sentence(const Group& group, std::vector<std::string>& out) {
    std::string paths, warnings;
    for (const ReadFact& fact : read_facts(group.shown().chips)) {
        if (fact.name.starts_with("queries drawn"))
            paths += fmt::format("{}{}: {}", paths.empty() ? "" : "; ", fact.name, fact.value);
        if (fact.warning)
            warnings += fmt::format(" Warning, {} {}: {}.", fact.name, fact.value, fact.note);
    }
    if (!paths.empty()) out.push_back("How the arrays were read: " + paths + "." + warnings);
}

void event_sentence(const Group& group, std::vector<std::string>& out) {
    std::string frequent;
    for (const EventRate& event : event_rates(group.shown()))
        if (event.flagged)
            frequent += fmt::format("{}{} {} {}", frequent.empty() ? "" : ", ", event.name,
                                    format_figure(event.rate), event.of);
    if (!frequent.empty()) out.push_back("Events above 0.01: " + frequent + ".");
}

}  // namespace

std::vector<std::size_t> pareto_front(std::span<const EnergyPoint> points) {
    std::vector<std::size_t> order(points.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        if (points[a].energy_J != points[b].energy_J)
            return points[a].energy_J < points[b].energy_J;
        if (points[a].top1.value != points[b].top1.value)
            return points[a].top1.value > points[b].top1.value;
        return a < b;
    });
    std::vector<std::size_t> front;
    for (const std::size_t i : order)
        if (front.empty() || points[i].top1.value > points[front.back()].top1.value)
            front.push_back(i);
    return front;
}

std::vector<std::string> findings(const Group& group) {
    std::vector<std::string> out;
    const Result& shown = group.shown().first();
    if (shown.accuracy && top1(group.shown())) out.push_back(accuracy_sentence(group));
    if (perplexity(group.shown())) out.push_back(perplexity_sentence(group));
    for (std::string& text : knee_sentences(group)) out.push_back(std::move(text));
    if (output_error(group.shown())) out.push_back(fidelity_sentence(group));
    decision_sentence(group, out);
    for (const MachineOutcome& machine : shown.machines) {
        energy_sentence(group, machine, out);
        gain_sentence(group, machine, out);
    }
    read_sentence(group, out);
    event_sentence(group, out);
    return out;
}

}  // namespace attohm
