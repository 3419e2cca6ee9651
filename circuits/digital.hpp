#pragma once

#include "circuits/cited.hpp"

namespace attohm {

/// Energies of the digital units at a machine's node and supply.
///
/// Cited points of one node are carried to another by C V^2 with C proportional to the node:
/// energy * (node / reference) * (V / reference V)^2, a factor that no source gives: `assumed`.
/// Not modelled: leakage, clock tree, wires between units, data-dependent switching, operands of
/// another width than 8 bits.
/// Source: Horowitz, "Computing's energy problem", ISSCC 2014, doi:10.1109/ISSCC.2014.6757323.
struct DigitalUnits {
    double node_factor = 1.0;  ///< what the points of the reference node are multiplied by
    Cited mac8;                ///< J per 8 x 8-bit multiplication with its 32-bit accumulation
    Cited sram_bit;            ///< J per bit read from or written to a buffer bank
    Cited softmax_element;     ///< J per exponential, its addition and its multiplication
    Cited softmax_row;         ///< J per reciprocal
};

/// Args:
///     settings: holds `digital.*`
///     node_nm, vdd_V: of the machine
///     sram_bank_KB: capacity of one buffer bank; outside the table's points it is refused
DigitalUnits digital_units(const Settings& settings, double node_nm, double vdd_V,
                           double sram_bank_KB);

}  // namespace attohm
