#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crossbar/device/cell_iv.hpp"
#include "crossbar/device/programming_error.hpp"
#include "crossbar/device/relaxation.hpp"
#include "crossbar/device/slow_noise.hpp"
#include "crossbar/device/stuck.hpp"
#include "crossbar/device/telegraph.hpp"
#include "crossbar/device/temperature.hpp"
#include "crossbar/device/validity.hpp"
#include "crossbar/device/white_noise.hpp"
#include "crossbar/device/write_model.hpp"
#include "crossbar/device/write_verify.hpp"
#include "src/base/settings.hpp"
#include "src/base/units.hpp"

/// A device: how one cell behaves. Independent parts, each from a cited card; see physics.md
/// section 3. A part that the card does not have is absent (an empty optional, or a `none()`).
namespace attohm {

/// How a write is simulated: by the card's measured error, or by running the verify loop.
enum class ProgrammingMode { direct, verify };

struct Device {
    std::string card;
    Siemens g_min = {};
    Siemens g_max = {};
    Siemens g_floor = {};
    std::optional<Siemens> g_ceiling;
    Validity validity;
    ProgrammingMode programming_mode = ProgrammingMode::direct;
    ProgrammingError programming;
    std::optional<WriteVerify> verify;
    std::optional<Relaxation> relaxation;
    std::optional<Temperature> temperature_law;
    Kelvin temperature = {};  ///< of the array, whatever the law
    WhiteReadNoise read_noise;
    SlowNoise slow_noise;
    TelegraphNoise telegraph;
    CellLaw cell;  ///< current of one cell; linear without sections `iv` and `selector`
    StuckFaults stuck;
    WriteModel write;

    ConductanceRange conductance_range() const { return {g_min, g_max, g_floor, g_ceiling}; }
    /// Whether a write runs the verify loop.
    bool simulates_verify() const { return programming_mode == ProgrammingMode::verify; }
    /// What the array's temperature does to a conductance; all 1 without a law.
    Temperature::Factors temperature_factors() const;
};

/// Settings of a card: a built-in name ("ibm-cmo-hfox-2pct") or the path of a YAML file.
/// Throws: UserError naming the nearest card, or the file's fault.
Settings device_card(const std::string& name_or_path);
/// Whether a card is a file of the user's rather than a built-in name.
bool is_card_file(const std::string& name_or_path);
/// Names of the built-in cards.
std::vector<std::string> device_card_names();

/// Device of a card with the experiment's `device.*` keys on top.
/// Throws: UserError for values out of range (G_min >= G_max, rates that sum above 1, ...), for a
///   section that is not complete and for a key that no part reads.
Device load_device(const Settings& experiment);

/// The same of settings that are a card already (a fit, a test).
Device load_device(const Settings& experiment, const Settings& card, const std::string& name);

}  // namespace attohm
