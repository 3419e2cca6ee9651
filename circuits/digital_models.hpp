#pragma once

#include <vector>

#include "circuits/circuit_models.hpp"

namespace attohm {

/// What `attohm explain` says of the digital library: its laws, its compositions, its memories, the
/// way to another node.
std::vector<CircuitModel> digital_circuit_models();

}  // namespace attohm
