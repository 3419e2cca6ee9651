#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/replay/result_summary.hpp"
#include "src/replay/result_table.hpp"
#include "src/replay/survey.hpp"
#include "src/replay/text_table.hpp"

/// The cost side of a result on a terminal.
namespace attohm {

namespace {

/// Whether operands are written into a memory that computes.
bool has_writes(const MachineOutcome& machine) {
    for (const Pricing& pricing : machine.pricings)
        for (const PricedPlan& plan : pricing.plans)
            for (const LedgerLine& line : plan.lines)
                if (line.operand_write) return true;
    return false;
}

bool has_model(const MachineOutcome& machine) {
    return std::any_of(machine.plans.begin(), machine.plans.end(), [](const PlanSummary& plan) {
        return plan.scope == cost_scope_name(CostScope::model);
    });
}

bool has_tokens(const MachineOutcome& machine) {
    return std::any_of(machine.plans.begin(), machine.plans.end(), [](const PlanSummary& plan) {
        return plan.buffer_hits + plan.buffer_misses > 0.0;
    });
}

/// The scheme's own plan stands under the scheme's name.
std::vector<std::string> plan_header(const MachineOutcome& machine, const std::string& scheme,
                                     const std::string& corner) {
    std::vector<std::string> header = {corner};
    for (const PlanSummary& plan : machine.plans)
        header.push_back(plan.name == machine.own().name ? plan_title(scheme, plan.scope)
                                                         : plan.title());
    return header;
}

std::string energy_text(const MachineOutcome& machine, const Pricing& pricing,
                        const std::string& scheme) {
    TextTable table;
    table.row(plan_header(machine, scheme, "energy"));
    bool any_unknown = false;
    for (const ComponentEnergy& component : component_energies(pricing)) {
        std::vector<std::string> row = {component.component};
        for (std::size_t plan = 0; plan < component.energy_J.size(); ++plan) {
            const double energy = component.energy_J[plan];
            const bool unknown = component.unknown[plan];
            any_unknown = any_unknown || unknown;
            std::string cell = energy > 0.0 ? engineering_text(energy, "J") : unknown ? "" : "-";
            if (unknown) cell += energy > 0.0 ? " + unknown" : "unknown";
            row.push_back(cell);
        }
        table.row(row);
    }
    std::vector<std::string> total = {"total"};
    std::vector<std::string> dry = {"total without writes"};
    for (const PricedPlan& plan : pricing.plans) {
        total.push_back(engineering_text(plan.energy.value(), "J"));
        dry.push_back(engineering_text(plan.energy_without_writes.value(), "J"));
    }
    table.row(total);
    if (has_writes(machine)) table.row(dry);
    return table.text() +
           (any_unknown ? "  (totals leave out what is unknown; the ranges below do not)\n" : "");
}

std::string latency_text(const MachineOutcome& machine, const std::string& scheme) {
    TextTable table;
    table.row(plan_header(machine, scheme, "time and traffic"));
    const auto row = [&](const std::string& name, auto cell) {
        std::vector<std::string> cells = {name};
        for (const PlanSummary& plan : machine.plans) cells.push_back(cell(plan));
        table.row(cells);
    };
    row(machine.batch > 1 ? fmt::format("latency of {}", machine.batch) : "latency",
        [](const PlanSummary& p) { return engineering_text(p.latency.value(), "s"); });
    if (has_writes(machine))
        row("latency without writes", [](const PlanSummary& p) {
            return engineering_text(p.latency_without_writes.value(), "s");
        });
    // Cycles of the machine's clock as time: a plan's own latency gives the period.
    for (std::size_t r = 0; r < machine.own().resources.size(); ++r)
        row(fmt::format("busy: {}", machine.own().resources[r].resource),
            [r, &machine](const PlanSummary& p) {
                if (p.latency_cycles == 0) return std::string("-");
                const double cycles =
                    static_cast<double>(p.latency_cycles) / static_cast<double>(machine.samples);
                return engineering_text(p.resources[r].busy_cycles / cycles * p.latency.value(),
                                        "s");
            });
    const auto sum = [](const PlanSummary& p, double TrafficTotal::*bytes) {
        double total = 0.0;
        for (const TrafficTotal& moved : p.traffic) total += moved.*bytes;
        return engineering_text(total, "B");
    };
    row("read from memory",
        [&](const PlanSummary& p) { return sum(p, &TrafficTotal::read_bytes); });
    row("written to memory",
        [&](const PlanSummary& p) { return sum(p, &TrafficTotal::written_bytes); });
    if (!has_tokens(machine)) return table.text();
    row("K/V buffer hits, tokens",
        [](const PlanSummary& p) { return fmt::format("{:.0f}", p.buffer_hits); });
    row("K/V buffer misses, tokens",
        [](const PlanSummary& p) { return fmt::format("{:.0f}", p.buffer_misses); });
    return table.text();
}

std::string facts_text(const MachineOutcome& machine) {
    std::string text;
    for (const MachineFact& fact : machine.facts)
        text += fmt::format("\n  {}: {} ({})", fact.name,
                            fact.value ? engineering_text(*fact.value, fact.unit) : "unknown",
                            fact.reason);
    return text.empty() ? text : "\nThe cells of the memory" + text + "\n";
}

/// Share of a plan's known energy that operand writes take.
double write_share(const PricedPlan& plan) {
    const double total = plan.energy.value();
    return total > 0.0 ? 1.0 - plan.energy_without_writes.value() / total : 0.0;
}

std::string gains_text(const MachineOutcome& machine, const std::string& scheme) {
    TextTable table;
    std::vector<std::string> header = {"gain of " + scheme + " over"};
    for (const Pricing& pricing : machine.pricings)
        header.insert(header.end(), {pricing.name + " energy", "range"});
    header.emplace_back("speedup");
    table.row(header);
    const Pricing& first = machine.pricings.front();
    for (const Gain& gain : first.gains) {
        if (!gain.with_writes && !has_writes(machine)) continue;
        std::vector<std::string> row = {gain.baseline_title()};
        if (has_writes(machine)) row[0] += gain.with_writes ? ", with writes" : ", without writes";
        for (const Pricing& pricing : machine.pricings) {
            const Gain* found = nullptr;
            for (const Gain& other : pricing.gains)
                if (other.baseline_title() == gain.baseline_title() &&
                    other.with_writes == gain.with_writes)
                    found = &other;
            if (found == nullptr) {
                row.insert(row.end(), {"-", ""});
                continue;
            }
            const EnergyGain& energy = found->energy;
            row.push_back(number_text(energy.energy) + "x");
            row.push_back(
                energy.low == energy.high
                    ? std::string("exact")
                    : fmt::format("[{}, {}]", number_text(energy.low), number_text(energy.high)));
        }
        row.push_back(number_text(gain.speedup) + "x");
        table.row(row);
    }
    return table.text() +
           "  (same machine: MACs, clock, buffer, bandwidth, bits; range: whatever the unknown "
           "energies are)\n";
}

}  // namespace

std::string machine_table(const Result& result, const MachineOutcome& machine) {
    const std::string& scheme = result.scheme;
    std::string text = fmt::format(
        "\nMachine {}, per inference, attention of all layers and heads{} (area {})\n",
        machine.machine, has_model(machine) ? "; `model`: everything else too" : "",
        machine.area ? fmt::format("{} mm2", number_text(machine.area->value() * 1e6)) : "unknown");
    text += latency_text(machine, scheme);
    if (const Pricing* pricing = headline_pricing(machine)) {
        text += fmt::format("\n{}, {} prices\n", machine.machine, pricing->name);
        text += energy_text(machine, *pricing, scheme);
        if (!pricing->plans.empty() && has_writes(machine))
            text += fmt::format("  writes of Q, K and V take {} of the energy of {}\n",
                                number_text(write_share(pricing->plans.front())), scheme);
    }
    text += facts_text(machine);
    if (!machine.pricings.empty() && !machine.pricings.front().gains.empty())
        text += "\n" + gains_text(machine, scheme);
    return text + survey_summary(result, machine);
}

}  // namespace attohm
