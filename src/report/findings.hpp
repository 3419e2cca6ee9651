#pragma once

#include <span>
#include <string>
#include <vector>

#include "src/report/group.hpp"
#include "src/report/knees.hpp"

/// What the numbers say, in words.
namespace attohm {

/// The lowest energies at which each top-1 is reached: indices, energies ascending, top-1 rising.
std::vector<std::size_t> pareto_front(std::span<const EnergyPoint> points);

/// Sentences about a group, most important first, with units and scopes.
std::vector<std::string> findings(const Group& group);

}  // namespace attohm
