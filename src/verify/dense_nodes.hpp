#pragma once

#include <vector>

#include "crossbar/wires/wire_array.hpp"

namespace attohm {

/// The referee's own solution of an array: every node a row of one dense matrix, Gauss elimination
/// with pivots. Small arrays only, O((rows columns)^3); knows nothing of crossbar/wires but the
/// four resistances, all above 0.
/// Args: inputs: [rows] volt.
/// Returns: [columns] amperes into the sense circuits.
std::vector<double> dense_currents(MatrixView<const double> conductance,
                                   const WireResistances& wires, const std::vector<double>& inputs);

}  // namespace attohm
