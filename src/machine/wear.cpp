#include "src/machine/wear.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "circuits/memory/reram_write.hpp"
#include "src/machine/plans/chip_tally.hpp"

namespace attohm {

namespace {

MachineFact lifetime_fact(const SprintChip& chip, const WritePlan& plan, double writes,
                          const Wear& wear) {
    MachineFact fact{"lifetime", std::nullopt, "s", ""};
    if (!wear.endurance) {
        fact.reason = "the device card gives no endurance";
        return fact;
    }
    const auto life = lifetime(plan, writes, Hertz::from_value(wear.inferences_per_s),
                               chip.organisation, wear.endurance);
    if (!life) {
        fact.reason = "nothing is written";
        return fact;
    }
    fact.value = life->time.value();
    fact.reason = fmt::format(
        "{:.4g} pulses a cell survives ({}: {}), {:.4g} inferences per second, {}",
        wear.endurance->value, mark_name(wear.endurance->mark), wear.endurance->source,
        wear.inferences_per_s, life->levelled ? "ideal wear levelling" : "no wear levelling");
    return fact;
}

}  // namespace

std::vector<MachineFact> wear_facts(const SprintChip& chip, const Tally& total,
                                    std::int64_t samples, const Wear& wear) {
    if (!(wear.inferences_per_s > 0.0)) return {};
    const auto counted = [&](Count count) { return total.counted(static_cast<CountId>(count)); };
    WritePlan plan;
    plan.slc_cells = counted(Count::slc_bit_write);
    plan.mlc_cells = counted(Count::mlc_cell_write);
    plan.slc_pulses = static_cast<double>(plan.slc_cells);
    plan.mlc_pulses = static_cast<double>(counted(Count::mlc_write_pulse));
    const auto runs = static_cast<double>(samples);
    const double cells = static_cast<double>(plan.slc_cells + plan.mlc_cells) / runs;
    const double room = static_cast<double>(chip.organisation.cells());
    const double refills = std::max(1.0, cells / room);
    const std::string how = refills > 1.0
                                ? fmt::format("all heads need {:.4g} times the memory", refills)
                                : "every head has cells of its own";
    const auto per_cell = [&](double pulses, std::int64_t written) {
        return written == 0 ? 0.0 : refills * pulses / static_cast<double>(written);
    };
    std::vector<MachineFact> facts = {
        {"cells written", cells, "cell", "per inference"},
        {"pulses per multi-level cell", per_cell(plan.mlc_pulses, plan.mlc_cells), "pulse",
         "per inference; " + how},
        {"pulses per single-level cell", per_cell(plan.slc_pulses, plan.slc_cells), "pulse",
         "per inference; " + how}};
    // Levelled, all pulses of an inference already stand in the sum.
    const bool levelled = chip.organisation.ideal_wear_levelling;
    facts.push_back(lifetime_fact(chip, plan, levelled ? 1.0 / runs : refills, wear));
    return facts;
}

}  // namespace attohm
