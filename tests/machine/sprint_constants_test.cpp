#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "src/machine/cost_engine.hpp"
#include "tests/machine/random_work.hpp"
#include "tests/machine/sprint_plans.hpp"

/// SPRINT's constants are inputs: they must reach the ledger as they stand in the paper.
using namespace attohm;

namespace {

/// Lines of the SPRINT plan of one tiny head, priced with the paper's constants.
std::vector<LedgerLine> tiny_ledger(const std::string& machine) {
    const CostEngine engine(load_machines({machine}), test::sprint_plans(), {});
    SamplePlanner planner = engine.planner();
    const test::HeadCase head =
        test::head_case(test::random_selection(test::plain_shape(8, 16), 0.5, 0.5, 3));
    planner.consume(head.work, head.selection);
    const std::vector<SampleCost> costs = {planner.finish()};
    const MachineOutcome outcome = engine.accumulate(costs).front();
    REQUIRE(outcome.pricings.at(0).name == "paper");
    return test::plan_of(outcome.pricings[0], "sprint").lines;
}

}  // namespace

TEST_CASE("SPRINT's constants arrive in the ledger unchanged", "[unit]") {
    // By component and unit of what is counted.
    const std::map<std::pair<std::string, std::string>, double> paper = {
        {{"in_memory", "J/MAC"}, 0.10e-12},
        {{"reram_read", "J/bit"}, 3.1e-12},
        {{"reram_write", "J/bit"}, 24.4e-12}};
    for (const char* machine : {"sprint-s", "sprint-m", "sprint-l"}) {
        std::map<std::string, int> seen;
        for (const LedgerLine& line : tiny_ledger(machine)) {
            const auto found = paper.find({line.component, line.unit});
            if (found == paper.end()) {
                CHECK(line.component != "in_memory");
                CHECK(line.component != "reram_read");
                CHECK(line.component != "reram_write");
                continue;
            }
            CAPTURE(machine, line.component, line.event);
            REQUIRE(line.known());
            CHECK(*line.unit_energy == Approx(found->second).epsilon(1e-12));
            CHECK(line.energy.value() == Approx(line.count * found->second).epsilon(1e-12));
            CHECK(line.count > 0.0);
            CHECK(line.energy_source == "paper");
            CHECK(line.mark == Mark::cited);
            CHECK_THAT(line.source, Catch::Contains("2209.00606"));
            ++seen[line.component];
        }
        CHECK(seen["in_memory"] == 1);
        CHECK(seen["reram_read"] >= 4);
        CHECK(seen["reram_write"] == 2);
    }
}
