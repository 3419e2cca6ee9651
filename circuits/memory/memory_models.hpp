#pragma once

#include <vector>

#include "circuits/circuit_models.hpp"

namespace attohm {

/// The entries of the memories in circuit_model_table().
std::vector<CircuitModel> memory_circuit_models();

}  // namespace attohm
