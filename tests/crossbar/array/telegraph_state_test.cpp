#include "crossbar/array/telegraph_state.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "src/base/error.hpp"
#include "tests/crossbar/array/telegraph_fixture.hpp"

using namespace attohm;
using namespace attohm::literals;
using namespace attohm::testing;

TEST_CASE("telegraph noise enters the outputs trap by trap, the same for any cut", "[property]") {
    constexpr std::size_t n = 30, d = 41, kReads = 200;
    TelegraphNoise noise = noise_of(0.6, 1e4, 0.3, 0.5);
    noise.rate_high = 1e11;
    const Matrix<float> nq = some(kReads, d, 1), weight = some(n, d, 2);
    const Matrix<float> before = some(kReads, n, 3);
    const auto run = [&](std::size_t block, std::uint64_t stride) {
        TelegraphState state = state_of(noise, kT, n, d);
        const std::size_t queries = kReads / stride;
        Matrix<float> analog(queries, n);
        std::copy_n(before.data(), analog.size(), analog.data());
        for (std::size_t t = 0; t < queries; t += block) {
            const std::size_t count = std::min(block, queries - t);
            state.add_to({t * stride, stride}, {nq.row(t), count, d, d}, weight.view(),
                         {analog.row(t), count, n, n});
        }
        return analog;
    };
    const Matrix<float> whole = run(kReads, 1);
    for (const std::size_t block : {1U, 7U, 64U, 199U}) CHECK(same_bytes(run(block, 1), whole));
    CHECK(same_bytes(run(3, 4), run(50, 4)));
    // Trap by trap.
    TelegraphState state = state_of(noise, kT, n, d);
    REQUIRE(state.traps().size() > 500);
    std::vector<float> deviation(state.traps().size());
    for (std::size_t t = 0; t < kReads; ++t) {
        state.read(t, deviation);
        std::vector<double> sums(n), sizes(n);
        for (std::size_t j = 0; j < n; ++j) {
            sums[j] = static_cast<double>(before(t, j));
            sizes[j] = std::abs(sums[j]);
        }
        for (std::size_t k = 0; k < deviation.size(); ++k) {
            const auto& trap = state.traps()[k];
            const double term = static_cast<double>(nq(t, trap.element)) *
                                static_cast<double>(weight(trap.key, trap.element)) *
                                static_cast<double>(deviation[k]);
            sums[trap.key] += term;
            sizes[trap.key] += std::abs(term);
        }
        for (std::size_t j = 0; j < n; ++j)
            CHECK(std::abs(static_cast<double>(whole(t, j)) - sums[j]) < 1e-5 * sizes[j]);
    }
    CHECK_THROWS_AS(state.read(3, deviation), InvariantError);
}

TEST_CASE("a telegraph scale of 0 adds nothing, and another one shifts no draw", "[property]") {
    constexpr std::size_t n = 30, d = 40, kReads = 50;
    const Matrix<float> nq = some(kReads, d, 1), weight = some(n, d, 2);
    const auto run = [&](double scale, double traps) {
        TelegraphNoise noise = noise_of(traps, 1e6, 0.3, 0.3);
        noise.scale = scale;
        TelegraphState state = state_of(noise, kT, n, d);
        Matrix<float> analog(kReads, n, 0.0F);
        state.add_to({0, 1}, nq.view(), weight.view(), analog.view());
        return analog;
    };
    const Matrix<float> none(kReads, n, 0.0F);
    CHECK(same_bytes(run(0.0, 0.4), none));
    CHECK(same_bytes(run(1.0, 0.0), none));
    const Matrix<float> once = run(1.0, 0.4), doubled = run(2.0, 0.4);
    CHECK_FALSE(same_bytes(once, none));
    for (std::size_t i = 0; i < once.size(); ++i)
        CHECK(doubled.data()[i] == Approx(2.0F * once.data()[i]).epsilon(1e-5).margin(1e-7));
    // More traps: those of before are among them, with the same step and rate.
    const TelegraphState few = state_of(noise_of(0.4, 1e6, 0.3, 0.3), kT, n, d);
    const TelegraphState many = state_of(noise_of(0.8, 1e6, 0.3, 0.3), kT, n, d);
    std::size_t found = 0;
    for (const auto& trap : few.traps()) {
        for (const auto& other : many.traps()) {
            if (other.key == trap.key && other.element == trap.element &&
                other.number == trap.number)
                found += other.step == trap.step && other.rate == trap.rate ? 1 : 0;
        }
    }
    CHECK(found == few.traps().size());
    CHECK(many.traps().size() > few.traps().size());
}

TEST_CASE("repeated reads of traps are averaged", "[unit]") {
    constexpr std::size_t n = 19, d = 30, kQueries = 5;
    const TelegraphNoise noise = noise_of(1.0, 2e6, 0.4, 0.3);
    const Matrix<float> nq = some(kQueries, d, 1), weight = some(n, d, 2);
    TelegraphState repeated = state_of(noise, kT, n, d);
    Matrix<float> analog(kQueries, n, 0.0F);
    repeated.add_to({3, 8, 4}, nq.view(), weight.view(), analog.view());
    TelegraphState single = state_of(noise, kT, n, d);
    for (std::size_t t = 0; t < kQueries; ++t) {
        std::vector<double> mean(n, 0.0);
        for (std::size_t k = 0; k < 4; ++k) {
            Matrix<float> one(1, n, 0.0F);
            single.add_to({3 + 8 * t + k, 1}, {nq.row(t), 1, d, d}, weight.view(), one.view());
            for (std::size_t j = 0; j < n; ++j) mean[j] += 0.25 * static_cast<double>(one(0, j));
        }
        for (std::size_t j = 0; j < n; ++j)
            CHECK(static_cast<double>(analog(t, j)) == Approx(mean[j]).epsilon(1e-4).margin(1e-6));
    }
}
