#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/base/settings.hpp"
#include "src/base/units.hpp"

/// The frame of a card: which conductances it writes, and where its source measured.
namespace attohm {

/// Section `conductance`. Draws beyond floor and ceiling are clipped and counted.
struct ConductanceRange {
    Siemens min = {};                ///< lowest target
    Siemens max = {};                ///< highest target
    Siemens floor = {};              ///< floor <= min
    std::optional<Siemens> ceiling;  ///< ceiling >= max; nothing: no ceiling
};

/// A closed interval of a quantity.
template <class Unit>
struct ValidRange {
    Unit low = {};
    Unit high = {};
    bool holds(Unit x) const { return low <= x && x <= high; }
};

/// Section `validity`: where the source of the card says something. A card without the section
/// refuses nothing. The conductances written (g_min, g_max) lie inside it.
struct Validity {
    std::string card;  ///< for messages
    std::optional<ValidRange<Siemens>> conductance;
    std::optional<ValidRange<Second>> age;
    std::optional<ValidRange<Kelvin>> temperature;
    std::optional<ValidRange<Volt>> read;  ///< of |V| across a cell

    /// Throws: UserError for an age above the highest (a younger one than the lowest is clamped by
    ///   the relaxation, and counted).
    void require_age(Second age) const;
    /// Throws: UserError for a temperature outside.
    void require_temperature(Kelvin temperature) const;
    /// Throws: UserError for a voltage whose magnitude is outside.
    /// Args: where: the key or option that gave the voltage.
    void require_read(Volt voltage, const std::string& where) const;
};

/// Throws: UserError for an empty range, a floor above it or a ceiling below it.
ConductanceRange load_conductance(const Settings& card);

/// Throws: UserError for an interval that is not [low, high], or that leaves out g_min or g_max.
Validity load_validity(const Settings& card, const ConductanceRange& range,
                       const std::string& name);

// -- reading a card ----------------------------------------------------------------------------

/// Whether the card has any key in this section.
bool has_section(const Settings& card, std::string_view section);

/// A conductance given in uS.
Siemens conductance_uS(const Settings& card, std::string_view key);

/// Coefficients of a polynomial whose argument is `argument_unit` times that of the result and
/// whose value is `value_unit` times it: c_k value_unit / argument_unit^k. One to four
/// coefficients.
std::vector<double> load_polynomial(const Settings& card, std::string_view key, double value_unit,
                                    double argument_unit);

/// A number of the experiment that may say `card`: then the card's own.
/// Throws: UserError where neither says it, naming both places.
double from_card_or(const Settings& experiment, std::string_view key, const Settings& card,
                    std::string_view card_key, Range range);

/// `device.<part>.scale`, which multiplies a part of the card and is 0 where the part is left out.
/// Throws: UserError where the user scales a part that the card does not have (0 and 1 are fine).
double load_scale(const Settings& experiment, std::string_view key, const Settings& card,
                  std::string_view section);

}  // namespace attohm
