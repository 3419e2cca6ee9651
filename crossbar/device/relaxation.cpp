#include "crossbar/device/relaxation.hpp"

#include <algorithm>
#include <cmath>

#include "crossbar/device/relaxation_kernels.hpp"
#include "src/base/error.hpp"
#include "src/base/vmath.hpp"

namespace attohm {

namespace {

constexpr double kMicro = 1e-6;

/// factor sum_k c_k (unit / argument)^k x^k, as a kernel takes it.
std::array<float, kPolynomialTerms> in_unit(const std::vector<double>& coefficients, double unit,
                                            double argument, double factor) {
    std::array<float, kPolynomialTerms> scaled{};
    double power = factor;
    for (std::size_t k = 0; k < coefficients.size(); ++k) {
        scaled[k] = static_cast<float>(coefficients[k] * power);
        power *= unit / argument;
    }
    return scaled;
}

}  // namespace

Relaxation::At::At(const Relaxation& law, Second age) : law_(&law) {
    ATTOHM_CHECK(std::isfinite(age.value()) && age.value() >= 0.0);
    law.validity.require_age(age);
    clamped_ = age < law.t0;
    log_age_ = clamped_ ? 0.0 : std::log((age / law.t0).value());
    none_ = log_age_ == 0.0 || law.none();
}

double Relaxation::At::clamp_range(double g) const {
    return std::clamp(g, law_->range.low.value(), law_->range.high.value());
}

Relaxation::At::Terms Relaxation::At::terms(double written) const {
    const double at = clamp_range(written);
    const double length = log_age_;
    if (law_->law == RelaxationLaw::power) {
        const double x = at / law_->g_max.value();
        return {law_->scale * polynomial(law_->mean_coefficients, x) * length,
                law_->scale * std::max(polynomial(law_->spread_coefficients, x), 0.0) * length};
    }
    const double s0 = polynomial(law_->spread_coefficients, at);
    const double more = polynomial(law_->spread_ln_coefficients, at) * length;
    return {law_->scale * polynomial(law_->mean_coefficients, at) * length,
            law_->scale * std::sqrt(std::max(more * (2.0 * s0 + more), 0.0))};
}

Siemens Relaxation::At::mean(Siemens written) const {
    const Terms t = terms(written.value());
    if (law_->law == RelaxationLaw::log_time) return Siemens::from_value(t.mean);
    // E exp(-(m + s z)) = exp(-m + s^2 / 2).
    return written * std::expm1(-t.mean + 0.5 * t.spread * t.spread);
}

Siemens Relaxation::At::sigma(Siemens written) const {
    const Terms t = terms(written.value());
    if (law_->law == RelaxationLaw::log_time) return Siemens::from_value(t.spread);
    const double variance = t.spread * t.spread;
    return written * (std::exp(-t.mean + 0.5 * variance) * std::sqrt(std::expm1(variance)));
}

Siemens Relaxation::At::value(Siemens written, double z) const {
    const Terms t = terms(written.value());
    if (law_->law == RelaxationLaw::log_time)
        return written + Siemens::from_value(t.mean + t.spread * z);
    return written * std::exp(-(t.mean + t.spread * z));
}

void Relaxation::At::apply(Siemens unit, std::span<const float> z,
                           std::span<float> conductance) const {
    ATTOHM_CHECK_EQ(z.size(), conductance.size());
    if (none_) return;
    const double u = unit.value();
    RelaxationCell cell;
    cell.low = static_cast<float>(law_->range.low.value() / u);
    cell.high = static_cast<float>(law_->range.high.value() / u);
    const double length = law_->scale * log_age_;
    if (law_->law == RelaxationLaw::log_time) {
        cell.mean = in_unit(law_->mean_coefficients, u, 1.0, length / u);
        cell.spread = in_unit(law_->spread_coefficients, u, 1.0, law_->scale / u);
        cell.spread_l = in_unit(law_->spread_ln_coefficients, u, 1.0, length / u);
        relax_log_time(cell, z.data(), conductance.data(), z.size());
        return;
    }
    cell.mean = in_unit(law_->mean_coefficients, u, law_->g_max.value(), -length);
    cell.spread = in_unit(law_->spread_coefficients, u, law_->g_max.value(), length);
    std::vector<float> factors(z.size());
    power_exponents(cell, conductance.data(), z.data(), factors.data(), z.size());
    exp_inplace(factors);
    for (std::size_t i = 0; i < z.size(); ++i) conductance[i] *= factors[i];
}

Relaxation::At Relaxation::at(Second age) const {
    return {*this, age};
}

Siemens Relaxation::mean(Siemens written, Second age) const {
    return at(age).mean(written);
}

Siemens Relaxation::sigma(Siemens written, Second age) const {
    return at(age).sigma(written);
}

bool Relaxation::none() const {
    return scale == 0.0 ||
           (all_zero(mean_coefficients) &&
            all_zero(law == RelaxationLaw::power ? spread_coefficients : spread_ln_coefficients));
}

namespace {

/// Refuses a polynomial that is negative anywhere in the range.
void require_not_negative(const std::vector<double>& coefficients, const ValidRange<Siemens>& range,
                          double argument, double value_unit, const Settings& card,
                          std::string_view key, const char* what, const char* allowed) {
    constexpr int kSteps = 256;
    const double low = range.low.value(), high = range.high.value();
    for (int i = 0; i <= kSteps; ++i) {
        const double g = low + (high - low) * (static_cast<double>(i) / kSteps);
        const double value = polynomial(coefficients, g / argument);
        if (value >= 0.0) continue;
        throw UserError(fmt::format("{} (`{}`)", what, key), card.entry(key).where,
                        fmt::format("{:.4g} at {:.4g} uS", value / value_unit, g / kMicro),
                        allowed);
    }
}

void load_log_time(const Settings& card, Relaxation& law) {
    constexpr std::string_view kSpread = "relaxation.sigma_uS_coefficients";
    constexpr std::string_view kGrowth = "relaxation.sigma_uS_per_ln_coefficients";
    law.mean_coefficients =
        load_polynomial(card, "relaxation.mean_uS_per_ln_coefficients", kMicro, kMicro);
    law.spread_coefficients = load_polynomial(card, kSpread, kMicro, kMicro);
    law.spread_ln_coefficients = load_polynomial(card, kGrowth, kMicro, kMicro);
    require_not_negative(law.spread_coefficients, law.range, 1.0, kMicro, card, kSpread,
                         "relaxation sigma is negative inside the card's range",
                         "sigma at t0 >= 0 in the card's range");
    require_not_negative(law.spread_ln_coefficients, law.range, 1.0, kMicro, card, kGrowth,
                         "relaxation sigma falls with age inside the card's range",
                         "growth of sigma per ln(age) >= 0 in the card's range");
}

void load_power(const Settings& card, Relaxation& law) {
    constexpr std::string_view kSpread = "relaxation.nu_sigma_coefficients";
    law.mean_coefficients = load_polynomial(card, "relaxation.nu_coefficients", 1.0, 1.0);
    law.spread_coefficients = load_polynomial(card, kSpread, 1.0, 1.0);
    require_not_negative(law.spread_coefficients, law.range, law.g_max.value(), 1.0, card, kSpread,
                         "spread of nu is negative inside the card's range",
                         "nu_sigma >= 0 in the card's range");
}

}  // namespace

std::optional<Relaxation> load_relaxation(const Settings& experiment, const Settings& card,
                                          const ConductanceRange& range, const Validity& validity) {
    Relaxation law;
    law.scale = load_scale(experiment, "device.relaxation.scale", card, "relaxation");
    if (!has_section(card, "relaxation")) return std::nullopt;
    law.g_max = range.max;
    law.range = validity.conductance.value_or(ValidRange<Siemens>{range.min, range.max});
    law.validity = validity;
    law.t0 = Second::from_value(card.real("programming.measured_at_s"));
    if (!(law.t0.value() > 0.0)) {
        throw UserError("relaxation starts at the age of the programming sigma, which is 0",
                        card.entry("programming.measured_at_s").where,
                        fmt::format("{} s", law.t0.value()), "more than 0 s");
    }
    if (card.choice("relaxation.law", {"log-time", "power"}) == "power") {
        law.law = RelaxationLaw::power;
        load_power(card, law);
    } else {
        load_log_time(card, law);
    }
    return law;
}

}  // namespace attohm
