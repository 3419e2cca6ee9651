#pragma once

#include "crossbar/wires/wire_array.hpp"

namespace attohm {

/// k = ||G^1/2 R G^1/2||_2, R = P'Y^-1 P (physics.md section 4), of an array with wires.
///
/// With Y = Y_w + P G P', Y_w the lines alone, k = m / (1 + m) for m = ||G^1/2 R_w G^1/2||_2,
/// R_w = P'Y_w^-1 P. R_w is known in closed form: two cells of one row share the resistance from
/// the driver to the nearer one, two cells of one column that from the foot to the nearer one. So m
/// comes from Lanczos steps of O(rows columns) each, without a solve.
/// Accuracy: stops when the residual of the largest Ritz value is below 1e-4 of it, and adds that
/// residual, so k is an upper bound within 1e-4 of itself (after 300 steps: within what is added).
double wire_coupling(MatrixView<const double> conductance, const WireResistances& wires);

}  // namespace attohm
