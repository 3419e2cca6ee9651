#include "src/app/catalogue_machines.hpp"

#include <fmt/format.h>

#include <set>

#include "src/machine/plans/planner.hpp"

namespace attohm {

namespace {

std::string kind_text(const Machine& machine) {
    return machine.sprint() != nullptr
               ? "CORELETs with a K/V buffer in front of a ReRAM memory that thresholds scores in "
                 "place"
               : "a near-memory engine of named units, buffers and a memory";
}

/// The plans that the machine can run, each with its rules; what none of them models comes last.
std::string plans_text(MachineKind kind) {
    std::string text = "\nplans\n";
    std::set<std::string_view> missing;
    std::string missing_text;
    for (const PlanEntry& plan : plan_table()) {
        if (plan.machine != kind) continue;
        text += fmt::format("  {}: {}\n    {}\n", plan.name, plan.help, plan.rules.front());
        for (const std::string_view line : plan.not_modelled)
            if (missing.insert(line).second) missing_text += fmt::format("  {}\n", line);
    }
    text += "\nrules of all plans\n";
    for (const PlanEntry& plan : plan_table()) {
        if (plan.machine != kind) continue;
        for (std::size_t i = 1; i < plan.rules.size(); ++i)
            text += fmt::format("  {}\n", plan.rules[i]);
        break;
    }
    return text + "\nnot modelled\n" + missing_text;
}

}  // namespace

std::string machine_line(const std::string& name) {
    const Machine machine = load_machine(name);
    std::string parts;
    if (const SprintChip* chip = machine.sprint()) {
        parts = fmt::format("{} CORELET{}, {} KB K/V buffer", chip->corelets,
                            chip->corelets == 1 ? "" : "s", chip->buffer_bits / 8 / 1024);
    } else {
        const Engine& engine = *machine.engine();
        for (const EngineUnit& unit : engine.units)
            if (unit.kind == EngineUnit::Kind::array)
                parts += fmt::format("{}x{} {}, ", unit.rows, unit.columns, unit.name);
        parts += fmt::format("{} KB on chip", engine.buffer_bits() / 8 / 1024);
    }
    return fmt::format("{}, {} GHz, {} nm", parts, machine.clock_Hz / 1e9, machine.node_nm);
}

std::string explain_machine(const std::string& name, const std::string& parameters) {
    const Machine machine = load_machine(name);
    return fmt::format("machine {}\n  {}\n\nparameters (the unit is the key's ending)\n{}{}", name,
                       kind_text(machine), parameters, plans_text(machine_kind(machine)));
}

}  // namespace attohm
