#include "crossbar/array/slow_state.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "src/base/error.hpp"
#include "tests/crossbar/array/slow_fixture.hpp"

using namespace attohm;
using namespace attohm::literals;
using namespace attohm::testing;

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
