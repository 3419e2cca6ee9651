#pragma once

#include "circuits/cited.hpp"

namespace attohm {

/// Energies of the digital units of a CORELET at a machine's node and supply: the circuits of
/// DigitalLibrary that it is made of.
///
/// Integer units are 8 bits wide with 32-bit sums. The softmax unit works on floats: 16-bit
/// products, 32-bit sums; it takes no running maximum, as scores are bounded integers.
/// Not modelled: leakage, clock tree, wires between units, data-dependent switching, operands of
/// another width than 8 bits.
struct DigitalUnits {
    double node_factor = 1.0;  ///< what the points of the reference node are multiplied by
    Cited mac8;                ///< J per 8 x 8-bit multiplication with its 32-bit accumulation
    Cited sram_bit;            ///< J per bit read from or written to a buffer bank
    Cited softmax_element;     ///< J per exponential, its addition and its multiplication
    Cited softmax_row;         ///< J per reciprocal
};

/// Args:
///     settings: holds `digital.*`, `node_scaling.*` and, for messages, `machine.sram_bank_KB`
///     node_nm, vdd_V: of the machine
///     sram_bank_KB: capacity of one buffer bank
/// Throws: UserError as DigitalLibrary does, and for a bank outside the SRAM points.
DigitalUnits digital_units(const Settings& settings, double node_nm, double vdd_V,
                           double sram_bank_KB);

}  // namespace attohm
