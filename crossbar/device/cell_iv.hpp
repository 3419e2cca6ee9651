#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "src/base/settings.hpp"
#include "src/base/units.hpp"

/// Current and voltage of one cell: the memory element, and a selector in series with it.
namespace attohm {

enum class IvLaw { linear, sinh, polynomial, table };
std::string_view iv_law_name(IvLaw law);

/// Current of the memory element: I = G s(V), with G = I / V at v_ref, so that s(v_ref) = v_ref and
/// at v_ref the cell is the linear one. s is odd and never falls.
///
///   linear      s = V
///   sinh        s = v_ref sinh(V / v0) / sinh(v_ref / v0)
///   polynomial  s = V p(|V|) / p(v_ref), p(x) = 1 + a2 x + a3 x^2 + ...
///   table       straight lines between the points (V, s), odd in V
///
/// Source: physics.md section 3 (non-linear I-V); sinh: the tunnelling current of the Stanford/ASU
/// model, I ~ exp(-gap / g0) sinh(V / v0), as reviewed by Panda, Sahu, Tseng, Nanoscale Research
/// Letters 13 (2018) 8, doi:10.1186/s11671-017-2419-8; its gap enters here through G only.
/// Not modelled: polarity (I(-V) = -I(V)), a non-linearity that changes with the state, heating,
/// disturb, hysteresis.
struct CellIv {
    IvLaw law = IvLaw::linear;
    Volt v_ref = {};
    Volt v0 = {};                      ///< sinh
    std::vector<double> coefficients;  ///< polynomial: a2, a3, ... in V^-1, V^-2, ...
    std::vector<double> v_V;           ///< table: from 0 upwards
    std::vector<double> shape_V;       ///< table: s at v_V
    /// Largest |V| the law speaks of: of `validity.read_V` where the card has it, the last point of
    /// a table, 500 v0 of a sinh (a double ends at 710). Beyond it s goes on as a straight line, so
    /// that an iteration may pass through, but a result may not lie there (nonlinear_solve.hpp).
    double v_max = std::numeric_limits<double>::infinity();

    bool is_linear() const { return law == IvLaw::linear; }
    /// s(V), volts, and ds/dV.
    double shape(double volt) const;
    double slope(double volt) const;
    Ampere current(Siemens g, Volt volt) const;
    /// dI/dV at V.
    Siemens differential(Siemens g, Volt volt) const;
    /// s and ds/dV of many voltages. Throws: InvariantError if the sizes differ.
    void shapes(std::span<const double> volt, std::span<double> shape,
                std::span<double> slope) const;
};

enum class SelectorLaw { none, resistance, exponential };
std::string_view selector_law_name(SelectorLaw law);

/// What lies in series with the memory element: V_s(I).
///
///   none         0
///   resistance   V_s = r_on I, a transistor that is fully on (1T1R)
///   exponential  V_s = v0 asinh(I / i0), two diodes back to back (1S1R)
///
/// Source: physics.md section 3.
/// Not modelled: saturation of the transistor, leakage of one that is off, threshold switching.
struct Selector {
    SelectorLaw law = SelectorLaw::none;
    Ohm r_on = {};
    Ampere i0 = {};
    Volt v0 = {};

    /// V_s(I), volts for amperes, and dV_s/dI.
    double drop(double ampere) const;
    double drop_slope(double ampere) const;
};

/// Current through the memory element and its selector in series.
struct CellLaw {
    CellIv iv;
    Selector selector;

    /// The joint current is within this fraction of the exact one.
    static constexpr double kTolerance = 1e-13;

    /// Whether I = G V, whatever the voltage.
    bool is_linear() const { return iv.is_linear() && selector.law == SelectorLaw::none; }

    /// Currents and differential conductances of cells, amperes and siemens.
    /// Args: g: siemens, >= 0. volt: across element and selector together.
    /// The joint voltage u of the element solves u + V_s(G s(u)) = V, which rises with u: Newton
    /// inside a bracket, bisection (geometric, so that a u of picovolts is found as fast) wherever
    /// a step leaves it, until u moves by less than kTolerance of itself. Throws: InvariantError if
    /// the sizes differ.
    void currents(std::span<const double> g, std::span<const double> volt, std::span<double> ampere,
                  std::span<double> differential) const;
    Ampere current(Siemens g, Volt volt) const;
    /// Voltage across the memory element alone.
    Volt element_voltage(Siemens g, Volt volt) const;
};

/// I-V of a card: section `iv`, linear where the card has none.
/// Throws: UserError for a law whose current falls somewhere in its range (`validity.read_V` of
///   the card, else everywhere), a table that does not start at 0 or is not linear at v_ref, a
///   v_ref outside the range.
CellIv load_cell_iv(const Settings& card);

/// Selector of a card: section `selector`, none where the card has none.
Selector load_selector(const Settings& card);

/// Both.
CellLaw load_cell_law(const Settings& card);

}  // namespace attohm
