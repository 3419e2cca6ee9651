#include "crossbar/device/slow_noise.hpp"

#include <cmath>
#include <numbers>

#include "crossbar/device/validity.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr double kTwoPi = 2.0 * std::numbers::pi;
constexpr double kSlack = 1e-9;  ///< of a step: a band of whole half decades ends on a component

/// (1 - e^-x) / x.
double averaged_once(double x) {
    return x == 0.0 ? 1.0 : -std::expm1(-x) / x;
}

/// Variance of the mean of reads that begin at first + k apart: the sum over pairs of
/// component_covariance, pair by lag, over the reads that begin after the reference age.
double mean_variance(double rate, double read_time, std::optional<double> reference_age,
                     double first, std::size_t reads, double apart) {
    const double x = rate * read_time;
    const double once = averaged_once(x);
    double in_force = 0.0, memory = 0.0;
    for (std::size_t k = 0; k < reads; ++k) {
        const double age = first + static_cast<double>(k) * apart;
        if (reference_age && age <= *reference_age) continue;
        in_force += 1.0;
        if (reference_age) memory += once * std::exp(-rate * (age - *reference_age));
    }
    double sum = in_force * averaged_variance(x);
    for (double lag = 1.0; lag < in_force; lag += 1.0) {
        sum += 2.0 * (in_force - lag) * once * once * std::exp(-rate * (lag * apart - read_time));
    }
    if (reference_age) sum += in_force * in_force - 2.0 * in_force * memory;
    return sum / (static_cast<double>(reads) * static_cast<double>(reads));
}

}  // namespace

std::vector<SlowComponent> SlowNoise::components() const {
    std::vector<SlowComponent> ladder;
    if (none()) return ladder;
    const double lowest = f_low.value() / 10.0;
    const double decades = std::log10(10.0 * f_high.value() / lowest);
    const auto steps = static_cast<int>(std::ceil(2.0 * decades - kSlack));
    const double share =
        amplitude_rel2 * std::sin(0.5 * std::numbers::pi * exponent) * 0.5 * std::numbers::ln10;
    for (int m = 0; m <= steps; ++m) {
        const double f = lowest * std::pow(10.0, 0.5 * m);
        const double variance = share * std::pow(f, 1.0 - exponent);
        ladder.push_back({kTwoPi * f, scale * std::sqrt(variance), m});
    }
    return ladder;
}

double SlowNoise::variance() const {
    double sum = 0.0;
    for (const SlowComponent& component : components()) sum += component.sigma * component.sigma;
    return sum;
}

std::optional<double> NoiseReference::age_for(double rate) const {
    if (verified_at) return verified_at->value();
    const double t0 = measured_at.value();
    if (t0 > 0.0 && rate * t0 < kTwoPi) return t0;
    return std::nullopt;
}

double averaged_variance(double x) {
    // The closed form loses digits below; the next term of the series is x^4 / 360.
    if (x < 1e-3) return 1.0 - x / 3.0 + x * x / 12.0 - x * x * x / 60.0;
    return 2.0 * (x + std::expm1(-x)) / (x * x);
}

double component_covariance(double rate, double read_time, std::optional<double> reference_age,
                            double first_age, double second_age) {
    ATTOHM_CHECK_LE(first_age, second_age);
    const double x = rate * read_time;
    const double once = averaged_once(x);
    double covariance = averaged_variance(x);
    if (second_age > first_age) {
        // c e^(-rate (a2 - a1)), written so that a large x does not overflow.
        covariance = once * once * std::exp(-rate * (second_age - first_age - read_time));
    }
    if (!reference_age) return covariance;
    if (first_age <= *reference_age) return 0.0;
    const double first = once * std::exp(-rate * (first_age - *reference_age));
    const double second = once * std::exp(-rate * (second_age - *reference_age));
    return covariance + 1.0 - first - second;
}

SlowSplit::SlowSplit(const SlowNoise& noise, const NoiseReference& reference,
                     const ReadTiming& timing, Second youngest, Second oldest)
    : timing_(timing) {
    ATTOHM_CHECK_LT(0.0, timing.read_time.value());
    ATTOHM_CHECK_LE(timing.read_time.value(), timing.read_interval.value());
    ATTOHM_CHECK_LE(timing.read_time.value(), timing.pass_time.value());
    ATTOHM_CHECK_LE(youngest.value(), oldest.value());
    for (const SlowComponent& component : noise.components()) {
        const auto age = reference.age_for(component.rate);
        if (age) reference_age_ = Second::from_value(*age);
        place(component, age, youngest.value(), oldest.value());
    }
}

void SlowSplit::place(const SlowComponent& component, std::optional<double> reference_age,
                      double youngest, double oldest) {
    const double pass = timing_.pass_time.value();
    const double square = component.sigma * component.sigma;
    if (reference_age && oldest + pass <= *reference_age) return;
    if (component.rate * pass < kFrozenBelow) {
        frozen_.push_back({component, reference_age, false});
        return;
    }
    const bool fast = component.rate * timing_.read_interval.value() > kWhiteAbove;
    if (fast && (!reference_age || component.rate * (youngest - *reference_age) > kWhiteAbove)) {
        white_variance_ += square * averaged_variance(component.rate * timing_.read_time.value());
        if (reference_age) frozen_.push_back({component, reference_age, true});
        return;
    }
    (reference_age ? referenced_ : whole_).push_back(component);
}

double SlowSplit::memory_variance(Second age, std::size_t reads, Second apart) const {
    const double middle = age.value() + 0.5 * timing_.pass_time.value();
    const double first = middle - 0.5 * apart.value() * static_cast<double>(reads - 1);
    const auto mean = [&](double rate, std::optional<double> reference_age) {
        return mean_variance(rate, timing_.read_time.value(), reference_age, first, reads,
                             apart.value());
    };
    double sum = frozen_variance(age);
    for (const SlowComponent& component : whole_) {
        sum += component.sigma * component.sigma * mean(component.rate, std::nullopt);
    }
    for (const SlowComponent& component : referenced_) {
        sum += component.sigma * component.sigma * mean(component.rate, reference_age_.value());
    }
    return sum;
}

double SlowSplit::frozen_variance(Second age) const {
    const double middle = age.value() + 0.5 * timing_.pass_time.value();
    double sum = 0.0;
    for (const Frozen& frozen : frozen_) {
        const SlowComponent& component = frozen.component;
        double share = 1.0;
        if (!frozen.offset_only) {
            share = component_covariance(component.rate, timing_.read_time.value(),
                                         frozen.reference_age, middle, middle);
        }
        sum += component.sigma * component.sigma * share;
    }
    return sum;
}

SlowNoise load_slow_noise(const Settings& experiment, const Settings& card) {
    SlowNoise noise;
    noise.scale = load_scale(experiment, "device.slow_noise.scale", card, "slow_noise");
    if (!has_section(card, "slow_noise")) return noise;
    const Range frequency{1e-12, 1e15};
    noise.amplitude_rel2 = card.real("slow_noise.amplitude_rel2", {0.0, 1e6});
    noise.exponent = card.real("slow_noise.exponent", {0.5, 1.5});
    noise.f_low = Hertz::from_value(card.real("slow_noise.f_low_Hz", frequency));
    noise.f_high = Hertz::from_value(card.real("slow_noise.f_high_Hz", frequency));
    if (!(noise.f_low < noise.f_high)) {
        throw UserError(
            "band of the slow noise is empty", card.entry("slow_noise.f_low_Hz").where,
            fmt::format("f_low {} Hz, f_high {} Hz", noise.f_low.value(), noise.f_high.value()),
            "f_low < f_high");
    }
    return noise;
}

}  // namespace attohm
