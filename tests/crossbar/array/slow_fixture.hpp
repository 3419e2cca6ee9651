#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "crossbar/array/slow_state.hpp"

/// Slow noise of small arrays, for the tests of its state.
namespace attohm::testing {

constexpr DrawSite kSite{20221, 1, 2, 3, 4, 5, 6};
constexpr double kT = 1e-8, kD = 1e-7;

inline SlowNoise noise_of(double f_low, double f_high) {
    SlowNoise noise;
    noise.amplitude_rel2 = 1e-4;
    noise.f_low = Hertz::from_value(f_low);
    noise.f_high = Hertz::from_value(f_high);
    return noise;
}

inline ReadTiming timing_of(double T, std::size_t reads) {
    return {Second::from_value(T), Second::from_value(kD),
            Second::from_value(kD * static_cast<double>(reads))};
}

/// y of some reads: [reads][n * d].
inline std::vector<std::vector<float>> record(SlowState& state, std::size_t n, std::size_t d,
                                              const std::vector<std::uint64_t>& reads) {
    std::vector<std::vector<float>> all;
    for (const std::uint64_t read : reads) {
        std::vector<float> y(n * d);
        state.read(read, {y.data(), n, d});
        all.push_back(std::move(y));
    }
    return all;
}

inline double mean_product(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum / static_cast<double>(a.size());
}

/// Standard deviation of the mean of n products of Gaussian pairs.
inline double product_sigma(double var_a, double var_b, double covariance, std::size_t n) {
    return std::sqrt((var_a * var_b + covariance * covariance) / static_cast<double>(n));
}

inline double law(const std::vector<SlowComponent>& components, double T,
                  std::optional<double> reference, double a1, double a2) {
    double sum = 0.0;
    for (const SlowComponent& c : components)
        sum += c.sigma * c.sigma * component_covariance(c.rate, T, reference, a1, a2);
    return sum;
}

inline Matrix<float> some(std::size_t rows, std::size_t cols, std::uint64_t id) {
    Matrix<float> values(rows, cols);
    Stream(7, Purpose::sampling, {id, rows, cols}).normals(0, {values.data(), values.size()});
    return values;
}

inline bool same_bytes(const Matrix<float>& a, const Matrix<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace attohm::testing
