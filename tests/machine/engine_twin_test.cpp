#include <catch2/catch.hpp>

#include "src/base/error.hpp"
#include "src/machine/plans/array_mapping.hpp"
#include "src/machine/plans/chained_plan.hpp"
#include "src/machine/plans/special_plans.hpp"
#include "tests/machine/engine_cases.hpp"
#include "tests/machine/engine_chains.hpp"
#include "tests/machine/random_work.hpp"
#include "tests/reference/engine_reference.hpp"

/// The plans of engines against slow twins that walk every tile, block, row and copy.
using namespace attohm;
using attohm::test::EngineCases;

namespace {

void check_use(const ArrayUse& use, const reference::WalkedProduct& walked) {
    CHECK(use.cycles == walked.cycles);
    CHECK(use.a_reads == walked.a_reads);
    CHECK(use.b_reads == walked.b_reads);
    CHECK(use.out_writes == walked.out_writes);
    CHECK(use.out_reads == walked.out_reads);
}

reference::Held held_in(Dataflow flow) {
    return flow == Dataflow::output   ? reference::Held::output
           : flow == Dataflow::weight ? reference::Held::b
                                      : reference::Held::a;
}

}  // namespace

TEST_CASE("A product on an array is what walking its tiles counts", "[property]") {
    EngineCases random(1);
    for (int i = 0; i < 400; ++i) {
        EngineUnit array = random.array("array");
        const std::int64_t m = random.between(1, 40), n = random.between(1, 40);
        const std::int64_t k = random.between(1, 60);
        const reference::ArraySize size{array.rows, array.columns, array.macs_per_pe};
        INFO(m << " " << n << " " << k << " on " << array.rows << " x " << array.columns);
        std::vector<reference::WalkedProduct> walked;
        for (const Dataflow flow : {Dataflow::output, Dataflow::weight, Dataflow::input}) {
            array.dataflow = flow;
            walked.push_back(reference::walk_product(size, held_in(flow), m, n, k));
            check_use(map_matmul(array, m, n, k), walked.back());
        }
        array.dataflow = Dataflow::best;
        std::size_t best = 0;
        for (std::size_t f = 1; f < walked.size(); ++f)
            if (walked[f].cycles < walked[best].cycles) best = f;
        check_use(map_matmul(array, m, n, k), walked[best]);
    }
}

TEST_CASE("Packed rows are what filling rows pair by pair gives", "[property]") {
    EngineCases random(2);
    for (int i = 0; i < 100; ++i) {
        HeadShape shape = test::plain_shape(static_cast<int>(random.between(1, 40)), 8);
        const double kept = static_cast<double>(random.between(0, 10)) / 10.0;
        const Selection selection =
            test::random_selection(shape, kept, 0.5, static_cast<std::uint64_t>(i));
        const std::int64_t columns = random.between(1, 20);
        const std::vector<std::int64_t> kept_begin(selection.row_begin.begin(),
                                                   selection.row_begin.end());
        CHECK(packed_rows(kept_begin, columns) == reference::walk_packed_rows(selection, columns));
    }
}

TEST_CASE("Heads in a pipeline run as event by event with explicit copies of every tensor",
          "[property]") {
    EngineCases random(4);
    for (int i = 0; i < 300; ++i) {
        const Engine engine = random.engine();
        const OpList list = random.list();
        std::vector<PlacedList> heads;
        const std::int64_t count = random.between(1, 6);
        for (std::int64_t h = 0; h < count; ++h)
            heads.push_back(place(engine, "random", random.resized(list), random.chance(0.7)));
        const int slots = static_cast<int>(random.between(1, 2));
        const std::int64_t times = random.between(1, 2);
        const ChainedShape shape = chained_shape(engine, heads, slots);
        const auto tasks = test::chain_tasks(engine, heads.front(), shape);
        std::vector<std::vector<std::int64_t>> cycles;
        for (std::int64_t h = 0; h < count * times; ++h)
            cycles.push_back(test::task_cycles(engine, heads[static_cast<std::size_t>(h % count)]));
        const auto walked = reference::walk_chain(
            tasks, shape.copies, static_cast<int>(memory_resource(engine)) + 1, cycles);

        const Schedule schedule = chained_schedule(engine, heads, shape, times);
        REQUIRE(schedule.loops.front().body.size() == tasks.size());
        const ScheduleTimes fast = simulate(schedule, {true, false});
        std::vector<std::int64_t> row_begin = {0};
        for (const TaskLoop& loop : schedule.loops)
            row_begin.push_back(row_begin.back() + loop.repeat);
        std::size_t next = 0;
        for (const TaskTime& time : fast.timeline) {
            const std::int64_t row =
                row_begin[static_cast<std::size_t>(time.loop)] + time.iteration;
            const std::int64_t head = row - tasks[static_cast<std::size_t>(time.task)].lag;
            if (head < 0 || head >= count * times) continue;
            REQUIRE(next < walked.size());
            CHECK(walked[next].head == head);
            CHECK(walked[next].task == time.task);
            CHECK(walked[next].start == time.start);
            CHECK(walked[next].end == time.end);
            ++next;
        }
        CHECK(next == walked.size());
    }
}
