#include <fmt/format.h>

#include <algorithm>

#include "src/replay/result_columns.hpp"
#include "src/replay/result_parts.hpp"

/// The cost side of a result file, flat: every table names the ordinals of the rows that it belongs
/// to, so that a reader joins them without walking groups.
namespace attohm {

namespace {

/// Elements of one level with the ordinal of their parent.
template <class Row>
struct Level {
    std::vector<const Row*> rows;
    std::vector<std::int64_t> parents;

    void add(const std::vector<Row>& children, std::size_t parent) {
        for (const Row& child : children) {
            rows.push_back(&child);
            parents.push_back(static_cast<std::int64_t>(parent));
        }
    }
};

/// The children of every row of a level.
template <class Child, class Rows, class Member>
Level<Child> children_of(const Rows& rows, Member member) {
    Level<Child> level;
    for (std::size_t i = 0; i < rows.size(); ++i) level.add(member(*rows[i]), i);
    return level;
}

constexpr std::string_view kMachineOrdinal = "machine_ordinal";
constexpr std::string_view kPricingOrdinal = "pricing_ordinal";
constexpr std::string_view kPricedOrdinal = "priced_ordinal";
constexpr std::string_view kGainOrdinal = "gain_ordinal";

void write_machine_table(const H5Group& result, const std::vector<MachineOutcome>& machines) {
    const ColumnWriter table(result, "machines", machines.size(), "per machine");
    table.fields(machine_fields(), row_pointers(machines));
    std::vector<std::string> settings;
    std::vector<std::string> assumed;
    std::vector<std::int64_t> owners;
    for (std::size_t i = 0; i < machines.size(); ++i) {
        settings.push_back(machines[i].resolved_yaml);
        for (const std::string& key : machines[i].assumed) {
            assumed.push_back(key);
            owners.push_back(static_cast<std::int64_t>(i));
        }
    }
    table.texts("settings", "resolved settings of the machine, YAML", settings);
    const ColumnWriter keys(result, "machine_assumed", assumed.size(),
                            "per assumed number of a machine");
    keys.ordinals(kMachineOrdinal, "row of /machines", owners);
    keys.texts("key", "key of the machine whose value is assumed", assumed);
}

/// Writes the children of every row of a level as a table that names its rows.
template <class Row, class Parent>
void write_level(const H5Group& result, std::string_view name, std::string scope,
                 std::string_view ordinal, std::string_view parent_table, Fields<Row> fields,
                 const std::vector<const Parent*>& owners, std::vector<Row> Parent::*member) {
    const auto level = children_of<Row>(
        owners, [member](auto& p) -> auto& { return p.*member; });
    const ColumnWriter table(result, name, level.rows.size(), std::move(scope));
    table.ordinals(ordinal, fmt::format("row of /{}", parent_table), level.parents);
    table.fields(fields, level.rows);
}

constexpr std::string_view kPlanOrdinal = "plan_ordinal";

void write_plan_levels(const H5Group& result, const std::vector<const PlanSummary*>& plans) {
    const auto write = [&](std::string_view name, const char* scope, auto fields, auto member) {
        write_level(result, name, scope, kPlanOrdinal, "plans", fields, plans, member);
    };
    write("plan_counts", "per plan and event, summed over samples", count_fields(),
          &PlanSummary::counts);
    write("plan_measured", "per plan and measurement, summed over samples", measured_fields(),
          &PlanSummary::measured);
    write("plan_resources", "per plan and resource", resource_fields(), &PlanSummary::resources);
    write("plan_traffic", "per plan and tensor", traffic_fields(), &PlanSummary::traffic);
    write("plan_layers", "per plan and layer", layer_time_fields(), &PlanSummary::layers);
}

void write_gains(const H5Group& result, const std::vector<const Pricing*>& pricings) {
    const auto gains = children_of<Gain>(
        pricings, [](auto& p) -> auto& { return p.gains; });
    const ColumnWriter table(result, "gains", gains.rows.size(),
                             "scheme against a baseline on the same machine, per inference");
    table.ordinals(kPricingOrdinal, "row of /pricings", gains.parents);
    table.fields(gain_fields(), gains.rows);
    table.fields(energy_gain_fields(), part_pointers(
                                           gains.rows, [](auto& g) -> auto& { return g.energy; }));

    const auto even = children_of<BreakEven>(
        gains.rows, [](auto& g) -> auto& { return g.energy.break_even; });
    const ColumnWriter evens(result, "break_even", even.rows.size(),
                             "per gain and energy without a figure");
    evens.ordinals(kGainOrdinal, "row of /gains", even.parents);
    evens.fields(break_even_fields(), even.rows);
}

/// Hands every child to its parent, in order.
template <class Row, class Parent>
void hand_out(std::vector<Row>& rows, const std::vector<std::int64_t>& parents,
              const std::vector<Parent*>& owners, std::vector<Row> Parent::*member) {
    for (std::size_t i = 0; i < rows.size(); ++i)
        (owners[static_cast<std::size_t>(parents[i])]->*member).push_back(std::move(rows[i]));
}

/// Pointers to all children, parents in order.
template <class Row, class Parent>
std::vector<Row*> all_children(const std::vector<Parent*>& owners,
                               std::vector<Row> Parent::*member) {
    std::vector<Row*> pointers;
    for (Parent* owner : owners)
        for (Row& row : owner->*member) pointers.push_back(&row);
    return pointers;
}

/// Reads a table whose rows belong to `owners`, and hands the rows out.
template <class Row, class Parent>
std::vector<Row*> read_level(const H5Group& result, std::string_view name, Fields<Row> fields,
                             std::string_view ordinal, const std::vector<Parent*>& owners,
                             std::vector<Row> Parent::*member) {
    const ColumnReader table(result, name);
    std::vector<Row> rows(table.rows());
    table.fields(fields, row_pointers(rows));
    hand_out(rows, table.ordinals(ordinal, owners.size()), owners, member);
    return all_children(owners, member);
}

void read_gains(const H5Group& result, const std::vector<Pricing*>& pricings) {
    const auto gains =
        read_level(result, "gains", gain_fields(), kPricingOrdinal, pricings, &Pricing::gains);
    const ColumnReader table(result, "gains");
    const auto energies = part_pointers(
        gains, [](auto& g) -> auto& { return g.energy; });
    table.fields(energy_gain_fields(), energies);
    read_level(result, "break_even", break_even_fields(), kGainOrdinal, energies,
               &EnergyGain::break_even);
}

}  // namespace

void write_machines(const H5Group& result, const std::vector<MachineOutcome>& machines) {
    write_machine_table(result, machines);
    const auto outcomes = row_pointers(machines);

    const auto plans = children_of<PlanSummary>(
        outcomes, [](auto& m) -> auto& { return m.plans; });
    const ColumnWriter plan_table(result, "plans", plans.rows.size(),
                                  "per machine and plan, per inference");
    plan_table.ordinals(kMachineOrdinal, "row of /machines", plans.parents);
    plan_table.fields(plan_fields(), plans.rows);
    write_plan_levels(result, plans.rows);
    write_level(result, "machine_areas", "per component of a machine", kMachineOrdinal, "machines",
                area_fields(), outcomes, &MachineOutcome::areas);
    write_level(result, "machine_facts", "per figure of a machine", kMachineOrdinal, "machines",
                fact_fields(), outcomes, &MachineOutcome::facts);

    const auto pricings = children_of<Pricing>(
        outcomes, [](auto& m) -> auto& { return m.pricings; });
    const ColumnWriter pricing_table(result, "pricings", pricings.rows.size(),
                                     "per machine and pricing");
    pricing_table.ordinals(kMachineOrdinal, "row of /machines", pricings.parents);
    pricing_table.fields(pricing_fields(), pricings.rows);
    pricing_table.fields(energy_option_fields(),
                         part_pointers(
                             pricings.rows, [](auto& p) -> auto& { return p.sources; }));

    const auto priced = children_of<PricedPlan>(
        pricings.rows, [](auto& p) -> auto& { return p.plans; });
    const ColumnWriter priced_table(result, "priced_plans", priced.rows.size(),
                                    "per machine, pricing and plan, per inference");
    priced_table.ordinals(kPricingOrdinal, "row of /pricings", priced.parents);
    priced_table.fields(priced_fields(), priced.rows);

    const auto lines = children_of<LedgerLine>(
        priced.rows, [](auto& p) -> auto& { return p.lines; });
    const ColumnWriter ledger(result, "ledger", lines.rows.size(),
                              "per machine, pricing, plan and event, per inference");
    ledger.ordinals(kPricedOrdinal, "row of /priced_plans", lines.parents);
    ledger.fields(ledger_fields(), lines.rows);
    write_gains(result, pricings.rows);
}

std::vector<MachineOutcome> read_machines(const H5Group& result) {
    const ColumnReader table(result, "machines");
    std::vector<MachineOutcome> machines(table.rows());
    const auto outcomes = row_pointers(machines);
    table.fields(machine_fields(), outcomes);
    const std::vector<std::string> settings = table.texts("settings");
    for (std::size_t i = 0; i < machines.size(); ++i) machines[i].resolved_yaml = settings[i];

    const ColumnReader keys(result, "machine_assumed");
    std::vector<std::string> assumed = keys.texts("key");
    hand_out(assumed, keys.ordinals(kMachineOrdinal, machines.size()), outcomes,
             &MachineOutcome::assumed);

    const auto plans = read_level(result, "plans", plan_fields(), kMachineOrdinal, outcomes,
                                  &MachineOutcome::plans);
    const auto read = [&](std::string_view name, auto fields, auto member) {
        read_level(result, name, fields, kPlanOrdinal, plans, member);
    };
    read("plan_counts", count_fields(), &PlanSummary::counts);
    read("plan_measured", measured_fields(), &PlanSummary::measured);
    read("plan_resources", resource_fields(), &PlanSummary::resources);
    read("plan_traffic", traffic_fields(), &PlanSummary::traffic);
    read("plan_layers", layer_time_fields(), &PlanSummary::layers);
    read_level(result, "machine_areas", area_fields(), kMachineOrdinal, outcomes,
               &MachineOutcome::areas);
    read_level(result, "machine_facts", fact_fields(), kMachineOrdinal, outcomes,
               &MachineOutcome::facts);

    const auto pricings = read_level(result, "pricings", pricing_fields(), kMachineOrdinal,
                                     outcomes, &MachineOutcome::pricings);
    ColumnReader(result, "pricings")
        .fields(energy_option_fields(), part_pointers(
                                            pricings, [](auto& p) -> auto& { return p.sources; }));
    const auto priced = read_level(result, "priced_plans", priced_fields(), kPricingOrdinal,
                                   pricings, &Pricing::plans);
    read_level(result, "ledger", ledger_fields(), kPricedOrdinal, priced, &PricedPlan::lines);
    read_gains(result, pricings);
    return machines;
}

}  // namespace attohm
