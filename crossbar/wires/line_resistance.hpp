#pragma once

#include <boost/units/systems/si/length.hpp>
#include <boost/units/systems/si/resistivity.hpp>

#include "src/base/units.hpp"

/// From the dimensions of a line to the resistance between two cells of it.
namespace attohm {

using Metre = Quantity<si::length>;
using OhmMetre = Quantity<si::resistivity>;

/// A line of rectangular cross-section, in metres.
struct LineGeometry {
    OhmMetre resistivity = {};  ///< at wire_reference(), of a line this narrow
    Metre width = {};
    Metre height = {};
    Metre pitch = {};  ///< from one cell to the next along the line
};

/// rho pitch / (width height) at wire_reference(), times wire_factor(temperature).
/// Args: temperature: of the array.
/// Throws: UserError for a length or resistivity that is not above 0, a length above 1 mm (lengths
///   in nanometres given as metres), and where wire_factor does.
/// Source: Ohm's law; temperature: temperature.hpp.
/// Not modelled: barrier layers and size effects (in the resistivity that is given), contacts.
Ohm segment_resistance(const LineGeometry& line, Kelvin temperature);

}  // namespace attohm
