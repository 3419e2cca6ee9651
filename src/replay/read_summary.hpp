#pragma once

#include <optional>
#include <string>
#include <vector>

#include "circuits/decision_times.hpp"
#include "src/replay/result.hpp"

/// How the arrays were read and what that did: which law drew the outputs, wires, ages, decision
/// times, settling, keys that were lost. For people; empty for schemes without arrays.
namespace attohm {

struct ReadFact {
    std::string name;   ///< "queries drawn at the outputs"
    std::string value;  ///< "12 840 of 12 840"
    std::string note;   ///< what it means; may be empty
    bool warning = false;
};

/// A card of which more draws than this leave its conductance range says so.
constexpr double kClippedCard = 0.01;

/// Facts with something to say; what is off says nothing.
std::vector<ReadFact> read_facts(const Result& result);
/// The same of several results of one setting (chips), counts added.
std::vector<ReadFact> read_facts(const std::vector<const Result*>& results);

/// Comparator decisions by time; nothing where comparators decide at once.
std::optional<DecisionTimes> decision_times(const std::vector<const Result*>& results);

/// How the codes of ADCs were used, valid pairs of all heads.
struct AdcCodeUse {
    struct Bin {
        std::int64_t first = 0, last = 0;  ///< codes
        std::int64_t count = 0;            ///< conversions
    };
    std::int64_t first = 0, last = 0;            ///< codes that there are
    std::int64_t used_first = 0, used_last = 0;  ///< codes that came out
    std::int64_t conversions = 0;
    std::int64_t clipped_low = 0, clipped_high = 0;  ///< beyond the range
    std::vector<Bin> bins;                           ///< over all codes, rising

    /// Codes from the lowest to the largest that came out, over all there are.
    double range_used() const;
    double rate_low() const;   ///< clipped_low over conversions
    double rate_high() const;  ///< clipped_high over conversions
};
/// Nothing where nothing was converted (or by ideal ADCs).
std::optional<AdcCodeUse> adc_code_use(const std::vector<const Result*>& results);

/// A bin of the histogram that holds decisions.
struct TimeBin {
    double from_s = 0.0;
    double to_s = 0.0;  ///< infinite for what lies above
    std::int64_t count = 0;
};
std::vector<TimeBin> time_bins(const DecisionTimes& times);

}  // namespace attohm
