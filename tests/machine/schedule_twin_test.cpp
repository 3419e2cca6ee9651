#include <catch2/catch.hpp>

#include "src/machine/schedule/schedule.hpp"
#include "tests/machine/random_schedule.hpp"
#include "tests/machine/schedule_laws.hpp"
#include "tests/reference/schedule_reference.hpp"

using namespace attohm;

namespace {

bool same_timeline(const std::vector<TaskTime>& timeline,
                   const std::vector<reference::UnrolledTask>& tasks) {
    if (timeline.size() != tasks.size()) return false;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        const reference::UnrolledTask& u = tasks[i];
        if (!(timeline[i] == TaskTime{u.loop, u.task, u.iteration, u.start, u.end})) return false;
    }
    return true;
}

bool same_pairs(const Matrix<std::int64_t>& fast,
                const std::map<std::pair<int, int>, std::int64_t>& slow) {
    for (std::size_t r = 0; r < fast.rows(); ++r)
        for (std::size_t other = 0; other < fast.cols(); ++other) {
            const auto found = slow.find({static_cast<int>(r), static_cast<int>(other)});
            if (fast(r, other) != (found == slow.end() ? 0 : found->second)) return false;
        }
    return true;
}

bool same_matrix(const Matrix<std::int64_t>& a, const Matrix<std::int64_t>& b) {
    return std::equal(a.data(), a.data() + a.size(), b.data(), b.data() + b.size());
}

/// Everything but the timeline and the number of steps.
bool same_sums(const ScheduleTimes& a, const ScheduleTimes& b) {
    return a.cycles == b.cycles && a.resources == b.resources && a.loops == b.loops &&
           a.critical == b.critical && same_matrix(a.starved_by, b.starved_by) &&
           same_matrix(a.blocked_by, b.blocked_by);
}

}  // namespace

TEST_CASE("random schedules are those of the event-by-event twin", "[property]") {
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
        INFO("seed " << seed);
        const Schedule s = test::RandomSchedules(seed).schedule(5, 25);
        const reference::ReferenceTimes slow = reference::simulate_reference(s);
        const ScheduleTimes fast = simulate(s, {.timeline = true});
        REQUIRE(fast.cycles == slow.cycles);
        REQUIRE(same_timeline(fast.timeline, slow.tasks));
        REQUIRE(fast.resources == slow.resources);
        REQUIRE(same_pairs(fast.starved_by, slow.starved_by));
        REQUIRE(same_pairs(fast.blocked_by, slow.blocked_by));
        REQUIRE(test::broken_laws(s, fast.timeline).empty());
        REQUIRE(same_sums(simulate(s), fast));
    }
}

TEST_CASE("loops of many iterations are those of the twin", "[property]") {
    for (std::uint64_t seed = 0; seed < 150; ++seed) {
        INFO("seed " << seed);
        const Schedule s = test::RandomSchedules(1000000 + seed).schedule(3, 300);
        const reference::ReferenceTimes slow = reference::simulate_reference(s);
        const ScheduleTimes fast = simulate(s);
        REQUIRE(fast.cycles == slow.cycles);
        REQUIRE(fast.resources == slow.resources);
        REQUIRE(same_pairs(fast.starved_by, slow.starved_by));
        REQUIRE(same_pairs(fast.blocked_by, slow.blocked_by));
        REQUIRE(same_timeline(simulate(s, {.timeline = true}).timeline, slow.tasks));
    }
}

TEST_CASE("a loop reaches far back into a long one that it continues", "[property]") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        INFO("seed " << seed);
        test::RandomSchedules random(8000000 + seed);
        Schedule s;
        s.resources = 3;
        TaskLoop table;
        table.repeat = random.between(1, 300);
        table.body = random.body(3, 3, 2);
        for (std::int64_t i = 0; i < 3 * table.repeat; ++i)
            table.row_cycles.push_back(random.between(0, 30));
        TaskLoop between = table;
        between.entry = LoopEntry::continues;
        between.repeat = random.between(1, 5);
        between.row_cycles.clear();
        TaskLoop far = between;
        far.repeat = random.between(1, 200);
        const auto back = static_cast<std::int32_t>(random.between(1, 150));
        for (std::int32_t t = 0; t < 3; ++t)
            far.body[static_cast<std::size_t>(t)].after = {{2, back}};
        s.loops = {table, between, far};
        const reference::ReferenceTimes slow = reference::simulate_reference(s);
        REQUIRE(simulate(s).cycles == slow.cycles);
        REQUIRE(simulate(s).resources == slow.resources);
        REQUIRE(same_timeline(simulate(s, {.timeline = true}).timeline, slow.tasks));
    }
}

TEST_CASE("loops report their own span and bottleneck", "[property]") {
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
        INFO("seed " << seed);
        const Schedule s = test::RandomSchedules(2000000 + seed).schedule(4, 20);
        const reference::ReferenceTimes slow = reference::simulate_reference(s);
        const ScheduleTimes fast = simulate(s);
        REQUIRE(fast.loops.size() == s.loops.size());
        for (std::size_t l = 0; l < s.loops.size(); ++l) {
            LoopTimes expected;
            expected.first_start = slow.cycles;
            std::vector<std::int64_t> busy(s.resources, 0);
            for (const reference::UnrolledTask& u : slow.tasks) {
                if (static_cast<std::size_t>(u.loop) != l) continue;
                expected.first_start = std::min(expected.first_start, u.start);
                expected.last_end = std::max(expected.last_end, u.end);
                busy[u.resource] += u.cycles;
            }
            for (std::size_t r = 0; r < s.resources; ++r)
                if (busy[r] > expected.bottleneck_busy) {
                    expected.bottleneck = static_cast<ResourceId>(r);
                    expected.bottleneck_busy = busy[r];
                }
            REQUIRE(fast.loops[l] == expected);
        }
    }
}

TEST_CASE("jumping over what repeats changes nothing", "[property]") {
    std::int64_t iterations = 0;
    std::int64_t stepped = 0;
    for (std::uint64_t seed = 0; seed < 1500; ++seed) {
        INFO("seed " << seed);
        test::RandomSchedules random(3000000 + seed);
        Schedule s;
        s.resources = static_cast<std::size_t>(random.between(1, 6));
        const std::int64_t loops = random.between(1, 4);
        const std::int64_t width = random.between(1, 8);
        for (std::int64_t l = 0; l < loops; ++l) {
            TaskLoop loop;
            loop.repeat = random.between(1, random.chance(0.5) ? 50 : 4000);
            loop.body = random.body(s.resources, width, random.chance(0.3) ? 12 : 3);
            // Long and short loops in turn, flowing or continuing: leads run out far inside.
            if (l > 0 && random.chance(0.5)) {
                loop.entry = LoopEntry::continues;
                random.continue_body(loop.body, s.loops.back().body);
            }
            s.loops.push_back(loop);
            iterations += loop.repeat;
        }
        const ScheduleTimes plain = simulate(s, {.extrapolate = false});
        const ScheduleTimes jumped = simulate(s);
        REQUIRE(same_sums(plain, jumped));
        stepped += jumped.iterations_stepped;
    }
    // Not a test of speed: without jumps the two would be equal for nothing.
    CHECK(stepped < iterations / 5);
    INFO(stepped << " of " << iterations);
}

TEST_CASE("a lead that runs out after a long time is met on the iteration", "[property]") {
    // The sender is late by the lead of the first loop; the receiver's own work hides that until
    // the sender's, which takes one cycle more per iteration, has caught up.
    for (const std::int64_t lead : {1, 10, 999, 1000, 1001, 123456})
        for (const std::int64_t repeat : {1, 2, 500, 999, 1000, 1001, 5000, 200000}) {
            INFO(lead << " cycles, " << repeat << " iterations");
            Schedule s;
            s.resources = 2;
            TaskLoop busy;
            busy.body = {Task{.resource = 1, .cycles = lead}};
            TaskLoop chain;
            chain.repeat = repeat;
            chain.body = {Task{.resource = 0, .cycles = 8},
                          Task{.resource = 1, .cycles = 7, .after = {{0, 0}}}};
            s.loops = {busy, chain};
            const ScheduleTimes times = simulate(s);
            CHECK(times.cycles == std::max(lead + 7 * repeat, 8 * repeat + 7));
            CHECK(same_sums(times, simulate(s, {.extrapolate = false})));
            CHECK(times.iterations_stepped < 600);
        }
}
