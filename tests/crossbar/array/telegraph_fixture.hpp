#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "crossbar/array/telegraph_state.hpp"

/// Traps of small arrays, for the tests of their state.
namespace attohm::testing {

constexpr DrawSite kSite{20221, 1, 2, 3, 4, 5, 6};
constexpr double kT = 1e-8, kD = 1e-7;

/// One rate for all traps, steps all alike unless `sigma_ln` says otherwise.
inline TelegraphNoise noise_of(double traps, double rate, double p, double sigma_ln = 0.0) {
    TelegraphNoise noise;
    noise.traps_mean = traps;
    noise.step_median_rel = 0.05;
    noise.step_sigma_ln = sigma_ln;
    noise.rate_low = noise.rate_high = rate;
    noise.occupancy = p;
    return noise;
}

inline ReadTiming timing_of(double T) {
    return {Second::from_value(T), Second::from_value(kD), Second::from_value(1.0)};
}

inline TelegraphState state_of(const TelegraphNoise& noise, double T, std::size_t n, std::size_t d,
                               const NoiseReference& reference = {}, double age = 1e-6) {
    const double ages[] = {age};
    return {noise, reference, timing_of(T), telegraph_draws(kSite, 0), n, d, ages};
}

/// Share of each trap's read spent occupied, from its deviation step (p - share).
inline std::vector<double> shares(TelegraphState& state, std::uint64_t read, double p) {
    std::vector<float> deviation(state.traps().size());
    state.read(read, deviation);
    std::vector<double> share(deviation.size());
    for (std::size_t k = 0; k < share.size(); ++k)
        share[k] =
            p - static_cast<double>(deviation[k]) / static_cast<double>(state.traps()[k].step);
    return share;
}

struct Mean {
    double value = 0.0;
    double sigma = 0.0;  ///< of the mean, from the spread of the terms
};

template <class Term>
inline Mean mean_of(std::size_t n, const Term& term) {
    double sum = 0.0, squares = 0.0;
    for (std::size_t k = 0; k < n; ++k) {
        const double x = term(k);
        sum += x;
        squares += x * x;
    }
    const auto count = static_cast<double>(n);
    return {sum / count, std::sqrt((squares / count - sum * sum / count / count) / count)};
}

inline Matrix<float> some(std::size_t rows, std::size_t cols, std::uint64_t id) {
    Matrix<float> values(rows, cols);
    Stream(7, Purpose::sampling, {id, rows, cols}).normals(0, {values.data(), values.size()});
    return values;
}

inline bool same_bytes(const Matrix<float>& a, const Matrix<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Pearson's statistic as a normal deviate (Wilson and Hilferty, 1931).
inline double chi_square_sigmas(const std::vector<double>& observed,
                                const std::vector<double>& expected) {
    double sum = 0.0;
    for (std::size_t k = 0; k < observed.size(); ++k) {
        REQUIRE(expected[k] > 25.0);
        sum += (observed[k] - expected[k]) * (observed[k] - expected[k]) / expected[k];
    }
    const double freedom = static_cast<double>(observed.size()) - 1.0;
    return (std::cbrt(sum / freedom) - (1.0 - 2.0 / (9.0 * freedom))) /
           std::sqrt(2.0 / (9.0 * freedom));
}

}  // namespace attohm::testing
