#include "crossbar/array/slow_state.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "src/base/error.hpp"
#include "tests/reference/decision_statistics.hpp"
#include "tests/reference/slow_noise_reference.hpp"

using namespace attohm;
using namespace attohm::literals;

namespace {

constexpr DrawSite kSite{20221, 1, 2, 3, 4, 5, 6};
constexpr double kT = 1e-8, kD = 1e-7;

SlowNoise noise_of(double f_low, double f_high) {
    SlowNoise noise;
    noise.amplitude_rel2 = 1e-4;
    noise.f_low = Hertz::from_value(f_low);
    noise.f_high = Hertz::from_value(f_high);
    return noise;
}

ReadTiming timing_of(double T, std::size_t reads) {
    return {Second::from_value(T), Second::from_value(kD),
            Second::from_value(kD * static_cast<double>(reads))};
}

/// y of some reads: [reads][n * d].
std::vector<std::vector<float>> record(SlowState& state, std::size_t n, std::size_t d,
                                       const std::vector<std::uint64_t>& reads) {
    std::vector<std::vector<float>> all;
    for (const std::uint64_t read : reads) {
        std::vector<float> y(n * d);
        state.read(read, {y.data(), n, d});
        all.push_back(std::move(y));
    }
    return all;
}

double mean_product(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum / static_cast<double>(a.size());
}

/// Standard deviation of the mean of n products of Gaussian pairs.
double product_sigma(double var_a, double var_b, double covariance, std::size_t n) {
    return std::sqrt((var_a * var_b + covariance * covariance) / static_cast<double>(n));
}

double law(const std::vector<SlowComponent>& components, double T, std::optional<double> reference,
           double a1, double a2) {
    double sum = 0.0;
    for (const SlowComponent& c : components)
        sum += c.sigma * c.sigma * component_covariance(c.rate, T, reference, a1, a2);
    return sum;
}

Matrix<float> some(std::size_t rows, std::size_t cols, std::uint64_t id) {
    Matrix<float> values(rows, cols);
    Stream(7, Purpose::sampling, {id, rows, cols}).normals(0, {values.data(), values.size()});
    return values;
}

bool same_bytes(const Matrix<float>& a, const Matrix<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

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

TEST_CASE("slow noise enters the outputs cell by cell, as the plain sum", "[unit]") {
    constexpr std::size_t n = 21, d = 37, kReads = 12;
    const SlowSplit split(noise_of(1e4, 1e6), {}, timing_of(kT, kReads), 1.0_us, 1.0_us);
    const double ages[] = {1e-6};
    SlowState fast(split, slow_draws(kSite, 0), n, d, ages);
    SlowState cells(split, slow_draws(kSite, 0), n, d, ages);
    const Matrix<float> nq = some(kReads, d, 1), amplitude = some(n, d, 2);
    Matrix<float> analog = some(kReads, n, 3);
    const Matrix<float> before = some(kReads, n, 3);
    fast.add_to({0, 1}, nq.view(), amplitude.view(), analog.view());
    Matrix<float> y(n, d);
    for (std::size_t t = 0; t < kReads; ++t) {
        cells.read(t, y.view());
        for (std::size_t j = 0; j < n; ++j) {
            double sum = static_cast<double>(before(t, j)), size = std::abs(sum);
            for (std::size_t i = 0; i < d; ++i) {
                const double term = static_cast<double>(nq(t, i)) *
                                    static_cast<double>(amplitude(j, i)) *
                                    static_cast<double>(y(j, i));
                sum += term;
                size += std::abs(term);
            }
            CHECK(std::abs(static_cast<double>(analog(t, j)) - sum) < 1e-5 * size);
        }
    }
}

TEST_CASE("the cut of the reads, the other keys and the scale leave every byte", "[property]") {
    constexpr std::size_t n = 45, d = 64, kReads = 40;
    const std::vector<double> some_ages = [] {
        std::vector<double> ages(n);
        for (std::size_t j = 0; j < n; ++j) ages[j] = 1e-6 + 2e-7 * static_cast<double>(j % 5);
        return ages;
    }();
    // Whole and referenced components together; some keys start within the pass.
    const SlowSplit split(noise_of(1e4, 3e6), {2.0_us, {}}, timing_of(kT, kReads),
                          Second::from_value(1e-6), Second::from_value(1.8e-6));
    REQUIRE_FALSE(split.whole().empty());
    REQUIRE_FALSE(split.referenced().empty());
    const Matrix<float> nq = some(kReads, d, 1), amplitude = some(n, d, 2);
    const auto run = [&](std::size_t block, std::uint64_t stride, std::size_t keys) {
        SlowState state(split, slow_draws(kSite, 0), keys, d, std::span(some_ages).first(keys));
        const std::size_t queries = kReads / stride;
        Matrix<float> analog(queries, keys, 0.0F);
        for (std::size_t t = 0; t < queries; t += block) {
            const std::size_t count = std::min(block, queries - t);
            state.add_to({t * stride, stride}, {nq.row(t), count, d, d}, amplitude.view().top(keys),
                         {analog.row(t), count, keys, keys});
        }
        return analog;
    };
    const Matrix<float> whole = run(kReads, 1, n);
    for (const std::size_t block : {1U, 3U, 16U, 39U}) CHECK(same_bytes(run(block, 1, n), whole));
    // Fewer keys: the same bytes for those there are.
    const Matrix<float> fewer = run(kReads, 1, 11);
    for (std::size_t t = 0; t < kReads; ++t)
        CHECK(std::memcmp(fewer.row(t), whole.row(t), 11 * sizeof(float)) == 0);
    // Every fourth read (four heads on one set of cells) sees the same path.
    const Matrix<float> strided = run(3, 4, n);
    SlowState state(split, slow_draws(kSite, 0), n, d, some_ages);
    for (std::size_t t = 0; t < kReads / 4; ++t) {
        Matrix<float> analog(1, n, 0.0F);
        state.advance_to(4 * t);
        CHECK(state.next_read() == 4 * t);
        state.add_to({4 * t, 1}, {nq.row(t), 1, d, d}, amplitude.view(), analog.view());
        CHECK(std::memcmp(analog.row(0), strided.row(t), n * sizeof(float)) == 0);
    }
    CHECK_THROWS_AS(state.advance_to(3), InvariantError);
}

TEST_CASE("a scale of 0 adds nothing, and another one shifts no draw", "[property]") {
    constexpr std::size_t n = 9, d = 33, kReads = 8;
    const double ages[] = {1e-6};
    const Matrix<float> nq = some(kReads, d, 1), amplitude = some(n, d, 2);
    const Matrix<float> before = some(kReads, n, 3), cells_before = some(n, d, 4);
    const auto run = [&](double scale, Matrix<float>& cells) {
        SlowNoise noise = noise_of(1.0, 1e9);
        noise.scale = scale;
        const SlowSplit split(noise, {}, timing_of(kT, kReads), 1.0_us, 1.0_us);
        cells = cells_before;
        add_frozen_noise(split, slow_draws(kSite, 0), ages, amplitude.view(), cells.view());
        SlowState state(split, slow_draws(kSite, 0), n, d, ages);
        Matrix<float> analog = before;
        state.add_to({0, 1}, nq.view(), amplitude.view(), analog.view());
        return analog;
    };
    Matrix<float> cells, doubled_cells;
    CHECK(same_bytes(run(0.0, cells), before));
    CHECK(same_bytes(cells, cells_before));
    const Matrix<float> once = run(1.0, cells), doubled = run(2.0, doubled_cells);
    CHECK_FALSE(same_bytes(once, before));
    CHECK_FALSE(same_bytes(cells, cells_before));
    for (std::size_t i = 0; i < once.size(); ++i) {
        const float start = before.data()[i];
        CHECK(doubled.data()[i] - start ==
              Approx(2.0F * (once.data()[i] - start)).epsilon(1e-3).margin(1e-4));
    }
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const float start = cells_before.data()[i];
        CHECK(doubled_cells.data()[i] - start ==
              Approx(2.0F * (cells.data()[i] - start)).epsilon(1e-3).margin(1e-5));
    }
}

TEST_CASE("planes, heads' cells, chips and reference columns draw their own noise", "[property]") {
    constexpr std::size_t n = 8, d = 16;
    const double ages[] = {1e-6};
    const SlowSplit split(noise_of(1.0, 1e7), {}, timing_of(kT, 10), 1.0_us, 1.0_us);
    const Matrix<float> ones(n, d, 1.0F);
    const auto run = [&](const SlowDraws& draws, bool frozen) {
        Matrix<float> y(n, d, 0.0F);
        SlowState state(split, draws, n, d, ages);
        if (frozen) {
            add_frozen_noise(split, draws, ages, ones.view(), y.view());
        } else {
            state.read(2, y.view());
        }
        return y;
    };
    DrawSite other_chip = kSite, other_head = kSite, other_sample = kSite;
    other_chip.chip = 9;
    other_head.head = 9;
    other_sample.sample = 9;
    for (const bool frozen : {false, true}) {
        CAPTURE(frozen);
        const Matrix<float> base = run(slow_draws(kSite, 0), frozen);
        CHECK(same_bytes(base, run(slow_draws(kSite, 0), frozen)));
        // Query heads that share the keys share their cells.
        CHECK(same_bytes(base, run(slow_draws(other_head, 0), frozen)));
        CHECK_FALSE(same_bytes(base, run(slow_draws(kSite, 1), frozen)));
        CHECK_FALSE(same_bytes(base, run(slow_draws(other_chip, 0), frozen)));
        CHECK_FALSE(same_bytes(base, run(slow_draws(other_sample, 0), frozen)));
        CHECK_FALSE(same_bytes(base, run(reference_slow_draws(kSite, 0, 0), frozen)));
        CHECK_FALSE(same_bytes(run(reference_slow_draws(kSite, 1, 0), frozen),
                               run(reference_slow_draws(kSite, 0, 0), frozen)));
    }
}

TEST_CASE("repeated reads are averaged, one after the other on the same path", "[unit]") {
    constexpr std::size_t n = 19, d = 30, kQueries = 5;
    const SlowSplit split(noise_of(1e4, 1e6), {}, timing_of(kT, 40), 1.0_us, 1.0_us);
    const double ages[] = {1e-6};
    const Matrix<float> nq = some(kQueries, d, 1), amplitude = some(n, d, 2);
    SlowState repeated(split, slow_draws(kSite, 0), n, d, ages);
    Matrix<float> analog(kQueries, n, 0.0F);
    const ReadOrder order{3, 8, 4};
    repeated.add_to(order, nq.view(), amplitude.view(), analog.view());
    CHECK(repeated.next_read() == 3 + 4 * 8 + 4);
    SlowState single(split, slow_draws(kSite, 0), n, d, ages);
    for (std::size_t t = 0; t < kQueries; ++t) {
        std::vector<double> mean(n, 0.0);
        for (std::size_t k = 0; k < 4; ++k) {
            Matrix<float> one(1, n, 0.0F);
            single.add_to({3 + 8 * t + k, 1}, {nq.row(t), 1, d, d}, amplitude.view(), one.view());
            for (std::size_t j = 0; j < n; ++j) mean[j] += 0.25 * static_cast<double>(one(0, j));
        }
        for (std::size_t j = 0; j < n; ++j)
            CHECK(static_cast<double>(analog(t, j)) == Approx(mean[j]).epsilon(1e-4).margin(1e-7));
    }
    CHECK_THROWS_AS(repeated.add_to({100, 2, 3}, nq.view(), amplitude.view(), analog.view()),
                    InvariantError);
    CHECK_THROWS_AS(repeated.add_to({100, 1, 0}, nq.view(), amplitude.view(), analog.view()),
                    InvariantError);
}
