#pragma once

#include <string>

#include "crossbar/device/cell_iv.hpp"
#include "crossbar/wires/wire_array.hpp"
#include "src/base/matrix.hpp"
#include "src/base/settings.hpp"

/// What `attohm crossbar solve` does: an array and its inputs in a file, its currents in another.
namespace attohm {

/// What the input file says. Its format: docs/crossbar.md.
struct CrossbarCase {
    std::string path;
    Matrix<double> conductance;  ///< [rows, columns] siemens
    Matrix<double> v_in;         ///< [batch, rows] volts
    WireResistances wires;
};

/// Throws: UserError with file, dataset or attribute, and index for what is missing, unknown, of
///   another shape, out of range, or not finite.
CrossbarCase read_crossbar_case(const std::string& path);

/// The cells of a case by a card: its I-V and its selector.
/// Throws: UserError for a card that cannot be, and with row and column for a conductance, or with
///   its index for an input, outside the card's `validity`.
CellLaw cell_law_for(const CrossbarCase& given, const std::string& card);

/// Currents of a case, and how they were found.
struct CrossbarAnswer {
    Matrix<double> current;   ///< [batch, columns] amperes into each sense circuit
    Matrix<double> transfer;  ///< [columns, rows] siemens; empty where cells are not linear
    double residual = 0.0;    ///< max|Y u - b| / max|b|
    int iterations = 0;       ///< of Newton's method; 0 for linear cells
};

/// Throws: UserError for a network that is singular to the last digit of a double.
CrossbarAnswer solve_crossbar(const CrossbarCase& given, const CellLaw& cell);

/// Writes i_out_A, transfer_S (linear cells), residual, what the case said, and the card's
/// settings, atomically. Args: card: "" where the cells are linear by default.
void write_crossbar_answer(const std::string& path, const CrossbarCase& given,
                           const std::string& card, const CellLaw& cell,
                           const CrossbarAnswer& answer);

}  // namespace attohm
