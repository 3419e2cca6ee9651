#include <catch2/catch.hpp>

#include "src/machine/schedule/schedule.hpp"
#include "tests/machine/random_schedule.hpp"
#include "tests/machine/schedule_laws.hpp"

using namespace attohm;

namespace {

/// A scheduler of one pass with a fault, as a programmer might make it.
enum class Fault {
    none,
    double_booking,  ///< a resource takes any number of tasks at once
    no_dependency,   ///< the last dependency of each task is forgotten
    no_latency,      ///< results are there when the resource is free
    no_barrier,      ///< barriers are passed
    cut_short,       ///< long tasks lose a cycle
    late,            ///< tasks wait for an even cycle
    any_order,       ///< the second task of an iteration goes ahead of the first
};

std::vector<TaskTime> faulty_timeline(const Schedule& s, Fault fault) {
    std::vector<reference::UnrolledTask> tasks = reference::unroll(s);
    std::vector<std::int64_t> free(s.resources, 0);
    std::vector<TaskTime> timeline;
    for (reference::UnrolledTask& u : tasks) {
        std::int64_t start = fault == Fault::double_booking ? 0 : free[u.resource];
        const auto wait_for = [&](const reference::UnrolledTask& other) {
            start = std::max(start, other.end + (fault == Fault::no_latency ? 0 : other.latency));
        };
        if (fault == Fault::no_dependency && !u.waits.empty()) u.waits.pop_back();
        if (fault == Fault::no_barrier) u.barrier = 0;
        for (std::size_t k = 0; k < u.barrier; ++k) wait_for(tasks[k]);
        for (const reference::Wait& wait : u.waits) wait_for(tasks[wait.task]);
        if (fault == Fault::late) start += start % 2;
        u.start = start;
        u.end = start + u.cycles - (fault == Fault::cut_short && u.cycles > 20 ? 1 : 0);
        free[u.resource] = std::max(free[u.resource], u.end);
        timeline.push_back({u.loop, u.task, u.iteration, u.start, u.end});
    }
    if (fault == Fault::any_order)
        for (std::size_t i = 0; i + 1 < timeline.size(); i += 2)
            if (tasks[i].resource == tasks[i + 1].resource) {
                const std::int64_t start = timeline[i].start;
                timeline[i + 1].end = start + tasks[i + 1].cycles;
                timeline[i + 1].start = start;
                timeline[i].start = timeline[i + 1].end;
                timeline[i].end = timeline[i].start + tasks[i].cycles;
            }
    return timeline;
}

/// Raises every duration by `factor`, and the cycles of one task by `more`.
Schedule scaled(Schedule s, std::int64_t factor, std::size_t loop, std::size_t task,
                std::int64_t more) {
    for (TaskLoop& l : s.loops) {
        for (Task& t : l.body) {
            t.cycles *= factor;
            t.latency *= factor;
        }
        for (std::int64_t& cycles : l.row_cycles) cycles *= factor;
    }
    TaskLoop& longer = s.loops[loop];
    longer.body[task].cycles += more;
    if (!longer.row_cycles.empty()) longer.row_cycles[task] += more;
    return s;
}

}  // namespace

TEST_CASE("faulty schedulers are caught by the laws", "[property]") {
    const auto [fault, law] = GENERATE(table<Fault, std::string>({
        {Fault::double_booking, "one task at a time"},
        {Fault::no_dependency, "nothing before what it waits for"},
        {Fault::no_latency, "nothing before what it waits for"},
        {Fault::no_barrier, "nothing before what it waits for"},
        {Fault::cut_short, "busy exactly its cycles"},
        {Fault::late, "never idle for nothing"},
        {Fault::any_order, "program order"},
    }));
    int changed = 0;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        INFO("law " << law << ", seed " << seed);
        const Schedule s = test::RandomSchedules(seed).schedule(4, 12);
        const std::vector<TaskTime> right = faulty_timeline(s, Fault::none);
        REQUIRE(test::broken_laws(s, right).empty());
        const std::vector<TaskTime> wrong = faulty_timeline(s, fault);
        if (wrong == right) continue;
        ++changed;
        const std::set<std::string> broken = test::broken_laws(s, wrong);
        REQUIRE_FALSE(broken.empty());
        if (fault != Fault::any_order) REQUIRE(broken.count(law) == 1);
    }
    CHECK(changed > 50);
}

TEST_CASE("a task that is left out is caught by the laws", "[unit]") {
    const Schedule s = test::RandomSchedules(7).schedule(4, 12);
    std::vector<TaskTime> timeline = simulate(s, {.timeline = true}).timeline;
    timeline.pop_back();
    CHECK(test::broken_laws(s, timeline).count("every task once") == 1);
}

TEST_CASE("resources are busy exactly their tasks' cycles, and the total is bounded by them",
          "[property]") {
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
        INFO("seed " << seed);
        const Schedule s = test::RandomSchedules(4000000 + seed).schedule(4, 60);
        const ScheduleTimes times = simulate(s);
        std::vector<ResourceTimes> expected(s.resources);
        std::int64_t sum = 0;
        std::int64_t most = 0;
        for (const reference::UnrolledTask& u : reference::unroll(s)) {
            expected[u.resource].busy += u.cycles;
            expected[u.resource].useful += u.useful;
            ++expected[u.resource].tasks;
            sum += u.cycles + u.latency;
            most = std::max(most, expected[u.resource].busy);
        }
        for (std::size_t r = 0; r < s.resources; ++r) {
            const ResourceTimes& mine = times.resources[r];
            REQUIRE(mine.busy == expected[r].busy);
            REQUIRE(mine.useful == expected[r].useful);
            REQUIRE(mine.tasks == expected[r].tasks);
            REQUIRE(std::min({mine.starved, mine.blocked, mine.held, mine.idle_after}) >= 0);
            REQUIRE(mine.busy + mine.starved + mine.blocked + mine.held + mine.idle_after ==
                    times.cycles);
        }
        REQUIRE(times.cycles >= most);
        REQUIRE(times.cycles <= sum);
        REQUIRE(times.resources[times.critical].busy == most);
    }
}

TEST_CASE("one more slot in a buffer never slows", "[property]") {
    int faster = 0;
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
        INFO("seed " << seed);
        test::RandomSchedules random(5000000 + seed);
        const Schedule s = random.schedule(4, 60);
        Schedule roomy = s;
        for (TaskLoop& loop : roomy.loops)
            for (Task& task : loop.body) {
                TaskAfterList after;
                for (TaskAfter a : task.after) {
                    if (a.iterations_back > 0 && random.chance(0.5)) ++a.iterations_back;
                    after.add(a);
                }
                task.after = after;
            }
        const std::int64_t before = simulate(s).cycles;
        const std::int64_t after = simulate(roomy).cycles;
        REQUIRE(after <= before);
        faster += after < before;
    }
    CHECK(faster > 100);
}

TEST_CASE("doubling every duration doubles every time; a longer task never hastens", "[property]") {
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        INFO("seed " << seed);
        test::RandomSchedules random(6000000 + seed);
        const Schedule s = random.schedule(4, 40);
        const ScheduleTimes once = simulate(s, {.timeline = true});
        const ScheduleTimes twice = simulate(scaled(s, 2, 0, 0, 0), {.timeline = true});
        REQUIRE(twice.cycles == 2 * once.cycles);
        for (std::size_t i = 0; i < once.timeline.size(); ++i)
            REQUIRE(twice.timeline[i].start == 2 * once.timeline[i].start);
        for (std::size_t r = 0; r < s.resources; ++r) {
            REQUIRE(twice.resources[r].starved == 2 * once.resources[r].starved);
            REQUIRE(twice.resources[r].blocked == 2 * once.resources[r].blocked);
        }
        const auto loop = static_cast<std::size_t>(
            random.between(0, static_cast<std::int64_t>(s.loops.size()) - 1));
        const auto task = static_cast<std::size_t>(
            random.between(0, static_cast<std::int64_t>(s.loops[loop].body.size()) - 1));
        const std::int64_t longer =
            simulate(scaled(s, 1, loop, task, random.between(1, 50))).cycles;
        REQUIRE(longer >= once.cycles);
    }
}

TEST_CASE("a loop cut in two that continue is the loop", "[property]") {
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        INFO("seed " << seed);
        test::RandomSchedules random(7000000 + seed);
        Schedule whole;
        whole.resources = 4;
        TaskLoop loop;
        loop.repeat = random.between(3, 400);
        loop.body = random.body(4, random.between(1, 6), 5);
        whole.loops = {loop};
        Schedule cut = whole;
        cut.loops[0].repeat = random.between(1, loop.repeat - 2);
        loop.entry = LoopEntry::continues;
        loop.repeat -= cut.loops[0].repeat;
        cut.loops.push_back(loop);
        // And the last iteration as a row with a table, after a loop without.
        --cut.loops[1].repeat;
        std::vector<std::int64_t> row;
        for (const Task& task : loop.body) row.push_back(task.cycles);
        cut.loops.push_back(row_loop(loop.body, row, LoopEntry::continues));
        const ScheduleTimes a = simulate(whole);
        const ScheduleTimes b = simulate(cut);
        REQUIRE(a.cycles == b.cycles);
        REQUIRE(a.resources == b.resources);
    }
}
