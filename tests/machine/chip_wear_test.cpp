#include <catch2/catch.hpp>

#include "circuits/memory/reram_fetch.hpp"
#include "src/machine/plans/chip_plan.hpp"
#include "src/machine/wear.hpp"
#include "tests/machine/random_work.hpp"
#include "tests/machine/sprint_plans.hpp"

using namespace attohm;
using attohm::test::sprint_plans;

namespace {

/// The figures of two equal samples of one head of 100 tokens.
std::vector<MachineFact> facts_of(const std::vector<std::string>& changes, const Wear& wear) {
    Settings settings = machine_settings("sprint-s");
    for (const std::string& change : changes) settings.overlay_assignment(change);
    PlanChoice choice = sprint_plans();
    choice.options.wear = wear;
    std::vector<Machine> machines;
    machines.push_back(make_machine("worn", settings));
    const CostEngine engine(std::move(machines), choice, {});
    const auto head =
        test::head_case(test::random_selection(test::plain_shape(100, 64), 0.3, 0.5, 2));
    std::vector<SampleCost> costs;
    for (int sample = 0; sample < 2; ++sample) {
        SamplePlanner planner = engine.planner();
        planner.consume(head.work, head.selection);
        costs.push_back(planner.finish());
    }
    return engine.accumulate(costs).front().facts;
}

double value_of(const std::vector<MachineFact>& facts, const std::string& name) {
    for (const MachineFact& fact : facts)
        if (fact.name == name) return fact.value.value();
    throw InvariantError("no fact " + name);
}

}  // namespace

TEST_CASE("a lifetime by hand, without and with wear levelling", "[unit]") {
    const Wear wear{2.0, Cited{1e6, "a card", Mark::assumed}};
    const auto facts = facts_of({}, wear);
    // 100 tokens of 64: 128 cells for the MSBs, 512 + 256 + 512 single-level ones.
    const double mlc = 100.0 * 128;
    const double slc = 100.0 * 1280;
    CHECK(value_of(facts, "cells written") == mlc + slc);
    CHECK(value_of(facts, "pulses per multi-level cell") == 10.0);
    CHECK(value_of(facts, "pulses per single-level cell") == 1.0);
    CHECK(value_of(facts, "lifetime") == Approx(1e6 / 10.0 / 2.0));
    const auto levelled = facts_of({"memory.wear_levelling=ideal"}, wear);
    const double cells = 8.0 * 8 * 2048 * 128 * 128;
    CHECK(value_of(levelled, "lifetime") == Approx(1e6 / ((10 * mlc + slc) / cells) / 2.0));
    // A memory that is too small is filled again and again: 8 x 8 x 1 x 1 x 128 cells.
    const auto small =
        facts_of({"memory.subarrays_per_bank=1", "memory.rows_per_subarray=1"}, wear);
    const double times = (mlc + slc) / 8192.0;
    CHECK(value_of(small, "pulses per multi-level cell") == Approx(10.0 * times));
    CHECK(value_of(small, "lifetime") == Approx(1e6 / (10.0 * times) / 2.0));
}

TEST_CASE("an endurance that nobody measured makes the lifetime unknown", "[unit]") {
    const auto facts = facts_of({}, {1.0, std::nullopt});
    REQUIRE(facts.size() == 4);
    CHECK(facts.back().name == "lifetime");
    CHECK_FALSE(facts.back().value.has_value());
    CHECK_THAT(facts.back().reason, Catch::Contains("endurance"));
    CHECK(facts_of({}, {}).empty());
}

TEST_CASE("bank conflicts lengthen the fetch and move nothing else", "[property]") {
    Settings settings = machine_settings("sprint-s");
    settings.overlay_assignment("machine.bank_conflicts=counted");
    const SprintChip banks = *make_machine("banks", settings).sprint();
    const SprintChip none = test::chip("sprint-s");
    const auto c = test::head_case(test::random_selection(test::plain_shape(300, 64), 0.2, 0.8, 7));
    const auto plan = [&](const SprintChip& m) {
        ResidencyReplay buffer(m.residency, buffer_tokens(m, c.work));
        return plan_sprint(c.work, c.selection, m, buffer);
    };
    const ChipTally with = plan(banks);
    const ChipTally without = plan(none);
    CHECK(with.counts == without.counts);
    CHECK(with[Resource::reram_read] > without[Resource::reram_read]);
    // Each query's missing keys on their own, command by command: never faster than that twin
    // less its band.
    ResidencyReplay buffer(none.residency, buffer_tokens(none, c.work));
    std::int64_t played = 0;
    std::int64_t queries = 0;
    buffer.replay(c.selection, [&](std::size_t, const auto& keys) {
        if (keys.empty()) return;
        played += play_fetch(banks.organisation, {64 * 12, 64, 4}, keys) - banks.organisation.t_cl;
        ++queries;
    });
    REQUIRE(queries > 100);
    // One beat for each q and one for each pruning vector.
    const std::int64_t fetch = with[Resource::reram_read] - 300 - 300;
    CHECK(fetch <= played);
    CHECK(static_cast<double>(fetch) > (1.0 - ReramFetch::kBand) * static_cast<double>(played));
    // A stream of neighbours loads all banks alike.
    const ChipTally dense = plan_streamed(c.work, banks, false);
    CHECK(dense[Resource::reram_read] >= plan_streamed(c.work, none, false)[Resource::reram_read]);
}
