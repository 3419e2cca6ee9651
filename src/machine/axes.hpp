#pragma once

#include <string>
#include <vector>

#include "src/machine/machine.hpp"
#include "src/machine/tally.hpp"

/// What the numbers of a machine's tallies stand for.
namespace attohm {

/// Resources of the machine, in the order of `Tally::resources`.
std::vector<ResourceInfo> resources_of(const Machine& machine);
/// Of all on-chip buffers.
double buffer_bytes_of(const Machine& machine);
/// What the memory could carry without a gap.
double memory_bytes_per_s_of(const Machine& machine);
/// What an id counts on this machine.
CountInfo count_of(const Machine& machine, CountId id);
/// What an id measured on this machine.
CountInfo measurement_of(const Machine& machine, CountId id);

}  // namespace attohm
