#pragma once

#include <vector>

#include "circuits/circuit_models.hpp"

namespace attohm {

/// What the analog library and the blocks beside it are, for circuit_model_table().
std::vector<CircuitModel> analog_circuit_models();

}  // namespace attohm
