#include "src/tile/sprint_tile.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/crossbar/device/card_fixture.hpp"
#include "tests/reference/decision_statistics.hpp"

using namespace attohm;
using namespace attohm::literals;

namespace {

constexpr DrawSite kSite{20221, 1, 2, 3, 4, 5, 6};

Comparator comparator_of(Volt offset, Volt noise) {
    Comparator comparator;
    comparator.offset_sigma = offset;
    comparator.noise_sigma = noise;
    return comparator;
}

struct Bench {
    TileCircuits circuits;
    Device device;
    Mapping map;
    Matrix<float> levels;   ///< [n, d]
    Matrix<float> queries;  ///< [r, d]
    std::vector<std::uint32_t> ends;
    std::size_t n_k;

    SprintTile tile(const DrawSite& site = kSite) const {
        return {circuits, map, device, site, levels.view(), n_k};
    }
    CountedKeys counted(std::size_t first, std::size_t count) const {
        return {std::span(ends).subspan(first, count), {}};
    }
    /// All queries at one threshold.
    Matrix<std::uint8_t> keep(SprintTile&& tile, float threshold) const {
        return keep(tile, threshold);
    }
    Matrix<std::uint8_t> keep(SprintTile& tile, float threshold) const {
        const std::vector<float> thresholds(queries.rows(), threshold);
        Matrix<std::uint8_t> kept(queries.rows(), levels.rows());
        tile.decide(0, queries.view(), thresholds, counted(0, queries.rows()), kept.view(), {});
        return kept;
    }
};

Bench make_bench(std::size_t queries, std::size_t keys, std::size_t d) {
    const Device device = silent_device("ideal");
    Bench bench{{}, device, Mapping(device.g_min, device.g_max, 4), {}, {}, {}, keys + 5};
    bench.circuits.arrays.shape = {64, 24};
    DriveSettings& drive = bench.circuits.drive;
    drive.v_read = 0.2_V;
    drive.v_supply = 1.0_V;
    drive.step_time = 10.0_ns;
    drive.q_bits = 4;
    drive.q_levels = 7.0;
    bench.circuits.schedule.reads_in_all = queries;
    bench.circuits.sense.v_fs = 300.0_mV;
    bench.circuits.sense.i_lsb = drive.v_read * bench.map.dG() / 7.0;
    bench.circuits.sense.n_fs = 1000.0;  // 0.3 mV a step
    const auto fill = [](Matrix<float>& x, std::size_t rows, std::size_t cols, int low, int high,
                         std::uint64_t id) {
        x.resize(rows, cols);
        const Stream stream(7, Purpose::synth_content, {id});
        for (std::size_t i = 0; i < x.size(); ++i) {
            const auto span = static_cast<std::uint32_t>(high - low + 1);
            x.data()[i] = static_cast<float>(low + static_cast<int>(stream.word(i) % span));
        }
    };
    fill(bench.levels, keys, d, -8, 7, 1);
    fill(bench.queries, queries, d, -7, 7, 2);
    bench.ends.assign(queries, static_cast<std::uint32_t>(keys));
    return bench;
}

double product(const Bench& bench, std::size_t t, std::size_t j) {
    double sum = 0.0;
    for (std::size_t i = 0; i < bench.levels.cols(); ++i) {
        sum += static_cast<double>(bench.queries(t, i)) * static_cast<double>(bench.levels(j, i));
    }
    return sum;
}

std::int64_t differences(const Matrix<std::uint8_t>& a, const Matrix<std::uint8_t>& b) {
    std::int64_t count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) count += a.data()[i] != b.data()[i] ? 1 : 0;
    return count;
}

/// Value that the comparator of every pair compares: the threshold at which its decision turns.
Matrix<double> compared(const Bench& bench, SprintTile& tile) {
    const std::size_t rows = bench.queries.rows(), n = bench.levels.rows();
    Matrix<double> values(rows, n);
    Matrix<std::uint8_t> kept(rows, n);
    for (std::size_t j = 0; j < n; ++j) {
        std::vector<double> low(rows, -4096.0), high(rows, 4096.0);
        std::vector<float> middle(rows);
        for (int step = 0; step < 28; ++step) {
            for (std::size_t t = 0; t < rows; ++t) {
                middle[t] = static_cast<float>(0.5 * (low[t] + high[t]));
            }
            tile.decide(0, bench.queries.view(), middle, bench.counted(0, rows), kept.view(), {});
            for (std::size_t t = 0; t < rows; ++t) {
                (kept(t, j) != 0 ? low : high)[t] = static_cast<double>(middle[t]);
            }
        }
        for (std::size_t t = 0; t < rows; ++t) values(t, j) = 0.5 * (low[t] + high[t]);
    }
    return values;
}

/// compared values less the products.
Matrix<double> shifts(const Bench& bench, const DrawSite& site = kSite) {
    SprintTile tile = bench.tile(site);
    Matrix<double> values = compared(bench, tile);
    for (std::size_t t = 0; t < values.rows(); ++t) {
        for (std::size_t j = 0; j < values.cols(); ++j) values(t, j) -= product(bench, t, j);
    }
    return values;
}

double largest_difference(const Matrix<double>& a, const Matrix<double>& b, double factor = 1.0) {
    double largest = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        largest = std::max(largest, std::abs(a.data()[i] - factor * b.data()[i]));
    }
    return largest;
}

}  // namespace

TEST_CASE("without noise a tile compares integer products, a tie keeps", "[unit]") {
    const Bench bench = make_bench(70, 50, 40);
    SprintTile tile = bench.tile();
    for (const int threshold : {-300, -1, 0, 7, 250}) {
        const auto kept = bench.keep(tile, static_cast<float>(threshold));
        std::int64_t wrong = 0;
        for (std::size_t t = 0; t < 70; ++t) {
            for (std::size_t j = 0; j < 50; ++j) {
                wrong += (kept(t, j) != 0) != (product(bench, t, j) >= threshold) ? 1 : 0;
            }
        }
        CHECK(wrong == 0);
    }
    // The threshold of each product is a tie.
    const Matrix<double> values = compared(bench, tile);
    for (std::size_t t = 0; t < 70; ++t) {
        for (std::size_t j = 0; j < 50; ++j)
            CHECK(std::abs(values(t, j) - product(bench, t, j)) < 1e-3);
    }
}

TEST_CASE("the energy of a read, by hand", "[unit]") {
    Bench bench = make_bench(1, 2, 2);
    bench.levels(0, 0) = 2.0F;
    bench.levels(0, 1) = -2.0F;
    bench.levels(1, 0) = -1.0F;
    bench.levels(1, 1) = 6.0F;
    bench.queries(0, 0) = 3.0F;
    bench.queries(0, 1) = -2.0F;
    SprintTile tile = bench.tile();
    Matrix<std::uint8_t> kept(1, 2);
    const float threshold = 0.0F;
    const TileTotals totals =
        tile.decide(0, bench.queries.view(), {&threshold, 1}, bench.counted(0, 1), kept.view(), {});
    // Row 0 holds 30 + 10 + 10 + 20 uS, row 1 10 + 30 + 70 + 10 uS.
    const double V0 = 0.2 * 3.0 / 7.0, V1 = 0.2 * 2.0 / 7.0;
    CHECK(totals.cell_J == Approx(10e-9 * (V0 * V0 * 70e-6 + V1 * V1 * 120e-6)));
    CHECK(totals.driver_J == Approx(10e-9 * 1.0 * (V0 * 70e-6 + V1 * 120e-6)));
    CHECK(totals.decisions == 2);
}

TEST_CASE("energy is never negative and adds over queries", "[property]") {
    Bench bench = make_bench(90, 40, 30);
    bench.device.programming = {{2e-6}, {}, 1.0};
    SprintTile tile = bench.tile();
    Matrix<std::uint8_t> kept(90, 40);
    const std::vector<float> thresholds(90, 0.0F);
    const TileTotals all =
        tile.decide(0, bench.queries.view(), thresholds, bench.counted(0, 90), kept.view(), {});
    double cells = 0.0, drivers = 0.0;
    for (std::size_t t = 0; t < 90; ++t) {
        const TileTotals one =
            tile.decide(t, bench.queries.view().rows_from(t, 1), std::span(thresholds).first(1),
                        bench.counted(t, 1), kept.view().rows_from(t, 1), {});
        CHECK(one.cell_J >= 0.0);
        // Cells are inside what the supply gives: |V| <= V_drive.
        CHECK(one.driver_J >= one.cell_J);
        cells += one.cell_J;
        drivers += one.driver_J;
    }
    CHECK(all.cell_J == Approx(cells).epsilon(1e-9));
    CHECK(all.driver_J == Approx(drivers).epsilon(1e-9));
}

TEST_CASE("what a query draws does not depend on the block it is in", "[property]") {
    Bench bench = make_bench(100, 60, 40);
    // Products stay integers, so that only the draws could differ.
    bench.circuits.comparator = comparator_of(8.0_mV, 5.0_mV);
    bench.circuits.threshold_noise = 3.0_mV;
    SprintTile tile = bench.tile();
    const Matrix<std::uint8_t> whole = bench.keep(tile, 20.0F);
    const std::vector<float> thresholds(100, 20.0F);
    for (const std::size_t height : {std::size_t{1}, std::size_t{7}, std::size_t{64}}) {
        Matrix<std::uint8_t> kept(100, 60);
        for (std::size_t first = 0; first < 100; first += height) {
            const std::size_t count = std::min(height, 100 - first);
            tile.decide(first, bench.queries.view().rows_from(first, count),
                        std::span(thresholds).subspan(first, count), bench.counted(first, count),
                        kept.view().rows_from(first, count), {});
        }
        CHECK(differences(whole, kept) == 0);
    }
    CHECK(differences(whole, bench.keep(tile, 21.0F)) > 0);
}

TEST_CASE("a larger noise moves every decision along its own draw", "[property]") {
    Bench bench = make_bench(20, 40, 32);
    const auto with_comparator = [&](Volt offset, Volt noise, Volt threshold) {
        bench.circuits.comparator = comparator_of(offset, noise);
        bench.circuits.threshold_noise = threshold;
        return shifts(bench);
    };
    const Matrix<double> noise = with_comparator({}, 3.0_mV, {});
    CHECK(largest_difference(with_comparator({}, 9.0_mV, {}), noise, 3.0) < 2e-2);
    CHECK(largest_difference(noise, Matrix<double>(20, 40)) > 20.0);
    const Matrix<double> offset = with_comparator(3.0_mV, {}, {});
    CHECK(largest_difference(with_comparator(9.0_mV, {}, {}), offset, 3.0) < 2e-2);
    const Matrix<double> threshold = with_comparator({}, {}, 3.0_mV);
    CHECK(largest_difference(with_comparator({}, {}, 9.0_mV), threshold, 3.0) < 2e-2);
    // Effects add; none shifts another's draws.
    Matrix<double> sum(20, 40);
    for (std::size_t i = 0; i < sum.size(); ++i) {
        sum.data()[i] = noise.data()[i] + offset.data()[i] + threshold.data()[i];
    }
    CHECK(largest_difference(with_comparator(3.0_mV, 3.0_mV, 3.0_mV), sum) < 2e-2);

    // An offset belongs to a column, threshold noise to an array and query.
    for (std::size_t t = 1; t < 20; ++t) {
        for (std::size_t j = 0; j < 40; ++j) {
            CHECK(std::abs(offset(t, j) - offset(0, j)) < 2e-2);
            CHECK(std::abs(threshold(t, j) - threshold(t, j / 24 * 24)) < 2e-2);
        }
    }
}

TEST_CASE("read noise and comparator noise share one normal of a decision", "[property]") {
    // Given the same total variance, however it is made up, the draw is the same.
    Bench bench = make_bench(10, 30, 32);
    bench.circuits.comparator.noise_sigma = 6.0_mV;
    const Matrix<double> latch = shifts(bench);
    bench.circuits.comparator.noise_sigma = {};
    bench.device.read_noise = {0.0, 1.0_uS, 10.0_ns, 1.0};
    const Matrix<double> cells = shifts(bench);
    for (std::size_t t = 0; t < 10; ++t) {
        double squares = 0.0;
        for (std::size_t i = 0; i < 32; ++i) {
            squares += std::pow(static_cast<double>(bench.queries(t, i)), 2);
        }
        // One cell: 1 uS of 10 uS a level; a pair holds two.
        const double sigma = std::sqrt(2.0 * 0.01 * squares);
        for (std::size_t j = 0; j < 30; ++j) {
            CHECK(cells(t, j) / sigma == Approx(latch(t, j) / 20.0).margin(2e-3));
        }
    }
}

TEST_CASE("every draw is the one that draws.hpp names", "[unit]") {
    // 0.3 mV a step: 6 mV are 20 steps. Five padded keys count in the index of a read.
    Bench bench = make_bench(9, 60, 32);
    REQUIRE(bench.n_k == 65);
    const auto expect = [&](const Comparator& comparator, Volt threshold, auto draw) {
        bench.circuits.comparator = comparator;
        bench.circuits.threshold_noise = threshold;
        const Matrix<double> values = shifts(bench);
        double worst = 0.0;
        for (std::size_t t = 0; t < 9; ++t) {
            for (std::size_t j = 0; j < 60; ++j) {
                worst = std::max(worst, std::abs(values(t, j) - 20.0 * draw(t, j)));
            }
        }
        CHECK(worst < 1e-2);
    };
    const Stream noise = decision_noise_stream(kSite);
    expect({{}, 6.0_mV}, {}, [&](auto t, auto j) { return noise.normal(t * 65 + j); });
    expect({6.0_mV, {}}, {},
           [&](auto, auto j) { return comparator_offset_stream(kSite, j / 24).normal(j % 24); });
    expect({}, 6.0_mV,
           [&](auto t, auto j) { return -threshold_noise_stream(kSite, j / 24).normal(t); });
    // Where columns may clip, comparators have a stream of their own.
    bench.circuits.sense.n_column_max = 1e6;
    const Stream latch = comparator_noise_stream(kSite);
    expect({{}, 6.0_mV}, {}, [&](auto t, auto j) { return latch.normal(t * 65 + j); });
}

TEST_CASE("the noise of single columns is the one that draws.hpp names", "[unit]") {
    Bench bench = make_bench(9, 60, 32);
    bench.circuits.sense.n_column_max = 1e6;
    bench.device.read_noise = {0.0, 1.0_uS, 10.0_ns, 1.0};
    const Matrix<double> values = shifts(bench);
    const Stream plus = column_noise_stream(kSite, plane_id(Polarity::plus));
    const Stream minus = column_noise_stream(kSite, plane_id(Polarity::minus));
    for (std::size_t t = 0; t < 9; ++t) {
        double squares = 0.0;
        for (std::size_t i = 0; i < 32; ++i) {
            squares += std::pow(static_cast<double>(bench.queries(t, i)), 2);
        }
        for (std::size_t j = 0; j < 60; ++j) {
            const double normal = plus.normal(t * 65 + j) - minus.normal(t * 65 + j);
            CHECK(values(t, j) == Approx(0.1 * std::sqrt(squares) * normal).margin(1e-2));
        }
    }
}

TEST_CASE("who shares an offset and who shares a read", "[property]") {
    Bench bench = make_bench(8, 30, 32);
    bench.circuits.comparator.offset_sigma = 8.0_mV;
    const Matrix<double> offset = shifts(bench);
    bench.circuits.comparator = comparator_of({}, 8.0_mV);
    const Matrix<double> noise = shifts(bench);
    struct Coordinate {
        std::uint64_t DrawSite::*member;
        bool moves_offset;
    };
    for (const auto& [member, moves_offset] :
         {Coordinate{&DrawSite::seed, true}, Coordinate{&DrawSite::chip, true},
          Coordinate{&DrawSite::bank, true}, Coordinate{&DrawSite::sample, false},
          Coordinate{&DrawSite::layer, false}, Coordinate{&DrawSite::kv_head, false},
          Coordinate{&DrawSite::head, false}}) {
        DrawSite site = kSite;
        site.*member += 1;
        bench.circuits.comparator = comparator_of(8.0_mV, {});
        CHECK((largest_difference(shifts(bench, site), offset) > 1.0) == moves_offset);
        bench.circuits.comparator = comparator_of({}, 8.0_mV);
        CHECK(largest_difference(shifts(bench, site), noise) > 1.0);
    }
}

TEST_CASE("the sense clips what the comparator sees", "[unit]") {
    Bench bench = make_bench(40, 50, 40);
    bench.circuits.sense.n_fs = 100.0;
    bench.circuits.comparator.offset_sigma = 60.0_mV;  // 20 steps of 3 mV
    SprintTile tile = bench.tile();
    const std::vector<float> thresholds(40, 0.0F);
    Matrix<std::uint8_t> kept(40, 50);
    std::vector<std::uint32_t> ends(40);
    std::int64_t beyond = 0;
    for (std::size_t t = 0; t < 40; ++t) {
        ends[t] = static_cast<std::uint32_t>(t);
        for (std::size_t j = 0; j < t; ++j) beyond += std::abs(product(bench, t, j)) > 100.0;
    }
    const TileTotals totals =
        tile.decide(0, bench.queries.view(), thresholds, {ends, {}}, kept.view(), {});
    CHECK(totals.sense_clipped == beyond);
    CHECK(beyond > 50);
    // Compared: the clipped product and the column's own offset.
    const Matrix<double> values = compared(bench, tile);
    Bench wide = make_bench(40, 50, 40);
    wide.circuits.sense.v_fs = 3.0_V;  // the same 3 mV a step
    wide.circuits.comparator.offset_sigma = 60.0_mV;
    const Matrix<double> open = shifts(wide);
    for (std::size_t t = 0; t < 40; ++t) {
        for (std::size_t j = 0; j < 50; ++j) {
            const double clipped = std::fmin(std::fmax(product(bench, t, j), -100.0), 100.0);
            CHECK(std::abs(values(t, j) - clipped - open(t, j)) < 1e-2);
        }
    }
}

TEST_CASE("offsets, threshold and decision noise have the asked sigma", "[stat]") {
    Bench bench = make_bench(40, 120, 16);
    bench.circuits.arrays.shape.columns = 1;  // threshold noise: one draw a column
    struct Part {
        Volt offset, noise, threshold;
        std::size_t draws;  ///< independent ones
    };
    for (const Part& part :
         {Part{6.0_mV, {}, {}, 120}, Part{{}, 6.0_mV, {}, 4800}, Part{{}, {}, 6.0_mV, 4800}}) {
        bench.circuits.comparator = comparator_of(part.offset, part.noise);
        bench.circuits.threshold_noise = part.threshold;
        const Matrix<double> values = shifts(bench);
        double mean = 0.0, square = 0.0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            mean += values.data()[i] / static_cast<double>(values.size());
            square += std::pow(values.data()[i] / 20.0, 2) / static_cast<double>(values.size());
        }
        const auto n = static_cast<double>(part.draws);
        CAPTURE(part.draws, mean, square);
        CHECK(std::abs(mean) < 5.0 * 20.0 / std::sqrt(n));
        CHECK(std::abs(square - 1.0) < 5.0 * std::sqrt(2.0 / n));
    }
}
