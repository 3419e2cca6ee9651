#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "src/base/settings.hpp"
#include "src/base/units.hpp"

/// Read noise with memory, 1/f^g: its ladder of relaxation rates, what the programmed value already
/// holds of it, and which part of it a pass of reads has to follow cell by cell.
namespace attohm {

/// One Ornstein-Uhlenbeck process of the ladder: Gaussian, stationary, covariance
/// sigma^2 exp(-rate |t|), one-sided spectrum 4 sigma^2 rate / (rate^2 + (2 pi f)^2).
struct SlowComponent {
    double rate = 0.0;   ///< l = 2 pi f_m, 1/s
    double sigma = 0.0;  ///< of dG/G
    int number = 0;      ///< in its ladder, slowest first
};

/// Slow noise of a card: one-sided spectrum S(f) = A / f^g of dG/G between f_low and f_high.
///
/// Ladder: corner frequencies f_m = f_low / 10 * 10^(m/2), the last the first one >= 10 f_high: two
/// per decade, one decade beyond both ends. Variances sigma_m^2 = A sin(pi g / 2) ln(r) f_m^(1-g),
/// r = sqrt(10). Derivation: with sigma_m^2 = C ln(r) f_m^(1-g) the sum of
/// (2 sigma_m^2 / pi) f_m / (f_m^2 + f^2) is, as an integral over ln f_m = ln f + ln u,
///     C f^-g (2 / pi) int_0^inf u^(1-g) / (1 + u^2) du = C f^-g / sin(pi g / 2),   0 < g < 2.
/// For g = 1 that is A ln(r).
/// Error inside the band: the ripple of the sum about the integral is at most
/// 4 sin(pi g / 2) exp(-pi^2 / ln r) = 7.6e-4 (Poisson summation, first harmonic), plus what the
/// components left out beyond the ends would add: less than 3.6 % of S at f_low and f_high for
/// g = 1 (half of a step more than a decade: (2 / pi) atan(10^-1.25)), ten times less a decade
/// inside; up to 22 % at one end for g = 0.5 or 1.5.
///
/// Units: SI; A in Hz^(g-1). Source: physics.md section 4; the superposition is that of Bernamont
/// (1937) and van der Ziel, Physica 16 (1950) 359.
/// Not modelled: an amplitude that depends on state, bias or temperature; spectra of single cells
/// that differ (every cell has the whole ladder).
struct SlowNoise {
    double amplitude_rel2 = 0.0;  ///< A; 0: no slow noise
    double exponent = 1.0;        ///< g, within [0.5, 1.5]
    Hertz f_low = {};
    Hertz f_high = {};
    double scale = 1.0;  ///< experiment's multiplier of the standard deviation

    bool none() const { return amplitude_rel2 == 0.0 || scale == 0.0; }
    /// The ladder, slowest first; empty where there is no slow noise.
    std::vector<SlowComponent> components() const;
    /// Variance of dG/G of all components together.
    double variance() const;
};

/// When cells are read: read s averages over [s D, s D + T] after the first read began.
struct ReadTiming {
    Second read_time = {};      ///< T
    Second read_interval = {};  ///< D >= T
    Second pass_time = {};      ///< from the start of the first read to the end of the last
};

/// What a programmed value already holds of a noise with memory (no double counting).
struct NoiseReference {
    Second measured_at = {};            ///< t0: age at which the programming sigma was measured
    std::optional<Second> verified_at;  ///< t_v: age of the verify read that accepted the value

    /// Age from which a component of this rate counts: it enters as x(a) - x(reference age) and is
    /// zero up to that age. Nothing: it enters whole, x(a).
    ///   verified:                t_v, every component (the verify read swallowed x(t_v))
    ///   else rate < 2 pi / t0:   t0 (the programming sigma holds what is slower than 1/t0)
    ///   else, or t0 = 0:         nothing
    std::optional<double> age_for(double rate) const;
};

/// Covariance of what one component of unit variance adds to two reads of the same cell, each an
/// average over T, that begin at ages a1 <= a2 (equal, or at least T apart). This is the whole law
/// of a component: every approximation is measured against it. With x = rate T,
///     whole       V = 2 (x - 1 + e^-x) / x^2 for one read, c e^(-rate (a2 - a1)),
///                 c = 2 (cosh x - 1) / x^2, for two
///     referenced  the same + 1 - M(a1) - M(a2), M(a) = (1 - e^-x) / x e^(-rate (a - r)), r the
///                 reference age; 0 where a1 <= r. For T -> 0 the variance is
///                 2 (1 - e^(-rate (a - r))).
/// Args: reference_age: see NoiseReference; all times in seconds.
double component_covariance(double rate, double read_time, std::optional<double> reference_age,
                            double first_age, double second_age);

/// Share of the variance of a component that survives the average over T: V above, x = rate T.
double averaged_variance(double x);

/// Slow noise of one pass of reads over cells of some ages, split by what a component does in it:
///   absent      no read is older than the component's reference age: it adds nothing
///   frozen      rate * pass_time < 0.05: one value per cell and write event. Covariances between
///               reads are too large by at most 1 - e^-0.05 of the component; a referenced one has
///               the variance of the middle of the pass, off by at most 0.1 of sigma^2
///   white       rate * D > 3, and 3 beyond the reference: drawn at the output; covariances between
///               successive reads are off by at most e^-3 of the component. Of a referenced one
///               the part -x(reference age) is frozen
///   tracked     all others: exact in law, cell by cell (crossbar/array/slow_state.hpp)
/// Source: physics.md section 4.
/// Not modelled: the correlation of white components between the conversion steps of one read.
class SlowSplit {
  public:
    static constexpr double kFrozenBelow = 0.05;  ///< rate * pass_time
    static constexpr double kWhiteAbove = 3.0;    ///< rate * D

    SlowSplit() = default;
    /// Args: youngest, oldest: ages of the cells at the first read (negative: not yet written).
    /// Throws: InvariantError unless 0 < T <= D and T <= pass_time.
    SlowSplit(const SlowNoise& noise, const NoiseReference& reference, const ReadTiming& timing,
              Second youngest, Second oldest);

    /// Adds to the relative variance of the white read noise of every read.
    double white_variance() const { return white_variance_; }
    /// Relative variance of the frozen part of a cell of this age at the first read.
    double frozen_variance(Second age) const;
    bool has_frozen() const { return !frozen_.empty(); }
    /// Relative variance of all that is not white in the mean of `reads` reads of a cell, each
    /// `apart` (at least D) after the one before. `age`: the cell's at the first read of the pass.
    /// Back to back (apart = T) it is that of one read of reads * T.
    double memory_variance(Second age, std::size_t reads = 1, Second apart = {}) const;

    /// Components to track that enter whole, and those that enter from `reference_age` on.
    const std::vector<SlowComponent>& whole() const { return whole_; }
    const std::vector<SlowComponent>& referenced() const { return referenced_; }
    Second reference_age() const { return reference_age_; }
    bool tracks() const { return !whole_.empty() || !referenced_.empty(); }

    const ReadTiming& timing() const { return timing_; }

  private:
    struct Frozen {
        SlowComponent component;
        std::optional<double> reference_age;
        bool offset_only = false;  ///< -x(reference age) of a component that is otherwise white
    };
    void place(const SlowComponent& component, std::optional<double> reference_age, double youngest,
               double oldest);

    ReadTiming timing_;
    double white_variance_ = 0.0;
    std::vector<Frozen> frozen_;
    std::vector<SlowComponent> whole_;
    std::vector<SlowComponent> referenced_;
    Second reference_age_ = {};
};

/// Section `slow_noise` of a card (absent: none) with the experiment's `device.slow_noise.scale`.
/// Throws: UserError by key and place.
SlowNoise load_slow_noise(const Settings& experiment, const Settings& card);

}  // namespace attohm
