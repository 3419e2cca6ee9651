#include "crossbar/array/slow_filter.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "src/base/matrix.hpp"

using namespace attohm;

namespace {

SlowNoise noise_of(double g, double f_low, double f_high) {
    SlowNoise noise;
    noise.amplitude_rel2 = 1.0;
    noise.exponent = g;
    noise.f_low = Hertz::from_value(f_low);
    noise.f_high = Hertz::from_value(f_high);
    return noise;
}

/// Covariances of the reads 0 .. reads - 1 that the filter's own numbers imply: of the starts, and
/// of every e_p by the response of every later read to it.
Matrix<double> implied(SlowFilter& filter, std::size_t reads) {
    const std::size_t n = filter.size();
    std::vector<std::vector<double>> sources;
    for (std::size_t m = 0; m < n; ++m) {
        std::vector<double> response(reads);
        double u = static_cast<double>(filter.start()[m]);
        for (std::size_t s = 0; s < reads; ++s) {
            response[s] = u;
            u *= static_cast<double>(filter.decay()[m]);
        }
        sources.push_back(response);
    }
    for (std::size_t p = 0; p < reads; ++p) {
        const float* gains = filter.gains(p);
        std::vector<double> response(reads, 0.0);
        response[p] = static_cast<double>(gains[0]);
        for (std::size_t m = 0; m < n; ++m) {
            double u = static_cast<double>(gains[1 + m]);
            for (std::size_t s = p + 1; s < reads; ++s) {
                response[s] += u;
                u *= static_cast<double>(filter.decay()[m]);
            }
        }
        sources.push_back(response);
    }
    Matrix<double> covariance(reads, reads, 0.0);
    for (const auto& response : sources) {
        for (std::size_t s = 0; s < reads; ++s)
            for (std::size_t t = 0; t < reads; ++t) covariance(s, t) += response[s] * response[t];
    }
    return covariance;
}

double expected(const std::vector<SlowComponent>& components, double T, double lag) {
    double sum = 0.0;
    for (const SlowComponent& c : components)
        sum += c.sigma * c.sigma * component_covariance(c.rate, T, {}, 0.0, lag);
    return sum;
}

}  // namespace

TEST_CASE("one normal per read gives the covariance of all components together", "[property]") {
    constexpr std::size_t kReads = 120;
    constexpr double D = 1e-7;
    for (const double g : {0.7, 1.0, 1.3}) {
        for (const double T : {1e-9, 1e-8, 0.5e-7, 1e-7}) {
            for (const double f_high : {2e4, 1e6, 1e8}) {
                CAPTURE(g, T, f_high);
                const auto components = noise_of(g, 1e4, f_high).components();
                const ReadTiming timing{Second::from_value(T), Second::from_value(D),
                                        Second::from_value(D * kReads)};
                SlowFilter filter(components, timing);
                const Matrix<double> got = implied(filter, kReads);
                const double scale = expected(components, T, 0.0);
                double worst = 0.0;
                for (std::size_t s = 0; s < kReads; ++s) {
                    for (std::size_t t = s; t < kReads; ++t) {
                        const double want = expected(components, T, static_cast<double>(t - s) * D);
                        worst = std::max(worst, std::abs(got(s, t) - want) / scale);
                    }
                }
                CHECK(worst < 2e-6);  // gains are kept in float32
            }
        }
    }
}

TEST_CASE("a filter of one component is its own closed form", "[unit]") {
    const SlowComponent component{2e6, 0.3, 0};
    const double T = 0.4e-6, D = 1e-6;
    SlowFilter filter({component},
                      {Second::from_value(T), Second::from_value(D), Second::from_value(1.0)});
    const double x = component.rate * T;
    const double once = (1.0 - std::exp(-x)) / x;
    CHECK(filter.start()[0] == Approx(0.3 * once));
    CHECK(filter.decay()[0] == Approx(std::exp(-2.0)));
    // Given the start, the read varies by V - C^2.
    const double given = averaged_variance(x) - once * once;
    CHECK(filter.gains(0)[0] == Approx(0.3 * std::sqrt(given)).epsilon(1e-5));
    // A pair of reads far from the start: gains settle, and are the same from then on.
    const float settled = filter.gains(5000)[0];
    CHECK(filter.gains(400)[0] == settled);
    CHECK(filter.gains(1000000)[0] == settled);
    CHECK(filter.gains(0)[0] == Approx(0.3 * std::sqrt(given)).epsilon(1e-5));
}

TEST_CASE("a filter holds for reads that are very short against every rate", "[property]") {
    // x = 1e-9: reads are points and the process is its own prediction plus a little.
    const SlowComponent component{1.0, 1.0, 0};
    SlowFilter filter(
        {component}, {Second::from_value(1e-9), Second::from_value(1e-3), Second::from_value(1.0)});
    const Matrix<double> got = implied(filter, 50);
    for (const std::size_t lag : {0U, 1U, 10U, 49U}) {
        CAPTURE(lag);
        CHECK(got(0, lag) == Approx(std::exp(-1e-3 * static_cast<double>(lag))).epsilon(1e-6));
        CHECK(got(49 - lag, 49) == Approx(got(0, lag)).epsilon(1e-6));
    }
}
