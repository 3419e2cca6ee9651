#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "crossbar/fit/retention_fit.hpp"

namespace attohm::fit {

namespace {

/// Boltzmann's constant in eV/K: exact since 2019, k / e.
constexpr double kBoltzmann_eV = 8.617333262145179e-5;
constexpr std::size_t kLeastWrites = 8;

/// One write's coefficients, least squares through the origin.
struct OwnCoefficients {
    double alpha = 0.0, activation = 0.0;
};

std::optional<OwnCoefficients> own_coefficients(const WriteEvent& event, double reference_K,
                                                const Polynomial* slope) {
    const WriteEvent::Read* base = nullptr;
    double tt = 0.0, ty = 0.0, uu = 0.0, uy = 0.0;
    for (const auto& hot : event.reads) {
        if (hot.temperature_K == reference_K) continue;
        base = nullptr;
        for (const auto& r : event.reads)
            if (r.temperature_K == reference_K &&
                (base == nullptr || std::abs(std::log(r.age_s / hot.age_s)) <
                                        std::abs(std::log(base->age_s / hot.age_s))))
                base = &r;
        if (base == nullptr) return std::nullopt;
        const double moved =
            slope ? slope->at(event.target_uS) * std::log(hot.age_s / base->age_s) : 0.0;
        const double at_reference = base->conductance_uS + moved;
        if (at_reference <= 0.0 || hot.conductance_uS <= 0.0) continue;
        const double ratio = hot.conductance_uS / at_reference;
        const double t = hot.temperature_K - reference_K;
        const double u = (1.0 / reference_K - 1.0 / hot.temperature_K) / kBoltzmann_eV;
        tt += t * t;
        ty += t * (ratio - 1.0);
        uu += u * u;
        uy += u * std::log(ratio);
    }
    if (tt <= 0.0) return std::nullopt;
    return OwnCoefficients{ty / tt, uy / uu};
}

double error_of(const Estimate& e) {
    return std::max((e.bounds.high - e.bounds.low) / 3.92, 1e-300);
}

/// Weighted mean; its error grows where the values differ more than their own errors say.
std::optional<Estimate> common(const std::vector<Estimate>& parts) {
    if (parts.empty()) return std::nullopt;
    if (parts.size() == 1) return parts.front();
    std::vector<WeightedPoint> points;
    for (const Estimate& e : parts) points.push_back({0.0, e.value, error_of(e)});
    const Polynomial mean = fit_polynomial(points, 0);
    const double grow = mean.fit_p < kSignificance ? std::sqrt(mean.chi2 / mean.dof) : 1.0;
    const double half = 1.96 * grow * std::sqrt(mean.covariance[0]);
    return Estimate{mean.coefficients[0],
                    {mean.coefficients[0] - half, mean.coefficients[0] + half}};
}

void place_crossover(TemperatureFit& fit) {
    const auto wrong = [&](std::size_t below) {
        double sum = 0.0;
        for (std::size_t i = 0; i < fit.levels.size(); ++i) {
            const Estimate& a = fit.levels[i].alpha_per_K;
            const bool rises = a.value > 0.0;
            if (rises != (i < below)) sum += std::pow(a.value / error_of(a), 2);
        }
        return sum;
    };
    std::size_t best = 0;
    for (std::size_t below = 1; below <= fit.levels.size(); ++below)
        if (wrong(below) < wrong(best)) best = below;
    std::vector<Estimate> metallic, activated;
    for (std::size_t i = 0; i < fit.levels.size(); ++i) {
        fit.levels[i].metallic = i >= best;
        if (i >= best)
            metallic.push_back(fit.levels[i].alpha_per_K);
        else
            activated.push_back(fit.levels[i].activation_eV);
    }
    fit.alpha_per_K = common(metallic);
    fit.activation_eV = common(activated);
    if (best == 0)
        fit.crossover_uS = 0.0;
    else if (best == fit.levels.size())
        fit.crossover_uS = 10.0 * fit.levels.back().target_uS;
    else
        fit.crossover_uS = 0.5 * (fit.levels[best - 1].target_uS + fit.levels[best].target_uS);
}

}  // namespace

std::optional<TemperatureFit> fit_temperature(const std::vector<WriteEvent>& events,
                                              const RetentionFit& relaxation) {
    const Polynomial* slope = relaxation.levels.empty() ? nullptr : &relaxation.mean.law;
    std::map<double, std::vector<OwnCoefficients>> levels;
    std::set<double> temperatures = {relaxation.reference_K};
    for (const WriteEvent& e : events) {
        const auto own = own_coefficients(e, relaxation.reference_K, slope);
        if (!own) continue;
        levels[e.target_uS].push_back(*own);
        for (const auto& r : e.reads) temperatures.insert(r.temperature_K);
    }
    TemperatureFit fit;
    fit.temperatures_K.assign(temperatures.begin(), temperatures.end());
    for (const auto& [target, own] : levels) {
        if (own.size() < kLeastWrites) continue;
        std::vector<double> alphas, activations;
        for (const OwnCoefficients& c : own) {
            alphas.push_back(c.alpha);
            activations.push_back(c.activation);
        }
        fit.levels.push_back(
            {target, own.size(), mean_estimate(alphas), mean_estimate(activations), true});
    }
    if (fit.levels.empty()) return std::nullopt;
    place_crossover(fit);
    return fit;
}

}  // namespace attohm::fit
