#include "crossbar/array/slow_filter.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// Variance of the average over a read given the state at its start, V - C^2.
double variance_given_start(double x) {
    // The closed form loses digits below; the next term of the series is 0.025 x^5.
    if (x < 0.02) return x * (2.0 / 3.0 + x * (-0.5 + x * (7.0 / 30.0 - x / 12.0)));
    return (2.0 * x - 3.0 + 4.0 * std::exp(-x) - std::exp(-2.0 * x)) / (x * x);
}

}  // namespace

SlowFilter::SlowFilter(std::vector<SlowComponent> components, const ReadTiming& timing)
    : components_(std::move(components)),
      covariance_(components_.size() * components_.size(), 0.0),
      last_(components_.size() + 1, 0.0) {
    const double T = timing.read_time.value();
    const double rest = timing.read_interval.value() - T;
    for (const SlowComponent& component : components_) {
        const double x = component.rate * T;
        const double once = -std::expm1(-x) / x;
        const double sigma = component.sigma;
        decays_.push_back(std::exp(-component.rate * (T + rest)));
        renewed_.push_back(-std::expm1(-2.0 * component.rate * (T + rest)));
        seen_.push_back(sigma * once);
        crossed_.push_back(sigma * once * -std::expm1(-x) * std::exp(-component.rate * rest));
        residual_ += sigma * sigma * variance_given_start(x);
        decay_.push_back(static_cast<float>(decays_.back()));
        start_.push_back(static_cast<float>(seen_.back()));
    }
}

const float* SlowFilter::gains(std::size_t s) {
    const std::size_t width = size() + 1;
    while (!settled_ && table_.size() <= s * width) advance();
    return table_.data() + std::min(s, table_.size() / width - 1) * width;
}

void SlowFilter::advance() {
    const std::size_t n = size();
    std::vector<double> row(n + 1), seen_covariance(n, 0.0), k(n);
    double variance = residual_;
    for (std::size_t a = 0; a < n; ++a) {
        for (std::size_t b = 0; b < n; ++b) seen_covariance[a] += covariance_[a * n + b] * seen_[b];
        variance += seen_[a] * seen_covariance[a];
    }
    row[0] = std::sqrt(variance);
    for (std::size_t a = 0; a < n; ++a) {
        k[a] = (decays_[a] * seen_covariance[a] + crossed_[a]) / variance;
        row[a + 1] = seen_[a] * k[a] * row[0];
    }
    for (std::size_t a = 0; a < n; ++a) {
        for (std::size_t b = 0; b < n; ++b) {
            double& p = covariance_[a * n + b];
            p = decays_[a] * decays_[b] * p - k[a] * k[b] * variance;
        }
        covariance_[a * n + a] += renewed_[a];
    }
    settled_ = !table_.empty();
    for (std::size_t a = 0; a <= n; ++a) {
        settled_ = settled_ && std::abs(row[a] - last_[a]) <= 1e-12 * std::abs(row[a]);
        table_.push_back(static_cast<float>(row[a]));
    }
    last_ = row;
}

}  // namespace attohm
