#include "src/machine/cost_engine.hpp"

#include <set>

#include "src/base/error.hpp"

namespace attohm {

SamplePlanner::SamplePlanner(const CostEngine& engine)
    : engine_(&engine), buffers_(engine.machines().size()) {
    cost_.machines.resize(engine.machines().size());
}

ResidencyReplay& SamplePlanner::buffer_for(std::size_t machine, std::int64_t capacity) {
    Buffer& buffer = buffers_[machine];
    if (buffer.capacity != capacity) {
        buffer.replay.emplace(engine_->machines()[machine].residency, capacity);
        buffer.capacity = capacity;
    }
    return *buffer.replay;
}

void SamplePlanner::consume(const HeadWork& work, const Selection& selection) {
    check_head_work(work, selection);
    // Digital units and their energies are 8 bits wide on every machine so far.
    ATTOHM_CHECK_EQ(work.bits.q, 8);
    ATTOHM_CHECK_EQ(work.bits.k, 8);
    ATTOHM_CHECK_EQ(work.bits.v, 8);
    for (std::size_t i = 0; i < engine_->machines().size(); ++i) {
        const Machine& machine = engine_->machines()[i];
        auto& plans = cost_.machines[i];
        const auto add = [&](PlanKind kind, const PlanTally& tally) {
            plans[static_cast<std::size_t>(kind)] += tally;
        };
        ResidencyReplay& buffer = buffer_for(i, buffer_tokens(machine, work));
        add(PlanKind::sprint, plan_sprint(work, selection, machine, buffer));
        add(PlanKind::dense, plan_streamed(work, machine, true));
        add(PlanKind::mask_only, plan_streamed(work, machine, false));
        add(PlanKind::dense_tiled, plan_dense_tiled(work, machine));
    }
}

void SamplePlanner::consume(const Selection&) {
    throw InvariantError("a plan needs the Work of a head with its Selection");
}

SampleCost SamplePlanner::finish() {
    SampleCost done = std::move(cost_);
    *this = SamplePlanner(*engine_);
    return done;
}

CostEngine::CostEngine(std::vector<Machine> machines, EnergyOptions options,
                       std::optional<AdcUse> adc)
    : machines_(std::move(machines)), options_(options), adc_(adc) {
    if (machines_.empty())
        throw UserError("no machine", "machine", "an empty list", "at least one machine");
    std::set<std::string> names;
    for (const Machine& machine : machines_)
        if (!names.insert(machine.name).second)
            throw UserError("two machines of one name", "machine", machine.name,
                            "names that differ");
    // The tables check themselves on first use: at start, not in the middle of a run.
    event_info(Event::in_memory_mac);
    physical_info(Physical::in_memory_cell_J);
    count_info(Count::in_memory_mac);
}

namespace {

PlanSummary summarise(PlanKind kind, const PlanTally& total, double samples, double clock_Hz) {
    PlanSummary summary;
    summary.name = plan_name(kind);
    summary.total = total;
    const auto mean = [samples](std::int64_t sum) { return static_cast<double>(sum) / samples; };
    summary.latency = Second::from_value(mean(total.latency_cycles) / clock_Hz);
    summary.latency_without_writes =
        Second::from_value(mean(total.latency_cycles_without_writes) / clock_Hz);
    for (std::size_t r = 0; r < kResources; ++r) summary.cycles[r] = mean(total.cycles[r]);
    for (std::size_t t = 0; t < kTensors; ++t) {
        summary.bytes_read[t] = mean(total.traffic[t].read_bits) / 8.0;
        summary.bytes_written[t] = mean(total.traffic[t].written_bits) / 8.0;
    }
    summary.buffer_hits = mean(total[Count::buffer_hit]);
    summary.buffer_misses = mean(total[Count::buffer_miss]);
    return summary;
}

std::vector<Gain> gains_of(const Machine& machine, const Pricing& pricing,
                           const std::vector<PlanSummary>& summaries) {
    std::vector<Gain> gains;
    const std::size_t scheme = static_cast<std::size_t>(PlanKind::sprint);
    for (std::size_t plan = 0; plan < kPlans; ++plan) {
        if (plan == scheme) continue;
        for (const bool with_writes : {true, false}) {
            const auto energy =
                energy_gain(pricing.plans[scheme].lines, pricing.plans[plan].lines, with_writes);
            const auto time = [&](const PlanSummary& s) {
                return with_writes ? s.latency.value() : s.latency_without_writes.value();
            };
            if (!energy || !(time(summaries[scheme]) > 0.0)) continue;
            gains.push_back({machine.name, pricing.name, pricing.plans[plan].name, with_writes,
                             *energy, time(summaries[plan]) / time(summaries[scheme])});
        }
    }
    return gains;
}

}  // namespace

std::vector<MachineOutcome> CostEngine::accumulate(std::span<const SampleCost> samples) const {
    ATTOHM_CHECK_LT(0U, samples.size());
    const EnergyOptions paper{};
    const EnergyOptions physics{EnergySource::physics, EnergySource::physics,
                                EnergySource::physics};
    std::vector<Pricing> pricings = {{"paper", paper, {}, {}}, {"physics", physics, {}, {}}};
    std::string headline = options_ == paper ? "paper" : "physics";
    if (!(options_ == paper) && !(options_ == physics)) {
        headline = "experiment";
        pricings.push_back({headline, options_, {}, {}});
    }

    std::vector<MachineOutcome> outcomes;
    for (std::size_t i = 0; i < machines_.size(); ++i) {
        const Machine& machine = machines_[i];
        const auto count = static_cast<std::int64_t>(samples.size());
        MachineOutcome outcome{machine.name, count, machine.area, {}, pricings, headline, {}, ""};
        outcome.assumed = machine.settings.read_with_mark(Mark::assumed);
        outcome.resolved_yaml = machine.settings.resolved_yaml();
        for (std::size_t plan = 0; plan < kPlans; ++plan) {
            PlanTally total;
            for (const SampleCost& sample : samples) {
                ATTOHM_CHECK_EQ(sample.machines.size(), machines_.size());
                total += sample.machines[i][plan];
            }
            outcome.plans.push_back(summarise(static_cast<PlanKind>(plan), total,
                                              static_cast<double>(count), machine.clock_Hz));
        }
        for (Pricing& pricing : outcome.pricings) {
            for (const PlanSummary& plan : outcome.plans) {
                PricedPlan priced{
                    plan.name, price(plan.total, count, machine, pricing.sources, adc_), {}, {}};
                priced.energy = total_energy(priced.lines);
                priced.energy_without_writes = total_energy(priced.lines, false);
                pricing.plans.push_back(std::move(priced));
            }
            pricing.gains = gains_of(machine, pricing, outcome.plans);
        }
        outcomes.push_back(std::move(outcome));
    }
    return outcomes;
}

std::vector<Machine> load_machines(const std::vector<std::string>& names_or_paths) {
    std::vector<Machine> machines;
    for (const std::string& name : names_or_paths) machines.push_back(load_machine(name));
    return machines;
}

}  // namespace attohm
