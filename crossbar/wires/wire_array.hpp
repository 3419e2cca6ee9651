#pragma once

#include <cstddef>

#include "src/base/matrix.hpp"
#include "src/base/units.hpp"

/// Crossbar lines with resistance.
///
/// Row i:    v_in,i -> r_driver -> r_row -> node (i, 0) -> r_row -> node (i, 1) -> ...
/// Column j: node (0, j) -> r_column -> node (1, j) -> ... -> last row -> r_column -> r_sense, 0 V
///
/// The cell of conductance G_ij joins the row node and the column node of (i, j). A row of M cells
/// has M segments of r_row and a column of N cells N of r_column; driven from both sides, a row has
/// one more segment behind its last cell, and a second driver with the same voltage. Any of the
/// four resistances may be 0: the nodes that it joins are one.
///
/// The currents into the sense nodes are linear in the inputs, I = T V, so one solve per programmed
/// array gives every product. Source: physics.md section 4 ("Wires").
/// Not modelled: capacitance (see settling), contact resistance that differs from line to line,
/// current through unselected arrays.
namespace attohm {

enum class Drive { one_side, both_sides };

/// Resistances of the lines of one array.
struct WireResistances {
    Ohm row = {};     ///< one segment between neighbouring cells of a row
    Ohm column = {};  ///< one segment between neighbouring cells of a column
    Ohm driver = {};  ///< output of a row driver
    Ohm sense = {};   ///< input of the sense circuit at the foot of a column
    Drive drive = Drive::one_side;

    bool none() const {
        return row.value() == 0.0 && column.value() == 0.0 && driver.value() == 0.0 &&
               sense.value() == 0.0;
    }
};

/// What a solve gives. Plain SI doubles: siemens.
struct WireTransfer {
    Matrix<double> transfer;  ///< [columns, rows] T_ji: current into sense j per volt on row i
    double residual = 0.0;    ///< max|Y u - b| / max|b| of one random input, through all nodes
};

/// Transfer matrix with what noise through the wires needs.
struct WireSensitivity {
    WireTransfer base;
    /// [columns, rows] dT_ji / dG_ij = h_ijj v_ij: how the own cell moves its own entry.
    Matrix<double> own;
    /// k = ||G^1/2 R G^1/2|| <= 1: the relative error of first order is at most k e / (1 - k e),
    /// e = max |dG| / G (physics.md section 4).
    double coupling = 0.0;
};

/// Exact transfer matrix of one array.
/// Args: conductance: [rows, columns] siemens, finite and >= 0.
/// Throws: UserError naming row and column for a negative or non-finite conductance; UserError for
///   a singular network (a row or column that nothing connects is not singular: its current is 0).
WireTransfer solve_transfer(MatrixView<const double> conductance, const WireResistances& wires);

/// The same with sensitivities.
WireSensitivity solve_sensitivity(MatrixView<const double> conductance,
                                  const WireResistances& wires);

}  // namespace attohm
