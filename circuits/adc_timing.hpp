#pragma once

#include <cstdint>
#include <optional>

#include "circuits/adc_architecture.hpp"
#include "src/base/settings.hpp"
#include "src/base/units.hpp"

namespace attohm {

/// How long a converter takes to serve the columns that share it, one after another:
///     round = columns x adc_clocks(architecture, bits) / clock.
/// A round follows the read whose outputs it converts: outputs are held meanwhile and the array is
/// not read. Not modelled: settling of the held value, a converter that works while the array reads
/// the next query.
struct AdcTiming {
    AdcArchitecture architecture = AdcArchitecture::sar;
    int bits = 0;
    Hertz clock = {};
    std::int64_t columns = 1;  ///< that one converter serves

    Second conversion() const {
        return static_cast<double>(adc_clocks(architecture, bits)) / clock;
    }
    Second round() const { return conversion() * static_cast<double>(columns); }
    /// Conversions per second that it is built for.
    Hertz rate() const { return clock / static_cast<double>(adc_clocks(architecture, bits)); }
};

/// From `adc.architecture`, `adc.bits`, `adc.clock_GHz`, `adc.columns` and `array.columns`: no more
/// columns share a converter than an array has. Nothing for `ideal-uniform`, which is no circuit
/// and converts within the read.
std::optional<AdcTiming> adc_timing(const Settings& experiment);

}  // namespace attohm
