#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "circuits/adc_timing.hpp"
#include "src/base/units.hpp"
#include "src/machine/machine.hpp"
#include "src/machine/tally.hpp"

/// Prices: unit energy times count, or a total that physics measured. For each component one of the
/// two, never both.
namespace attohm {

enum class EnergySource : std::uint8_t { paper, physics };

/// `energy.source.<component>` of the experiment. The digital parts are the same under both.
struct EnergyOptions {
    EnergySource in_memory = EnergySource::paper;  ///< thresholding in the arrays
    EnergySource read = EnergySource::paper;       ///< reads of ReRAM
    EnergySource write = EnergySource::paper;      ///< writes of ReRAM
    bool operator==(const EnergyOptions&) const = default;
};
/// Reads `energy.source.in_memory`, `.read` and `.write`, each `paper` or `physics`.
EnergyOptions energy_options(const Settings& experiment);

/// What prices a conversion: `energy.source.adc`.
enum class AdcPricing : std::uint8_t {
    survey,  ///< the fit to published converters, whatever is inside
    parts,   ///< comparisons and capacitors of its architecture; parts without a figure are unknown
};

/// The ADCs of the experiment, where columns end in some.
struct AdcUse {
    int bits = 0;     ///< taken as the effective bits; 0: ideal, without a price
    Hertz rate = {};  ///< conversions per second of one converter
    std::optional<AdcTiming> timing = {};  ///< nothing: no circuit, converts within the read
    bool every_read = false;               ///< converts after every read of a decision
    AdcPricing pricing = AdcPricing::survey;
    Volt range = {};  ///< from the lowest to the largest input, at the converter
};
/// Reads `sense.readout` and, behind it, `energy.source.adc`, `adc.*`, `drive.accumulate`,
/// `sense.v_fs_V` and `drive.read_time_ns`. A converter of a named architecture runs at
/// `adc.clock_GHz` (AdcTiming); `ideal-uniform` digitises the keys that share it within one read.
/// Throws: UserError for parts of `ideal-uniform`, which has none, and for a clock that their
/// comparator was not measured at.
std::optional<AdcUse> adc_use(const Settings& experiment);

/// One line: energy per inference of one event in one component.
struct LedgerLine {
    std::string component;
    std::string event;
    std::string count_unit;
    double count = 0.0;  ///< per inference
    /// J per counted event; of a measured total the mean. Nothing: unknown.
    std::optional<double> unit_energy;
    std::string unit;  ///< of unit_energy: "J/bit", or "W" for what is paid per second
    Joule energy;      ///< per inference; 0 where unknown
    std::string
        energy_source;  ///< "paper", "physics", "digital", "memory", "power", ... or "unknown"
    std::string source;
    Mark mark = Mark::choice;
    std::string scope;
    bool operand_write = false;  ///< belongs to the writes of Q, K and V

    bool known() const { return unit_energy.has_value(); }
};

/// Lines of a plan's tally summed over `samples`, per inference, in a fixed order of components.
/// Lines that nothing was counted for are left out.
std::vector<LedgerLine> price(const Tally& total, std::int64_t samples, const Machine& machine,
                              const EnergyOptions& options,
                              const std::optional<AdcUse>& adc = std::nullopt);

/// Sum of the lines in their order; without writes, lines of operand writes are left out.
Joule total_energy(const std::vector<LedgerLine>& lines, bool with_writes = true);

/// Where an unknown unit energy would make the gain 1.
struct BreakEven {
    std::string component;
    std::string event;
    std::string unit;
    /// Nothing: at no positive value, the other unknowns being free.
    std::optional<double> value;
};

/// baseline energy / plan energy. Lines of the same component and event share one unknown.
/// What is unknown in either is left out of `energy`; whatever
/// non-negative values it has, the gain lies within [low, high].
struct EnergyGain {
    double energy = 1.0;
    double low = 1.0;
    double high = 1.0;
    std::vector<BreakEven> break_even;
};
/// Nothing when the plan has no known energy.
std::optional<EnergyGain> energy_gain(const std::vector<LedgerLine>& plan,
                                      const std::vector<LedgerLine>& baseline, bool with_writes);

}  // namespace attohm
