// Speed of the schedule simulator on one core, best of several repetitions: rows with their own
// durations per task, constant loops per evaluation.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <vector>

#include "src/base/random.hpp"
#include "src/machine/schedule/pipeline.hpp"
#include "src/machine/schedule/schedule.hpp"

namespace {

using attohm::LoopEntry;
using attohm::ResourceId;
using attohm::Schedule;
using attohm::Task;
using attohm::TaskLoop;

constexpr int kRepetitions = 25;

/// Seconds per call of the best repetition.
double seconds(int calls, const std::function<void()>& call) {
    double best = std::numeric_limits<double>::infinity();
    for (int repetition = 0; repetition < kRepetitions; ++repetition) {
        const auto start = std::chrono::steady_clock::now();
        for (int k = 0; k < calls; ++k) call();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count() / calls);
    }
    return best;
}

/// A chain of seven stages, as one query row of SPRINT: each waits for the stage before, and for
/// a slot that the stage after frees.
std::vector<Task> seven_stages(std::int32_t slots) {
    std::vector<Task> body;
    for (std::int32_t t = 0; t < 7; ++t) {
        Task task{.resource = static_cast<ResourceId>(t), .cycles = 10 + 3 * t};
        if (t > 0) task.after.add({t - 1, 0});
        if (t < 6) task.after.add({t + 1, slots});
        body.push_back(task);
    }
    return body;
}

/// Heads one after another, one row of random durations per query.
Schedule row_layer(std::size_t heads, std::size_t rows) {
    Schedule schedule;
    schedule.resources = 7;
    const attohm::Stream stream(1, attohm::Purpose::sampling);
    std::vector<float> uniforms(rows * 7);
    for (std::size_t head = 0; head < heads; ++head) {
        stream.with(head).uniforms(0, uniforms);
        std::vector<std::int64_t> durations;
        for (const float u : uniforms) durations.push_back(static_cast<std::int64_t>(60.0f * u));
        schedule.loops.push_back(row_loop(seven_stages(2), durations,
                                          head == 0 ? LoopEntry::flow : LoopEntry::continues));
    }
    return schedule;
}

/// The same shape with constant durations.
Schedule constant_layer(std::size_t heads, std::int64_t rows) {
    Schedule schedule;
    schedule.resources = 7;
    for (std::size_t head = 0; head < heads; ++head) {
        TaskLoop loop;
        loop.repeat = rows;
        loop.body = seven_stages(2);
        loop.body[head % 7].cycles += 20;
        schedule.loops.push_back(loop);
    }
    return schedule;
}

void print_rows(std::size_t heads, std::size_t rows) {
    const Schedule schedule = row_layer(heads, rows);
    volatile std::int64_t sink = 0;
    const double took = seconds(5, [&] { sink = simulate(schedule).cycles; });
    const double tasks = static_cast<double>(heads * rows * 7);
    fmt::print(
        "{:>4} heads x {:>5} rows x 7 tasks {:>10.1f} us {:>8.2f} ns per task {:>7.0f} M tasks/s\n",
        heads, rows, took * 1e6, took / tasks * 1e9, tasks / took * 1e-6);
}

void print_constant(std::size_t heads, std::int64_t rows) {
    const Schedule schedule = constant_layer(heads, rows);
    volatile std::int64_t sink = 0;
    const double took = seconds(50, [&] { sink = simulate(schedule).cycles; });
    fmt::print(
        "{:>4} loops x {:>13} iterations    {:>10.1f} us {:>10.0f} evaluations/s, {} iterations "
        "stepped\n",
        heads, rows, took * 1e6, 1.0 / took, simulate(schedule).iterations_stepped);
}

void print_pipeline(bool shared, int buffers) {
    const attohm::PipelineShape shape{.load = 31,
                                      .compute = 64,
                                      .store = 17,
                                      .iterations = 4096,
                                      .buffers = buffers,
                                      .shared_port = shared};
    Schedule schedule;
    schedule.resources = 3;
    const attohm::PipelineResources on{0, 1, static_cast<ResourceId>(shared ? 0 : 2)};
    volatile std::int64_t sink = 0;
    const double built = seconds(200, [&] {
        schedule.loops = pipeline_loops(shape, on);
        sink = simulate(schedule).cycles;
    });
    const double closed = seconds(20000, [&] { sink = steady_state_cycles(shape); });
    fmt::print("{:<8} port, {} slots: simulated {:>9.0f} evaluations/s, closed form {:>6.0f} M/s\n",
               shared ? "shared" : "separate", buffers, 1.0 / built, 1e-6 / closed);
}

}  // namespace

int main() {
    fmt::print("Rows with their own durations\n");
    print_rows(1, 384);
    print_rows(12, 384);
    print_rows(12, 4096);
    fmt::print("\nConstant loops\n");
    print_constant(1, 384);
    print_constant(1, 1000000000);
    print_constant(12, 384);
    print_constant(12, 4096);
    fmt::print("\nLoad, compute, store: loops built and simulated\n");
    for (const bool shared : {false, true})
        for (const int buffers : {1, 2}) print_pipeline(shared, buffers);
}
