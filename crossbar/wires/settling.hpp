#pragma once

#include <cstddef>
#include <vector>

#include "crossbar/wires/wire_array.hpp"
#include "src/base/matrix.hpp"
#include "src/base/units.hpp"

namespace attohm {

/// Capacitances to ground of the lines of one array.
struct LineCapacitances {
    Farad row = {};     ///< of a row line, at each cell
    Farad column = {};  ///< of a column line, at each cell
    Farad driver = {};  ///< at the output of each driver
    Farad sense = {};   ///< in front of each sense resistance
};

/// How long an array takes after a step of its inputs.
struct Settling {
    /// [columns] seconds: Elmore delay of each output when all rows step together.
    std::vector<double> together;
    /// [columns, rows] seconds: of the output of column j when row i steps alone; 0 where no cell
    /// joins the two.
    Matrix<double> pair;
    Second slowest = {};  ///< largest of `pair`; no steps of one sign take longer on average
    std::size_t row = 0, column = 0;  ///< where it is

    /// Until an output with one time constant `slowest` is within half a step of a converter of
    /// `bits` bits: slowest ln(2^(bits + 1)).
    Second settle_time(int bits) const;
};

/// Elmore delays of an array: the first moment of the step response of each sense current,
///
///     tau = int_0^inf (1 - I(t) / I(inf)) dt,  I(t) after a step of the inputs from rest at 0 V.
///
/// With C dv/dt + Y v = b, cells in Y as paths to the other line, int (v(inf) - v(t)) dt =
/// Y^-1 C v(inf), so the moment is exact: two solves per input pattern with one factorisation. For
/// steps of one sign the delay of an output is the mean of its pairs weighted by their currents, so
/// the largest pair bounds it. Inputs of both signs can cancel in I(inf); then tau says nothing of
/// one output, but each row's part still settles with its own pair.
///
/// Source: Elmore, "The transient response of damped linear networks", Journal of Applied Physics
/// 19 (1948) 55, doi:10.1063/1.1697872. That the delay bounds the time to 50 % of an RC tree:
/// Gupta, Tutuianu, Pileggi, IEEE Transactions on Computer-Aided Design 16 (1997) 95,
/// doi:10.1109/43.559334.
/// Not modelled: capacitance between lines, of the selector, slew of drivers, the sense amplifier's
/// own bandwidth, non-linear cells, inductance. An output near its driver has a smaller delay than
/// the tail of its response: use `slowest` for a read time, not an entry.
///
/// Args: conductance: [rows, columns] siemens.
/// Throws: UserError naming row and column of a bad conductance, a bad resistance or capacitance.
Settling settling(MatrixView<const double> conductance, const WireResistances& wires,
                  const LineCapacitances& capacitances);

}  // namespace attohm
