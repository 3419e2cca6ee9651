#include "src/verify/card_numbers.hpp"

#include <algorithm>
#include <cmath>

namespace attohm {

namespace {

bool has(const Settings& card, const char* key) {
    return card.has(key);
}

std::vector<double> list_or_none(const Settings& card, const char* key) {
    return has(card, key) ? card.reals(key) : std::vector<double>{};
}

/// Written out, constant first.
double polynomial(const std::vector<double>& c, double x) {
    double sum = 0.0;
    for (std::size_t k = 0; k < c.size(); ++k) sum += c[k] * std::pow(x, static_cast<double>(k));
    return sum;
}

double straight_lines(const std::vector<double>& x, const std::vector<double>& y, double at) {
    for (std::size_t k = 1; k < x.size(); ++k) {
        if (at <= x[k] || k + 1 == x.size())
            return y[k - 1] + (y[k] - y[k - 1]) * (at - x[k - 1]) / (x[k] - x[k - 1]);
    }
    return y.front();
}

CardNumbers::Programming read_programming(const Settings& card, double g_max_uS) {
    CardNumbers::Programming p;
    p.g_max_uS = g_max_uS;
    p.given = has(card, "programming.law");
    if (!p.given) return p;
    p.law = card.text("programming.law");
    p.over_gmax = has(card, "programming.sigma_over_gmax_coefficients");
    for (const char* key :
         {"programming.sigma_uS_coefficients", "programming.sigma_over_gmax_coefficients",
          "programming.sigma_ln_coefficients"})
        if (has(card, key)) p.sigma = card.reals(key);
    p.bias = list_or_none(card, "programming.bias_uS_coefficients");
    p.target_uS = list_or_none(card, "programming.target_uS");
    p.sigma_uS = list_or_none(card, "programming.sigma_uS");
    p.bias_uS = list_or_none(card, "programming.bias_uS");
    return p;
}

CardNumbers::RelaxationNumbers read_relaxation(const Settings& card, double g_max_uS) {
    CardNumbers::RelaxationNumbers r;
    r.g_max_uS = g_max_uS;
    r.power = card.text("relaxation.law") == "power";
    r.mean = card.reals(r.power ? "relaxation.nu_coefficients"
                                : "relaxation.mean_uS_per_ln_coefficients");
    r.spread = card.reals(r.power ? "relaxation.nu_sigma_coefficients"
                                  : "relaxation.sigma_uS_coefficients");
    if (!r.power) r.spread_ln = card.reals("relaxation.sigma_uS_per_ln_coefficients");
    r.low_uS = card.real("conductance.g_min_uS");
    r.high_uS = g_max_uS;
    if (has(card, "validity.conductance_uS")) {
        r.low_uS = card.reals("validity.conductance_uS").at(0);
        r.high_uS = card.reals("validity.conductance_uS").at(1);
    }
    return r;
}

}  // namespace

CardNumbers::CardNumbers(const Settings& card) {
    const double g_max_uS = card.real("conductance.g_max_uS");
    g_min_S = card.real("conductance.g_min_uS") / 1e6;
    g_max_S = g_max_uS / 1e6;
    floor_S = card.real("conductance.g_floor_uS") / 1e6;
    if (const auto top = card.real_or("conductance.g_ceil_uS", "none")) ceiling_S = *top / 1e6;
    if (has(card, "validity.age_s")) age_high_s = card.reals("validity.age_s").at(1);
    if (has(card, "validity.read_V")) read_high_V = card.reals("validity.read_V").at(1);
    programming = read_programming(card, g_max_uS);
    if (has(card, "programming.measured_at_s"))
        measured_at_s = card.real("programming.measured_at_s");
    if (has(card, "relaxation.law")) relaxation = read_relaxation(card, g_max_uS);
    if (has(card, "read_noise.sigma_rel"))
        white = White{card.real("read_noise.sigma_rel"), card.real("read_noise.sigma_abs_uS") / 1e6,
                      card.real("read_noise.integration_time_ns") / 1e9};
    if (has(card, "slow_noise.amplitude_rel2"))
        slow = Slow{card.real("slow_noise.amplitude_rel2"), card.real("slow_noise.exponent"),
                    card.real("slow_noise.f_low_Hz"), card.real("slow_noise.f_high_Hz")};
    if (has(card, "telegraph.traps_mean"))
        telegraph =
            Telegraph{card.real("telegraph.traps_mean"),    card.real("telegraph.step_median_rel"),
                      card.real("telegraph.step_sigma_ln"), card.real("telegraph.rate_low_Hz"),
                      card.real("telegraph.rate_high_Hz"),  card.real("telegraph.occupancy")};
    if (has(card, "stuck.low_rate"))
        stuck = Stuck{card.real("stuck.low_rate"), card.real("stuck.high_rate"),
                      1.0 / card.real("stuck.low_resistance_ohm"),
                      1.0 / card.real("stuck.high_resistance_ohm")};
    if (has(card, "temperature.reference_K"))
        temperature = TemperatureNumbers{
            card.real("temperature.reference_K"), card.real("temperature.crossover_uS") / 1e6,
            card.real("temperature.alpha_per_K"), card.real("temperature.activation_eV")};
    nonlinear = has(card, "iv.law");
    if (nonlinear) v_ref_V = card.real("iv.v_ref_V");
    write = {card.real("write.mlc_pulse_V"), card.real("write.mlc_pulse_ns") / 1e9,
             card.real("write.mlc_pulses_mean"), card.real("write.verify_V"),
             card.real("write.verify_ns") / 1e9};
}

double CardNumbers::clipped(double g_S) const {
    return std::clamp(g_S, floor_S, ceiling_S);
}

double CardNumbers::Programming::sigma_of(double target) const {
    if (!given) return 0.0;
    if (law == "table") return straight_lines(target_uS, sigma_uS, target);
    if (over_gmax) return g_max_uS * polynomial(sigma, target / g_max_uS);
    return polynomial(sigma, target);
}

double CardNumbers::Programming::bias_of(double target) const {
    if (law == "table" && !bias_uS.empty()) return straight_lines(target_uS, bias_uS, target);
    return polynomial(bias, target);
}

double CardNumbers::Programming::written(double target, double z) const {
    const double mean = target + bias_of(target), spread = sigma_of(target);
    if (law == "log-normal") return mean * std::exp(spread * z - spread * spread / 2.0);
    return mean + spread * z;
}

CardNumbers::RelaxationNumbers::Draw CardNumbers::RelaxationNumbers::draw(double written_uS,
                                                                          double aged_uS,
                                                                          double log_age) const {
    const double g = std::clamp(written_uS, low_uS, high_uS);
    Draw draw;
    if (power) {
        const double nu = polynomial(mean, g / g_max_uS),
                     nu_sigma = polynomial(spread, g / g_max_uS);
        draw.mean_uS = written_uS * std::exp(-nu * log_age);
        draw.sigma_uS = draw.mean_uS * nu_sigma * log_age;
        draw.z = (std::log(written_uS / aged_uS) / log_age - nu) / nu_sigma;
        return draw;
    }
    const double start = polynomial(spread, g);
    const double now = start + polynomial(spread_ln, g) * log_age;
    draw.mean_uS = written_uS + polynomial(mean, g) * log_age;
    draw.sigma_uS = std::sqrt(now * now - start * start);
    draw.z = (aged_uS - draw.mean_uS) / draw.sigma_uS;
    return draw;
}

double CardNumbers::White::variance(double g_S, double read_time_s) const {
    return (relative * relative * g_S * g_S + absolute_S * absolute_S) * time_s / read_time_s;
}

double CardNumbers::Telegraph::variance(double age_s, double t0) const {
    // Over rates that are even in their logarithm: a trap that is slower than 1 / t0 was part of
    // the written value at t0, and counts as its change since then.
    constexpr int kSteps = 4000;
    double share = 0.0;
    for (int k = 0; k < kSteps; ++k) {
        const double rate = rate_low * std::pow(rate_high / rate_low, (k + 0.5) / kSteps);
        const bool held = t0 > 0.0 && rate < 2.0 * M_PI / t0;
        share += (held ? 2.0 * (1.0 - std::exp(-rate * (age_s - t0))) : 1.0) / kSteps;
    }
    return traps * step * step * std::exp(2.0 * step_ln * step_ln) * occupancy * (1.0 - occupancy) *
           share;
}

}  // namespace attohm
