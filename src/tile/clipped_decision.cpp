#include "src/tile/clipped_decision.hpp"

#include <algorithm>
#include <cmath>

namespace attohm {

namespace {

constexpr double kTail = 8.0;
constexpr int kSteps = 256;

double cdf(double x) {
    return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

double density(double x) {
    return std::exp(-0.5 * x * x) / std::sqrt(2.0 * M_PI);
}

/// Simpson's rule over low..high.
template <class Function>
double integral(double low, double high, Function f) {
    if (low >= high) return 0.0;
    const double h = (high - low) / kSteps;
    double sum = f(low) + f(high);
    for (int i = 1; i < kSteps; ++i) sum += (i % 2 == 1 ? 4.0 : 2.0) * f(low + i * h);
    return sum * h / 3.0;
}

/// P(X > limit and X + Y >= threshold and limit + Y < threshold): kept without the clip only.
/// Integrated over the narrower of the two, where the other one's law is smooth.
double lost_above(double mean, double sigma_x, double sigma_y, double limit, double threshold) {
    const double short_of = cdf((threshold - limit) / sigma_y);
    if (sigma_x == 0.0) {
        return mean > limit ? short_of - cdf((threshold - mean) / sigma_y) : 0.0;
    }
    if (sigma_x < sigma_y) {
        const double low = std::max((limit - mean) / sigma_x, -kTail);
        return integral(low, kTail, [&](double x) {
            return density(x) * (short_of - cdf((threshold - mean - sigma_x * x) / sigma_y));
        });
    }
    const double high = std::min((threshold - limit) / sigma_y, kTail);
    return integral(-kTail, high, [&](double y) {
        return density(y) * cdf((mean - threshold + sigma_y * y) / sigma_x);
    });
}

}  // namespace

double clipped_keep_probability(double mean, double sigma_x, double sigma_y, double limit,
                                double threshold) {
    if (sigma_y == 0.0) {
        if (threshold <= -limit) return 1.0;
        if (threshold > limit) return 0.0;
        if (sigma_x == 0.0) return mean >= threshold ? 1.0 : 0.0;
        return cdf((mean - threshold) / sigma_x);
    }
    const double unclipped = cdf((mean - threshold) / std::hypot(sigma_x, sigma_y));
    const double lost = lost_above(mean, sigma_x, sigma_y, limit, threshold);
    const double won = lost_above(-mean, sigma_x, sigma_y, limit, -threshold);
    return std::clamp(unclipped - lost + won, 0.0, 1.0);
}

}  // namespace attohm
