#pragma once

#include <optional>
#include <span>
#include <vector>

#include "crossbar/device/polynomial.hpp"
#include "crossbar/device/validity.hpp"
#include "src/base/settings.hpp"
#include "src/base/units.hpp"

/// What becomes of a written conductance as it ages.
namespace attohm {

enum class RelaxationLaw { log_time, power };

/// Relaxation since the write, age a, t0 = programming.measured_at_s, L = ln(max(a, t0) / t0),
/// z one standard normal per write event, so that one cell at several ages is one path:
///     log-time   G(a) = G_w + c(G_w) L + sqrt(s^2(a) - s^2(t0)) z,  s(a) = s0(G_w) + s1(G_w) L
///     power      G(a) = G_w exp(-(nu(x) + nu_s(x) z) L),  x = G_w / G_max
/// s^2(t0) is taken off because the programming sigma, measured at t0, holds it already.
/// A younger age than t0 is evaluated at t0 (`clamped`; pessimistic, counted by whoever reads); one
/// above the card's validity is refused. The laws' coefficients of a G_w beyond the card's validity
/// range (a draw) are those at its end.
/// `scale` multiplies c and the spread (power: nu and nu_s).
/// Units: siemens, second. Source: physics.md section 3; each card names its own.
/// Errors: s that falls with age anywhere inside the range (s0 < 0 or s1 < 0), negative nu_s.
/// Not modelled: a second time constant, dependence of the spread on temperature, recovery after a
/// disturb, steps of a path that differ in sign (the path of one cell is monotone in L but for the
/// curvature of s).
struct Relaxation {
    RelaxationLaw law = RelaxationLaw::log_time;
    Second t0 = {};
    double scale = 1.0;
    std::vector<double> mean_coefficients;    ///< log-time: c, S^(1-k); power: nu of G / G_max
    std::vector<double> spread_coefficients;  ///< log-time: s0, S^(1-k); power: nu_s of G / G_max
    std::vector<double> spread_ln_coefficients;  ///< log-time: s1, S^(1-k); power: empty
    Siemens g_max = {};
    ValidRange<Siemens> range;  ///< where the coefficients are evaluated
    Validity validity;

    /// The law at one age: everything that does not depend on the cell, worked out.
    class At;
    /// Refers to this law, which has to outlive it.
    /// Throws: UserError for an age above the card's validity.
    At at(Second age) const;

    /// Mean of G(a) - G_w for a cell written to G_w.
    Siemens mean(Siemens written, Second age) const;
    /// Standard deviation of G(a) for a cell written to G_w.
    Siemens sigma(Siemens written, Second age) const;
    /// Whether no cell ever moves.
    bool none() const;
};

class Relaxation::At {
  public:
    At(const Relaxation& law, Second age);

    /// Whether the age lies below t0 and was taken as t0.
    bool clamped() const { return clamped_; }
    /// ln(max(a, t0) / t0).
    double log_age() const { return log_age_; }
    /// Whether nothing moves at this age (a <= t0, or a law without terms).
    bool none() const { return none_; }

    Siemens mean(Siemens written) const;
    Siemens sigma(Siemens written) const;
    /// G(a) of one cell, not clipped.
    Siemens value(Siemens written, double z) const;

    /// conductance[i] <- G(a) of a cell written to conductance[i] with z[i].
    /// Args: unit: of the conductances, e.g. one level (they are given as G / unit).
    void apply(Siemens unit, std::span<const float> z, std::span<float> conductance) const;

  private:
    /// Mean and spread of G(a) - G_w (log-time, siemens) or of the exponent nu L (power).
    struct Terms {
        double mean;
        double spread;
    };
    Terms terms(double written) const;
    double clamp_range(double g) const;

    const Relaxation* law_;
    double log_age_ = 0.0;
    bool clamped_ = false;
    bool none_ = false;
};

/// Section `relaxation` (absent: nothing) and `device.relaxation.scale`.
/// t0 is `programming.measured_at_s`, which the card must then have.
/// Throws: UserError by key and place.
std::optional<Relaxation> load_relaxation(const Settings& experiment, const Settings& card,
                                          const ConductanceRange& range, const Validity& validity);

}  // namespace attohm
