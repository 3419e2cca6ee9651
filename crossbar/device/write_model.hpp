#pragma once

#include "src/base/settings.hpp"
#include "src/base/units.hpp"

namespace attohm {

/// What writing a cell takes: a pulse of V for t into G costs V^2 G t. MLC: pulses with a verify
/// read after each; SLC: single pulses.
/// Units: volt, second. Source: physics.md section 6; each card names its own.
/// Not modelled: charge of the lines, selectors and drivers (circuits), a conductance that changes
/// within a pulse.
struct WriteModel {
    Volt mlc_pulse_voltage = {};
    Second mlc_pulse_time = {};
    double mlc_pulses_mean = 0.0;  ///< pulses per cell until verified, mean; where `verify` is
                                   ///< simulated, its own counts are used
    Volt verify_voltage = {};
    Second verify_time = {};
    Volt slc_pulse_voltage = {};
    Second slc_pulse_time = {};

    /// Joule per siemens of one programming pulse with its verify read.
    double pulse_energy_per_S() const;
    /// Time of one programming pulse with its verify read.
    Second pulse_and_verify_time() const { return mlc_pulse_time + verify_time; }
};

/// Section `write`; every card has one (a write without a figure would look free).
WriteModel load_write(const Settings& card);

}  // namespace attohm
