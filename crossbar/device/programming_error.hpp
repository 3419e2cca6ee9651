#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "crossbar/device/polynomial.hpp"
#include "crossbar/device/validity.hpp"
#include "src/base/settings.hpp"
#include "src/base/units.hpp"

/// What an open-loop write (or a write whose loop was measured, not simulated) leaves behind.
namespace attohm {

enum class ProgrammingLaw { polynomial, table, log_normal };

/// Programming error of one write, z a standard normal drawn once per write event:
///     polynomial   G_w = G + b(G) + sigma_p(G) z,  sigma_p and b polynomials of the target
///     table        the same, straight lines between the points of a table
///     log-normal   G_w = (G + b(G)) exp(s(G) z - s(G)^2 / 2),  so that the mean is G + b(G)
/// The experiment's `scale` multiplies sigma_p (or s) and b. The card may give sigma_p / G_max as a
/// polynomial of G / G_max (`sigma_over_gmax_coefficients`); it is the same law in other units.
/// Values below the floor or above the ceiling of the card are clipped by whoever writes.
/// Units: siemens. Source: physics.md section 3; each card names its own.
/// Errors: a negative sigma inside the card's range and a table that does not cover it are refused
/// when the card is loaded; a target outside the table is refused when it is asked for.
/// Not modelled: correlation between neighbours or between writes of one cell, device-to-device
/// differences of the law, dependence on what the cell held before.
struct ProgrammingError {
    static constexpr std::size_t kTerms = kPolynomialTerms;

    std::vector<double> sigma_coefficients;  ///< sigma_p: S^(1-k); log-normal: s, S^-k
    Second measured_at = {};  ///< age at which the source measured: t0 of the relaxation
    double scale = 1.0;       ///< experiment's multiplier
    ProgrammingLaw law = ProgrammingLaw::polynomial;
    std::vector<double> bias_coefficients = {};  ///< b, S^(1-k); empty: no bias
    std::vector<double> table_target_S = {};     ///< table: increasing
    std::vector<double> table_sigma_S = {};
    std::vector<double> table_bias_S = {};  ///< empty: no bias

    /// The card's law itself, without `scale` and without a floor at 0: sigma_p in siemens
    /// (log-normal: G s(G), which is checked for its sign).
    Siemens raw_sigma(Siemens target) const;
    /// Standard deviation of G_w: scale sigma_p; log-normal: (G + b) sqrt(exp(s^2) - 1).
    /// 0 where a target outside the range takes the polynomial below.
    Siemens sigma(Siemens target) const;
    /// Mean of G_w less the target.
    Siemens bias(Siemens target) const;
    /// G_w of one write, not clipped. Increasing in z.
    Siemens written(Siemens target, double z) const;
    /// out[i] = G_w(targets[i], z[i]), siemens.
    void written(std::span<const double> targets, std::span<const double> z,
                 std::span<double> out) const;
    /// Whether every G_w is its target.
    bool none() const;

    /// One target, worked out: G_w = mean + sigma z, or mean exp(s z - s^2 / 2).
    struct Level {
        double mean = 0.0;      ///< siemens
        double sigma = 0.0;     ///< siemens; log-normal: 0
        double sigma_ln = 0.0;  ///< log-normal: s; else 0

        /// G_w for this z, siemens, not clipped.
        double written(double z) const;
    };
    /// For code that meets few targets and many draws: evaluate once per level.
    Level level(Siemens target) const;
};

/// Section `programming` (absent: exact writing) and `device.programming.scale`.
/// Throws: UserError by key and place.
ProgrammingError load_programming(const Settings& experiment, const Settings& card,
                                  const ConductanceRange& range);

}  // namespace attohm
