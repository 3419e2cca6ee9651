#pragma once

#include "crossbar/wires/kron_reduction.hpp"

/// What the solvers of wire_array.hpp share.
namespace attohm {

/// The array without resistances: T = G^T exactly.
WireTransfer transposed_conductances(MatrixView<const double> conductance);

/// Transfer matrix of a reduced array, with its residual.
/// Throws: UserError for a network that double precision cannot tell from a singular one.
WireTransfer finish_transfer(const WireNetwork& net, MatrixView<const double> conductance,
                             KronReduction& reduction);

}  // namespace attohm
