#pragma once

#include <vector>

#include "crossbar/wires/wire_models.hpp"

/// The one table of how a replay lays keys out, drives and reads them. What `attohm list arrays`
/// prints behind the models of lines.
namespace attohm {

/// All of them; parameters are keys of an experiment. A duplicate or incomplete entry is an
/// InvariantError at first use.
const std::vector<WireModel>& tile_model_table();

/// Null for a name that is not in the table.
const WireModel* find_tile_model(std::string_view name);

}  // namespace attohm
