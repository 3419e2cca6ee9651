#include "circuits/sample_hold.hpp"

#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// CODATA 2018, exact.
constexpr double kBoltzmann = 1.380649e-23;

double thermal_variance(Farad c, Kelvin temperature) {
    return kBoltzmann * temperature.value() / c.value();
}

}  // namespace

Volt SampleHold::noise_sigma() const {
    return Volt::from_value(std::sqrt(thermal_variance(capacitance, temperature)));
}

Volt SampleHold::droop(Second held_for) const {
    return Volt::from_value(leakage.value() * held_for.value() / capacitance.value());
}

Volt SampleHold::held(Volt sampled, double z, Second time) const {
    return sampled + noise_sigma() * z - droop(time);
}

Joule SampleHold::energy(Volt full_scale, Volt vdd) const {
    return Joule::from_value(capacitance.value() * full_scale.value() * vdd.value());
}

Farad SampleHold::least(int bits, Volt full_scale, Kelvin temperature) {
    const double step = std::ldexp(full_scale.value(), -bits);
    return Farad::from_value(12.0 * kBoltzmann * temperature.value() / (step * step));
}

ChargeShareAdder::ChargeShareAdder(Farad capacitance, double sigma, Kelvin temperature,
                                   const Stream& statics)
    : share_(0.5), noise_V_(std::sqrt(0.75 * thermal_variance(capacitance, temperature))) {
    if (!(sigma >= 0.0 && sigma <= 0.15))
        throw UserError("mismatch of a capacitor", "analog shift-add", fmt::format("{}", sigma),
                        "0 to 0.15");
    if (sigma == 0.0) return;
    const double sum = 1.0 + sigma * statics.normal(0), input = 1.0 + sigma * statics.normal(1);
    share_ = input / (sum + input);
}

double ChargeShareAdder::add(double sum, double x, double z) const {
    return sum * (1.0 - share_) + x * share_ + noise_V_ * z;
}

double ChargeShareAdder::weight(int k, int n) const {
    ATTOHM_CHECK_LE(0, k);
    ATTOHM_CHECK_LT(k, n);
    return share_ * std::pow(1.0 - share_, n - 1 - k);
}

Volt ChargeShareAdder::noise_sigma(int n) const {
    const double keep = (1.0 - share_) * (1.0 - share_);
    return Volt::from_value(noise_V_ * std::sqrt((1.0 - std::pow(keep, n)) / (1.0 - keep)));
}

}  // namespace attohm
