#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crossbar/fit/programming_fit.hpp"

/// Relaxation with log time, and what temperature does, from cells read again and again.
namespace attohm::fit {

/// Relaxation, at the temperature with most readings, x = ln(age / t0):
///     mean     slope c of each write's readings over x by least squares; the level's c is the mean
///              over writes with its t interval
///     spread   deviation over cells at each age, s0 + s1 x through it by weighted least squares;
///              covariance by leaving out one write at a time (the same cells make every age, so
///              the ages are not independent)
/// Both over the levels as polynomials of the target, degree chosen as for sigma(G) (levels whose
/// errors differ by less than a factor of two weigh the same); s0 and s1 not negative inside the
/// range.
/// Temperature, writes read at the reference and at other temperatures: the ratio to the reading
/// at the reference nearest in age, moved to that age by c. Metallic: ratio - 1 = alpha (T - T0);
/// activated: ln ratio = -(Ea / k)(1/T - 1/T0); least squares through the origin, per write, then
/// the mean over writes. The crossover lies between two targets such that levels whose conductance
/// rises with temperature lie below it and the others above, with the least (alpha / error)^2 on
/// the wrong side.
/// Not modelled: relaxation that runs faster when hot (the slopes at other temperatures are told,
/// not used), a second time constant.
struct AgePoint {
    double age_s = 0.0;
    std::size_t cells = 0;
    Estimate mean_uS;
    Estimate sigma_uS;
};

struct RetentionLevel {
    double target_uS = 0.0;
    std::size_t writes = 0;
    std::vector<AgePoint> ages;
    Estimate mean_per_ln_uS;   ///< c
    Estimate sigma_uS;         ///< s0
    Estimate sigma_per_ln_uS;  ///< s1
};

/// One level at one temperature.
struct TemperatureLevel {
    double target_uS = 0.0;
    std::size_t writes = 0;
    Estimate alpha_per_K;
    Estimate activation_eV;
    bool metallic = true;  ///< side of the crossover
};

struct TemperatureFit {
    std::vector<double> temperatures_K;
    std::vector<TemperatureLevel> levels;
    double crossover_uS = 0.0;
    std::optional<Estimate> alpha_per_K;    ///< of the levels above; nothing: none there
    std::optional<Estimate> activation_eV;  ///< of the levels below
};

/// Slope at a temperature that is not the reference: told, not used.
struct HotSlope {
    double temperature_K = 0.0;
    double target_uS = 0.0;
    Estimate mean_per_ln_uS;
};

struct RetentionFit {
    std::string source;
    std::size_t points = 0;
    double reference_K = 0.0;
    double t0_s = 0.0;
    Bounds ages_s;  ///< at the reference temperature
    Bounds targets_uS, temperatures_K;
    std::vector<RetentionLevel> levels;  ///< empty: one age only, no relaxation
    PolynomialChoice mean, sigma, sigma_per_ln;
    std::vector<HotSlope> hot;
    std::optional<TemperatureFit> temperature;
    std::size_t stuck = 0;  ///< cells left out
    std::vector<std::string> notes;
};

/// Args: t0_s: age from which the card's relaxation runs. stuck: cells known to be stuck.
/// Throws: UserError naming row and column: a cell read twice at one age and temperature, levels
/// with fewer than eight writes, levels with ages of their own, data with neither two ages nor two
/// temperatures.
RetentionFit fit_retention(const MeasuredTable& table, double t0_s, const std::set<CellId>& stuck);

// -- the parts, for each other ------------------------------------------------------------------

/// All readings after one write of one cell.
struct WriteEvent {
    CellId cell;
    double target_uS = 0.0;
    struct Read {
        double temperature_K, age_s, conductance_uS;
        std::size_t row;
    };
    std::vector<Read> reads;  ///< by temperature, then age
};
std::optional<TemperatureFit> fit_temperature(const std::vector<WriteEvent>& events,
                                              const RetentionFit& relaxation);
/// Least-squares slope of G over ln(age) at one temperature; nothing for fewer than two ages.
std::optional<double> slope_per_ln(const WriteEvent& event, double temperature_K, double least_s);

}  // namespace attohm::fit
