#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/reference/schedule_reference.hpp"

/// Laws that every timeline obeys, whoever made it.
namespace attohm::test {

/// Names of the laws that a timeline breaks; empty: it is a schedule.
inline std::set<std::string> broken_laws(const Schedule& schedule,
                                         const std::vector<TaskTime>& timeline) {
    const std::vector<reference::UnrolledTask> tasks = reference::unroll(schedule);
    std::set<std::string> broken;
    if (timeline.size() != tasks.size()) return {"every task once"};
    std::vector<std::int64_t> free(schedule.resources, 0);
    std::vector<std::int64_t> latest_start(schedule.resources, 0);
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        const reference::UnrolledTask& task = tasks[i];
        const TaskTime& time = timeline[i];
        if (time.loop != task.loop || time.iteration != task.iteration || time.task != task.task)
            broken.insert("every task once");
        if (time.end - time.start != task.cycles) broken.insert("busy exactly its cycles");
        std::int64_t ready = 0;
        for (std::size_t k = 0; k < task.barrier; ++k)
            ready = std::max(ready, timeline[k].end + tasks[k].latency);
        for (const reference::Wait& wait : task.waits)
            ready = std::max(ready, timeline[wait.task].end + tasks[wait.task].latency);
        if (time.start < ready) broken.insert("nothing before what it waits for");
        if (time.start < latest_start[task.resource]) broken.insert("program order");
        if (time.start < free[task.resource]) broken.insert("one task at a time");
        if (time.start > std::max(ready, free[task.resource]))
            broken.insert("never idle for nothing");
        latest_start[task.resource] = std::max(latest_start[task.resource], time.start);
        free[task.resource] = std::max(free[task.resource], time.end);
    }
    return broken;
}

}  // namespace attohm::test
