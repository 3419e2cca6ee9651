#include "src/verify/moments.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "src/base/error.hpp"

namespace attohm {

double Moments::mean_error(double n) const {
    return std::sqrt(variance / n);
}

double Moments::variance_error(double n) const {
    return std::sqrt(std::max(0.0, fourth - variance * variance) / n);
}

Moments sample_moments(std::span<const double> sample) {
    const auto n = static_cast<double>(sample.size());
    Moments moments;
    for (const double x : sample) moments.mean += x / n;
    for (const double x : sample) {
        const double square = (x - moments.mean) * (x - moments.mean);
        moments.variance += square / n;
        moments.fourth += square * square / n;
    }
    return moments;
}

Moments law_moments(const std::function<double(double)>& value) {
    constexpr int kSteps = 8 * 256;
    std::vector<double> values, weights;
    double total = 0.0;
    for (int k = -kSteps; k <= kSteps; ++k) {
        const double z = k / 256.0;
        values.push_back(value(z));
        weights.push_back(std::exp(-0.5 * z * z));
        total += weights.back();
    }
    Moments moments;
    for (std::size_t k = 0; k < values.size(); ++k) moments.mean += weights[k] / total * values[k];
    for (std::size_t k = 0; k < values.size(); ++k) {
        const double square = std::pow(values[k] - moments.mean, 2);
        moments.variance += weights[k] / total * square;
        moments.fourth += weights[k] / total * square * square;
    }
    return moments;
}

double mean_product(std::span<const double> a, std::span<const double> b) {
    ATTOHM_CHECK_EQ(a.size(), b.size());
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum / static_cast<double>(a.size());
}

}  // namespace attohm
