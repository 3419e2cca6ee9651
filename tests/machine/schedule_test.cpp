#include "src/machine/schedule/schedule.hpp"

#include <catch2/catch.hpp>

using namespace attohm;

namespace {

constexpr ResourceId kLoad = 0;
constexpr ResourceId kCompute = 1;

/// Load 3, compute 5; the load waits for the compute `slots` iterations ago.
Schedule load_and_compute(std::int64_t repeat, std::int32_t slots) {
    Schedule s;
    s.resources = 2;
    TaskLoop loop;
    loop.repeat = repeat;
    loop.body = {Task{.resource = kLoad, .cycles = 3, .useful = 30, .after = {{1, slots}}},
                 Task{.resource = kCompute, .cycles = 5, .useful = 40, .after = {{0, 0}}}};
    s.loops = {loop};
    return s;
}

Task on(ResourceId resource, std::int64_t cycles, TaskAfterList after = {}) {
    return Task{.resource = resource, .cycles = cycles, .after = after};
}

Schedule one_loop(std::vector<Task> body, std::int64_t repeat = 3) {
    Schedule s;
    s.resources = 2;
    TaskLoop loop;
    loop.repeat = repeat;
    loop.body = std::move(body);
    s.loops = {loop};
    return s;
}

}  // namespace

TEST_CASE("single and double buffering by hand", "[unit]") {
    SECTION("one slot: load and compute in turn") {
        const ScheduleTimes t = simulate(load_and_compute(4, 1), {.timeline = true});
        CHECK(t.cycles == 4 * 8);
        CHECK(t.timeline[2] == TaskTime{0, 0, 1, 8, 11});
        CHECK(t.timeline[3] == TaskTime{0, 1, 1, 11, 16});
        CHECK(t.resources[kLoad].blocked == 3 * 5);
        CHECK(t.resources[kLoad].starved == 0);
        CHECK(t.resources[kLoad].idle_after == 5);
        CHECK(t.resources[kCompute].starved == 4 * 3);
        CHECK(t.resources[kCompute].blocked == 0);
        CHECK(t.blocked_by(kLoad, kCompute) == 15);
        CHECK(t.starved_by(kCompute, kLoad) == 12);
    }
    SECTION("two slots: the loads hide behind the computes") {
        const ScheduleTimes t = simulate(load_and_compute(4, 2), {.timeline = true});
        CHECK(t.cycles == 3 + 4 * 5);
        // Loads at 0-3, 3-6, 8-11 (slot free at 8), 13-16; computes back to back from 3.
        CHECK(t.timeline[2].start == 3);
        CHECK(t.timeline[4].start == 8);
        CHECK(t.timeline[6].start == 13);
        CHECK(t.timeline[7] == TaskTime{0, 1, 3, 18, 23});
        CHECK(t.resources[kLoad].blocked == 2 + 2);
        CHECK(t.resources[kLoad].idle_after == 7);
        CHECK(t.resources[kCompute].starved == 3);
        CHECK(t.resources[kCompute].idle_after == 0);
        CHECK(t.resources[kLoad].useful == 4 * 30);
        CHECK(t.resources[kCompute].useful == 4 * 40);
        CHECK(t.critical == kCompute);
        CHECK(t.loops[0] == LoopTimes{0, 23, kCompute, 20});
    }
}

TEST_CASE("a million million iterations cost a few steps", "[unit]") {
    const ScheduleTimes t = simulate(load_and_compute(1000000000000, 2));
    CHECK(t.cycles == 3 + 5000000000000);
    CHECK(t.resources[kLoad].blocked == 2 * (1000000000000 - 2));
    CHECK(t.iterations_stepped < 20);
}

TEST_CASE("loads that nothing holds back run ahead, and jumps know", "[unit]") {
    Schedule s = load_and_compute(1000000, 2);
    s.loops[0].body[0].after = {};
    const ScheduleTimes t = simulate(s);
    CHECK(t.cycles == 3 + 5000000);
    CHECK(t.resources[kLoad].last_end == 3000000);
    CHECK(t.iterations_stepped < 20);
}

TEST_CASE("a result is there after its latency, the resource before", "[unit]") {
    Schedule s = one_loop({on(0, 2), on(1, 3, {{0, 0}})}, 4);
    s.loops[0].body[0].latency = 10;
    s.loops[0].body[1].latency = 7;
    const ScheduleTimes t = simulate(s, {.timeline = true});
    CHECK(t.timeline[1].start == 12);
    CHECK(t.timeline[2].start == 2);
    // Computes back to back from 12; the last result comes 7 cycles after the last end.
    CHECK(t.cycles == 12 + 4 * 3 + 7);
    CHECK(t.resources[1].last_end == 24);
    CHECK(t.resources[1].idle_after == 7);
    CHECK(t.loops[0].last_end == 24);
}

TEST_CASE("loops flow, continue or wait", "[unit]") {
    // Both loops: load 3 then compute 5, one slot.
    Schedule s = load_and_compute(2, 1);
    s.loops.push_back(s.loops[0]);
    SECTION("flow: the first load of the second loop does not know the slot") {
        s.loops[1].entry = LoopEntry::flow;
        const ScheduleTimes t = simulate(s, {.timeline = true});
        CHECK(t.timeline[4] == TaskTime{1, 0, 0, 11, 14});
        CHECK(t.timeline[5] == TaskTime{1, 1, 0, 16, 21});
        CHECK(t.cycles == 16 + 5 + 8);
    }
    SECTION("continue: it does") {
        s.loops[1].entry = LoopEntry::continues;
        const ScheduleTimes t = simulate(s, {.timeline = true});
        CHECK(t.timeline[4] == TaskTime{1, 0, 0, 16, 19});
        CHECK(t.cycles == 4 * 8);
    }
    SECTION("barrier: everything waits for the last result") {
        s.loops[1].entry = LoopEntry::barrier;
        s.loops[0].body[1].latency = 4;
        const ScheduleTimes t = simulate(s, {.timeline = true});
        // Load 0-3, compute 3-8 and its slot free at 12, load 12-15, compute 15-20, result at 24.
        CHECK(t.timeline[4] == TaskTime{1, 0, 0, 24, 27});
        CHECK(t.resources[kLoad].held == 24 - 15);
        // The compute is free at 20, but what ends its wait is the load.
        CHECK(t.resources[kCompute].held == 0);
        CHECK(t.starved_by(kCompute, kLoad) == 3 + (15 - 8) + (27 - 20) + (35 - 32));
        CHECK(t.cycles == 40);
    }
}

TEST_CASE("an entry dependency holds one task back, and only once", "[unit]") {
    // Weights of the second loop load while the first computes; its compute needs the result.
    Schedule s = one_loop({on(kCompute, 20)}, 1);
    s.loops[0].body[0].latency = 6;
    TaskLoop second;
    second.repeat = 3;
    second.body = {on(kLoad, 3), on(kCompute, 4, {{0, 0}})};
    second.entry_after = {{.task = 1, .loops_back = 1, .their_task = 0}};
    s.loops.push_back(second);
    const ScheduleTimes t = simulate(s, {.timeline = true});
    CHECK(t.timeline[1] == TaskTime{1, 0, 0, 0, 3});
    CHECK(t.timeline[2] == TaskTime{1, 1, 0, 26, 30});
    CHECK(t.timeline[4] == TaskTime{1, 1, 1, 30, 34});
    CHECK(t.resources[kCompute].starved == 6);
    CHECK(t.starved_by(kCompute, kCompute) == 6);
    CHECK(t.cycles == 38);
}

TEST_CASE("rows take their own durations", "[unit]") {
    Schedule s;
    s.resources = 2;
    s.loops = {row_loop({on(kLoad, 0), on(kCompute, 0, {{0, 0}})}, {3, 1, 0, 4, 2, 2})};
    s.loops[0].row_useful = {1, 2, 3, 4, 5, 6};
    const ScheduleTimes t = simulate(s, {.timeline = true});
    // Loads 0-3, 3-3, 3-5; computes 3-4, 4-8, 8-10.
    CHECK(t.timeline[3] == TaskTime{0, 1, 1, 4, 8});
    CHECK(t.timeline[4] == TaskTime{0, 0, 2, 3, 5});
    CHECK(t.cycles == 10);
    CHECK(t.resources[kLoad].busy == 5);
    CHECK(t.resources[kCompute].busy == 7);
    CHECK(t.resources[kLoad].useful == 1 + 3 + 5);
    CHECK(t.resources[kCompute].useful == 2 + 4 + 6);
}

TEST_CASE("nothing to do takes no time, and a resource without tasks says so", "[unit]") {
    Schedule s;
    s.resources = 3;
    CHECK(simulate(s).cycles == 0);
    s = one_loop({on(0, 4)});
    s.resources = 3;
    const ScheduleTimes t = simulate(s);
    CHECK(t.resources[2].first_start == -1);
    CHECK(t.resources[2].idle_after == t.cycles);
    CHECK(t.resources[2].tasks == 0);
}

TEST_CASE("schedules that break the rules are refused", "[unit]") {
    const auto refused = [](const Schedule& s) { CHECK_THROWS_AS(simulate(s), InvariantError); };
    refused(one_loop({}));
    refused(one_loop({on(0, 1)}, 0));
    refused(one_loop({on(2, 1)}));
    refused(one_loop({on(0, -1)}));
    refused(one_loop({on(0, 1, {{1, 1}})}));
    refused(one_loop({on(0, 1, {{-1, 1}})}));
    refused(one_loop({on(0, 1, {{0, -1}})}));
    // On itself or on what comes later in the same iteration.
    refused(one_loop({on(0, 1, {{0, 0}})}));
    refused(one_loop({on(0, 1, {{1, 0}}), on(1, 1)}));
    // More than 2^60 cycles in sum.
    refused(one_loop({on(0, std::int64_t{1} << 40)}, std::int64_t{1} << 21));
    Schedule latent = one_loop({on(0, 1)});
    latent.loops[0].body[0].latency = -1;
    refused(latent);
    Schedule alone = one_loop({on(0, 1)});
    alone.loops[0].entry = LoopEntry::continues;
    refused(alone);
    Schedule other_width = one_loop({on(0, 1)});
    other_width.loops.push_back(one_loop({on(0, 1), on(1, 1)}).loops[0]);
    CHECK_NOTHROW(simulate(other_width));
    other_width.loops[1].entry = LoopEntry::continues;
    refused(other_width);
    Schedule other_place = one_loop({on(0, 1)});
    other_place.loops.push_back(other_place.loops[0]);
    other_place.loops[1].entry = LoopEntry::continues;
    CHECK_NOTHROW(simulate(other_place));
    Schedule other_latency = other_place;
    other_latency.loops[1].body[0].latency = 1;
    refused(other_latency);
    other_place.loops[1].body[0].resource = 1;
    refused(other_place);
    CHECK_THROWS_AS((TaskAfterList{{0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}}), InvariantError);
}

TEST_CASE("tables and entries that break the rules are refused", "[unit]") {
    Schedule s = one_loop({on(0, 1), on(1, 1)});
    const auto with_table = [&](std::vector<std::int64_t> table) {
        Schedule made = s;
        made.loops[0].row_cycles = std::move(table);
        return made;
    };
    CHECK_NOTHROW(simulate(with_table({1, 2, 3, 4, 5, 6})));
    CHECK_THROWS_AS(simulate(with_table({1, 2, 3, 4, 5})), InvariantError);
    CHECK_THROWS_AS(simulate(with_table({1, 2, 3, 4, 5, -6})), InvariantError);
    const std::int64_t huge = std::int64_t{1} << 59;
    CHECK_NOTHROW(simulate(with_table({huge, 0, 0, 0, 0, 0})));
    CHECK_THROWS_AS(simulate(with_table({huge, huge, huge, 0, 0, 0})), InvariantError);
    CHECK_THROWS_AS(row_loop({on(0, 1), on(1, 1)}, {1, 2, 3}), InvariantError);
    CHECK_THROWS_AS(row_loop({}, {}), InvariantError);
    s.loops.push_back(s.loops[0]);
    const auto with_entry = [&](EntryAfter after) {
        Schedule made = s;
        made.loops[1].entry_after = {after};
        return made;
    };
    CHECK_NOTHROW(simulate(with_entry({1, 1, 1})));
    CHECK_THROWS_AS(simulate(with_entry({2, 1, 1})), InvariantError);
    CHECK_THROWS_AS(simulate(with_entry({1, 0, 1})), InvariantError);
    CHECK_THROWS_AS(simulate(with_entry({1, 2, 1})), InvariantError);
    CHECK_THROWS_AS(simulate(with_entry({1, 1, 2})), InvariantError);
}

TEST_CASE("work beyond a unit's peak is refused", "[unit]") {
    Schedule s = one_loop({on(0, 3), on(1, 5)});
    s.loops[0].body[0].useful = 12;
    s.loops[0].body[1].useful = 5;
    CHECK_NOTHROW(check_peaks(s, std::vector<std::int64_t>{4, 1}));
    CHECK_THROWS_AS(check_peaks(s, std::vector<std::int64_t>{3, 1}), InvariantError);
    CHECK_THROWS_AS(check_peaks(s, std::vector<std::int64_t>{4}), InvariantError);
    s.loops[0].row_cycles = {3, 5, 2, 5, 3, 5};
    CHECK_THROWS_AS(check_peaks(s, std::vector<std::int64_t>{4, 1}), InvariantError);
    s.loops[0].row_useful = {12, 5, 8, 5, 12, 5};
    CHECK_NOTHROW(check_peaks(s, std::vector<std::int64_t>{4, 1}));
}
