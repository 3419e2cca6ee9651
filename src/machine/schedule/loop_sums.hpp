#pragma once

#include <cstdint>
#include <vector>

#include "src/machine/schedule/schedule.hpp"

/// Inside of `simulate`: what a loop adds up to, whenever it runs; and whether it may run at all.
namespace attohm::schedule_inside {

struct LoopSums {
    std::vector<std::int64_t> cycles;  ///< [tasks], over all iterations
    std::vector<std::int64_t> useful;  ///< [tasks]
};

/// Most cycles, or units of work, that a schedule may add up to: sums of sums stay in 64 bits.
constexpr std::int64_t kMostCycles = std::int64_t{1} << 60;

/// Sums of every loop. Throws InvariantError as `simulate` says.
std::vector<LoopSums> checked_sums(const Schedule& schedule);

}  // namespace attohm::schedule_inside
