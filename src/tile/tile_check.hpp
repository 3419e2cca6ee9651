#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "src/tile/sprint_tile.hpp"

namespace attohm {

/// Refuses combinations that no circuit can be built for, or that have no law here.
/// Args:
///   where: the place of a key of the experiment, for the message
/// Throws: UserError.
void check_tile(const TileCircuits& circuits, const Mapping& mapping, const Device& device,
                const std::function<std::string(std::string_view)>& where);

}  // namespace attohm
