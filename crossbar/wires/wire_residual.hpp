#pragma once

#include <vector>

#include "crossbar/wires/wire_network.hpp"

namespace attohm {

/// The input vector of the residual: unlike neighbours, no row at 0 V.
std::vector<double> residual_inputs(std::size_t rows);

/// Kirchhoff's current law at every node, written from the topology and from nothing else.
/// Args: inputs: [rows] volt; row_nodes, column_nodes: [rows, columns] volt; transfer: [columns,
///   rows]. The currents that the transfer matrix gives are held against those through the sense
///   nodes in the same way.
/// Returns: largest |current that does not balance| / largest current source of the nodal
/// equations.
double wire_residual(const WireNetwork& net, MatrixView<const double> conductance,
                     const std::vector<double>& inputs, MatrixView<const double> row_nodes,
                     MatrixView<const double> column_nodes, MatrixView<const double> transfer);

}  // namespace attohm
