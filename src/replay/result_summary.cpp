#include "src/replay/result_summary.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "src/base/error.hpp"
#include "src/replay/result_fields.hpp"

namespace attohm {

namespace {

/// Elements per row of q and k, and of v, from what the plans counted; 0: nothing was planned.
struct RowWidths {
    double d = 0.0;
    double dv = 0.0;
};

RowWidths row_widths(const Result& result) {
    for (const MachineOutcome& machine : result.machines)
        for (const PlanSummary& plan : machine.plans) {
            const auto pairs = static_cast<double>(plan.counted("softmax_element"));
            if (pairs > 0.0)
                return {static_cast<double>(plan.counted("qk_mac")) / pairs,
                        static_cast<double>(plan.counted("sv_mac")) / pairs};
        }
    return {};
}

/// What an event is counted among.
struct EventBase {
    std::string_view event;
    std::string_view base;
    double of = 0.0;
};

std::array<EventBase, 16> event_bases(const Result& result, const DecisionTotals& totals) {
    const RowWidths width = row_widths(result);
    const auto rows = static_cast<double>(totals.rows);
    const auto pairs = static_cast<double>(totals.counts.valid);
    const auto cells = static_cast<double>(totals.events.cells);
    const auto keys = static_cast<double>(totals.events.keys);
    const auto columns = static_cast<double>(totals.events.columns_read);
    const auto conversions = static_cast<double>(totals.events.conversions);
    return {{
        {"q_clipped", "elements of q", rows * width.d},
        {"k_clipped", "elements of k", keys * width.d},
        {"v_clipped", "elements of v", keys * width.dv},
        {"q_low_clipped", "elements of q", rows * width.d},
        {"threshold_clamped", "valid queries", rows},
        {"sense_clipped", "valid pairs", pairs},
        {"column_clipped", "columns read for valid pairs", columns},
        {"adc_clipped", "conversions of valid pairs", conversions},
        {"undecided", "valid pairs", pairs},
        {"conductance_floored", "cells written", cells},
        {"conductance_ceiled", "cells written", cells},
        {"stuck_cells", "cells written", cells},
        {"verify_failed", "cells written", cells},
        {"trim_clamped", "comparators in use", keys},
        {"level_errors", "elements of k", keys * width.d},
        {"borderline", "valid pairs", pairs},
    }};
}

}  // namespace

double DecisionRate::value() const {
    return of == 0 ? std::numeric_limits<double>::quiet_NaN() : count / static_cast<double>(of);
}

bool has_threshold_reference(const DecisionTotals& totals) {
    const DecisionCounts& d = totals.counts;
    return d.ref_kept > 0 || d.fk_total == d.hw_kept;
}

std::vector<DecisionRate> decision_rates(const DecisionTotals& totals, bool full) {
    const DecisionCounts& d = totals.counts;
    std::vector<DecisionRate> rates;
    const auto add = [&](std::string_view name, auto count, std::int64_t of,
                         std::string_view base) {
        rates.push_back({name, base, static_cast<double>(count), of});
    };
    const std::string_view kept = "pairs kept by threshold";
    const std::string_view pruned = "pairs pruned by threshold";
    const bool referenced = has_threshold_reference(totals);
    const std::int64_t ref_pruned = referenced ? d.valid - d.ref_kept : 0;
    const std::int64_t quant_pruned = referenced ? d.valid - d.quant_kept : 0;
    add("fp_total", d.fp_total, d.ref_kept, kept);
    add("fk_total", d.fk_total, ref_pruned, pruned);
    add("fp_quant", d.fp_quant, d.ref_kept, kept);
    add("fk_quant", d.fk_quant, ref_pruned, pruned);
    add("fp_analog", d.fp_analog, d.quant_kept, "pairs kept by threshold-q");
    add("fk_analog", d.fk_analog, quant_pruned, "pairs pruned by threshold-q");
    // Without read draws nothing is expected beyond what was counted.
    if (d.fp_expected > 0.0 || d.fk_expected > 0.0) {
        add("fp_expected", d.fp_expected, d.ref_kept, kept);
        rates.back().count_sigma = std::sqrt(d.fp_variance);
        add("fk_expected", d.fk_expected, d.valid - d.ref_kept, pruned);
        rates.back().count_sigma = std::sqrt(std::max(d.decision_variance - d.fp_variance, 0.0));
    }
    add("kept_threshold", d.ref_kept, referenced ? d.valid : 0, "valid pairs");
    add("kept_comparators", d.hw_kept, d.valid, "valid pairs");
    add("kept", totals.kept_pairs, d.valid, "valid pairs, after the empty-row rule");
    add("empty_rows", totals.empty_rows, totals.rows, "valid queries");
    if (full) {
        add("top1_lost", totals.top1_lost, totals.rows, "valid queries");
        add("mass_dropped", totals.mass_dropped, totals.rows, "softmax mass, mean over queries");
    }
    return rates;
}

std::vector<DecisionRate> decision_rates(const Result& result) {
    return decision_rates(total_decisions(result), has_full_metrics(result));
}

const DecisionRate& rate_named(const std::vector<DecisionRate>& rates, std::string_view name) {
    for (const DecisionRate& rate : rates)
        if (rate.name == name) return rate;
    throw InvariantError("no rate is named " + std::string(name));
}

bool has_decisions(const Result& result) {
    return std::any_of(result.heads.begin(), result.heads.end(),
                       [](const HeadSummary& head) { return head.report.decisions.valid > 0; });
}

bool has_full_metrics(const Result& result) {
    // Only full metrics fill the eye, and every valid pair is in it.
    const auto any = [](const std::vector<std::int64_t>& bins) {
        return std::any_of(bins.begin(), bins.end(), [](std::int64_t n) { return n > 0; });
    };
    return std::any_of(result.heads.begin(), result.heads.end(), [&](const HeadSummary& head) {
        return any(head.report.eye.kept) || any(head.report.eye.pruned);
    });
}

std::optional<Fidelity> total_fidelity(const Result& result, FidelityMember member) {
    std::optional<Fidelity> total;
    for (const HeadSummary& head : result.heads) {
        if (!(head.*member)) continue;
        if (!total) total.emplace();
        total->add(*(head.*member));
    }
    return total;
}

const HeadSummary* worst_head(const Result& result, FidelityMember member) {
    const HeadSummary* worst = nullptr;
    for (const HeadSummary& head : result.heads) {
        if (!(head.*member)) continue;
        if (worst == nullptr || (head.*member)->relative_rms() > (worst->*member)->relative_rms())
            worst = &head;
    }
    return worst;
}

std::optional<double> largest_golden_error(const Result& result,
                                           std::optional<double> SampleOutcome::*member) {
    std::optional<double> largest;
    for (const SampleOutcome& sample : result.samples)
        if (const auto& error = sample.*member) largest = std::max(largest.value_or(0.0), *error);
    return largest;
}

std::vector<LayerTotals> layer_totals(const Result& result) {
    const auto add = [](std::optional<Fidelity>& sum, const std::optional<Fidelity>& part) {
        if (!part) return;
        if (!sum) sum.emplace();
        sum->add(*part);
    };
    std::vector<LayerTotals> layers;
    for (const HeadSummary& head : result.heads) {
        if (layers.empty() || layers.back().layer != head.report.layer)
            layers.push_back({head.report.layer, {}, {}, {}});
        layers.back().decisions.add(head.report);
        add(layers.back().to_exact, head.to_exact);
        add(layers.back().to_threshold, head.to_threshold);
    }
    return layers;
}

std::optional<double> CountedEvent::rate() const {
    if (!(of > 0.0)) return std::nullopt;
    return static_cast<double>(count) / of;
}

bool CountedEvent::flagged() const {
    return rate().value_or(0.0) > kFlaggedRate;
}

std::vector<CountedEvent> counted_events(const Result& result) {
    return counted_events(total_decisions(result), result);
}

std::vector<CountedEvent> counted_events(const DecisionTotals& totals, const Result& like) {
    std::vector<CountedEvent> events;
    for (const EventBase& base : event_bases(like, totals))
        for (const Field<HeadEvents>& field : event_fields()) {
            if (field.name != base.event) continue;
            const FieldValue count = get(field, totals.events);
            events.push_back(
                {field.name, field.help, std::get<std::int64_t>(count), base.of, base.base});
        }
    return events;
}

const Pricing* headline_pricing(const MachineOutcome& machine) {
    for (const Pricing& pricing : machine.pricings)
        if (pricing.name == machine.headline) return &pricing;
    return nullptr;
}

std::vector<ComponentEnergy> component_energies(const Pricing& pricing) {
    std::vector<ComponentEnergy> components;
    const std::size_t plans = pricing.plans.size();
    for (std::size_t plan = 0; plan < plans; ++plan)
        for (const LedgerLine& line : pricing.plans[plan].lines) {
            auto found = std::find_if(
                components.begin(), components.end(),
                [&](const ComponentEnergy& c) { return c.component == line.component; });
            if (found == components.end()) {
                components.push_back({line.component, std::vector<double>(plans, 0.0),
                                      std::vector<bool>(plans, false)});
                found = components.end() - 1;
            }
            found->energy_J[plan] += line.energy.value();
            if (!line.known()) found->unknown[plan] = true;
        }
    return components;
}

std::vector<std::string> assumed_keys(const std::vector<std::string>& assumed) {
    std::vector<std::string> keys;
    for (const std::string& text : assumed) keys.push_back(text.substr(0, text.find(" = ")));
    return keys;
}

}  // namespace attohm
