#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.hpp"
#include "src/machine/line_maker.hpp"
#include "src/machine/prices.hpp"

/// Prices of what the plans of a near-memory engine count.
namespace attohm {

namespace {

void price_unit(LineMaker& make, const Engine& engine, const EngineCount& count, LineHead head) {
    const EngineUnit& unit = engine.units.at(static_cast<std::size_t>(count.index));
    head.scope = "operations of the unit, its registers and control left out";
    if (unit.op_energy) return make.priced(std::move(head), *unit.op_energy, "machine");
    if (unit.energy_unknown) return make.unknown(std::move(head));
    const UnitCost cost = engine.digital->unit(count.kind, unit.format, count.bits);
    if (!cost.energy) return make.unknown(std::move(head));
    make.priced(std::move(head), *cost.energy, "digital");
}

void price_buffer(LineMaker& make, const Engine& engine, const EngineCount& count, LineHead head) {
    const EngineBuffer& buffer = engine.buffers.at(static_cast<std::size_t>(count.index));
    head.scope = "SRAM banks";
    if (buffer.bit_energy)
        make.priced(std::move(head), *buffer.bit_energy, "digital");
    else
        make.unknown(std::move(head));
}

/// Mean events of the memory while it moves data.
void price_memory(LineMaker& make, const Engine& engine, const Tally& total, double samples) {
    const std::vector<UnitCost>& costs = engine.memory->unit_costs();
    for (const auto& [id, amount] : total.measurements()) {
        const EngineCount count = engine_count_of(id);
        ATTOHM_CHECK(count.event == EngineEvent::memory_event);
        const UnitCost& cost = costs.at(static_cast<std::size_t>(count.index));
        if (cost.bias_power) {
            make.powered("memory", amount / samples, cost.bias_power, "standby while it is used");
            continue;
        }
        LineHead head{"memory", cost.event, cost.event, amount / samples, "off-chip memory"};
        if (cost.energy)
            make.priced(std::move(head), *cost.energy, "memory");
        else
            make.unknown(std::move(head));
    }
}

/// What is paid per second, whatever is done.
void price_power(LineMaker& make, const Engine& engine, const Tally& total, double samples) {
    const double seconds = static_cast<double>(total.latency_cycles) / samples / engine.clock_Hz;
    // What has a figure stands alone; one line says that the rest has none.
    std::string without;
    const auto leak = [&](const std::string& name, const std::optional<Cited>& leakage) {
        if (leakage)
            make.powered("leakage_" + name, seconds, leakage, "while the machine is on");
        else
            without += (without.empty() ? "" : ", ") + name;
    };
    for (const EngineUnit& unit : engine.units) leak(unit.name, unit.leakage);
    for (const EngineBuffer& buffer : engine.buffers) leak(buffer.name, buffer.leakage);
    if (!without.empty()) make.powered("leakage", seconds, {}, "of " + without);
    make.powered("clock_and_control", seconds, engine.idle_power,
                 "clock tree, control and what else no unit names");
    if (engine.memory->dram() == nullptr) return;
    const std::size_t port = memory_resource(engine);
    const double busy = static_cast<double>(total.resources[port].busy) / samples / engine.clock_Hz;
    std::optional<Cited> idle;
    if (const auto power = engine.memory->idle_power())
        for (const UnitCost& cost : engine.memory->unit_costs())
            if (cost.leakage)
                idle =
                    Cited{power->value(),
                          "precharge standby and refresh of all channels; " + cost.leakage->source,
                          cost.leakage->mark};
    make.powered("memory", std::max(0.0, seconds - busy), idle, "standby while it is not used");
}

}  // namespace

std::vector<LedgerLine> price_engine(const Tally& total, std::int64_t samples,
                                     const Machine& machine) {
    const Engine& engine = *machine.engine();
    const auto n = static_cast<double>(samples);
    LineMaker make;
    for (const auto& [id, events] : total.counts()) {
        const EngineCount count = engine_count_of(id);
        const CountInfo info = engine_count(engine, id);
        LineHead head{info.component, info.name, info.unit, static_cast<double>(events) / n, ""};
        if (count.event == EngineEvent::unit_op)
            price_unit(make, engine, count, std::move(head));
        else
            price_buffer(make, engine, count, std::move(head));
    }
    price_memory(make, engine, total, n);
    price_power(make, engine, total, n);
    return make.take();
}

}  // namespace attohm
