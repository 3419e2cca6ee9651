#include "src/machine/plans/planner.hpp"

#include <set>

#include "src/base/error.hpp"

namespace attohm {

namespace {

std::vector<PlanEntry> checked_table() {
    std::vector<PlanEntry> table = chip_plans();
    for (PlanEntry& entry : engine_plans()) table.push_back(std::move(entry));
    std::set<std::pair<MachineKind, std::string_view>> names;
    for (const PlanEntry& entry : table) {
        ATTOHM_CHECK(names.insert({entry.machine, entry.name}).second);
        ATTOHM_CHECK(!entry.name.empty() && !entry.help.empty());
        ATTOHM_CHECK(!entry.rules.empty() && !entry.not_modelled.empty());
        ATTOHM_CHECK(!entry.scopes.empty() && entry.make != nullptr);
    }
    return table;
}

}  // namespace

void Planner::head(const HeadWork& work, const SelectionSummary& kept) {
    // Rows without their keys.
    Selection rows;
    rows.shape = work.shape;
    rows.row_begin.push_back(0);
    for (const std::uint32_t keys : kept.kept)
        rows.row_begin.push_back(rows.row_begin.back() + keys);
    head(work, rows);
}

const std::vector<PlanEntry>& plan_table() {
    static const std::vector<PlanEntry> table = checked_table();
    return table;
}

const PlanEntry* find_plan(std::string_view name, MachineKind machine) {
    for (const PlanEntry& entry : plan_table())
        if (entry.name == name && entry.machine == machine) return &entry;
    return nullptr;
}

MachineKind machine_kind(const Machine& machine) {
    return machine.sprint() != nullptr ? MachineKind::sprint : MachineKind::engine;
}

std::string_view machine_kind_name(MachineKind kind) {
    return kind == MachineKind::sprint ? "sprint" : "engine";
}

}  // namespace attohm
