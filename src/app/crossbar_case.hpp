#pragma once

#include <string>

#include "crossbar/wires/wire_array.hpp"
#include "src/base/hdf5.hpp"
#include "src/base/matrix.hpp"

/// What the commands of `attohm crossbar` read: matrices of one array in an HDF5 file.
namespace attohm {

/// A dataset of two dimensions, neither of them 0, as doubles; integers too.
/// Throws: UserError: missing, another shape or type, a value that is not finite (names row and
///   column).
Matrix<double> read_matrix(const H5Group& root, const std::string& name);

/// conductance_S[rows, cols]. Throws: UserError also for a negative one.
Matrix<double> read_conductance(const H5Group& root);

/// v_in_V[batch, rows]. Throws: UserError also for another number of rows.
Matrix<double> read_inputs(const H5Group& root, std::size_t rows);

/// Attributes r_row_ohm, r_col_ohm (per segment), r_driver_ohm, r_sense_ohm; absent: 0.
/// Throws: UserError for a negative one.
WireResistances read_wires(const H5Group& root);

}  // namespace attohm
