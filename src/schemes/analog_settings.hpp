#pragma once

#include <optional>

#include "circuits/adc_timing.hpp"
#include "crossbar/wires/settling.hpp"
#include "src/schemes/threshold_settings.hpp"
#include "src/tile/sprint_tile.hpp"

/// The analog side of an experiment, read by `sprint` alone.
namespace attohm {

enum class Placement { own, shared };

struct AdcSettings {
    std::optional<int> bits;
    std::optional<double> range_steps;  ///< nothing: full scale
    double offset_sigma = 0.0;          ///< of the full scale
    double gain_sigma = 0.0;
    double inl_sigma_lsb = 0.0;
    double noise_sigma = 0.0;  ///< of the full scale
    AdcArchitecture architecture = AdcArchitecture::ideal_uniform;
    double capacitor_sigma = 0.0;
    double threshold_sigma = 0.0;  ///< of the full scale
    double slope_sigma = 0.0;
    std::size_t columns = 1;          ///< key columns that share one ADC
    std::optional<AdcTiming> timing;  ///< nothing: no circuit, converts within the read
};

/// When things happen (ReadSchedule), with the words of the experiment resolved.
struct TimingSettings {
    Second write_interval = {};
    Second delay = {};
    std::optional<Second> read_interval;  ///< nothing: back to back
};

struct AnalogSettings {
    Device device;
    Placement placement = Placement::own;
    MappingSettings mapping;
    ArraySettings arrays;
    LineCapacitances capacitances;
    Summation summation = Summation::current;
    DriveSettings drive;  ///< without the bits of q
    WordLineDacErrors dac;
    TimingSettings timing;
    Readout readout = Readout::comparator;
    Volt v_fs = {};
    std::optional<Ampere> i_max;
    Comparator comparator;
    std::optional<OffsetTrim> trim;
    ThresholdCalibration calibration = ThresholdCalibration::none;
    Volt threshold_noise = {};
    double threshold_inl_lsb = 0.0;
    AdcSettings adc;

    /// What conversions add to one query's read: a round of the converters that share columns,
    /// after every step where bits add digitally. Args: steps: of the query.
    Second conversion_time(std::size_t steps) const;
    /// Current of one integer score step: V_read dG / L (amplitude), V_read dG (a bit or a pulse).
    Ampere i_lsb(const Mapping& mapping, double q_levels) const;
};

/// The ADC of one conversion, in score steps. Its full scale is that of the sense circuit where a
/// conversion is the whole output; where only a bit, a part or an offset column is converted, the
/// largest value there can be.
AdcSpec adc_spec(const AnalogSettings& analog, const CodeSettings& codes, const Mapping& mapping,
                 double n_fs, std::size_t d);

/// How long an array of these cells takes until an output is within half a step of a converter of
/// `bits` bits: every cell of a whole array in the middle of the range, references included.
/// Nothing without wires or without capacitances. Source: crossbar/wires/settling.hpp.
/// Not modelled: what the stored levels do to it.
std::optional<Second> settle_time(const AnalogSettings& analog, const Mapping& mapping, int bits);

/// The tile of one head. Schedule and threshold DAC are the caller's.
/// Args: n_fs: sense full scale, score steps; d: length of a key.
TileCircuits tile_circuits(const AnalogSettings& analog, const CodeSettings& codes,
                           const Mapping& mapping, double n_fs, std::size_t d);

/// Throws: UserError by key and place.
AnalogSettings load_analog_settings(const Settings& settings);

}  // namespace attohm
