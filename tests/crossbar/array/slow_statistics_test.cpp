#include <catch2/catch.hpp>
#include <cmath>

#include "tests/crossbar/array/slow_fixture.hpp"
#include "tests/reference/decision_statistics.hpp"
#include "tests/reference/slow_noise_reference.hpp"

using namespace attohm;
using namespace attohm::literals;
using namespace attohm::testing;

TEST_CASE("averaged reads covary as their closed form says", "[stat]") {
    constexpr std::size_t n = 1024, d = 64;
    const std::vector<std::uint64_t> reads = {0, 1, 2, 5, 21, 22, 85, 299};
    for (const double T : {kT, kD}) {
        const SlowSplit split(noise_of(100.0, 1e7), {}, timing_of(T, 300), 1.0_us, 1.0_us);
        REQUIRE(split.whole().size() >= 8);
        const double ages[] = {1e-6};
        SlowState state(split, slow_draws(kSite, 0), n, d, ages);
        const auto y = record(state, n, d, reads);
        const double bound = sidak_sigmas(5.0, reads.size() * (reads.size() + 1) / 2);
        const double variance = law(split.whole(), T, {}, 0.0, 0.0);
        for (std::size_t a = 0; a < reads.size(); ++a) {
            for (std::size_t b = a; b < reads.size(); ++b) {
                const double lag = static_cast<double>(reads[b] - reads[a]) * kD;
                CAPTURE(T, reads[a], reads[b]);
                const double want = law(split.whole(), T, {}, 0.0, lag);
                const double sigma = product_sigma(variance, variance, want, n * d);
                CHECK(std::abs(mean_product(y[a], y[b]) - want) < bound * sigma);
            }
        }
    }
}

TEST_CASE("the fast path and the fine-grid twin have one covariance", "[stat]") {
    constexpr std::size_t n = 512, d = 64, kTwins = 20000;
    const std::vector<std::uint64_t> reads = {0, 1, 4, 9};
    const SlowNoise noise = noise_of(3e5, 1e6);
    for (const bool verified : {false, true}) {
        const NoiseReference reference{
            {}, verified ? std::optional<Second>(0.9_us) : std::optional<Second>()};
        const SlowSplit split(noise, reference, timing_of(0.5 * kD, 10), 1.0_us, 1.0_us);
        const auto& components = verified ? split.referenced() : split.whole();
        REQUIRE(components.size() >= 4);
        const double ages[] = {1e-6};
        SlowState state(split, slow_draws(kSite, 1), n, d, ages);
        const auto y = record(state, n, d, reads);
        const SlowReferencePass pass{0.5 * kD, kD, 10, 12, 1e-6};
        const auto since = verified ? std::optional<double>(0.9e-6) : std::nullopt;
        const Matrix<double> twin =
            slow_noise_reference(components, since, pass, Stream(99, Purpose::sampling), kTwins);
        const double bound = sidak_sigmas(5.0, reads.size() * (reads.size() + 1));
        for (std::size_t a = 0; a < reads.size(); ++a) {
            for (std::size_t b = a; b < reads.size(); ++b) {
                CAPTURE(verified, reads[a], reads[b]);
                const double a1 = 1e-6 + static_cast<double>(reads[a]) * kD;
                const double a2 = 1e-6 + static_cast<double>(reads[b]) * kD;
                const double want = law(components, 0.5 * kD, since, a1, a2);
                const double va = law(components, 0.5 * kD, since, a1, a1);
                const double vb = law(components, 0.5 * kD, since, a2, a2);
                double slow = 0.0;
                for (std::size_t cell = 0; cell < kTwins; ++cell)
                    slow += twin(cell, reads[a]) * twin(cell, reads[b]) / kTwins;
                const double fast = mean_product(y[a], y[b]);
                const double fast_sigma = product_sigma(va, vb, want, n * d);
                const double slow_sigma = product_sigma(va, vb, want, kTwins);
                CHECK(std::abs(fast - want) < bound * fast_sigma);
                // The trapezoid over 12 steps is off by x^2 / 12^3 of a component, below 1e-3 here.
                CHECK(std::abs(fast - slow) <
                      bound * std::hypot(fast_sigma, slow_sigma) + 1e-3 * std::sqrt(va * vb));
            }
        }
    }
}

TEST_CASE("frozen, tracked and white parts add up to the whole noise", "[stat]") {
    constexpr std::size_t n = 1024, d = 64;
    const SlowNoise noise = noise_of(1.0, 1e9);
    const SlowSplit split(noise, {}, timing_of(kT, 300), 1.0_us, 1.0_us);
    REQUIRE(split.has_frozen());
    REQUIRE(split.tracks());
    REQUIRE(split.white_variance() > 0.0);
    const double total = law(noise.components(), kT, {}, 0.0, 0.0);
    CHECK(split.frozen_variance(1.0_us) + law(split.whole(), kT, {}, 0.0, 0.0) +
              split.white_variance() ==
          Approx(total));
    const double ages[] = {1e-6};
    const SlowDraws draws = slow_draws(kSite, 0);
    Matrix<float> ones(n, d, 1.0F), frozen(n, d, 0.0F);
    add_frozen_noise(split, draws, ages, ones.view(), frozen.view());
    SlowState state(split, draws, n, d, ages);
    const auto y = record(state, n, d, {0, 40});
    const auto white = static_cast<float>(std::sqrt(split.white_variance()));
    std::vector<std::vector<float>> sums = y;
    for (std::size_t r = 0; r < 2; ++r) {
        Stream(5, Purpose::sampling, {r}).add_normals(0, white, sums[r]);
        for (std::size_t i = 0; i < n * d; ++i) sums[r][i] += frozen.data()[i];
        CHECK(std::abs(mean_product(sums[r], sums[r]) - total) <
              5.0 * product_sigma(total, total, total, n * d));
    }
    // Two reads: what the split promises of its approximations, and no more.
    const double exact = law(noise.components(), kT, {}, 0.0, 40 * kD);
    const double off = (1.0 - std::exp(-0.05)) * split.frozen_variance(1.0_us) +
                       std::exp(-3.0) * split.white_variance();
    CHECK(std::abs(mean_product(sums[0], sums[1]) - exact) <
          off + 5.0 * product_sigma(total, total, exact, n * d));
    // The three draws are three: no correlation between frozen and tracked.
    std::vector<float> still(frozen.data(), frozen.data() + n * d);
    CHECK(std::abs(mean_product(still, y[0])) <
          5.0 * product_sigma(split.frozen_variance(1.0_us), law(split.whole(), kT, {}, 0.0, 0.0),
                              0.0, n * d));
}

TEST_CASE("nothing is added before the reference age, and the law of x(a) - x(t0) after it",
          "[stat]") {
    // Ages differ by key, and reach the reference age before, during and after the pass.
    constexpr std::size_t n = 3, d = 40000;
    const double t0 = 5e-6;
    const std::vector<double> ages = {1e-6, 4.62e-6, 6e-6};
    const std::vector<std::uint64_t> reads = {0, 3, 4, 10, 30, 39, 41, 90, 199};
    const SlowSplit split(noise_of(1e4, 3e5), {0.0_s, Second::from_value(t0)}, timing_of(kT, 200),
                          Second::from_value(ages[0]), Second::from_value(ages[2]));
    REQUIRE(split.whole().empty());
    REQUIRE(split.referenced().size() >= 5);
    SlowState state(split, slow_draws(kSite, 0), n, d, ages);
    const auto y = record(state, n, d, reads);
    const double bound = sidak_sigmas(5.0, n * reads.size() * reads.size() / 2);
    for (std::size_t j = 0; j < n; ++j) {
        for (std::size_t a = 0; a < reads.size(); ++a) {
            const double a1 = ages[j] + static_cast<double>(reads[a]) * kD;
            const std::vector<float> first(y[a].begin() + static_cast<std::ptrdiff_t>(j * d),
                                           y[a].begin() + static_cast<std::ptrdiff_t>((j + 1) * d));
            for (std::size_t b = a; b < reads.size(); ++b) {
                const double a2 = ages[j] + static_cast<double>(reads[b]) * kD;
                CAPTURE(j, reads[a], reads[b]);
                const std::vector<float> second(
                    y[b].begin() + static_cast<std::ptrdiff_t>(j * d),
                    y[b].begin() + static_cast<std::ptrdiff_t>((j + 1) * d));
                const double got = mean_product(first, second);
                if (a1 <= t0) {
                    CHECK(got == 0.0);
                    continue;
                }
                const double want = law(split.referenced(), kT, t0, a1, a2);
                const double va = law(split.referenced(), kT, t0, a1, a1);
                const double vb = law(split.referenced(), kT, t0, a2, a2);
                CHECK(std::abs(got - want) < bound * product_sigma(va, vb, want, d));
            }
        }
    }
}

TEST_CASE("what is measured at t0 and what is faster go side by side", "[stat]") {
    constexpr std::size_t n = 512, d = 64;
    const double t0 = 4e-6, age = 5e-6;
    const SlowSplit split(noise_of(1e4, 1e6), {Second::from_value(t0), {}}, timing_of(kT, 100),
                          Second::from_value(age), Second::from_value(age));
    REQUIRE(split.whole().size() >= 2);
    REQUIRE(split.referenced().size() >= 2);
    const double ages[] = {age};
    SlowState state(split, slow_draws(kSite, 0), n, d, ages);
    const std::vector<std::uint64_t> reads = {0, 7, 99};
    const auto y = record(state, n, d, reads);
    const auto covariance = [&](std::uint64_t r, std::uint64_t s) {
        const double a1 = age + static_cast<double>(r) * kD;
        const double a2 = age + static_cast<double>(s) * kD;
        return law(split.whole(), kT, {}, a1, a2) + law(split.referenced(), kT, t0, a1, a2);
    };
    for (std::size_t a = 0; a < 3; ++a) {
        for (std::size_t b = a; b < 3; ++b) {
            CAPTURE(reads[a], reads[b]);
            const double want = covariance(reads[a], reads[b]);
            const double sigma = product_sigma(covariance(reads[a], reads[a]),
                                               covariance(reads[b], reads[b]), want, n * d);
            CHECK(std::abs(mean_product(y[a], y[b]) - want) < sidak_sigmas(5.0, 6) * sigma);
        }
    }
}
