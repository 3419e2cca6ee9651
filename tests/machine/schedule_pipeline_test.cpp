#include <catch2/catch.hpp>

#include <algorithm>

#include "src/machine/schedule/pipeline.hpp"
#include "tests/machine/random_schedule.hpp"
#include "tests/machine/schedule_laws.hpp"

using namespace attohm;

namespace {

Schedule pipeline(const PipelineShape& shape) {
    Schedule s;
    s.resources = 3;
    const PipelineResources on =
        shape.shared_port ? PipelineResources{0, 1, 0} : PipelineResources{};
    s.loops = pipeline_loops(shape, on);
    return s;
}

PipelineShape random_shape(test::RandomSchedules& random, std::int64_t most_iterations) {
    const std::int64_t longest = random.chance(0.5) ? 6 : 1000;
    PipelineShape shape;
    shape.load = random.between(0, longest);
    shape.compute = random.between(0, random.chance(0.3) ? 2 * longest : longest);
    shape.store = random.between(0, longest);
    shape.iterations = random.between(1, most_iterations);
    shape.buffers = static_cast<int>(random.between(1, 2));
    shape.shared_port = random.chance(0.5);
    return shape;
}

}  // namespace

TEST_CASE("closed forms are the simulation's cycles", "[property]") {
    test::RandomSchedules random(1);
    for (int i = 0; i < 20000; ++i) {
        const PipelineShape p = random_shape(random, i % 2 == 0 ? 6 : 300);
        INFO(p.load << " " << p.compute << " " << p.store << ", n " << p.iterations << ", buffers "
                    << p.buffers << ", shared " << p.shared_port);
        REQUIRE(steady_state_cycles(p) == simulate(pipeline(p), {.extrapolate = false}).cycles);
        REQUIRE(steady_state_cycles(p) == simulate(pipeline(p)).cycles);
    }
}

TEST_CASE("closed forms are the twin's cycles, and no task is lost or made up", "[property]") {
    test::RandomSchedules random(2);
    for (int i = 0; i < 1500; ++i) {
        const PipelineShape p = random_shape(random, 12);
        const Schedule s = pipeline(p);
        const reference::ReferenceTimes slow = reference::simulate_reference(s);
        REQUIRE(steady_state_cycles(p) == slow.cycles);
        const std::int64_t port = slow.resources[0].busy + slow.resources[2].busy;
        REQUIRE(port == p.iterations * (p.load + p.store));
        REQUIRE(slow.resources[1].busy == p.iterations * p.compute);
    }
}

TEST_CASE("the buffers of the pipeline are never overfull", "[property]") {
    test::RandomSchedules random(3);
    for (int i = 0; i < 500; ++i) {
        const PipelineShape p = random_shape(random, 12);
        const ScheduleTimes times = simulate(pipeline(p), {.timeline = true});
        // Starts and ends of load, compute and store of every item; the shared port's loop carries
        // the store of the item before, so zero items stand at both ends.
        const auto n = static_cast<std::size_t>(p.iterations);
        std::vector<TaskTime> load, compute, store;
        for (std::size_t k = 0; k + 2 < times.timeline.size(); k += 3) {
            load.push_back(times.timeline[k]);
            (p.shared_port ? store : compute).push_back(times.timeline[k + 1]);
            (p.shared_port ? compute : store).push_back(times.timeline[k + 2]);
        }
        if (p.shared_port) store.erase(store.begin());
        const auto slots = static_cast<std::size_t>(p.buffers);
        for (std::size_t k = 0; k < n; ++k) {
            REQUIRE(compute[k].start >= load[k].end);
            REQUIRE(store[k].start >= compute[k].end);
            if (k < slots) continue;
            REQUIRE(load[k].start >= compute[k - slots].end);
            REQUIRE(compute[k].start >= store[k - slots].end);
        }
    }
}

TEST_CASE("closed forms by hand", "[unit]") {
    PipelineShape p{.load = 4, .compute = 10, .store = 3, .iterations = 100};
    CHECK(steady_state_cycles(p) == 17 + 99 * 10);
    p.shared_port = true;
    CHECK(steady_state_cycles(p) == 7 + 100 * 10);
    p.buffers = 1;
    CHECK(steady_state_cycles(p) == 100 * 17);
    p.shared_port = false;
    CHECK(steady_state_cycles(p) == 17 + 99 * 14);
    // Bound by the port: loads and stores back to back, but for the ends.
    p = {.load = 8, .compute = 5, .store = 6, .iterations = 100, .shared_port = true};
    CHECK(steady_state_cycles(p) == 99 * 14 + 14);
    p.compute = 10;
    CHECK(steady_state_cycles(p) == 99 * 14 + 20);
    p.iterations = 1;
    CHECK(steady_state_cycles(p) == 24);
}

TEST_CASE("a pipeline of impossible shape is refused", "[unit]") {
    CHECK_THROWS_AS(steady_state_cycles({.load = -1}), InvariantError);
    CHECK_THROWS_AS(steady_state_cycles({.compute = -1}), InvariantError);
    CHECK_THROWS_AS(steady_state_cycles({.store = -1}), InvariantError);
    CHECK_THROWS_AS(steady_state_cycles({.iterations = 0}), InvariantError);
    CHECK_THROWS_AS(steady_state_cycles({.buffers = 3}), InvariantError);
    CHECK_THROWS_AS(pipeline_loops({.buffers = 0}, {}), InvariantError);
}
