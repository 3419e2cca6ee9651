#include "crossbar/device/telegraph.hpp"

#include <cmath>

#include "crossbar/device/slow_noise.hpp"
#include "crossbar/device/validity.hpp"
#include "src/base/error.hpp"

namespace attohm {

double TelegraphNoise::step(double z) const {
    return scale * step_median_rel * std::exp(step_sigma_ln * z);
}

double TelegraphNoise::rate(double u) const {
    return rate_low * std::pow(rate_high / rate_low, u);
}

int TelegraphNoise::traps(double u) const {
    // The cell has the smallest k whose cumulated probability exceeds u.
    double term = std::exp(-traps_mean);
    double sum = term;
    int k = 0;
    while (u >= sum && term > 0.0) {
        ++k;
        term *= traps_mean / k;
        sum += term;
    }
    return k;
}

double TelegraphNoise::occupied_after(bool occupied, double rate, double t) const {
    const double moved = -std::expm1(-rate * t);
    return occupied ? 1.0 - (1.0 - occupancy) * moved : occupancy * moved;
}

double TelegraphNoise::variance(double read_time) const {
    if (none()) return 0.0;
    // Mean over log-uniform rates by the midpoint rule; the integrand is smooth.
    constexpr int kPoints = 4096;
    double averaged = 0.0;
    for (int k = 0; k < kPoints; ++k) {
        averaged += averaged_variance(rate((k + 0.5) / kPoints) * read_time) / kPoints;
    }
    const double median = scale * step_median_rel;
    const double square = median * median * std::exp(2.0 * step_sigma_ln * step_sigma_ln);
    return traps_mean * square * occupancy * (1.0 - occupancy) * averaged;
}

TelegraphNoise load_telegraph(const Settings& experiment, const Settings& card) {
    TelegraphNoise noise;
    noise.scale = load_scale(experiment, "device.telegraph.scale", card, "telegraph");
    if (!has_section(card, "telegraph")) return noise;
    const Range rate_Hz{1e-12, 1e15};
    noise.traps_mean = card.real("telegraph.traps_mean", {0.0, TelegraphNoise::kMostTrapsMean});
    noise.step_median_rel = card.real("telegraph.step_median_rel", {0.0, 1.0});
    noise.step_sigma_ln = card.real("telegraph.step_sigma_ln", {0.0, 5.0});
    noise.rate_low = card.real("telegraph.rate_low_Hz", rate_Hz);
    noise.rate_high = card.real("telegraph.rate_high_Hz", rate_Hz);
    noise.occupancy = card.real("telegraph.occupancy", {0.0, 1.0});
    if (!(noise.rate_low <= noise.rate_high)) {
        throw UserError(
            "range of telegraph rates is empty", card.entry("telegraph.rate_low_Hz").where,
            fmt::format("rate_low {} Hz, rate_high {} Hz", noise.rate_low, noise.rate_high),
            "rate_low <= rate_high");
    }
    return noise;
}

}  // namespace attohm
