#pragma once

#include "src/base/settings.hpp"
#include "src/base/units.hpp"

/// Random telegraph noise: traps that capture and emit single charges.
namespace attohm {

/// Traps of a cell: their number is Poisson with mean `traps_mean`. While a trap is occupied the
/// conductance is lower by the relative step (log-normal, at most the whole conductance; counted).
/// A trap is a two-state process with rate l = 1/tau_c + 1/tau_e (log-uniform between rate_low and
/// rate_high) and stationary occupancy p = tau_e / (tau_c + tau_e):
///     P(occupied after t | occupied) = p + (1 - p) e^(-l t)
///     P(occupied after t | empty)    = p (1 - e^(-l t))
/// so an occupied trap empties at rate l (1 - p), an empty one fills at rate l p. Number, step and
/// rate of the traps are drawn once per write event.
/// The programmed value is a typical reading, so dG/G = step (p - occupied): mean zero.
/// Units: rates in 1/s (the card's `Hz` counts events per second, without 2 pi).
/// Source: physics.md section 4; Machlup, J. Appl. Phys. 25 (1954) 341, for the two-state spectrum.
/// Not modelled: occupancy or rate that depend on bias, state or temperature; traps that act on
/// each other.
struct TelegraphNoise {
    double traps_mean = 0.0;       ///< per cell; at most kMostTrapsMean
    double step_median_rel = 0.0;  ///< of the cell's conductance
    double step_sigma_ln = 0.0;
    double rate_low = 0.0;   ///< 1/s
    double rate_high = 0.0;  ///< 1/s
    double occupancy = 0.5;  ///< p
    double scale = 1.0;      ///< experiment's multiplier of the step

    static constexpr double kMostTrapsMean = 16.0;

    bool none() const { return traps_mean == 0.0 || step_median_rel == 0.0 || scale == 0.0; }

    /// Relative step of a trap whose standard normal is z, before the limit of 1.
    double step(double z) const;
    /// Rate of a trap whose uniform variate is u.
    double rate(double u) const;
    /// Traps of a cell whose uniform variate is u: the Poisson distribution by inversion.
    int traps(double u) const;
    /// P(occupied after t) of a trap of this rate.
    double occupied_after(bool occupied, double rate, double t) const;
    /// Variance of dG/G over cells and time of a read averaged over T (seconds), steps not limited:
    /// traps_mean E[step^2] p (1 - p) E[2 (x - 1 + e^-x) / x^2], x = rate T.
    double variance(double read_time) const;
};

/// Section `telegraph` of a card (absent: none) with the experiment's `device.telegraph.scale`.
/// Throws: UserError by key and place.
TelegraphNoise load_telegraph(const Settings& experiment, const Settings& card);

}  // namespace attohm
