#include "src/replay/survey.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "src/base/error.hpp"
#include "src/replay/result_summary.hpp"
#include "src/replay/survey_cells.hpp"
#include "src/replay/text_table.hpp"

namespace attohm {

namespace {

using namespace survey_cells;

// Time.

Cell batch(const Case& c) {
    return number(static_cast<double>(c.machine.batch));
}
Cell cycles(const Case& c) {
    return number(c.cycles(), "of a batch");
}
Cell clock(const Case& c) {
    if (!(c.machine.clock_Hz > 0.0)) return unknown("the result names no clock");
    return number(c.machine.clock_Hz);
}
Cell latency(const Case& c) {
    return number(c.plan.latency.value(), "of a batch, operand writes included");
}
Cell rate(const Case& c) {
    if (!(c.plan.latency.value() > 0.0)) return unknown("no time was taken");
    return number(static_cast<double>(c.machine.batch) / c.plan.latency.value(),
                  "batches one after another");
}

double peak_macs(const Case& c) {
    double peak = 0.0;
    for (const ResourceTotal& use : c.plan.resources)
        if (use.work == "MAC") peak += use.peak;
    return peak;
}

Cell peak(const Case& c) {
    if (!(peak_macs(c) > 0.0)) return unknown("the result names no unit that multiplies");
    return number(peak_macs(c), "of all digital arrays; arrays in memory come beside them");
}

Cell utilisation(const Case& c) {
    const double most = peak_macs(c) * c.cycles();
    if (!(most > 0.0)) return unknown("the result names no unit that multiplies");
    double useful = 0.0;
    for (const ResourceTotal& use : c.plan.resources)
        if (use.work == "MAC") useful += use.useful * static_cast<double>(c.machine.batch);
    return number(useful / most, "non-zero MACs / (peak MACs x cycles), all digital arrays");
}

// Traffic.

double moved(const Case& c, double TrafficTotal::*bytes) {
    double sum = 0.0;
    for (const TrafficTotal& total : c.plan.traffic) sum += total.*bytes;
    return sum;
}

Cell moved_by_tensor(const Case& c, double TrafficTotal::*bytes) {
    std::vector<std::string> parts;
    for (const TrafficTotal& total : c.plan.traffic)
        if (total.*bytes > 0.0)
            parts.push_back(fmt::format("{} {}", total.tensor, number_text(total.*bytes, 10)));
    return words(parts.empty() ? "nothing" : listed(parts), "byte");
}

Cell offchip_read(const Case& c) {
    return number(moved(c, &TrafficTotal::read_bytes), "memory to chip");
}
Cell offchip_written(const Case& c) {
    return number(moved(c, &TrafficTotal::written_bytes), "chip to memory");
}
Cell read_tensors(const Case& c) {
    return moved_by_tensor(c, &TrafficTotal::read_bytes);
}
Cell written_tensors(const Case& c) {
    return moved_by_tensor(c, &TrafficTotal::written_bytes);
}

Cell buffer_bits(const Case& c, std::initializer_list<std::string_view> events) {
    std::int64_t sum = 0;
    bool any = false;
    for (const CountTotal& total : c.plan.counts)
        for (const std::string_view event : events)
            if (total.event == event) {
                sum += total.count;
                any = true;
            }
    if (!any) return unknown("no access to an on-chip buffer was counted");
    return number(static_cast<double>(sum) / c.inferences());
}
Cell buffer_read(const Case& c) {
    return buffer_bits(c, {"bit_read", "buffer_bit_read"});
}
Cell buffer_written(const Case& c) {
    return buffer_bits(c, {"bit_write", "buffer_bit_write"});
}
Cell network_on_chip(const Case&) {
    return unknown("the network on chip is not modelled");
}
Cell register_file(const Case&) {
    return unknown("registers of the units are not modelled");
}
Cell buffer_size(const Case& c) {
    if (!(c.machine.buffer_bytes > 0.0)) return unknown("the result names no buffer");
    return number(c.machine.buffer_bytes);
}

// Energy.

constexpr const char* kNotPriced = "the plan is not priced";

std::vector<std::string> components_without_figure(const Case& c, std::optional<EnergyLevel> of) {
    std::vector<std::string> names;
    for (const LedgerLine& line : c.priced->lines) {
        if (line.known() || (of && energy_level(line, c.plan) != *of)) continue;
        if (std::find(names.begin(), names.end(), line.component) == names.end())
            names.push_back(line.component);
    }
    return names;
}

std::string without(const std::vector<std::string>& names) {
    return names.empty() ? "" : "without a figure: " + listed(names);
}

Cell energy(const Case& c) {
    if (!c.priced) return unknown(kNotPriced);
    return number(c.priced->energy.value(), without(components_without_figure(c, std::nullopt)));
}

template <EnergyLevel level>
Cell energy_of(const Case& c) {
    if (!c.priced) return unknown(kNotPriced);
    double sum = 0.0;
    bool any = false, any_known = false;
    for (const LedgerLine& line : c.priced->lines) {
        if (energy_level(line, c.plan) != level) continue;
        any = true;
        any_known = any_known || line.known();
        sum += line.energy.value();
    }
    const std::string missing = without(components_without_figure(c, level));
    if (any_known) return number(sum, missing);
    if (any) return unknown(missing);
    if (level == EnergyLevel::standing) return unknown("the ledger has no line for it");
    return number(0.0, "the ledger has no line for it");
}

Cell energy_without_figure(const Case& c) {
    if (!c.priced) return unknown(kNotPriced);
    const auto names = components_without_figure(c, std::nullopt);
    return words(names.empty() ? "nothing" : listed(names), "their break-even is in the gains");
}

Cell power(const Case& c) {
    if (!c.priced) return unknown(kNotPriced);
    if (!(c.plan.latency.value() > 0.0)) return unknown("no time was taken");
    return number(
        c.priced->energy.value() * static_cast<double>(c.machine.batch) / c.plan.latency.value(),
        "energy of the known lines / latency");
}

Cell energy_delay(const Case& c) {
    if (!c.priced) return unknown(kNotPriced);
    return number(c.priced->energy.value() * c.plan.latency.value(),
                  "energy of an inference x latency of its batch");
}

// The chip.

/// The published area of the whole machine, else the sum of what has a figure.
Cell area(const Case& c) {
    if (c.machine.area) return number(c.machine.area->value(), "whole machine");
    double sum = 0.0;
    std::vector<std::string> missing;
    for (const AreaLine& line : c.machine.areas) {
        sum += line.area_m2.value_or(0.0);
        if (!line.area_m2) missing.push_back(line.component);
    }
    if (missing.size() == c.machine.areas.size()) return unknown("no component has a figure");
    return number(sum,
                  missing.empty() ? "sum of components" : "sum of components, " + without(missing));
}

Cell area_parts(const Case& c) {
    std::vector<std::string> parts;
    for (const AreaLine& line : c.machine.areas)
        parts.push_back(
            fmt::format("{} {}", line.component,
                        line.area_m2 ? number_text(*line.area_m2 * 1e6) : std::string("unknown")));
    return parts.empty() ? unknown("the result names no component") : words(listed(parts), "mm2");
}

Cell node(const Case& c) {
    if (!(c.machine.node_nm > 0.0)) return unknown("the result names no node");
    return number(c.machine.node_nm);
}
Cell origin(const Case&) {
    return words("simulated", "no synthesis, no layout, no measurement");
}

struct Item {
    std::string_view key, name, unit;
    Cell (*cell)(const Case&);
};

constexpr Item kItems[] = {
    {"model", "model", "", model},
    {"dataset", "dataset", "", dataset},
    {"accuracy", "accuracy", "1", accuracy},
    {"accuracy_source", "source of the accuracy", "", accuracy_source},
    {"macs", "MACs", "MAC", macs},
    {"macs_nonzero", "non-zero MACs", "MAC", macs_nonzero},
    {"macs_by_kind", "MACs by kind", "", macs_by_kind},
    {"weights", "weights", "weight", weights},
    {"weights_nonzero", "non-zero weights", "weight", weights_nonzero},
    {"operand_bits", "bits of weights and activations", "", operand_bits},
    {"batch", "batch", "inference", batch},
    {"cycles", "cycles", "cycle", cycles},
    {"clock_Hz", "clock", "Hz", clock},
    {"latency_s", "latency", "s", latency},
    {"inferences_per_s", "throughput", "inference/s", rate},
    {"peak_macs_per_cycle", "peak of the arrays", "MAC/cycle", peak},
    {"utilisation", "utilisation", "1", utilisation},
    {"offchip_read_bytes", "off-chip bytes read", "B", offchip_read},
    {"offchip_written_bytes", "off-chip bytes written", "B", offchip_written},
    {"offchip_read_by_tensor", "read, by tensor", "", read_tensors},
    {"offchip_written_by_tensor", "written, by tensor", "", written_tensors},
    {"buffer_read_bits", "on-chip buffers, read", "bit", buffer_read},
    {"buffer_written_bits", "on-chip buffers, written", "bit", buffer_written},
    {"noc_accesses", "network on chip", "access", network_on_chip},
    {"rf_accesses", "register files", "access", register_file},
    {"energy_J", "energy", "J", energy},
    {"energy_arithmetic_J", "energy: arithmetic", "J", energy_of<EnergyLevel::arithmetic>},
    {"energy_in_memory_J", "energy: scores in memory and control", "J",
     energy_of<EnergyLevel::in_memory>},
    {"energy_buffer_J", "energy: on-chip buffers", "J", energy_of<EnergyLevel::buffer>},
    {"energy_memory_J", "energy: memory", "J", energy_of<EnergyLevel::memory>},
    {"energy_standing_J", "energy: leakage and clock", "J", energy_of<EnergyLevel::standing>},
    {"energy_unknown", "components without a figure", "", energy_without_figure},
    {"power_W", "average power", "W", power},
    {"energy_delay_Js", "energy-delay product", "J s", energy_delay},
    {"area_m2", "area", "m2", area},
    {"area_by_component", "area by component", "", area_parts},
    {"buffer_bytes", "on-chip memory", "B", buffer_size},
    {"node_nm", "node", "nm", node},
    {"origin", "origin of the numbers", "", origin},
};

}  // namespace

EnergyLevel energy_level(const LedgerLine& line, const PlanSummary& plan) {
    const std::string& part = line.component;
    if (part.starts_with("memory") || part.starts_with("reram")) return EnergyLevel::memory;
    if (part.starts_with("leakage") || part.starts_with("clock")) return EnergyLevel::standing;
    if (const ResourceTotal* use = plan.resource(part))
        return use->work.empty() ? EnergyLevel::buffer : EnergyLevel::arithmetic;
    if (part.ends_with("buffer")) return EnergyLevel::buffer;
    return EnergyLevel::in_memory;
}

const SurveyField& Survey::field(std::string_view key) const {
    for (const SurveyField& f : fields)
        if (f.key == key) return f;
    throw InvariantError(fmt::format("no survey item `{}`", key));
}

std::vector<SurveyField> survey_items() {
    std::vector<SurveyField> fields;
    for (const Item& item : kItems)
        fields.push_back({item.key, item.name, item.unit, std::nullopt, "", "", ""});
    return fields;
}

std::vector<Survey> survey_of(const Result& result, const MachineOutcome& machine) {
    const Pricing* pricing = headline_pricing(machine);
    std::vector<Survey> surveys;
    for (std::size_t p = 0; p < machine.plans.size(); ++p) {
        const PlanSummary& plan = machine.plans[p];
        const PricedPlan* priced = nullptr;
        if (pricing != nullptr)
            for (const PricedPlan& one : pricing->plans)
                if (one.name == plan.name && one.scope == plan.scope) priced = &one;
        Survey survey{machine.machine, plan.name, plan.scope, priced ? pricing->name : "", {}};
        const Case c{result, machine, plan, priced};
        for (const Item& item : kItems) {
            Cell cell = item.cell(c);
            survey.fields.push_back({item.key, item.name, item.unit, cell.number,
                                     std::move(cell.words), std::move(cell.reason),
                                     std::move(cell.note)});
        }
        surveys.push_back(std::move(survey));
    }
    return surveys;
}

}  // namespace attohm
