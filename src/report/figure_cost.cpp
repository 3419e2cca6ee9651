#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/report/format.hpp"
#include "src/report/metrics.hpp"
#include "src/report/vega_lite.hpp"

/// Where energy and time go, of the setting shown.
namespace attohm {

namespace {

struct ComponentColour {
    std::string_view component;
    std::string_view colour;
};

/// Fixed, so that a component looks the same in every plot; in the order of the stacks.
constexpr ComponentColour kComponents[] = {
    {"reram_write", "#0072b2"},
    {"reram_spill", "#56b4e9"},
    {"reram_read", "#009e73"},
    {"in_memory", "#d55e00"},
    {"word_line_driver", "#e69f00"},
    {"word_line_dac", "#cc6677"},
    {"comparator", "#aa4499"},
    {"kv_buffer", "#ddcc77"},
    {"qk_pu", "#999933"},
    {"softmax", "#8c8c8c"},
    {"v_pu", "#44aa99"},
    {"memory", "#009e73"},
};

/// Of components that the table lacks (those of engines have names of their own), in the order of
/// the ledger.
constexpr std::string_view kOtherColours[] = {"#0072b2", "#e69f00", "#009e73", "#cc6677",
                                              "#56b4e9", "#aa4499", "#ddcc77", "#44aa99",
                                              "#d55e00", "#999933", "#8c8c8c", "#332288"};

struct Components {
    Json names = Json::array();
    Json colours = Json::array();

    int order(const std::string& name) const {
        for (std::size_t i = 0; i < names.size(); ++i)
            if (names[i] == name) return static_cast<int>(i);
        return static_cast<int>(names.size());
    }
};

/// Components with a known energy anywhere on the machine; those the table lacks come last.
Components components_of(const MachineOutcome& machine) {
    std::vector<std::string> used;
    for (const Pricing& pricing : machine.pricings)
        for (const PricedPlan& plan : pricing.plans)
            for (const LedgerLine& line : plan.lines)
                if (line.energy.value() > 0.0 &&
                    std::find(used.begin(), used.end(), line.component) == used.end())
                    used.push_back(line.component);
    Components out;
    for (const ComponentColour& c : kComponents) {
        const auto at = std::find(used.begin(), used.end(), c.component);
        if (at == used.end()) continue;
        out.names.push_back(c.component);
        out.colours.push_back(c.colour);
        used.erase(at);
    }
    std::vector<std::string_view> free;
    for (const std::string_view colour : kOtherColours)
        if (std::find(out.colours.begin(), out.colours.end(), colour) == out.colours.end())
            free.push_back(colour);
    for (std::size_t i = 0; i < used.size(); ++i) {
        out.names.push_back(used[i]);
        out.colours.push_back(free.empty() ? kGrey : free[i % free.size()]);
    }
    return out;
}

double largest_energy(const MachineOutcome& machine) {
    double most = 0.0;
    for (const Pricing& pricing : machine.pricings)
        for (const PricedPlan& plan : pricing.plans) most = std::max(most, plan.energy.value());
    return most;
}

constexpr const char* kWith = "with operand writes";
constexpr const char* kWithout = "without operand writes";
constexpr const char* kAll = "all energy";

std::vector<const char*> write_kinds(const MachineOutcome& machine) {
    if (has_operand_writes(machine)) return {kWith, kWithout};
    return {kAll};
}

/// One row per plan, pricing and component, writes included and not.
Json energy_rows(const MachineOutcome& machine, const Components& components, double factor) {
    Json rows = Json::array();
    for (const Pricing& pricing : machine.pricings)
        for (const PricedPlan& plan : pricing.plans)
            for (const char* writes : write_kinds(machine))
                for (const auto& name : components.names) {
                    double energy = 0.0;
                    for (const LedgerLine& line : plan.lines)
                        if (line.component == name && (writes != kWithout || !line.operand_write))
                            energy += line.energy.value();
                    if (energy <= 0.0) continue;
                    rows.push_back({{"p", pricing.name + " prices"},
                                    {"plan", plan.title()},
                                    {"w", writes},
                                    {"c", name},
                                    {"o", components.order(name)},
                                    {"e", rounded(energy * factor)}});
                }
    return rows;
}

bool has_model(const MachineOutcome& machine) {
    return std::any_of(machine.plans.begin(), machine.plans.end(), [](const PlanSummary& plan) {
        return plan.scope == cost_scope_name(CostScope::model);
    });
}

Json names_of(const MachineOutcome& machine) {
    Json names = Json::array();
    for (const PlanSummary& plan : machine.plans) names.push_back(plan.title());
    return names;
}

Figure energy_figure(const MachineOutcome& machine) {
    const Components components = components_of(machine);
    const SiScale scale = si_scale(largest_energy(machine));
    const std::string unit = fmt::format("{}J", scale.prefix);
    Json body = Json::parse(R"json({
      "facet": {"row": {"field": "w", "type": "nominal", "title": null, "sort": null,
                        "header": {"labelAngle": 0, "labelOrient": "top", "labelAnchor": "start"}},
                "column": {"field": "p", "type": "nominal", "title": null, "sort": null}},
      "resolve": {"scale": {"x": "independent"}},
      "spec": {"height": {"step": 24}, "mark": {"type": "bar", "stroke": "white", "strokeWidth": 0.4},
               "encoding": {"y": {"field": "plan", "type": "nominal", "title": null},
                            "x": {"field": "e", "type": "quantitative", "stack": "zero"},
                            "order": {"field": "o"}}}})json");
    body["facet"]["row"]["sort"] = write_kinds(machine);
    body["facet"]["column"]["sort"] = Json::array();
    for (const Pricing& pricing : machine.pricings)
        body["facet"]["column"]["sort"].push_back(pricing.name + " prices");
    Json& encoding = body["spec"]["encoding"];
    body["spec"]["width"] = machine.pricings.size() > 2 ? 230 : 340;
    encoding["y"]["sort"] = names_of(machine);
    encoding["x"]["title"] = fmt::format("Energy per inference ({})", unit);
    encoding["color"] = {{"field", "c"},
                         {"type", "nominal"},
                         {"title", "Component"},
                         {"sort", components.names},
                         {"scale", {{"domain", components.names}, {"range", components.colours}}}};
    encoding["tooltip"] =
        Json::array({tip("plan", "plan"), tip("p", "prices"), tip("c", "component"),
                     tip("e", fmt::format("energy ({})", unit), ".4g")});
    return make_figure(
        "energy-" + machine.machine, "Energy by component, " + machine.machine,
        std::string(has_model(machine)
                        ? "Per inference; plans without a scope: attention of all layers and "
                          "heads, `model`: the linear operators around it too. "
                        : "Per inference, attention only (projections and output write-back are "
                          "the same for every plan and left out). ") +
            "Components without a figure add nothing; they stand in the ledger as unknown.",
        body, energy_rows(machine, components, scale.factor));
}

/// Seconds per cycle, from the plan's own latency; 0 where it took none.
double cycle_time(const MachineOutcome& machine) {
    for (const PlanSummary& plan : machine.plans)
        if (plan.latency_cycles > 0)
            return plan.latency.value() * static_cast<double>(machine.samples) /
                   static_cast<double>(plan.latency_cycles);
    return 0.0;
}

Figure latency_figure(const MachineOutcome& machine) {
    double most = 0.0;
    for (const PlanSummary& plan : machine.plans) most = std::max(most, plan.latency.value());
    const SiScale scale = si_scale(most);
    const double cycle = cycle_time(machine);
    Json rows = Json::array(), order = Json::array();
    for (const ResourceTotal& use : machine.own().resources) order.push_back(use.resource);
    order.push_back("latency without writes");
    order.push_back("latency");
    const auto add = [&](const PlanSummary& plan, std::string_view what, double seconds) {
        if (seconds > 0.0)
            rows.push_back(
                {{"plan", plan.title()}, {"r", what}, {"t", rounded(seconds * scale.factor)}});
    };
    for (const PlanSummary& plan : machine.plans) {
        for (const ResourceTotal& use : plan.resources)
            add(plan, use.resource, use.busy_cycles * cycle * static_cast<double>(machine.batch));
        if (has_operand_writes(machine))
            add(plan, "latency without writes", plan.latency_without_writes.value());
        add(plan, "latency", plan.latency.value());
    }
    Json body = Json::parse(R"json({"width": 680, "height": {"step": 9, "for": "offset"},
      "mark": {"type": "bar"},
      "encoding": {"y": {"field": "r", "type": "nominal", "title": null},
                   "yOffset": {"field": "plan", "type": "nominal"},
                   "x": {"field": "t", "type": "quantitative"},
                   "color": {"field": "plan", "type": "nominal", "title": "Plan"}}})json");
    Json& encoding = body["encoding"];
    encoding["y"]["sort"] = order;
    encoding["yOffset"]["sort"] = names_of(machine);
    encoding["x"]["title"] =
        machine.batch > 1 ? fmt::format("Time of {} inferences ({}s)", machine.batch, scale.prefix)
                          : fmt::format("Time per inference ({}s)", scale.prefix);
    encoding["color"]["scale"] = {{"domain", names_of(machine)},
                                  {"range", {kBlue, kRed, kOrange, kGreen, kSky, kPurple, kGrey}}};
    encoding["tooltip"] = Json::array({tip("plan", "plan"), tip("r", "resource"),
                                       tip("t", fmt::format("time ({}s)", scale.prefix), ".4g")});
    return make_figure("latency-" + machine.machine, "Time by resource, " + machine.machine,
                       is_engine(machine)
                           ? "How long each unit, buffer port and the memory are busy; latency is "
                             "what the schedule of their tasks takes, waiting included."
                           : "Queries of a head are chains of tasks on these resources; fill is "
                             "what a head takes beyond its busiest one. Operand writes stand in "
                             "front of a head, and heads follow one another.",
                       body, rows);
}

}  // namespace

std::vector<Figure> energy_figures(const Group& group) {
    std::vector<Figure> figures;
    for (const MachineOutcome& machine : group.shown().first().machines)
        if (largest_energy(machine) > 0.0) figures.push_back(energy_figure(machine));
    return figures;
}

std::vector<Figure> latency_figures(const Group& group) {
    std::vector<Figure> figures;
    for (const MachineOutcome& machine : group.shown().first().machines)
        if (cycle_time(machine) > 0.0) figures.push_back(latency_figure(machine));
    return figures;
}

}  // namespace attohm
