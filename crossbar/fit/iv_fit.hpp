#pragma once

#include <string>
#include <vector>

#include "crossbar/device/cell_iv.hpp"
#include "crossbar/fit/measured.hpp"
#include "crossbar/fit/statistics.hpp"

/// Non-linear I-V from sweeps of programmed cells.
namespace attohm::fit {

/// ln(I / V) = ln G + ln(shape(V) / V), least squares with a G of its own for every cell: errors
/// are taken as relative to the current, equal and independent over the points. The law is there
/// where it is significant (0.01) against a linear cell; the polynomial (a2, a3) is taken over sinh
/// where it lowers Akaike's criterion by more than 10 and its current never falls.
/// Intervals: from the least-squares covariance, t; v0 = 1 / sqrt(b) from those of b.
/// Not modelled: polarity (|V| is used), a shape that depends on the state.
struct IvCurve {
    CellId cell;
    double g_uS = 0.0;              ///< I / V at v_ref by the law
    std::vector<double> volt;       ///< |V|, ascending
    std::vector<double> log_chord;  ///< ln(I / V), I in uA
};

struct IvFit {
    std::string source;
    std::size_t points = 0;
    std::size_t left_out = 0;  ///< at 0 V, or small voltages with the wrong sign
    Bounds volts_V;            ///< of |V|
    double v_ref_V = 0.0;
    IvLaw law = IvLaw::linear;
    std::string why;
    Estimate inverse_square;  ///< b = 1 / v0^2, V^-2
    Estimate v0_V;
    std::vector<Estimate> coefficients;                             ///< a2, a3
    double rms_linear = 0.0, rms_sinh = 0.0, rms_polynomial = 0.0;  ///< relative
    std::vector<IvCurve> curves;
    std::vector<std::string> notes;

    /// I / (G v_ref).
    double shape(double volt) const;
    double sinh_shape(double volt) const;
};

/// Args: v_ref_V: where the cell is the linear one; asked: a law, or nothing.
/// Throws: UserError naming row and column: a cell with fewer than five usable points or one
/// voltage only, a current against its voltage, v_ref outside the data.
IvFit fit_iv(const MeasuredTable& table, double v_ref_V, std::optional<IvLaw> asked);
/// Half of the largest voltage, or the measured one next to it: where nobody says v_ref.
double middle_voltage(const MeasuredTable& table);

}  // namespace attohm::fit
