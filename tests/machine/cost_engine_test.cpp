#include "src/machine/cost_engine.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include "src/base/error.hpp"
#include "tests/machine/cost_cases.hpp"
#include "tests/machine/random_work.hpp"
#include "tests/machine/sprint_plans.hpp"

using namespace attohm;
using attohm::test::bert_head;
using attohm::test::energy_of;
using attohm::test::outcome_of;
using attohm::test::plan_of;
using attohm::test::sprint_plans;

TEST_CASE("SPRINT's constants give the energies derived from them", "[unit]") {
    const CostEngine engine(load_machines({"sprint-s"}), sprint_plans(), {});
    const MachineOutcome outcome = outcome_of(engine, {bert_head()}).front();
    REQUIRE(outcome.headline == "paper");
    const Pricing& paper = outcome.pricings.at(0);
    const PricedPlan& sprint = plan_of(paper, "sprint");
    const PricedPlan& dense = plan_of(paper, "dense");
    // 384 keys x 64 x 0.1 pJ per query, 384 queries: 0.94 uJ; 6.4 pJ per key and query.
    CHECK(energy_of(sprint, "in_memory", "in_memory_mac") == Approx(384.0 * 384.0 * 6.4e-12));
    // Q, K, V written once: 3 x 384 x 64 x 8 bits x 24.4 pJ = 14.4 uJ, in every plan.
    const double written = 3.0 * 384 * 64 * 8 * 24.4e-12;
    CHECK(written == Approx(14.4e-6).epsilon(0.001));
    for (std::size_t plan = 0; plan < paper.plans.size(); ++plan) {
        const PricedPlan& p = paper.plans[plan];
        CHECK((p.energy - p.energy_without_writes).value() == Approx(written));
    }
    // K and V once per query: 468 uJ, and Q once: 0.61 uJ.
    const double key_vector = 512 * 3.1e-12;
    CHECK(key_vector == Approx(1.59e-9).epsilon(0.002));
    CHECK(energy_of(dense, "reram_read", "slc_bit_read") ==
          Approx(384.0 * 384.0 * 2.0 * key_vector + 384.0 * key_vector));
    CHECK(384.0 * 384.0 * 2.0 * key_vector == Approx(468e-6).epsilon(0.001));
}

TEST_CASE("each ledger adds up exactly and nothing is negative", "[property]") {
    const CostEngine engine(load_machines(test::sprint_machines()), sprint_plans(),
                            {EnergySource::paper, EnergySource::physics, EnergySource::paper});
    const auto outcomes = outcome_of(engine, {bert_head(), bert_head()});
    REQUIRE(outcomes.size() == 3);
    for (const MachineOutcome& outcome : outcomes) {
        REQUIRE(outcome.headline == "experiment");
        REQUIRE(outcome.pricings.size() == 3);
        CHECK_FALSE(outcome.assumed.empty());
        for (const Pricing& pricing : outcome.pricings)
            for (const PricedPlan& plan : pricing.plans) {
                double sum = 0.0;
                for (const LedgerLine& line : plan.lines) {
                    INFO(outcome.machine << " " << pricing.name << " " << plan.name << " "
                                         << line.component << " " << line.event);
                    CHECK(line.energy.value() >= 0.0);
                    CHECK(line.count > 0.0);
                    CHECK_FALSE(line.source.empty());
                    CHECK_FALSE(line.scope.empty());
                    CHECK(line.known() == (line.energy_source != "unknown"));
                    if (line.known())
                        CHECK(line.energy.value() == Approx(line.count * *line.unit_energy));
                    else
                        CHECK(line.energy.value() == 0.0);
                    sum += line.energy.value();
                }
                CHECK(sum == plan.energy.value());
                CHECK(plan.energy_without_writes.value() < plan.energy.value());
            }
    }
}

TEST_CASE("one source per component: paper and physics never meet", "[property]") {
    const CostEngine engine(load_machines({"sprint-s"}), sprint_plans(), {});
    const MachineOutcome outcome = outcome_of(engine, {bert_head()}).front();
    for (const Pricing& pricing : outcome.pricings)
        for (const PricedPlan& plan : pricing.plans)
            for (const LedgerLine& line : plan.lines) {
                INFO(pricing.name << " " << plan.name << " " << line.component);
                const std::string other = pricing.name == "paper" ? "physics" : "paper";
                CHECK(line.energy_source != other);
            }
    // Digital parts are the same under both.
    for (const char* component : {"kv_buffer", "qk_pu", "softmax", "v_pu"})
        for (std::size_t plan = 0; plan < outcome.plans.size(); ++plan) {
            double sums[2] = {0.0, 0.0};
            for (int i = 0; i < 2; ++i)
                for (const LedgerLine& line :
                     outcome.pricings[static_cast<std::size_t>(i)].plans[plan].lines)
                    if (line.component == component) sums[i] += line.energy.value();
            CHECK(sums[0] == sums[1]);
            // A stream that passes by the buffer costs it nothing.
            if (std::string(component) != "kv_buffer") CHECK(sums[0] > 0.0);
        }
}

TEST_CASE("physics prices what the device measured", "[unit]") {
    const CostEngine engine(load_machines({"sprint-s"}), sprint_plans(), {});
    const test::HeadCase head = bert_head();
    const MachineOutcome outcome = outcome_of(engine, {head}).front();
    const PricedPlan& sprint = plan_of(outcome.pricings.at(1), "sprint");
    CHECK(energy_of(sprint, "in_memory", "array_read") ==
          Approx(head.work[Physical::in_memory_cell_J]));
    CHECK(energy_of(sprint, "word_line_driver", "array_read") ==
          Approx(head.work[Physical::in_memory_driver_J] - head.work[Physical::in_memory_cell_J]));
    CHECK(energy_of(sprint, "reram_write", "mlc_cell_write") ==
          Approx(head.work[Physical::mlc_write_J]));
    CHECK(energy_of(sprint, "comparator", "comparator_decision") == Approx(384 * 384 * 67e-15));
    // One sense decision per single-level bit read, 15 per K MSB.
    const PlanSummary& summary = outcome.plans.at(0);
    const double slc_bits =
        static_cast<double>(summary.counted("slc_bit_read") + summary.counted("copy_q_bit"));
    CHECK(energy_of(sprint, "reram_read", "slc_sense") == Approx(slc_bits * 67e-15));
    CHECK(energy_of(sprint, "reram_read", "slc_bit_read") == Approx(slc_bits * 2e-14));
    const double elements = static_cast<double>(summary.counted("buffer_miss")) * 64.0;
    CHECK(energy_of(sprint, "reram_read", "mlc_sense") ==
          Approx(elements * 15.0 * (67e-15 + 4e-14)));
    // 4-bit DACs: 8 x 3.9 uW for 8 ns.
    CHECK(energy_of(sprint, "word_line_dac", "dac_unit") ==
          Approx(384.0 * 64.0 * 8.0 * 3.9e-6 * 8e-9));
    // What nobody published is unknown, not nothing.
    int unknown = 0;
    for (const LedgerLine& line : sprint.lines) unknown += line.known() ? 0 : 1;
    // Threshold DAC, memory periphery twice, locality engine, leakage twice.
    CHECK(unknown == 6);
    // A column's amplifier: 128 cells of 0.2 fF settled to 5 bits within tAxTh, and on for as long:
    // V_dd t 4 C 6 ln 2 / (0.5 t 15 / V).
    CHECK(energy_of(sprint, "column_sense", "column_read") ==
          Approx(384.0 * 384.0 * 4.0 * 128 * 0.2e-15 * 6.0 * std::log(2.0) / (0.5 * 15.0)));
    // A device that does not know its read energy makes that line unknown.
    test::HeadCase silent = head;
    silent.work.cell.slc_read_J = CellCosts::kUnknown;
    const MachineOutcome blind = outcome_of(engine, {silent}).front();
    bool found = false;
    for (const LedgerLine& line : plan_of(blind.pricings.at(1), "dense").lines)
        if (line.component == "reram_read" && line.event == "slc_bit_read") {
            CHECK_FALSE(line.known());
            found = true;
        }
    CHECK(found);
}

TEST_CASE("a plan against itself gains exactly 1, whatever is unknown", "[property]") {
    const CostEngine engine(load_machines(test::sprint_machines()), sprint_plans(), {});
    for (const MachineOutcome& outcome : outcome_of(engine, {bert_head()}))
        for (const Pricing& pricing : outcome.pricings)
            for (const PricedPlan& plan : pricing.plans)
                for (const bool with_writes : {true, false}) {
                    const auto gain = energy_gain(plan.lines, plan.lines, with_writes);
                    REQUIRE(gain.has_value());
                    CHECK(gain->energy == 1.0);
                    CHECK(gain->low == 1.0);
                    CHECK(gain->high == 1.0);
                }
}

TEST_CASE("break-even values make the gain 1", "[unit]") {
    const auto line = [](const char* component, double count, std::optional<double> unit) {
        LedgerLine l;
        l.component = component;
        l.event = "event";
        l.count = count;
        l.unit_energy = unit;
        l.energy = Joule::from_value(unit ? count * *unit : 0.0);
        l.unit = "J/event";
        return l;
    };
    // Plan 10 J + 4 u, baseline 30 J + 1 u + 2 w: gain 3 with all at 0.
    const std::vector<LedgerLine> plan = {line("a", 10, 1.0), line("u", 4, std::nullopt)};
    const std::vector<LedgerLine> baseline = {line("a", 30, 1.0), line("u", 1, std::nullopt),
                                              line("w", 2, std::nullopt)};
    const auto gain = energy_gain(plan, baseline, true);
    REQUIRE(gain.has_value());
    CHECK(gain->energy == 3.0);
    CHECK(gain->low == 0.25);
    CHECK(gain->high == std::numeric_limits<double>::infinity());
    REQUIRE(gain->break_even.size() == 2);
    // 30 + u = 10 + 4 u at u = 20/3; more w only helps the plan.
    CHECK(gain->break_even[0].component == "u");
    CHECK(gain->break_even[0].value.value() == Approx(20.0 / 3.0));
    CHECK_FALSE(gain->break_even[1].value.has_value());
    CHECK_FALSE(energy_gain({}, baseline, true).has_value());
    // Without writes an unknown that belongs to writes is out as well.
    std::vector<LedgerLine> writing = plan;
    writing[1].operand_write = true;
    const auto without = energy_gain(writing, {line("a", 30, 1.0)}, false);
    REQUIRE(without.has_value());
    CHECK(without->break_even.empty());
    CHECK(without->low == 3.0);
    CHECK(energy_gain(writing, {line("a", 30, 1.0)}, true)->low == 0.0);
}

TEST_CASE("samples average, integers exactly and in any split of the work", "[property]") {
    const CostEngine engine(load_machines({"sprint-s", "sprint-l"}), sprint_plans(), {});
    std::vector<SampleCost> costs;
    for (std::uint64_t sample = 0; sample < 3; ++sample) {
        SamplePlanner planner = engine.planner();
        const HeadShape shape = test::plain_shape(50, 64);
        const auto head = test::head_case(test::random_selection(shape, 0.2, 0.5, sample));
        planner.consume(head.work, head.selection);
        costs.push_back(planner.finish());
    }
    const auto all = engine.accumulate(costs);
    std::int64_t misses = 0;
    for (const SampleCost& cost : costs) misses += cost.machines[0][0].buffer_misses;
    CHECK(all[0].plans[0].counted("buffer_miss") == misses);
    CHECK(all[0].plans[0].buffer_misses == static_cast<double>(misses) / 3.0);
    CHECK(all[0].samples == 3);
    // A planner starts afresh after finish().
    SamplePlanner planner = engine.planner();
    planner.finish();
    CHECK(planner.finish().machines[0][0].counts().empty());
}

TEST_CASE("gains name every baseline with and without writes under both pricings", "[unit]") {
    const CostEngine engine(load_machines({"sprint-s"}), sprint_plans(), {});
    const MachineOutcome outcome = outcome_of(engine, {bert_head()}).front();
    const PlanSummary& sprint = outcome.plans.at(0);
    const PlanSummary& dense = outcome.plans.at(1);
    for (const Pricing& pricing : outcome.pricings) {
        REQUIRE(pricing.gains.size() == 6);
        CHECK(pricing.gains[0].speedup == dense.latency.value() / sprint.latency.value());
        CHECK(pricing.gains[1].speedup ==
              dense.latency_without_writes.value() / sprint.latency_without_writes.value());
        CHECK(pricing.gains[0].energy.energy ==
              pricing.plans[1].energy.value() / pricing.plans[0].energy.value());
        for (const Gain& gain : pricing.gains) {
            CHECK(gain.machine == "sprint-s");
            CHECK(gain.energy.low <= gain.energy.energy);
            CHECK(gain.energy.energy <= gain.energy.high);
            CHECK(gain.speedup > 0.0);
        }
        CHECK(pricing.gains[0].baseline == "dense");
        CHECK(pricing.gains[4].baseline == "dense-tiled");
        // Writes are paid by all, so leaving them out raises a gain above 1.
        CHECK(pricing.gains[1].energy.energy > pricing.gains[0].energy.energy);
    }
    CHECK(outcome.pricings[0].gains[0].energy.energy > 1.0);
}

TEST_CASE("machines of one name, or none, are refused", "[unit]") {
    CHECK_THROWS_AS(CostEngine(load_machines({"sprint-s", "sprint-s"}), sprint_plans(), {}),
                    UserError);
    CHECK_THROWS_AS(CostEngine({}, sprint_plans(), {}), UserError);
    const CostEngine engine(load_machines({"sprint-s"}), sprint_plans(), {});
    SamplePlanner planner = engine.planner();
    CHECK_THROWS_AS(planner.consume(Selection{}), InvariantError);
}

TEST_CASE("energy sources come from the experiment", "[unit]") {
    const Settings s = Settings::from_text(
        "energy.source: {in_memory: physics, read: paper, write: physics}", "test");
    const EnergyOptions options = energy_options(s);
    CHECK(options.in_memory == EnergySource::physics);
    CHECK(options.read == EnergySource::paper);
    CHECK(options.write == EnergySource::physics);
}
