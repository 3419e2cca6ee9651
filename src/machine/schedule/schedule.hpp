#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "src/base/error.hpp"
#include "src/base/matrix.hpp"

/// Times tasks on in-order resources. A plan emits loops of tasks; `simulate` says when each runs.
///
///   Order     A resource runs its tasks in program order (loop by loop, iteration by iteration, in
///             the order of the body), one at a time, each without a break.
///   Start     start = max(end of the task before it on its resource, results that it waits for).
///   End       end = start + cycles; the result is there at end + latency.
///   Buffers   A buffer of n slots is a dependency: the load of iteration i waits for the compute
///             of iteration i - n, which frees a slot (1: single, 2: double buffering).
/// All times are integer cycles of one clock; the first task may start at 0.
/// Not modelled: tasks that break off, resources that pick among ready tasks, several clocks.
namespace attohm {

using ResourceId = std::uint16_t;

/// Waits for the result of body task `task`, `iterations_back` iterations ago. With 0 the task must
/// stand earlier in the body. Where that iteration does not exist (LoopEntry) nothing is waited
/// for.
struct TaskAfter {
    std::int32_t task = 0;
    std::int32_t iterations_back = 0;
    bool operator==(const TaskAfter&) const = default;
};

/// At most four dependencies, in place.
class TaskAfterList {
  public:
    static constexpr std::size_t kMost = 4;

    TaskAfterList() = default;
    TaskAfterList(std::initializer_list<TaskAfter> list) {
        for (const TaskAfter& after : list) add(after);
    }
    void add(TaskAfter after) {
        ATTOHM_CHECK_LT(size_, kMost);
        list_[size_++] = after;
    }
    std::size_t size() const { return size_; }
    const TaskAfter* begin() const { return list_.data(); }
    const TaskAfter* end() const { return list_.data() + size_; }
    const TaskAfter& operator[](std::size_t i) const { return list_[i]; }

  private:
    std::array<TaskAfter, kMost> list_{};
    std::size_t size_ = 0;
};

struct Task {
    ResourceId resource = 0;
    std::uint16_t tag = 0;     ///< the plan's own label; the simulator only hands it back
    std::int64_t cycles = 0;   ///< the resource is busy for so long; 0 is allowed
    std::int64_t latency = 0;  ///< from its end until its result can be used (pipeline depth)
    std::int64_t useful = 0;   ///< work done, in the resource's own unit (MACs, bytes)
    TaskAfterList after = {};
};

/// How a loop follows the loop before it.
enum class LoopEntry : std::uint8_t {
    flow,       ///< resources go on as they get free; dependencies do not reach out of the loop
    continues,  ///< as flow; the same tasks but for cycles, useful, tag and dependencies, which
                ///< reach into the iterations before
    barrier,    ///< starts when every result of all loops before is there
};

/// In the first iteration, body task `task` waits for the result of the last iteration of body task
/// `their_task` of the loop `loops_back` (>= 1) loops ago.
struct EntryAfter {
    std::int32_t task = 0;
    std::int32_t loops_back = 1;
    std::int32_t their_task = 0;
};

/// A body run `repeat` times. Constant durations cost a number of steps that does not grow with
/// `repeat`; with a table of durations the cost is linear in the tasks.
struct TaskLoop {
    std::int64_t repeat = 1;  ///< >= 1
    LoopEntry entry = LoopEntry::flow;
    std::vector<Task> body = {};
    std::vector<EntryAfter> entry_after = {};
    /// Durations, `repeat` rows of body.size() values, instead of Task::cycles; empty: constant.
    std::vector<std::int64_t> row_cycles = {};
    /// Work done, the same shape, instead of Task::useful; empty: constant.
    std::vector<std::int64_t> row_useful = {};
};

/// A loop with one row of durations per iteration. Args: row_cycles [rows x body.size()].
TaskLoop row_loop(std::vector<Task> body, std::vector<std::int64_t> row_cycles,
                  LoopEntry entry = LoopEntry::flow);

struct Schedule {
    std::size_t resources = 0;
    std::vector<TaskLoop> loops = {};
};

/// What a resource did. Its time is accounted for without rest:
///     busy + starved + blocked + held + idle_after == ScheduleTimes::cycles.
/// The whole of a wait counts for what ended it; among equals the one first named (order: barrier,
/// entry_after, Task::after).
struct ResourceTimes {
    std::int64_t tasks = 0;
    std::int64_t busy = 0;
    std::int64_t useful = 0;
    std::int64_t starved = 0;  ///< waited for what is made before (the start-up included)
    std::int64_t blocked = 0;  ///< waited for a later task of the body, iterations back: a buffer
    std::int64_t held = 0;     ///< waited at a barrier
    std::int64_t idle_after = 0;    ///< from its last task to the end
    std::int64_t first_start = -1;  ///< -1: it had no task
    std::int64_t last_end = 0;
    bool operator==(const ResourceTimes&) const = default;
};

struct LoopTimes {
    std::int64_t first_start = 0;
    std::int64_t last_end = 0;  ///< when the last resource is free, latency not included
    ResourceId bottleneck = 0;  ///< the busiest in this loop (the first of equals)
    std::int64_t bottleneck_busy = 0;
    bool operator==(const LoopTimes&) const = default;
};

struct TaskTime {
    std::int32_t loop = 0;
    std::int32_t task = 0;
    std::int64_t iteration = 0;
    std::int64_t start = 0;
    std::int64_t end = 0;
    bool operator==(const TaskTime&) const = default;
};

struct ScheduleTimes {
    std::int64_t cycles = 0;  ///< until the last result is there
    std::vector<ResourceTimes> resources;
    std::vector<LoopTimes> loops;
    /// [waiting resource x resource waited for], what `starved` and `blocked` are made of.
    Matrix<std::int64_t> starved_by;
    Matrix<std::int64_t> blocked_by;
    ResourceId critical = 0;              ///< the busiest of all (the first of equals)
    std::vector<TaskTime> timeline;       ///< in program order; only when asked for
    std::int64_t iterations_stepped = 0;  ///< iterations that were not extrapolated
};

struct SimulateOptions {
    bool timeline = false;    ///< keep every start and end (then nothing is extrapolated)
    bool extrapolate = true;  ///< jump over iterations that repeat exactly
};

/// Throws: InvariantError for a schedule that breaks the rules above (an index out of range, a
/// negative duration, a table of another shape, a dependency on the same or a later task of the
/// same iteration, more than 2^60 cycles in sum).
ScheduleTimes simulate(const Schedule& schedule, const SimulateOptions& options = {});

/// Throws InvariantError where a task does more work than `peak` [resources] times its cycles.
void check_peaks(const Schedule& schedule, std::span<const std::int64_t> peak);

}  // namespace attohm
