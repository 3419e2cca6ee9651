#include "src/machine/cost_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "src/base/error.hpp"
#include "src/machine/axes.hpp"
#include "src/machine/plans/layer_plan.hpp"
#include "src/machine/summary.hpp"
#include "src/machine/wear.hpp"

namespace attohm {

SamplePlanner::SamplePlanner(const CostEngine& engine) : engine_(&engine) {
    for (std::size_t i = 0; i < engine.machines_.size(); ++i) {
        planners_.emplace_back();
        for (const PlanEntry* plan : engine.plans_[i])
            planners_.back().push_back(
                plan->make(engine.machines_[i], engine.plan_options_[i][planners_.back().size()]));
    }
    if (engine.keeps_work_) recorder_.emplace();
}

void SamplePlanner::plan(const HeadWork& work, const Selection& selection) {
    check_head_work(work, selection);
    attention_ = true;
    for (const auto& machine : planners_)
        for (const auto& planner : machine) planner->head(work, selection);
}

void SamplePlanner::consume(const HeadWork& work, const Selection& selection) {
    plan(work, selection);
    if (recorder_) recorder_->head(work, selection);
}

void SamplePlanner::consume(const HeadWork& work, const SelectionSummary& kept) {
    check_summary(work, kept);
    attention_ = true;
    for (const auto& machine : planners_)
        for (const auto& planner : machine) planner->head(work, kept);
}

void SamplePlanner::consume(const Selection&) {
    throw InvariantError("a plan needs the Work of a head with its Selection");
}

void SamplePlanner::consume(const HeadWork& work) {
    Selection none;
    none.shape = work.shape;
    plan(work, none);
    if (recorder_) recorder_->head(work);
}

void SamplePlanner::layer(const LayerWork& work, LayerUser user) {
    check_op_list(work.ops);
    for (const auto& machine : planners_)
        for (std::size_t p = 0; p < machine.size(); ++p) {
            const bool is_own = p == 0 || machine[p]->models_scheme();
            if (user == LayerUser::all || (user == LayerUser::scheme) == is_own)
                machine[p]->layer(work);
        }
    if (recorder_) recorder_->layer(work, user);
}

SampleCost SamplePlanner::finish() {
    SampleCost cost;
    for (const auto& machine : planners_) {
        cost.machines.emplace_back();
        for (const auto& planner : machine)
            for (Tally& tally : planner->finish()) cost.machines.back().push_back(std::move(tally));
    }
    if (recorder_) cost.work = std::make_shared<StoredSample>(recorder_->finish());
    cost.attention = std::exchange(attention_, false);
    return cost;
}

namespace {

std::vector<std::string> plans_for(MachineKind kind) {
    std::vector<std::string> names;
    for (const PlanEntry& entry : plan_table())
        if (entry.machine == kind) names.emplace_back(entry.name);
    return names;
}

const PlanEntry* plan_for(const Machine& machine, const std::string& name) {
    const MachineKind kind = machine_kind(machine);
    if (const PlanEntry* entry = find_plan(name, kind)) return entry;
    throw UserError(fmt::format("machine `{}` cannot run plan `{}`", machine.name, name),
                    machine.settings.entry("machine.kind").where,
                    fmt::format("a machine of kind {}", machine_kind_name(kind)),
                    fmt::format("plans of such a machine: {}", fmt::join(plans_for(kind), ", ")));
}

/// Converters of the experiment at the end of a chip's columns.
void add_converters(const AdcUse& adc, Machine& machine) {
    auto* chip = std::get_if<SprintChip>(&machine.parts);
    if (chip == nullptr || !adc.timing) return;
    // 9 clocks at the chip's own clock are 9 cycles, not 10 because of the last bit of a product.
    chip->memory.conversion_cycles =
        static_cast<std::int64_t>(std::ceil(adc.timing->round().value() * chip->clock_Hz - 1e-6));
    chip->memory.converts_every_read = adc.every_read;
}

}  // namespace

CostEngine::CostEngine(std::vector<Machine> machines, PlanChoice choice, EnergyOptions options,
                       std::optional<AdcUse> adc)
    : machines_(std::move(machines)), choice_(std::move(choice)), options_(options), adc_(adc) {
    if (machines_.empty())
        throw UserError("no machine", "machine", "an empty list", "at least one machine");
    std::set<std::string> names;
    for (Machine& machine : machines_) {
        if (!names.insert(machine.name).second)
            throw UserError("two machines of one name", "machine", machine.name,
                            "names that differ");
        if (adc_) add_converters(*adc_, machine);
        plans_.push_back({plan_for(machine, choice_.plan)});
        for (const std::string& baseline : choice_.baselines)
            plans_.back().push_back(plan_for(machine, baseline));
        plan_options_.emplace_back();
        for (std::size_t plan = 0; plan < plans_.back().size(); ++plan) {
            plan_options_.back().push_back(choice_.options);
            plan_options_.back().back().memory = std::make_shared<LayerMemory>();
        }
    }
    // The tables check themselves on first use: at start, not in the middle of a run.
    event_info(Event::in_memory_mac);
    physical_info(Physical::in_memory_cell_J);
}

namespace {

/// Gains of the first plan over every other, scope by scope.
std::vector<Gain> gains_of(const Machine& machine, const Pricing& pricing,
                           const std::vector<PlanSummary>& plans) {
    std::vector<Gain> gains;
    for (std::size_t base = 0; base < plans.size(); ++base) {
        if (plans[base].name == plans.front().name) continue;
        const auto own = static_cast<std::size_t>(
            std::find_if(plans.begin(), plans.end(),
                         [&](const PlanSummary& p) {
                             return p.name == plans.front().name && p.scope == plans[base].scope;
                         }) -
            plans.begin());
        if (own == plans.size()) continue;
        for (const bool with_writes : {true, false}) {
            const auto energy =
                energy_gain(pricing.plans[own].lines, pricing.plans[base].lines, with_writes);
            const auto time = [&](const PlanSummary& s) {
                return with_writes ? s.latency.value() : s.latency_without_writes.value();
            };
            if (!energy || !(time(plans[own]) > 0.0)) continue;
            gains.push_back({machine.name, pricing.name, plans[base].name, plans[base].scope,
                             with_writes, *energy, time(plans[base]) / time(plans[own])});
        }
    }
    return gains;
}

/// Without a head of attention in any sample its scope would read as attention that costs nothing.
void drop_empty_attention(std::span<const SampleCost> samples, std::vector<PlanColumn>& columns,
                          std::vector<Tally>& totals) {
    const auto has = [](const SampleCost& sample) { return sample.attention; };
    const auto whole = [](const PlanColumn& column) { return column.scope == CostScope::model; };
    if (std::any_of(samples.begin(), samples.end(), has) ||
        std::none_of(columns.begin(), columns.end(), whole))
        return;
    std::vector<PlanColumn> kept;
    std::vector<Tally> kept_totals;
    for (std::size_t c = 0; c < columns.size(); ++c) {
        if (!whole(columns[c])) continue;
        kept.push_back(columns[c]);
        kept_totals.push_back(std::move(totals[c]));
    }
    columns = std::move(kept);
    totals = std::move(kept_totals);
}

}  // namespace

std::vector<PlanColumn> CostEngine::columns_of(std::size_t machine) const {
    std::vector<PlanColumn> columns;
    for (const PlanEntry* plan : plans_[machine])
        for (const CostScope scope : plan->scopes) columns.push_back({plan, scope});
    return columns;
}

MachineOutcome CostEngine::outcome_of(std::size_t index, std::span<const SampleCost> samples,
                                      std::vector<Pricing> pricings) const {
    const Machine& machine = machines_[index];
    const auto count = static_cast<std::int64_t>(samples.size());
    MachineOutcome outcome;
    outcome.machine = machine.name;
    outcome.samples = count;
    outcome.batch = choice_.options.batch;
    outcome.clock_Hz = machine.clock_Hz;
    outcome.node_nm = machine.node_nm;
    outcome.buffer_bytes = buffer_bytes_of(machine);
    outcome.memory_bytes_per_s = memory_bytes_per_s_of(machine);
    outcome.area = machine.area;
    outcome.areas = areas_of(machine);
    outcome.pricings = std::move(pricings);
    outcome.assumed = machine.settings.read_with_mark(Mark::assumed);
    outcome.resolved_yaml = machine.settings.resolved_yaml();
    std::vector<PlanColumn> columns = columns_of(index);
    std::vector<Tally> totals(columns.size());
    for (const SampleCost& sample : samples) {
        ATTOHM_CHECK_EQ(sample.machines.size(), machines_.size());
        ATTOHM_CHECK_EQ(sample.machines[index].size(), columns.size());
        for (std::size_t c = 0; c < columns.size(); ++c) totals[c] += sample.machines[index][c];
    }
    drop_empty_attention(samples, columns, totals);
    for (std::size_t c = 0; c < columns.size(); ++c)
        outcome.plans.push_back(summarise(columns[c].plan->name, columns[c].scope, totals[c], count,
                                          outcome.batch, machine));
    if (const SprintChip* chip = machine.sprint())
        outcome.facts = wear_facts(*chip, totals.front(), count, choice_.options.wear);
    for (Pricing& pricing : outcome.pricings) {
        for (std::size_t c = 0; c < columns.size(); ++c) {
            PricedPlan priced{
                outcome.plans[c].name,
                outcome.plans[c].scope,
                price(totals[c], count * outcome.batch, machine, pricing.sources, adc_),
                {},
                {}};
            priced.energy = total_energy(priced.lines);
            priced.energy_without_writes = total_energy(priced.lines, false);
            pricing.plans.push_back(std::move(priced));
        }
        pricing.gains = gains_of(machine, pricing, outcome.plans);
    }
    return outcome;
}

std::vector<MachineOutcome> CostEngine::accumulate(std::span<const SampleCost> samples) const {
    ATTOHM_CHECK_LT(0U, samples.size());
    const EnergyOptions paper{};
    const EnergyOptions physics{EnergySource::physics, EnergySource::physics,
                                EnergySource::physics};
    std::vector<MachineOutcome> outcomes;
    for (std::size_t i = 0; i < machines_.size(); ++i) {
        // Only the memory that computes has two sources of energy; an engine's prices are those of
        // its file and of the libraries of circuits that the file names.
        const bool is_chip = machine_kind(machines_[i]) == MachineKind::sprint;
        std::string headline = is_chip ? "paper" : "library";
        std::vector<Pricing> pricings = {{headline, paper, {}, {}}};
        if (is_chip) {
            pricings.push_back({"physics", physics, {}, {}});
            if (!(options_ == paper)) headline = "physics";
            if (!(options_ == paper) && !(options_ == physics)) {
                headline = "experiment";
                pricings.push_back({headline, options_, {}, {}});
            }
        }
        outcomes.push_back(outcome_of(i, samples, std::move(pricings)));
        outcomes.back().headline = headline;
    }
    return outcomes;
}

std::vector<Machine> load_machines(const std::vector<std::string>& names_or_paths) {
    std::vector<Machine> machines;
    for (const std::string& name : names_or_paths) machines.push_back(load_machine(name));
    return machines;
}

}  // namespace attohm
