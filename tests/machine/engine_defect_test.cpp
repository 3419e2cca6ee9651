#include <catch2/catch.hpp>

#include <cmath>

#include "src/machine/plans/chip_plan.hpp"
#include "src/machine/plans/engine_planner.hpp"
#include "tests/machine/random_work.hpp"
#include "tests/machine/sprint_plans.hpp"

/// Defects of other simulators, planted: each would show here.
/// (volt x milliampere x cycles called picojoule: tests/circuits/memory.)
using namespace attohm;

namespace {

double measured(const Engine& engine, const Tally& tally, const std::string& event) {
    const std::vector<UnitCost>& costs = engine.memory->unit_costs();
    double sum = 0.0;
    for (std::size_t i = 0; i < costs.size(); ++i)
        if (costs[i].event == event) sum += tally.measured(memory_event(i));
    return sum;
}

}  // namespace

TEST_CASE("Writes to DRAM are writes: their own events, and standby for as long as they take",
          "[unit]") {
    const Machine machine = load_machine("sanger-64x16");
    const Engine& engine = *machine.engine();
    constexpr std::int64_t kBytes = 64;
    const MemoryCost read = engine.memory->access({kBytes, 64, false});
    const MemoryCost write = engine.memory->access({kBytes, 64, true});
    // A write is no read of the same size: other latencies, other waits.
    REQUIRE(std::abs(write.time.value() / read.time.value() - 1.0) > 0.01);

    Tally written(memory_resource(engine) + 1);
    count_traffic(engine, TensorRole::output, 8 * kBytes, 64, true, written);
    CHECK(measured(engine, written, "read_burst") == 0.0);
    CHECK(measured(engine, written, "write_burst") == write.bursts);
    // Not the latency of the read.
    CHECK(measured(engine, written, "standby") == write.time.value());
    CHECK(written[TensorRole::output] == Traffic{0, 8 * kBytes});

    Tally loaded(memory_resource(engine) + 1);
    count_traffic(engine, TensorRole::q, 8 * kBytes, 64, false, loaded);
    CHECK(measured(engine, loaded, "write_burst") == 0.0);
    CHECK(measured(engine, loaded, "standby") == read.time.value());
}

TEST_CASE("Writes of ReRAM follow the write pulse, reads the sense time, neither the other",
          "[unit]") {
    const SprintChip chip = test::chip("sprint-s");
    const test::HeadCase head =
        test::head_case(test::random_selection(test::plain_shape(64, 64), 0.3, 0.8, 3));
    const auto plan = [&](const SprintChip& machine, const HeadWork& work) {
        ResidencyReplay residency(machine.residency, buffer_tokens(machine, work));
        return plan_sprint(work, head.selection, machine, residency);
    };
    const ChipTally base = plan(chip, head.work);
    REQUIRE(base[Resource::write] > 0);

    HeadWork slow = head.work;
    slow.cell.slc_write_s *= 2.0;
    slow.cell.mlc_pulse_s *= 2.0;
    const ChipTally slow_writes = plan(chip, slow);
    CHECK(slow_writes[Resource::write] == 2 * base[Resource::write]);
    CHECK(slow_writes[Resource::reram_read] == base[Resource::reram_read]);

    SprintChip half = chip;
    half.memory.read_bits_per_cycle /= 2;
    const ChipTally slow_reads = plan(half, head.work);
    CHECK(slow_reads[Resource::write] == base[Resource::write]);
    CHECK(slow_reads[Resource::reram_read] > base[Resource::reram_read]);
    CHECK(slow_reads[Measured::mlc_write] == base[Measured::mlc_write]);
}

TEST_CASE("Nothing counted is no line, a figure that is missing is a line without energy",
          "[unit]") {
    // 0 may not stand for both off and perfect.
    const Machine machine = load_machine("sanger-64x16");
    const Engine& engine = *machine.engine();
    const Tally nothing(memory_resource(engine) + 1);
    CHECK(price(nothing, 1, machine, {}).empty());
    Tally some = nothing;
    count_traffic(engine, TensorRole::q, 800, 100, false, some);
    bool io_is_unknown = false;
    for (const LedgerLine& line : price(some, 1, machine, {})) {
        if (line.event != "io_bit") continue;
        io_is_unknown = !line.known() && line.count > 0.0 && line.energy_source == "unknown";
    }
    CHECK(io_is_unknown);
}
