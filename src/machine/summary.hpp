#pragma once

#include "src/machine/machine.hpp"
#include "src/machine/outcome.hpp"
#include "src/machine/tally.hpp"

/// From tallies to what is reported, without prices.
namespace attohm {

/// Args: total: summed over `samples` runs of `batch` inferences each.
PlanSummary summarise(std::string_view plan, CostScope scope, const Tally& total,
                      std::int64_t samples, std::int64_t batch, const Machine& machine);

/// Area of every component that the machine lists.
std::vector<AreaLine> areas_of(const Machine& machine);

}  // namespace attohm
