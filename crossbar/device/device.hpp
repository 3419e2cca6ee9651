#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "src/base/settings.hpp"
#include "src/base/units.hpp"

/// A device: how one cell behaves. Independent parts, each from a cited card; see physics.md
/// section 3.
namespace attohm {

/// Programming error: G_w = G_target + sigma_p(G_target) z, z a standard normal drawn once per
/// write event, floored at `g_floor` (counted). sigma_p is a polynomial of the target in siemens.
/// Not modelled here: write-verify truncation, per-level bias, relaxation.
struct ProgrammingError {
    static constexpr std::size_t kTerms = 4;  ///< coefficients at most
    std::vector<double> sigma_coefficients;  ///< siemens^(1-k): sigma_p = sum_k c_k G^k, siemens
    Second measured_at = {};                 ///< age at which the source measured sigma_p
    double scale = 1.0;                      ///< experiment's multiplier

    /// The polynomial itself; not negative inside the card's range (checked when the card is
    /// loaded).
    Siemens raw_sigma(Siemens target) const;
    /// The card's sigma times `scale`; 0 where a target outside the range takes the polynomial
    /// below.
    Siemens sigma(Siemens target) const;
    bool none() const;
};

/// White read noise: the current of one read is off by I = V (G eta + g_n), eta and g_n Gaussian
/// and independent over cells and reads. The card gives both for one integration time; a read that
/// integrates for T has sigma(T) = sigma(T_0) sqrt(T_0 / T) (variance S_w / (2T)).
struct WhiteReadNoise {
    double sigma_rel = 0.0;  ///< of the cell's conductance, at `integration_time`
    Siemens sigma_abs = {};  ///< at `integration_time`
    Second integration_time = {};
    double scale = 1.0;  ///< experiment's multiplier

    double relative_at(Second read_time) const;
    Siemens absolute_at(Second read_time) const;
};

/// Stuck cells, given by resistance: what a faulty cell shows after everything else.
/// Not modelled here: spatial clustering.
struct StuckFaults {
    double low_rate = 0.0;  ///< P(cell stuck at low resistance)
    Ohm low_resistance = {};
    double high_rate = 0.0;  ///< P(cell stuck at high resistance)
    Ohm high_resistance = {};

    bool none() const { return low_rate == 0.0 && high_rate == 0.0; }
};

/// What writing a cell takes. MLC: pulses with a verify read after each; SLC: single pulses.
struct WriteModel {
    Volt mlc_pulse_voltage = {};
    Second mlc_pulse_time = {};
    double mlc_pulses_mean = 0.0;  ///< pulses per cell until verified, mean
    Volt verify_voltage = {};
    Second verify_time = {};
    Volt slc_pulse_voltage = {};
    Second slc_pulse_time = {};
};

struct Device {
    std::string card;
    Siemens g_min = {};
    Siemens g_max = {};
    Siemens g_floor = {};
    ProgrammingError programming;
    WhiteReadNoise read_noise;
    StuckFaults stuck;
    WriteModel write;
};

/// Settings of a card: a built-in name ("ibm-cmo-hfox-2pct") or the path of a YAML file.
/// Throws: UserError naming the nearest card, or the file's fault.
Settings device_card(const std::string& name_or_path);
/// Whether a card is a file of the user's rather than a built-in name.
bool is_card_file(const std::string& name_or_path);
/// Names of the built-in cards.
std::vector<std::string> device_card_names();

/// Device of a card with the experiment's `device.*` keys on top.
/// Throws: UserError for values out of range (G_min >= G_max, rates that sum above 1, ...).
Device load_device(const Settings& experiment);

}  // namespace attohm
