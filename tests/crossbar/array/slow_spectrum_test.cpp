#include <catch2/catch.hpp>
#include <cmath>
#include <complex>
#include <numbers>

#include "crossbar/array/slow_state.hpp"

using namespace attohm;

namespace {

constexpr double kPi = std::numbers::pi;
constexpr std::size_t kReads = 1 << 17;
constexpr std::size_t kCells = 128;  ///< records whose periodograms are averaged
constexpr double kInterval = 1e-7;

double window(std::size_t r) {
    const double s = std::sin(kPi * (static_cast<double>(r) + 0.5) / kReads);
    return s * s;
}

/// Whole periods in a record, two and more apart, over three decades: none leaks into another.
std::vector<double> frequencies() {
    std::vector<double> periods;
    for (double f = 4.0; f < 5500.0; f *= 1.3)
        periods.push_back(std::max(std::round(f), periods.empty() ? 0.0 : periods.back() + 4.0));
    return periods;
}

/// Mean of |sum_r w_r y_r e^(i omega r)|^2 from the covariances of the reads, component by
/// component: sigma^2 (V sum w^2 + 2 c Re sum_r w_r z_r), z_r = rho e^(i omega) (z_(r-1) +
/// w_(r-1)).
double expected_power(const SlowSplit& split, double omega) {
    const double T = split.timing().read_time.value();
    double squares = 0.0;
    for (std::size_t r = 0; r < kReads; ++r) squares += window(r) * window(r);
    double power = split.white_variance() * squares;
    for (const SlowComponent& c : split.whole()) {
        const double rho = std::exp(-c.rate * kInterval);
        const double V = component_covariance(c.rate, T, {}, 0.0, 0.0);
        const double at_one = component_covariance(c.rate, T, {}, 0.0, kInterval);
        const std::complex<double> turn = std::polar(rho, omega);
        std::complex<double> z = 0.0;
        double sum = 0.0;
        for (std::size_t r = 1; r < kReads; ++r) {
            z = turn * (z + window(r - 1));
            sum += window(r) * z.real();
        }
        power += c.sigma * c.sigma * (V * squares + 2.0 * at_one / rho * sum);
    }
    return power;
}

/// Averaged periodogram of kCells records at whole numbers of periods.
std::vector<double> measured_power(const SlowSplit& split, const std::vector<double>& periods) {
    const double ages[] = {1e-6};
    SlowState state(split, slow_draws({20221, 0, 0, 0, 0, 0, 0}, 0), 1, kCells, ages);
    const Stream white(20221, Purpose::sampling, {1});
    const auto sigma = static_cast<float>(std::sqrt(split.white_variance()));
    std::vector<std::vector<float>> real(periods.size(), std::vector<float>(kCells, 0.0F));
    std::vector<std::vector<float>> imaginary = real;
    std::vector<float> y(kCells);
    for (std::size_t r = 0; r < kReads; ++r) {
        state.read(r, {y.data(), 1, kCells});
        white.with(r).add_normals(0, sigma, y);
        const double w = window(r);
        for (std::size_t f = 0; f < periods.size(); ++f) {
            const double phase = 2.0 * kPi * std::fmod(periods[f] * static_cast<double>(r), kReads);
            const auto c = static_cast<float>(w * std::cos(phase / kReads));
            const auto s = static_cast<float>(w * std::sin(phase / kReads));
            for (std::size_t cell = 0; cell < kCells; ++cell) {
                real[f][cell] += c * y[cell];
                imaginary[f][cell] += s * y[cell];
            }
        }
    }
    std::vector<double> power(periods.size(), 0.0);
    for (std::size_t f = 0; f < periods.size(); ++f) {
        for (std::size_t cell = 0; cell < kCells; ++cell) {
            const auto a = static_cast<double>(real[f][cell]);
            const auto b = static_cast<double>(imaginary[f][cell]);
            power[f] += (a * a + b * b) / kCells;
        }
    }
    return power;
}

/// Least squares of ln(power) on ln(frequency): slope, and its standard deviation where each power
/// is a mean of kCells exponential variates.
struct Slope {
    double value = 0.0;
    double sigma = 0.0;
};

Slope slope_of(const std::vector<double>& periods, const std::vector<double>& power) {
    const auto n = static_cast<double>(periods.size());
    double mean = 0.0, spread = 0.0;
    for (const double f : periods) mean += std::log(f) / n;
    for (const double f : periods) spread += (std::log(f) - mean) * (std::log(f) - mean);
    Slope slope;
    for (std::size_t k = 0; k < periods.size(); ++k)
        slope.value += (std::log(periods[k]) - mean) / spread * std::log(power[k]);
    slope.sigma = 1.0 / std::sqrt(spread * kCells);
    return slope;
}

}  // namespace

TEST_CASE("repeated records have the spectrum 1 / f^g over three decades", "[stat]") {
    const std::vector<double> periods = frequencies();
    const double record = kInterval * kReads;
    for (const double g : {1.0, 1.3}) {
        CAPTURE(g);
        SlowNoise noise;
        noise.amplitude_rel2 = 1e-4;
        noise.exponent = g;
        noise.f_low = Hertz::from_value(4.0 / record);
        noise.f_high = Hertz::from_value(0.5 / kInterval);
        // Inside [10 x the lowest rate, read rate / 20].
        REQUIRE(periods.front() / record >=
                10.0 * noise.components().front().rate / (2.0 * kPi) * (1.0 - 1e-9));
        REQUIRE(periods.back() / record <= 1.0 / kInterval / 20.0);
        REQUIRE(periods.back() / periods.front() >= 1000.0);
        const SlowSplit split(noise, {},
                              {Second::from_value(kInterval), Second::from_value(kInterval),
                               Second::from_value(record)},
                              Second::from_value(1e-6), Second::from_value(1e-6));
        REQUIRE_FALSE(split.has_frozen());
        std::vector<double> expected;
        for (const double f : periods)
            expected.push_back(expected_power(split, 2.0 * kPi * f / kReads));
        const std::vector<double> measured = measured_power(split, periods);
        const Slope want = slope_of(periods, expected), got = slope_of(periods, measured);
        CAPTURE(want.value, got.value, got.sigma);
        CHECK(want.value == Approx(-g).margin(0.03));
        CHECK(got.sigma < 0.01);
        CHECK(std::abs(got.value - want.value) < 5.0 * got.sigma);
        // Each point on its own, and the level: S(f) is one-sided, so its periodogram is half of
        // it.
        double squares = 0.0;
        for (std::size_t r = 0; r < kReads; ++r) squares += window(r) * window(r);
        for (std::size_t k = 0; k < periods.size(); ++k) {
            CAPTURE(periods[k]);
            CHECK(std::abs(measured[k] / expected[k] - 1.0) < 6.0 / std::sqrt(kCells));
            const double nominal = noise.amplitude_rel2 * std::pow(periods[k] / record, -g);
            if (k > 3)
                CHECK(expected[k] == Approx(nominal * squares / (2.0 * kInterval)).epsilon(0.1));
        }
    }
}
