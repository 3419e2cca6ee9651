#include <algorithm>
#include <utility>

#include "src/machine/schedule/loop_steps.hpp"
#include "src/machine/schedule/loop_sums.hpp"
#include "src/machine/schedule/repetition.hpp"
#include "src/machine/schedule/schedule.hpp"

namespace attohm {

namespace {

using schedule_inside::BoundLoop;
using schedule_inside::BoundTask;
using schedule_inside::EndHistory;
using schedule_inside::kTerms;
using schedule_inside::LoopSums;
using schedule_inside::Repetition;
using schedule_inside::Waits;

/// One loop on its way through the simulation.
struct Run {
    const TaskLoop& loop;
    std::int32_t index;
    BoundLoop bound;
    Waits waits;
    std::vector<std::int64_t> constant;  ///< durations of every iteration; empty: by row
    std::int64_t done = 0;               ///< iterations
    std::int64_t carried = 0;            ///< iterations of the loops before that can be reached

    const std::int64_t* durations() const {
        return constant.empty() ? loop.row_cycles.data() + done * width() : constant.data();
    }
    std::size_t stride() const { return constant.empty() ? loop.body.size() : 0; }
    std::int64_t width() const { return static_cast<std::int64_t>(loop.body.size()); }
    std::int64_t left() const { return loop.repeat - done; }
};

/// For each loop, how many of its last iterations the loops that continue it look at.
std::vector<std::int64_t> rows_reached(const Schedule& schedule) {
    std::vector<std::int64_t> rows(schedule.loops.size(), 1);
    for (std::size_t i = schedule.loops.size(); i-- > 1;) {
        if (schedule.loops[i].entry != LoopEntry::continues) continue;
        rows[i - 1] = rows[i];
        for (const Task& task : schedule.loops[i].body)
            for (const TaskAfter& after : task.after)
                rows[i - 1] = std::max<std::int64_t>(rows[i - 1], after.iterations_back);
    }
    return rows;
}

class Simulation {
  public:
    Simulation(const Schedule& schedule, const SimulateOptions& options);
    ScheduleTimes run();

  private:
    void run_loop(std::size_t index, const LoopSums& sums, std::int64_t rows_reached);
    void step_carefully(Run& run);
    std::int64_t careful_start(Run& run, std::size_t t, const std::int64_t* cell);
    void note_first_starts(const Run& run, const std::int64_t* cell);
    void step(Run& run, std::int64_t rows);
    void step_and_jump(Run& run, std::int64_t rows_needed);
    void leave(const Run& run, const LoopSums& sums);
    void record(const Run& run, std::int64_t rows);
    void finish();

    const Schedule& schedule_;
    SimulateOptions options_;
    ScheduleTimes out_;
    EndHistory history_;
    std::vector<std::int64_t> free_;     ///< [resources]
    std::vector<std::int64_t> results_;  ///< of each task of each loop, its last result
    std::vector<std::size_t> results_begin_;
    std::int64_t horizon_ = 0;  ///< every result of all loops before is there
};

Simulation::Simulation(const Schedule& schedule, const SimulateOptions& options)
    : schedule_(schedule), options_(options), free_(schedule.resources, 0) {
    out_.resources.resize(schedule.resources);
    out_.starved_by = Matrix<std::int64_t>(schedule.resources, schedule.resources);
    out_.blocked_by = Matrix<std::int64_t>(schedule.resources, schedule.resources);
    out_.loops.reserve(schedule.loops.size());
}

ScheduleTimes Simulation::run() {
    const std::vector<LoopSums> sums = schedule_inside::checked_sums(schedule_);
    const std::vector<std::int64_t> rows = rows_reached(schedule_);
    for (std::size_t i = 0; i < schedule_.loops.size(); ++i) run_loop(i, sums[i], rows[i]);
    finish();
    return std::move(out_);
}

void Simulation::run_loop(std::size_t index, const LoopSums& sums, std::int64_t rows_reached) {
    const TaskLoop& loop = schedule_.loops[index];
    Run run{loop,
            static_cast<std::int32_t>(index),
            schedule_inside::bind_loop(loop, schedule_.resources),
            Waits(loop.body.size() * kTerms, 0),
            {}};
    if (loop.row_cycles.empty())
        for (const Task& task : loop.body) run.constant.push_back(task.cycles);
    if (loop.entry != LoopEntry::continues) history_.start(loop.body.size());
    run.carried = history_.rows();
    const std::int64_t rows_needed = std::max(run.bound.reach, rows_reached);
    history_.keep(rows_needed);

    do {
        step_carefully(run);
    } while (run.left() > 0 && run.done + run.carried < run.bound.reach);
    if (!run.constant.empty() && options_.extrapolate && !options_.timeline)
        step_and_jump(run, rows_needed);
    while (run.left() > 0) step(run, std::min(run.left(), EndHistory::kChunk));
    leave(run, sums);
}

/// Latest of the times that a start waits for, and the sum that its wait belongs to.
struct Gate {
    std::int64_t start;
    std::int64_t* cause = nullptr;

    void wait_for(std::int64_t ready, std::int64_t& sum) {
        if (ready <= start) return;
        start = ready;
        cause = &sum;
    }
};

/// Start of a task in the first iterations: what comes from outside of the loop counts, and terms
/// that reach too far back do not.
std::int64_t Simulation::careful_start(Run& run, std::size_t t, const std::int64_t* cell) {
    const ResourceId resource = run.loop.body[t].resource;
    const BoundTask& bound = run.bound.tasks[t];
    const bool first = run.done == 0;
    const std::int64_t free =
        first && bound.opens_resource ? free_[resource] : cell[-bound.term[0].back];
    Gate gate{free};
    if (first && run.loop.entry == LoopEntry::barrier)
        gate.wait_for(horizon_, out_.resources[resource].held);
    if (first)
        for (const EntryAfter& after : run.loop.entry_after) {
            if (static_cast<std::size_t>(after.task) != t) continue;
            const auto loop = static_cast<std::size_t>(run.index - after.loops_back);
            const auto task = static_cast<std::size_t>(after.their_task);
            const ResourceId other = schedule_.loops[loop].body[task].resource;
            gate.wait_for(results_[results_begin_[loop] + task], out_.starved_by(resource, other));
        }
    for (std::size_t k = 1; k < bound.terms; ++k)
        if (bound.term[k].iterations_back <= run.done + run.carried)
            gate.wait_for(cell[-bound.term[k].back] + bound.term[k].latency,
                          run.waits[t * kTerms + k]);
    if (gate.cause != nullptr) *gate.cause += gate.start - free;
    return gate.start;
}

void Simulation::step_carefully(Run& run) {
    std::int64_t* cell = history_.append(1);
    for (std::size_t t = 0; t < run.loop.body.size(); ++t)
        cell[t] = careful_start(run, t, cell + t) + run.durations()[t];
    if (run.done == 0) note_first_starts(run, cell);
    record(run, 1);
    ++run.done;
    ++out_.iterations_stepped;
}

void Simulation::note_first_starts(const Run& run, const std::int64_t* cell) {
    LoopTimes times;
    for (std::size_t t = 0; t < run.loop.body.size(); ++t) {
        const std::int64_t start = cell[t] - run.durations()[t];
        times.first_start = t == 0 ? start : std::min(times.first_start, start);
        std::int64_t& first = out_.resources[run.loop.body[t].resource].first_start;
        if (first < 0) first = start;
    }
    out_.loops.push_back(times);
}

void Simulation::step(Run& run, std::int64_t rows) {
    std::int64_t* cell = history_.append(rows);
    step_rows(run.bound, rows, run.durations(), run.stride(), cell, run.waits);
    record(run, rows);
    run.done += rows;
    out_.iterations_stepped += rows;
}

void Simulation::step_and_jump(Run& run, std::int64_t rows_needed) {
    const Repetition repetition(run.bound, run.constant.data(), rows_needed);
    history_.keep(repetition.rows_kept());
    std::int64_t stepped = 0;
    while (run.left() > 0) {
        // Looks less and less often, so that a loop which never repeats is hardly slowed.
        const std::int64_t rows = std::clamp<std::int64_t>(stepped / 16, 1, EndHistory::kChunk);
        step(run, std::min(rows, run.left()));
        stepped += rows;
        const std::int64_t jumped =
            repetition.jump(history_, std::min(stepped, history_.rows()), run.left(), run.waits);
        run.done += jumped;
    }
}

/// Keeps the timeline of the latest rows.
void Simulation::record(const Run& run, std::int64_t rows) {
    if (!options_.timeline) return;
    const std::int64_t* durations = run.durations();
    for (std::int64_t i = 0; i < rows; ++i, durations += run.stride())
        for (std::size_t t = 0; t < run.loop.body.size(); ++t) {
            const std::int64_t end = history_.row(rows - 1 - i)[t];
            out_.timeline.push_back(
                {run.index, static_cast<std::int32_t>(t), run.done + i, end - durations[t], end});
        }
}

/// Adds up what the loop did, and leaves its results for the loops that follow.
void Simulation::leave(const Run& run, const LoopSums& sums) {
    const std::int64_t* ends = history_.row(0);
    LoopTimes& times = out_.loops.back();
    std::vector<std::int64_t> busy(schedule_.resources, 0);
    results_begin_.push_back(results_.size());
    for (std::size_t t = 0; t < run.loop.body.size(); ++t) {
        const Task& task = run.loop.body[t];
        ResourceTimes& mine = out_.resources[task.resource];
        mine.tasks += run.loop.repeat;
        mine.busy += sums.cycles[t];
        mine.useful += sums.useful[t];
        mine.last_end = free_[task.resource] = ends[t];
        busy[task.resource] += sums.cycles[t];
        results_.push_back(ends[t] + task.latency);
        times.last_end = std::max(times.last_end, ends[t]);
        for (std::size_t k = 1; k <= task.after.size(); ++k) {
            const auto other = static_cast<std::size_t>(task.after[k - 1].task);
            Matrix<std::int64_t>& by = other > t ? out_.blocked_by : out_.starved_by;
            by(task.resource, run.loop.body[other].resource) += run.waits[t * kTerms + k];
        }
    }
    for (std::size_t i = results_begin_.back(); i < results_.size(); ++i)
        horizon_ = std::max(horizon_, results_[i]);
    const auto most = std::max_element(busy.begin(), busy.end());
    times.bottleneck = static_cast<ResourceId>(most - busy.begin());
    times.bottleneck_busy = *most;
}

void Simulation::finish() {
    out_.cycles = horizon_;
    for (std::size_t r = 0; r < schedule_.resources; ++r) {
        ResourceTimes& mine = out_.resources[r];
        for (std::size_t other = 0; other < schedule_.resources; ++other) {
            mine.starved += out_.starved_by(r, other);
            mine.blocked += out_.blocked_by(r, other);
        }
        mine.idle_after = out_.cycles - mine.last_end;
        ATTOHM_CHECK_EQ(mine.busy + mine.starved + mine.blocked + mine.held + mine.idle_after,
                        out_.cycles);
        if (mine.busy > out_.resources[out_.critical].busy)
            out_.critical = static_cast<ResourceId>(r);
    }
}

}  // namespace

ScheduleTimes simulate(const Schedule& schedule, const SimulateOptions& options) {
    return Simulation(schedule, options).run();
}

}  // namespace attohm
