#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "src/machine/schedule/schedule.hpp"
#include "src/machine/tally.hpp"
#include "src/work/operators.hpp"

/// One layer's attention on an engine: what is asked for, and what came of it.
namespace attohm {

/// A head of the layer that is being planned.
struct HeadJob {
    OpList ops;  ///< empty: nothing to do
    bool loads_kv = true;
    std::int64_t rows = 1;  ///< queries
    std::vector<std::int64_t>
        kept_begin;  ///< [rows + 1] kept pairs before each query; may be empty
    bool operator==(const HeadJob&) const = default;
};

struct LayerPlan {
    Tally tally;  ///< counts and traffic; the schedule's times are added by the planner
    ScheduleTimes times;
};

/// Layers whose best order is known already. The layers of a network ask for the same again and
/// again where no Selection makes them differ. Shared by the planners of one plan on one machine
/// with the same options; from any thread. What is remembered equals what would be worked out.
class LayerMemory {
  public:
    std::optional<LayerPlan> recall(std::span<const HeadJob> jobs) const;
    /// Forgets the oldest layer where there are many.
    void keep(std::span<const HeadJob> jobs, const LayerPlan& plan);

  private:
    static constexpr std::size_t kMost = 64;

    mutable std::mutex mutex_;
    std::vector<std::pair<std::vector<HeadJob>, LayerPlan>> layers_;
};

}  // namespace attohm
