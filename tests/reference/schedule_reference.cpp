#include "tests/reference/schedule_reference.hpp"

#include <algorithm>
#include <deque>
#include <limits>

namespace attohm::reference {

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

/// Place of one task in the unrolled list. Negative iterations belong to the loops that this one
/// continues; returns false where there is no such iteration.
bool find_task(const Schedule& schedule, const std::vector<std::size_t>& loop_begin,
               std::size_t loop, std::int64_t iteration, std::int32_t task, std::size_t& place) {
    while (iteration < 0) {
        if (schedule.loops[loop].entry != LoopEntry::continues) return false;
        --loop;
        iteration += schedule.loops[loop].repeat;
    }
    const std::size_t width = schedule.loops[loop].body.size();
    place = loop_begin[loop] + static_cast<std::size_t>(iteration) * width +
            static_cast<std::size_t>(task);
    return true;
}

std::vector<Wait> waits_of(const Schedule& schedule, const std::vector<std::size_t>& loop_begin,
                           const UnrolledTask& u) {
    const auto loop = static_cast<std::size_t>(u.loop);
    std::vector<Wait> waits;
    std::size_t place = 0;
    if (u.iteration == 0)
        for (const EntryAfter& after : schedule.loops[loop].entry_after) {
            if (after.task != u.task) continue;
            const std::size_t other = loop - static_cast<std::size_t>(after.loops_back);
            const std::int64_t last = schedule.loops[other].repeat - 1;
            if (find_task(schedule, loop_begin, other, last, after.their_task, place))
                waits.push_back({place, false});
        }
    for (const TaskAfter& after : schedule.loops[loop].body[static_cast<std::size_t>(u.task)].after)
        if (find_task(schedule, loop_begin, loop, u.iteration - after.iterations_back, after.task,
                      place))
            waits.push_back({place, after.task > u.task});
    return waits;
}

/// When a task's wait is over; never, while what it waits for has not even started.
std::int64_t ready_time(const std::vector<UnrolledTask>& tasks, const UnrolledTask& u) {
    std::int64_t ready = 0;
    const auto wait_for = [&](const UnrolledTask& other) {
        ready = std::max(ready, other.end < 0 ? kNever : other.end + other.latency);
    };
    for (std::size_t i = 0; i < u.barrier; ++i) wait_for(tasks[i]);
    for (const Wait& wait : u.waits) wait_for(tasks[wait.task]);
    return ready;
}

/// Whom the wait of a task counts for.
void charge_wait(ReferenceTimes& times, const UnrolledTask& u, std::int64_t free) {
    const std::int64_t waited = u.start - free;
    ResourceTimes& mine = times.resources[u.resource];
    if (waited == 0) return;
    for (std::size_t i = 0; i < u.barrier; ++i)
        if (times.tasks[i].end + times.tasks[i].latency == u.start) {
            mine.held += waited;
            return;
        }
    for (const Wait& wait : u.waits) {
        const UnrolledTask& other = times.tasks[wait.task];
        if (other.end + other.latency != u.start) continue;
        (wait.blocked ? mine.blocked : mine.starved) += waited;
        (wait.blocked ? times.blocked_by : times.starved_by)[{u.resource, other.resource}] +=
            waited;
        return;
    }
}

void add_up(ReferenceTimes& times) {
    for (const UnrolledTask& u : times.tasks) {
        ResourceTimes& mine = times.resources[u.resource];
        charge_wait(times, u, mine.last_end);
        ++mine.tasks;
        mine.busy += u.cycles;
        mine.useful += u.useful;
        if (mine.first_start < 0) mine.first_start = u.start;
        mine.last_end = u.end;
        times.cycles = std::max(times.cycles, u.end + u.latency);
    }
    for (ResourceTimes& mine : times.resources) mine.idle_after = times.cycles - mine.last_end;
}

}  // namespace

std::vector<UnrolledTask> unroll(const Schedule& schedule) {
    std::vector<UnrolledTask> tasks;
    std::vector<std::size_t> loop_begin;
    for (std::size_t l = 0; l < schedule.loops.size(); ++l) {
        const TaskLoop& loop = schedule.loops[l];
        loop_begin.push_back(tasks.size());
        for (std::int64_t i = 0; i < loop.repeat; ++i)
            for (std::size_t t = 0; t < loop.body.size(); ++t) {
                const std::size_t at = static_cast<std::size_t>(i) * loop.body.size() + t;
                UnrolledTask u;
                u.loop = static_cast<std::int32_t>(l);
                u.iteration = i;
                u.task = static_cast<std::int32_t>(t);
                u.resource = loop.body[t].resource;
                u.cycles = loop.row_cycles.empty() ? loop.body[t].cycles : loop.row_cycles[at];
                u.useful = loop.row_useful.empty() ? loop.body[t].useful : loop.row_useful[at];
                u.latency = loop.body[t].latency;
                if (i == 0 && loop.entry == LoopEntry::barrier) u.barrier = loop_begin.back();
                tasks.push_back(u);
            }
    }
    for (UnrolledTask& u : tasks) u.waits = waits_of(schedule, loop_begin, u);
    return tasks;
}

ReferenceTimes simulate_reference(const Schedule& schedule) {
    ReferenceTimes times;
    times.tasks = unroll(schedule);
    times.resources.resize(schedule.resources);
    std::vector<std::deque<std::size_t>> queue(schedule.resources);
    for (std::size_t i = 0; i < times.tasks.size(); ++i)
        queue[times.tasks[i].resource].push_back(i);

    std::vector<std::int64_t> free(schedule.resources, 0);
    std::int64_t now = 0;
    while (now != kNever) {
        // Starts whatever may start now, until nothing more may; then looks for the next event.
        bool started = false;
        std::int64_t next = kNever;
        for (std::size_t r = 0; r < schedule.resources; ++r) {
            if (queue[r].empty()) continue;
            UnrolledTask& u = times.tasks[queue[r].front()];
            const std::int64_t when = std::max(free[r], ready_time(times.tasks, u));
            if (when > now) {
                next = std::min(next, when);
                continue;
            }
            u.start = now;
            u.end = now + u.cycles;
            free[r] = u.end;
            queue[r].pop_front();
            started = true;
        }
        if (!started) now = next;
    }
    add_up(times);
    return times;
}

}  // namespace attohm::reference
