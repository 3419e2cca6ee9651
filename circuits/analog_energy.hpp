#pragma once

#include <cstdint>

#include "circuits/cited.hpp"

namespace attohm {

/// Energies of the analog periphery whose figures are published. What is missing here (column sense
/// amplifiers, threshold DACs) stays unknown in the ledger.
struct AnalogEnergies {
    Cited comparator;  ///< J per decision
    Cited dac_power;   ///< W of a 1-bit word-line DAC; a B-bit one takes 2^(B-1) of it
    int dac_bits_max = 0;

    /// Power of a `bits`-bit DAC in 1-bit DACs, or 0 where the doubling law is not stated.
    std::int64_t dac_units(int bits) const {
        return bits >= 1 && bits <= dac_bits_max ? std::int64_t{1} << (bits - 1) : 0;
    }
};

/// Throws: UserError for missing figures, and for a DAC power that no published point is near.
AnalogEnergies analog_energies(const Settings& settings);

}  // namespace attohm
