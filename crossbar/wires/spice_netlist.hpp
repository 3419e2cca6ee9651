#pragma once

#include <cstddef>
#include <string>

#include "crossbar/device/cell_iv.hpp"
#include "crossbar/wires/wire_array.hpp"
#include "src/base/matrix.hpp"

namespace attohm {

/// Largest array that is written down: beyond it a general circuit simulator takes minutes.
inline constexpr std::size_t kSpiceCellsMax = std::size_t{128} * 128;

/// Netlist of the circuit of wire_array.hpp for ngspice, in volts, ohms and siemens, with a control
/// section that solves every input vector and prints all sense currents to 17 digits:
///
///   attohm input 0
///   i(vsense_c0) = 1.2345678901234567e-06     amperes into the sense circuit of column 0
///
/// Elements are named by row and column: Rcell_r3_c7 (or Bcell_..., a non-linear cell, and
/// Rselector_..., Bselector_... in series with it), Rrow_r3_s7 (segment in front of column 7),
/// Rcolumn_c7_s3 (segment behind row 3), Rdriver_r3, Rfar_r3, Rsense_c7, Vin_r3, Vsense_c7 (0 V, it
/// measures). Resistances of 0 are merged nodes: a simulator would put a milliohm in their place.
///
/// Args:
///   conductance: [rows, columns] siemens; cells of 0 S are left out.
///   v_in: [batch, rows] volts.
/// Throws: UserError for an array of more than kSpiceCellsMax cells.
/// Source: ngspice user's manual, version 39, chapters on B sources and the control language.
std::string spice_netlist(MatrixView<const double> conductance, const WireResistances& wires,
                          MatrixView<const double> v_in, const CellLaw& cell = {});

}  // namespace attohm
