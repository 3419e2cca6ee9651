#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "src/machine/schedule/schedule.hpp"

/// Slow, obvious twin of the schedule simulator: every task of every iteration is an object with a
/// list of the tasks it waits for; a clock goes from event to event and starts what may start.
namespace attohm::reference {

/// A result that a task waits for.
struct Wait {
    std::size_t task = 0;  ///< place in the unrolled list
    bool blocked = false;  ///< a later task of the body, iterations back
};

struct UnrolledTask {
    std::int32_t loop = 0;
    std::int32_t task = 0;
    std::int64_t iteration = 0;
    ResourceId resource = 0;
    std::int64_t cycles = 0;
    std::int64_t latency = 0;
    std::int64_t useful = 0;
    std::size_t barrier = 0;  ///< waits for this many tasks from the start of the list
    std::vector<Wait> waits;
    std::int64_t start = -1;
    std::int64_t end = -1;
};

struct ReferenceTimes {
    std::int64_t cycles = 0;
    std::vector<UnrolledTask> tasks;  ///< in program order, with their times
    std::vector<ResourceTimes> resources;
    /// (waiting, waited for) -> cycles
    std::map<std::pair<int, int>, std::int64_t> starved_by;
    std::map<std::pair<int, int>, std::int64_t> blocked_by;
};

/// All tasks in program order, without times.
std::vector<UnrolledTask> unroll(const Schedule& schedule);

/// Times the unrolled tasks from event to event.
ReferenceTimes simulate_reference(const Schedule& schedule);

}  // namespace attohm::reference
