#pragma once

#include <boost/math/distributions/chi_squared.hpp>
#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "crossbar/device/device.hpp"
#include "src/base/error.hpp"
#include "tests/crossbar/device/card_fixture.hpp"
#include "tests/reference/decision_statistics.hpp"

/// Cards made of a few sections, and bands for samples.
namespace attohm::testing {

/// What every card has.
inline const std::string kFrame =
    "conductance: {g_min_uS: 10, g_max_uS: 90, g_floor_uS: 0, g_ceil_uS: none}\n"
    "write: {mlc_pulse_V: 1.5, mlc_pulse_ns: 50, mlc_pulses_mean: 10, verify_V: 0.2, verify_ns: "
    "10, "
    "slc_pulse_V: 1.5, slc_pulse_ns: 50}\n";

/// Device of the frame with further sections (YAML) and the experiment's "key=value".
inline Device device_of(const std::string& sections,
                        const std::vector<std::string>& assignments = {}) {
    Settings experiment = device_experiment("test");
    for (const std::string& assignment : assignments) experiment.overlay_assignment(assignment);
    return load_device(experiment, Settings::from_text(kFrame + sections, "test.yaml"), "test");
}

/// What loading such a device complains of; "" where it does not.
inline std::string complaint(const std::string& sections,
                             const std::vector<std::string>& assignments = {}) {
    try {
        device_of(sections, assignments);
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

/// Mean and variance of a sample.
struct Moments {
    double mean = 0.0;
    double variance = 0.0;
    std::size_t count = 0;
};

inline Moments moments(const std::vector<double>& sample) {
    Moments m;
    m.count = sample.size();
    for (const double x : sample) m.mean += x;
    m.mean /= static_cast<double>(m.count);
    for (const double x : sample) m.variance += (x - m.mean) * (x - m.mean);
    m.variance /= static_cast<double>(m.count);
    return m;
}

/// Checks a sample's mean and variance against a law, five standard deviations of each.
/// Args: kurtosis: E (x - mean)^4 / variance^2, 3 for a normal.
inline void check_moments(const std::vector<double>& sample, double mean, double variance,
                          double kurtosis = 3.0) {
    const Moments m = moments(sample);
    const auto n = static_cast<double>(m.count);
    // Enough to see an error of 1 % of the standard deviation, and of 3 % of the variance.
    REQUIRE(n >= 5.0 * 5.0 / (0.02 * 0.02));
    CHECK(std::abs(m.mean - mean) < 5.0 * std::sqrt(variance / n));
    CHECK(std::abs(m.variance - variance) < 5.0 * variance * std::sqrt((kurtosis - 1.0) / n));
}

/// Checks that numbers in (0, 1), a law's distribution function at its own draws, are uniform:
/// chi-square over 200 bins, wrongly rejected once in a million times among `tests` (Sidak).
inline void check_uniform(const std::vector<double>& uniforms, std::size_t tests) {
    constexpr std::size_t kBins = 200;
    std::vector<double> counts(kBins, 0.0);
    for (const double u : uniforms) {
        REQUIRE(u >= 0.0);
        REQUIRE(u <= 1.0);
        counts[std::min(static_cast<std::size_t>(u * kBins), kBins - 1)] += 1.0;
    }
    const double expected = static_cast<double>(uniforms.size()) / kBins;
    REQUIRE(expected >= 100.0);
    double sum = 0.0;
    for (const double count : counts) sum += (count - expected) * (count - expected) / expected;
    const double error = -std::expm1(std::log1p(-1e-6) / static_cast<double>(tests));
    const boost::math::chi_squared law(static_cast<double>(kBins - 1));
    CHECK(sum < boost::math::quantile(boost::math::complement(law, error)));
}

inline double normal_distribution(double z) {
    return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

/// Standard normals of a stream of the tests' own.
inline std::vector<double> normals(std::uint64_t which, std::size_t count) {
    std::vector<float> z(count);
    Stream(20221, Purpose::sampling, {which}).normals(0, z);
    return {z.begin(), z.end()};
}

}  // namespace attohm::testing
