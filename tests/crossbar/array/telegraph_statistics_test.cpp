#include <catch2/catch.hpp>
#include <cmath>

#include "tests/crossbar/array/telegraph_fixture.hpp"
#include "tests/reference/decision_statistics.hpp"
#include "tests/reference/slow_noise_reference.hpp"

using namespace attohm;
using namespace attohm::literals;
using namespace attohm::testing;

TEST_CASE("traps per cell are Poisson, their steps log-normal, their rates log-uniform", "[stat]") {
    TelegraphNoise noise = noise_of(0.7, 1e4, 0.5, 0.5);
    noise.rate_high = 1e8;
    constexpr std::size_t n = 600, d = 64;
    const TelegraphState state = state_of(noise, kT, n, d);
    std::vector<int> per_cell(n * d, 0);
    for (const auto& trap : state.traps()) {
        int& count = per_cell[trap.key * d + trap.element];
        CHECK(trap.number == static_cast<std::uint32_t>(count));
        ++count;
    }
    std::vector<double> observed(5, 0.0), expected(5, 0.0);
    for (const int count : per_cell) observed[static_cast<std::size_t>(std::min(count, 4))] += 1.0;
    double term = std::exp(-0.7), rest = 1.0;
    for (std::size_t k = 0; k < 4; ++k) {
        expected[k] = n * d * term;
        rest -= term;
        term *= 0.7 / static_cast<double>(k + 1);
    }
    expected[4] = n * d * rest;
    CHECK(chi_square_sigmas(observed, expected) < 5.0);
    // ln step and ln rate in twenty equal shares of their laws.
    std::vector<double> steps(20, 0.0), rates(20, 0.0);
    const auto traps = static_cast<double>(state.traps().size());
    for (const auto& trap : state.traps()) {
        const double z = std::log(static_cast<double>(trap.step) / 0.05) / 0.5;
        const double u = 0.5 * std::erfc(-z / std::sqrt(2.0));
        const double v = std::log(trap.rate / 1e4) / std::log(1e4);
        REQUIRE((v > 0.0 && v < 1.0));
        steps[static_cast<std::size_t>(20.0 * u)] += 1.0;
        rates[static_cast<std::size_t>(20.0 * v)] += 1.0;
    }
    const std::vector<double> equal(20, traps / 20.0);
    CHECK(chi_square_sigmas(steps, equal) < 5.0);
    CHECK(chi_square_sigmas(rates, equal) < 5.0);
    CHECK(state.steps_limited() == 0);
    // Steps beyond the whole conductance are held there and counted.
    const TelegraphState large = state_of(noise_of(0.7, 1e4, 0.5, 2.0), kT, n, d);
    std::int64_t at_one = 0;
    for (const auto& trap : large.traps()) at_one += trap.step == 1.0F ? 1 : 0;
    CHECK(at_one > 100);
    CHECK(at_one == large.steps_limited());
}

TEST_CASE("occupancy is stationary and moves with the transition probability", "[stat]") {
    for (const double p : {0.5, 0.2}) {
        for (const double T : {1e-9, kD}) {  // points, and dwells within the read
            const double rate = T < kT ? 2e6 : 3e5;
            const TelegraphNoise noise = noise_of(1.0, rate, p);
            TelegraphState state = state_of(noise, T, 1000, 64);
            const std::vector<std::uint64_t> reads = {0, 1, 6, 30};
            std::vector<std::vector<double>> share;
            for (const std::uint64_t read : reads) share.push_back(shares(state, read, p));
            const std::size_t traps = state.traps().size();
            const double x = rate * T;
            for (std::size_t a = 0; a < reads.size(); ++a) {
                CAPTURE(p, T, reads[a]);
                const Mean mean = mean_of(traps, [&](std::size_t k) { return share[a][k]; });
                CHECK(std::abs(mean.value - p) < 5.0 * mean.sigma);
                for (std::size_t b = a; b < reads.size(); ++b) {
                    // Covariance p (1 - p) V, or c e^(-l lag), of the averages.
                    const double lag = static_cast<double>(reads[b] - reads[a]) * kD;
                    double want = p * (1.0 - p) * component_covariance(rate, T, {}, 0.0, lag);
                    if (x < TelegraphState::kPointBelow)
                        want = p * (1.0 - p) * std::exp(-rate * lag);
                    const Mean got = mean_of(traps, [&](std::size_t k) {
                        return (share[a][k] - p) * (share[b][k] - p);
                    });
                    CAPTURE(lag, got.value, want);
                    // A trap read as a point has one variance, whatever it does.
                    CHECK(std::abs(got.value - want) < 5.5 * got.sigma + 1e-6);
                }
            }
            // Traps of one cell know nothing of each other.
            std::vector<double> products;
            for (std::size_t k = 1; k < traps; ++k) {
                if (state.traps()[k].number == 1)
                    products.push_back((share[3][k] - p) * (share[3][k - 1] - p));
            }
            const Mean together =
                mean_of(products.size(), [&](std::size_t k) { return products[k]; });
            CHECK(std::abs(together.value) < 5.0 * together.sigma);
            if (x >= TelegraphState::kPointBelow) continue;
            // P(occupied after t | state) at three lags from read 0.
            for (std::size_t b = 1; b < reads.size(); ++b) {
                const double lag = static_cast<double>(reads[b]) * kD;
                for (const bool from : {false, true}) {
                    std::int64_t starts = 0;
                    double ends = 0.0;
                    for (std::size_t k = 0; k < traps; ++k) {
                        if ((share[0][k] > 0.5) != from) continue;
                        ++starts;
                        ends += share[b][k] > 0.5 ? 1.0 : 0.0;
                    }
                    const auto band = binomial_band(starts, noise.occupied_after(from, rate, lag));
                    REQUIRE(judgeable(band));
                    CAPTURE(p, lag, from);
                    CHECK(std::abs(deviation(band, ends)) < 5.0);
                }
            }
        }
    }
}

TEST_CASE("dwell times are exponential", "[stat]") {
    // Mean dwell near a thousand reads: a switch back and forth within one is seen as none, which
    // lengthens the dwells by rate D / 2 = 0.1 %, a tenth of what their number resolves.
    const double rate = 2e4, p = 0.4;
    constexpr std::size_t n = 80, d = 64, kReads = 10000, kHalf = kReads / 2;
    TelegraphState state = state_of(noise_of(1.0, rate, p), kT, n, d);
    const std::size_t traps = state.traps().size();
    std::vector<bool> occupied(traps);
    std::vector<std::uint64_t> since(traps, 0);  // 0: before the record
    std::vector<double> dwell[2];
    for (std::uint64_t read = 0; read < kReads; ++read) {
        const auto share = shares(state, read, p);
        for (std::size_t k = 0; k < traps; ++k) {
            const bool now = share[k] > 0.5;
            if (read > 0 && now != occupied[k]) {
                // Dwells that start in the first half: none is cut before kHalf reads.
                if (since[k] > 0 && since[k] < kHalf)
                    dwell[occupied[k] ? 1 : 0].push_back(static_cast<double>(read - since[k]));
                since[k] = read;
            }
            occupied[k] = now;
        }
    }
    for (std::size_t k = 0; k < traps; ++k) {
        if (since[k] > 0 && since[k] < kHalf)
            dwell[occupied[k] ? 1 : 0].push_back(static_cast<double>(kReads - since[k]));
    }
    for (const bool from : {false, true}) {
        const auto& seen = dwell[from ? 1 : 0];
        const double leave = rate * kD * (from ? 1.0 - p : p);  // per read
        CAPTURE(from, seen.size());
        REQUIRE(seen.size() > 10000);
        // Bins of equal probability, cut at whole reads; the last is open and starts before kHalf.
        constexpr std::size_t kBins = 24;
        std::vector<double> observed(kBins, 0.0), expected(kBins, 0.0);
        std::vector<double> edges = {0.5};
        for (std::size_t b = 1; b < kBins; ++b) {
            const double share = static_cast<double>(b) / kBins;
            edges.push_back(std::round(-std::log1p(-share) / leave) + 0.5);
        }
        REQUIRE(edges.back() < kHalf);
        for (std::size_t b = 0; b < kBins; ++b) {
            const double above = b + 1 < kBins ? std::exp(-leave * (edges[b + 1] - 0.5)) : 0.0;
            expected[b] =
                static_cast<double>(seen.size()) * (std::exp(-leave * (edges[b] - 0.5)) - above);
        }
        for (const double reads : seen) {
            std::size_t b = kBins - 1;
            while (reads < edges[b]) --b;
            observed[b] += 1.0;
        }
        CHECK(chi_square_sigmas(observed, expected) < 5.0);
    }
}

TEST_CASE("the exact share of a read agrees with a fine-grid twin", "[stat]") {
    const double p = 0.3, rate = 4e7, T = 5e-8;  // x = 2
    TelegraphState state = state_of(noise_of(1.0, rate, p), T, 600, 64);
    const auto first = shares(state, 0, p), second = shares(state, 1, p);
    const SlowReferencePass pass{T, kD, 2, 400, 0.0};
    constexpr std::size_t kTwins = 12000;
    const Matrix<double> twin =
        telegraph_reference(rate, p, pass, Stream(3, Purpose::sampling), kTwins);
    const auto both = [&](const auto& fast, const auto& slow, double bias) {
        const Mean a = mean_of(first.size(), fast), b = mean_of(kTwins, slow);
        CAPTURE(a.value, b.value);
        // The grid moves the state after, never within, its steps: off by rate T / 400 at most.
        CHECK(std::abs(a.value - b.value) < 5.0 * std::hypot(a.sigma, b.sigma) + bias);
    };
    const double bias = 0.5 * rate * T / 400 * p;
    for (const int power : {1, 2, 3}) {
        CAPTURE(power);
        both([&](std::size_t k) { return std::pow(first[k], power); },
             [&](std::size_t k) { return std::pow(twin(k, 0), power); }, bias);
    }
    both([&](std::size_t k) { return first[k] * second[k]; },
         [&](std::size_t k) { return twin(k, 0) * twin(k, 1); }, bias);
    // Reads without any switch: certain shares, which a Gaussian would not have.
    both([&](std::size_t k) { return first[k] < 1e-6 ? 1.0 : 0.0; },
         [&](std::size_t k) { return twin(k, 0) < 1e-6 ? 1.0 : 0.0; }, 4.0 * bias);
    both([&](std::size_t k) { return first[k] > 1.0 - 1e-6 ? 1.0 : 0.0; },
         [&](std::size_t k) { return twin(k, 0) > 1.0 - 1e-6 ? 1.0 : 0.0; }, 4.0 * bias);
}

TEST_CASE("fast traps have the exact variance, and all traps together the card's", "[stat]") {
    // x = 200: Gaussian.
    const double rate = 2e9, p = 0.5, T = kD;
    TelegraphState fast = state_of(noise_of(1.0, rate, p), T, 1000, 64);
    const auto a = shares(fast, 0, p);
    const Mean got = mean_of(a.size(), [&](std::size_t k) { return (a[k] - p) * (a[k] - p); });
    CHECK(std::abs(got.value - p * (1.0 - p) * averaged_variance(rate * T)) < 5.0 * got.sigma);
    const Mean mean = mean_of(a.size(), [&](std::size_t k) { return a[k] - p; });
    CHECK(std::abs(mean.value) < 5.0 * mean.sigma);
    // Rates over eight decades, points, dwells and Gaussians together, cell by cell.
    TelegraphNoise noise = noise_of(0.5, 1e3, 0.3, 0.4);
    noise.rate_high = 1e11;
    constexpr std::size_t n = 2000, d = 64;
    TelegraphState all = state_of(noise, kT, n, d);
    for (const std::uint64_t read : {0U, 50U}) {
        std::vector<float> deviation(all.traps().size());
        all.read(read, deviation);
        std::vector<double> cells(n * d, 0.0);
        for (std::size_t k = 0; k < deviation.size(); ++k)
            cells[all.traps()[k].key * d + all.traps()[k].element] +=
                static_cast<double>(deviation[k]);
        const Mean variance = mean_of(n * d, [&](std::size_t k) { return cells[k] * cells[k]; });
        const Mean level = mean_of(n * d, [&](std::size_t k) { return cells[k]; });
        CAPTURE(read);
        // Points leave x / 3 out: below 1e-3 of the whole here.
        CHECK(std::abs(variance.value - noise.variance(kT)) <
              5.0 * variance.sigma + 1e-3 * noise.variance(kT));
        CHECK(std::abs(level.value) < 5.0 * level.sigma);
    }
}

TEST_CASE("a trap the programmed value holds counts from there", "[stat]") {
    const double rate = 1e5, p = 0.3;
    const TelegraphNoise noise = noise_of(1.0, rate, p);
    // Verified at 3 us, read 0 at 1 us: the first read after is number 21.
    const NoiseReference verified{1.0_s, 3.0_us};
    const double T = 9e-8;  // x = 0.009: a point in the middle of the read
    TelegraphState state = state_of(noise, T, 1000, 64, verified, 1e-6 + 1e-9);
    for (const std::uint64_t read : {0U, 19U, 20U, 23U, 60U, 150U}) {
        std::vector<float> deviation(state.traps().size());
        state.read(read, deviation);
        const double tau = 1e-6 + 1e-9 + static_cast<double>(read) * kD - 3e-6;
        CAPTURE(read, tau);
        const Mean square = mean_of(deviation.size(), [&](std::size_t k) {
            const double relative = static_cast<double>(deviation[k]) / 0.05;
            return relative * relative;
        });
        if (tau <= 0.0) {
            CHECK(square.value == 0.0);
            continue;
        }
        const double want = 2.0 * p * (1.0 - p) * (1.0 - std::exp(-rate * (tau + 0.5 * T)));
        CHECK(std::abs(square.value - want) < 5.0 * square.sigma + 1e-12);
    }
    // Measured at t0: traps slower than 2 pi / t0 wait for it, faster ones are there at once.
    const NoiseReference measured{Second::from_value(1e-4), {}};
    for (const double l : {1e4, 1e6}) {
        TelegraphState traps = state_of(noise_of(1.0, l, p), 1e-9, 100, 64, measured);
        std::vector<float> deviation(traps.traps().size());
        traps.read(3, deviation);
        std::size_t moved = 0;
        for (const float x : deviation) moved += x != 0.0F ? 1 : 0;
        CHECK(moved == (l < 2e4 ? 0 : deviation.size()));
    }
}
