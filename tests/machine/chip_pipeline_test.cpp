#include "src/machine/plans/chip_pipeline.hpp"

#include <catch2/catch.hpp>

#include "src/base/error.hpp"
#include "tests/machine/random_schedule.hpp"

using namespace attohm;

namespace {

enum ChipResource : ResourceId { kArrays, kChannel, kQk, kSoftmax, kV, kChipResources };

/// The chains of chip_pipeline.hpp as loops for the simulator: T(0) and P(0), then in iteration i
/// T(i + 1), P(i + 1), F(i), QK(i), S(i), V(i). In the last there is nothing left to threshold.
Schedule schedule_of(const std::vector<QueryRow>& rows, const ChainTimes& times) {
    const std::int64_t t = times.in_memory ? times.thresholding : 0;
    const std::int64_t p = times.in_memory ? times.read_p : 0;
    Schedule s;
    s.resources = kChipResources;
    TaskLoop first;
    first.body = {{.resource = kArrays, .cycles = t},
                  {.resource = kChannel, .cycles = p, .after = {{0, 0}}}};
    s.loops.push_back(first);
    const std::vector<Task> body = {
        {.resource = kArrays, .after = {{1, 1}}},
        {.resource = kChannel, .after = {{0, 0}}},
        {.resource = kChannel, .latency = times.fetch_latency, .after = {{5, times.fetch_slots}}},
        {.resource = kQk, .after = {{2, 0}}},
        {.resource = kSoftmax, .latency = times.softmax_latency, .after = {{3, 0}}},
        {.resource = kV, .after = {{4, 0}}}};
    std::vector<std::int64_t> cycles;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const bool last = i + 1 == rows.size();
        cycles.insert(cycles.end(), {last ? 0 : t, last ? 0 : p, rows[i].fetch, rows[i].qk,
                                     rows[i].softmax, rows[i].v});
    }
    TaskLoop queries = row_loop(body, cycles);
    queries.entry_after = {{0, 1, 1}};
    s.loops.push_back(queries);
    return s;
}

ChainTimes random_times(test::RandomSchedules& random) {
    ChainTimes times;
    times.in_memory = random.chance(0.6);
    times.thresholding = random.between(0, 60);
    times.read_p = random.between(0, 5);
    times.fetch_latency = random.chance(0.3) ? 0 : random.between(0, 20);
    times.softmax_latency = random.chance(0.3) ? 0 : random.between(0, 120);
    times.fetch_slots = static_cast<int>(random.between(1, 6));
    return times;
}

QueryRow random_row(test::RandomSchedules& random, std::int64_t longest) {
    const auto cycles = [&] { return random.chance(0.15) ? 0 : random.between(0, longest); };
    return {cycles(), cycles(), cycles(), cycles()};
}

void check_same(const HeadTime& fast, const Schedule& schedule) {
    const ScheduleTimes slow = simulate(schedule);
    REQUIRE(fast.cycles == slow.cycles);
    REQUIRE(fast.busy.arrays == slow.resources[kArrays].busy);
    REQUIRE(fast.busy.channel == slow.resources[kChannel].busy);
    REQUIRE(fast.busy.qk == slow.resources[kQk].busy);
    REQUIRE(fast.busy.softmax == slow.resources[kSoftmax].busy);
    REQUIRE(fast.busy.v == slow.resources[kV].busy);
}

/// A load and the queries that work on it.
struct Visit {
    bool single_query = false;
    std::int64_t load = 0;
    std::vector<QueryRow> rows;  ///< without fetch
};

/// The same visits for the simulator: for each a loop with its load and a loop with its queries.
Schedule schedule_of(const std::vector<Visit>& visits, const ChainTimes& times) {
    Schedule s;
    s.resources = kChipResources;
    for (std::size_t i = 0; i < visits.size(); ++i) {
        TaskLoop load;
        load.body = {
            {.resource = kChannel, .cycles = visits[i].load, .latency = times.fetch_latency}};
        if (static_cast<int>(i) >= times.fetch_slots)
            load.entry_after = {{0, 2 * times.fetch_slots - 1, visits[i].single_query ? 0 : 2}};
        s.loops.push_back(load);
        std::vector<std::int64_t> cycles;
        for (const QueryRow& row : visits[i].rows)
            cycles.insert(cycles.end(), {row.qk, row.softmax, row.v});
        TaskLoop queries =
            row_loop({{.resource = kQk},
                      {.resource = kSoftmax, .latency = times.softmax_latency, .after = {{0, 0}}},
                      {.resource = kV, .after = {{1, 0}}}},
                     cycles);
        queries.entry_after = {{0, 1, 0}};
        s.loops.push_back(queries);
    }
    return s;
}

}  // namespace

TEST_CASE("queries on the chip are the simulator's, cycle by cycle", "[property]") {
    test::RandomSchedules random(11);
    for (int i = 0; i < 6000; ++i) {
        const ChainTimes times = random_times(random);
        const std::int64_t longest = random.chance(0.5) ? 6 : 90;
        std::vector<QueryRow> rows(static_cast<std::size_t>(random.between(1, 30)));
        for (QueryRow& row : rows) row = random_row(random, longest);
        INFO("head " << i);
        check_same(time_queries(rows, times), schedule_of(rows, times));
    }
}

TEST_CASE("equal queries are as many queries", "[property]") {
    test::RandomSchedules random(12);
    for (int i = 0; i < 4000; ++i) {
        const ChainTimes times = random_times(random);
        const QueryRow row = random_row(random, random.chance(0.5) ? 6 : 90);
        const std::int64_t queries = random.between(0, random.chance(0.1) ? 600 : 60);
        const HeadTime jumped = time_equal_queries(row, queries, times);
        const std::vector<QueryRow> rows(static_cast<std::size_t>(queries), row);
        const HeadTime stepped = time_queries(rows, times);
        INFO("head " << i << " of " << queries);
        REQUIRE(jumped.cycles == stepped.cycles);
        REQUIRE(jumped.busy.arrays == stepped.busy.arrays);
        REQUIRE(jumped.busy.channel == stepped.busy.channel);
        REQUIRE(jumped.busy.qk == stepped.busy.qk);
        REQUIRE(jumped.busy.softmax == stepped.busy.softmax);
        REQUIRE(jumped.busy.v == stepped.busy.v);
    }
}

TEST_CASE("blocks of queries are the simulator's, also where they are equal", "[property]") {
    test::RandomSchedules random(13);
    for (int i = 0; i < 3000; ++i) {
        ChainTimes times = random_times(random);
        times.in_memory = false;
        const bool equal = random.chance(0.5);
        std::vector<Visit> visits(static_cast<std::size_t>(random.between(1, equal ? 40 : 12)));
        for (std::size_t v = 0; v < visits.size(); ++v) {
            if (equal && v > 0) {
                visits[v] = visits[0];
                continue;
            }
            const QueryRow row = random_row(random, 40);
            visits[v].single_query = random.chance(0.3);
            visits[v].load = random.chance(0.1) ? 0 : random.between(0, 60);
            visits[v].rows.assign(static_cast<std::size_t>(random.between(1, 9)), row);
        }
        ChipPipeline pipeline(times);
        const auto run = [&](const Visit& visit) {
            if (visit.single_query)
                pipeline.load_query(visit.load);
            else
                pipeline.load(visit.load);
            const QueryRow& row = visit.rows.front();
            pipeline.rows(static_cast<std::int64_t>(visit.rows.size()), row.qk, row.softmax, row.v);
            pipeline.end_load();
        };
        if (equal)
            pipeline.repeat(static_cast<std::int64_t>(visits.size()), [&] { run(visits[0]); });
        else
            for (const Visit& visit : visits) run(visit);
        INFO("head " << i);
        check_same({pipeline.cycles(), pipeline.busy()}, schedule_of(visits, times));
    }
}

TEST_CASE("a constant head in closed form", "[unit]") {
    ChainTimes times{.in_memory = true,
                     .thresholding = 28,
                     .read_p = 1,
                     .fetch_latency = 10,
                     .softmax_latency = 87,
                     .fetch_slots = 2};
    const auto cycles = [&](const QueryRow& row, std::int64_t n) {
        return time_equal_queries(row, n, times).cycles;
    };
    // One query: nothing overlaps.
    CHECK(cycles({2, 5, 6, 7}, 1) == 28 + 1 + 2 + 10 + 5 + 6 + 87 + 7);
    // Two: T(0), P(0) to 29, T(1), P(1) to 58; F(0) to 60, F(1) to 62; QK from 70 and 75, each 5; S
    // to 81 and 87; V(0) from 168 to 175, V(1) from 175 to 182.
    CHECK(cycles({2, 5, 6, 7}, 2) == 182);
    // Three: P(2) ends at 87, F(1) at 89, V(1) at 204. F(2) waits for V(0), at 175; from its load
    // to its output a query takes 2 + 10 + 5 + 6 + 87 + 7 = 117.
    CHECK(cycles({2, 5, 6, 7}, 3) == 175 + 117);
    // With slots enough the slowest resource sets the pace: the arrays with their ReadP ...
    times.fetch_slots = 8;
    CHECK(cycles({2, 5, 6, 7}, 1001) - cycles({2, 5, 6, 7}, 1000) == 29);
    // ... a unit ...
    CHECK(cycles({2, 40, 50, 45}, 1001) - cycles({2, 40, 50, 45}, 1000) == 50);
    // ... or the channel, which also reads pruning vectors.
    CHECK(cycles({60, 5, 6, 7}, 1001) - cycles({60, 5, 6, 7}, 1000) == 61);
    // Few slots: n queries per way of one.
    times.fetch_slots = 1;
    CHECK(cycles({2, 5, 6, 7}, 1001) - cycles({2, 5, 6, 7}, 1000) == 117);
    times.fetch_slots = 3;
    CHECK(cycles({2, 5, 6, 7}, 1003) - cycles({2, 5, 6, 7}, 1000) == 117);
}

TEST_CASE("more slots never lengthen a head, and no slots are refused", "[property]") {
    test::RandomSchedules random(14);
    for (int i = 0; i < 500; ++i) {
        ChainTimes times = random_times(random);
        std::vector<QueryRow> rows(static_cast<std::size_t>(random.between(1, 40)));
        for (QueryRow& row : rows) row = random_row(random, 60);
        std::int64_t before = 0;
        for (times.fetch_slots = 1; times.fetch_slots <= 8; ++times.fetch_slots) {
            const std::int64_t now = time_queries(rows, times).cycles;
            if (times.fetch_slots > 1) REQUIRE(now <= before);
            before = now;
        }
    }
    ChainTimes none;
    none.fetch_slots = 0;
    CHECK_THROWS_AS(ChipPipeline(none), InvariantError);
    none.fetch_slots = ChipPipeline::kMostSlots + 1;
    CHECK_THROWS_AS(ChipPipeline(none), InvariantError);
}
