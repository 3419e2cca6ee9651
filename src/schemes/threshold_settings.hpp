#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "src/base/error.hpp"
#include "src/base/settings.hpp"
#include "src/base/units.hpp"

/// Typed settings of the threshold family, parsed and checked once from the preset and the user.
namespace attohm {

enum class ScaleMethod { percentile, absmax, dynamic_per_head, dynamic_per_query };
enum class SplitMode { msb, sign_magnitude, round };
enum class ThresholdSource { trace, quantile, mass, value };
enum class FullScale { percentile, worst_case, current };
enum class KMsb { stored, slc_copy, ideal };
enum class EmptyRow { dense, top1_digital, self, zero };

/// What turns Q and K into integer codes and decides on them without any analog part.
struct CodeSettings {
    ScaleMethod scale = ScaleMethod::percentile;
    double percentile = 0.0;
    std::optional<int> k_bits;  ///< nothing: ideal
    std::optional<int> q_bits;  ///< nothing: ideal
    SplitMode split = SplitMode::msb;
    bool midpoint = true;

    /// L, the largest word-line code (ideal: on the scale of 4 bits).
    int q_levels() const { return (1 << (q_bits.value_or(4) - 1)) - 1; }
};

struct ThresholdSettings {
    ThresholdSource source = ThresholdSource::trace;
    double argument = 0.0;
    double margin = 0.0;

    /// Chosen on calibration samples: reported as "calibrated, not learned".
    bool calibrated() const {
        return source == ThresholdSource::quantile || source == ThresholdSource::mass;
    }
};

struct DacSettings {
    std::optional<int> bits;
    std::optional<double> range_steps;  ///< nothing: the sense full scale
    Volt noise_sigma = {};
};

struct FullScaleSettings {
    FullScale mode = FullScale::percentile;
    double percentile = 0.0;
    Ampere current = {};
};

struct KeepSettings {
    EmptyRow empty_row = EmptyRow::dense;
    std::vector<int> always_keep;
    KMsb k_msb = KMsb::stored;
};

/// The preset of the threshold family: all keys there are, with defaults, sources and help.
Settings threshold_family_preset();

/// The word of `key`, looked up in a table of all words it may be.
template <class Enum, std::size_t N>
Enum pick(const Settings& settings, std::string_view key,
          const std::array<std::pair<const char*, Enum>, N>& table) {
    std::vector<std::string> names;
    for (const auto& [name, value] : table) names.emplace_back(name);
    const std::string chosen = settings.choice(key, names);
    for (const auto& [name, value] : table) {
        if (chosen == name) return value;
    }
    fail_invariant("choice() returned a word that is not in the table", chosen, __FILE__, __LINE__);
}

CodeSettings load_code_settings(const Settings& settings);
ThresholdSettings load_threshold_settings(const Settings& settings);
DacSettings load_dac_settings(const Settings& settings);
FullScaleSettings load_full_scale_settings(const Settings& settings);
KeepSettings load_keep_settings(const Settings& settings, bool with_k_msb);

}  // namespace attohm
