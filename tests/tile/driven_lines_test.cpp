#include "src/tile/driven_lines.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "src/base/error.hpp"
#include "src/tile/sprint_tile.hpp"
#include "tests/crossbar/device/card_fixture.hpp"

using namespace attohm;
using namespace attohm::literals;

/// Errors of word-line and threshold DACs in a tile, against the DACs' own classes.
namespace {

constexpr DrawSite kSite{411, 3, 2, 5, 1, 2, 7};
constexpr std::size_t kColumns = 24;

struct Bench {
    TileCircuits circuits;
    Device device = silent_device("ideal");
    Mapping map{device.g_min, device.g_max, 4};
    Matrix<float> levels = Matrix<float>(50, 40);
    Matrix<float> queries = Matrix<float>(9, 40);
    std::vector<std::uint32_t> ends = std::vector<std::uint32_t>(9, 50);

    SprintTile tile(const DrawSite& site = kSite) const {
        return {circuits, map, device, site, levels.view(), 50};
    }
    TileTotals decide(SprintTile& tile, float threshold, Matrix<std::uint8_t>& keep) const {
        const std::vector<float> thresholds(queries.rows(), threshold);
        return tile.decide(0, queries.view(), thresholds, {ends, {}}, keep.view(), {});
    }
    Matrix<std::uint8_t> kept(float threshold, const DrawSite& site = kSite) const {
        Matrix<std::uint8_t> keep(queries.rows(), levels.rows());
        SprintTile one = tile(site);
        decide(one, threshold, keep);
        return keep;
    }
};

/// Keys of 40 elements in parts of 16 lines, 24 keys an array: 3 x 3 arrays.
Bench make_bench() {
    Bench bench;
    bench.circuits.arrays.shape = {16, static_cast<int>(kColumns)};
    DriveSettings& drive = bench.circuits.drive;
    drive.v_read = 0.2_V;
    drive.v_supply = 1.0_V;
    drive.step_time = 10.0_ns;
    drive.q_bits = 4;
    drive.q_levels = 7.0;
    bench.circuits.schedule.reads_in_all = bench.queries.rows();
    bench.circuits.sense.v_fs = 300.0_mV;
    bench.circuits.sense.i_lsb = drive.v_read * bench.map.dG() / 7.0;
    bench.circuits.sense.n_fs = 4000.0;
    bench.circuits.dac = {0.3, 0.05, 0.2, 0.4};
    const Stream stream(7, Purpose::synth_content, {1});
    for (std::size_t i = 0; i < bench.levels.size(); ++i)
        bench.levels.data()[i] = static_cast<float>(static_cast<int>(stream.word(i) % 16) - 8);
    for (std::size_t i = 0; i < bench.queries.size(); ++i)
        bench.queries.data()[i] =
            static_cast<float>(static_cast<int>(stream.word(9000 + i) % 15) - 7);
    return bench;
}

/// Codes on the word lines of one group of arrays, straight from the DAC class.
Matrix<float> driven(const Bench& bench, const WordLineDacErrors& errors, std::size_t group,
                     const DrawSite& site) {
    Matrix<float> line = bench.queries;
    for (std::size_t part = 0; part < 3; ++part) {
        const std::size_t begin = 16 * part, lines = part == 2 ? 8 : 16;
        const WordLineDac dac(errors, lines, 7, word_line_dac_stream(site, group * 3 + part));
        const MatrixView<float> some = line.view().columns(begin, lines);
        dac.add_statics(some, some);
        dac.add_noise(dac_noise_stream(site, group * 3 + part), 0, some);
    }
    return line;
}

/// What every key puts before its comparator, in steps.
Matrix<double> outputs(const Bench& bench, const WordLineDacErrors& errors,
                       const DrawSite& site = kSite) {
    Matrix<double> sums(bench.queries.rows(), bench.levels.rows(), 0.0);
    for (std::size_t j = 0; j < bench.levels.rows(); ++j) {
        const Matrix<float> line = driven(bench, errors, j / kColumns, site);
        for (std::size_t t = 0; t < line.rows(); ++t)
            for (std::size_t i = 0; i < line.cols(); ++i)
                sums(t, j) +=
                    static_cast<double>(line(t, i)) * static_cast<double>(bench.levels(j, i));
    }
    return sums;
}

/// Decisions that differ from comparing `sums` with the threshold, ties within rounding aside.
std::int64_t wrong(const Matrix<std::uint8_t>& keep, const Matrix<double>& sums, double threshold) {
    std::int64_t count = 0;
    for (std::size_t i = 0; i < keep.size(); ++i) {
        const double overdrive = sums.data()[i] - threshold;
        if (std::abs(overdrive) < 1e-2) continue;
        count += (keep.data()[i] != 0) == (overdrive > 0.0) ? 0 : 1;
    }
    return count;
}

}  // namespace

TEST_CASE("keys of an array see the lines that its own DACs drive", "[unit]") {
    const Bench bench = make_bench();
    const Matrix<double> sums = outputs(bench, bench.circuits.dac);
    const Matrix<double> clean = outputs(bench, {});
    std::int64_t moved = 0;
    for (const float threshold : {-150.0F, -20.0F, 0.0F, 3.0F, 90.0F}) {
        const Matrix<std::uint8_t> keep = bench.kept(threshold);
        CHECK(wrong(keep, sums, static_cast<double>(threshold)) == 0);
        moved += wrong(keep, clean, static_cast<double>(threshold));
    }
    CHECK(moved > 10);

    // Column by column, and charge sharing of the parts: the same lines.
    Bench columns = bench;
    columns.circuits.sense.n_column_max = 1e6;
    CHECK(columns.tile().path() == ReadPath::column);
    CHECK(wrong(columns.kept(3.0F), sums, 3.0) == 0);
    Bench charge = bench;
    charge.circuits.summation = Summation::charge;
    CHECK(wrong(charge.kept(3.0F), sums, 3.0) == 0);
}

TEST_CASE("errors of word-line DACs live as long as the chip, their noise one read", "[unit]") {
    const WordLineDacErrors statics{0.3, 0.05, 0.2, 0.0};
    Bench bench = make_bench();
    bench.circuits.dac = statics;
    DrawSite other = kSite;  // another sample, head and write event on the same arrays
    other.sample += 3;
    other.head += 1;
    const auto same = outputs(bench, statics, kSite);
    CHECK(wrong(bench.kept(5.0F, other), same, 5.0) == 0);
    DrawSite chip = kSite;
    chip.chip += 1;
    CHECK(wrong(bench.kept(5.0F, chip), same, 5.0) > 0);

    // Noise: with the read of another head, and of another query of the same code.
    bench.circuits.dac = {0.0, 0.0, 0.0, 2.0};
    for (std::size_t i = 0; i < 40; ++i) bench.queries(1, i) = bench.queries(0, i);
    const auto noisy = outputs(bench, bench.circuits.dac);
    CHECK(wrong(bench.kept(5.0F), noisy, 5.0) == 0);
    CHECK(wrong(bench.kept(5.0F, other), noisy, 5.0) > 0);
    double apart = 0.0;
    for (std::size_t j = 0; j < 50; ++j) apart += std::abs(noisy(0, j) - noisy(1, j));
    CHECK(apart > 50.0);
}

TEST_CASE("energy and white variance follow the driven lines", "[unit]") {
    for (const int repeats : {1, 3}) {
        Bench bench = make_bench();
        bench.device.read_noise.sigma_rel = 0.02;
        bench.device.read_noise.scale = 1.0;
        bench.device.read_noise.integration_time = 10.0_ns;
        bench.circuits.drive.repeats = repeats;
        if (repeats > 1) bench.circuits.dac.noise_sigma_lsb = 0.0;
        SprintTile tile = bench.tile();
        Matrix<std::uint8_t> keep(9, 50);
        const TileTotals totals = bench.decide(tile, 0.0F, keep);
        double cell = 0.0, driver = 0.0, variance = 0.0;
        for (std::size_t j = 0; j < 50; ++j) {
            const Matrix<float> line = driven(bench, bench.circuits.dac, j / kColumns, kSite);
            for (std::size_t i = 0; i < line.size(); ++i) {
                const std::size_t element = i % 40;
                const auto n = static_cast<double>(line.data()[i]);
                double conductance = 0.0;
                for (const CellPlane& plane : tile.keys().cells)
                    conductance +=
                        static_cast<double>(plane.conductance(j, element)) * bench.map.dG().value();
                const double v = 0.2 / 7.0 * n;
                cell += v * v * 10e-9 * conductance * repeats;
                driver += std::abs(v) * 10e-9 * conductance * repeats;
                variance += n * n / repeats * static_cast<double>(tile.keys().variance(j, element));
            }
        }
        CAPTURE(repeats);
        CHECK(totals.cell_J == Approx(cell).epsilon(1e-5));
        CHECK(totals.driver_J == Approx(driver).epsilon(1e-5));
        CHECK(totals.noise_variance == Approx(variance).epsilon(1e-5));
    }
}

TEST_CASE("noise with memory rides on driven lines", "[property]") {
    // Errors that are next to nothing: the cell-by-cell path gives what the plain one gives.
    for (const Signs signs : {Signs::differential, Signs::offset}) {
        Bench bench = make_bench();
        MappingSettings mapping;
        mapping.signs = signs;
        bench.map = Mapping(bench.device.g_min, bench.device.g_max, 4, mapping);
        bench.circuits.dac = {};
        bench.device.slow_noise = {1e-2, 1.0, Hertz::from_value(1e6), Hertz::from_value(1e8), 1.0};
        bench.device.telegraph = {2.0, 0.05, 0.3, 1e6, 1e8, 0.3, 1.0};
        REQUIRE(bench.tile().path() == ReadPath::cells);
        Bench tiny = bench, quiet = bench;
        tiny.circuits.dac.gain_sigma = 1e-12;
        quiet.device.slow_noise = {};
        quiet.device.telegraph = {};
        std::int64_t by_noise = 0;
        for (const float threshold : {-40.3F, 2.4F, 60.6F}) {
            const auto plain = bench.kept(threshold), driven = tiny.kept(threshold);
            const auto silent = quiet.kept(threshold);
            std::int64_t differ = 0;
            for (std::size_t i = 0; i < plain.size(); ++i) {
                differ += plain.data()[i] != driven.data()[i] ? 1 : 0;
                by_noise += plain.data()[i] != silent.data()[i] ? 1 : 0;
            }
            CHECK(differ == 0);
        }
        CHECK(by_noise > 5);
    }
}

TEST_CASE("INL of the threshold DAC moves the threshold of one array by its code", "[unit]") {
    Bench bench = make_bench();
    bench.circuits.dac = {};
    const ThresholdDac dac(6, 400.0, Volt{});
    bench.circuits.threshold_dac = dac;
    bench.circuits.threshold_inl_lsb = 2.0;
    const Matrix<double> sums = outputs(bench, {});
    std::int64_t moved = 0;
    for (const double asked : {-200.0, -31.0, 0.0, 55.0, 390.0}) {
        const ThresholdDac::Setting setting = dac.set(asked);
        const Matrix<std::uint8_t> keep = bench.kept(setting.steps);
        for (std::size_t j = 0; j < 50; ++j) {
            const ThresholdInl inl(dac, 2.0, threshold_inl_stream(kSite, j / kColumns));
            const double threshold =
                static_cast<double>(setting.steps) + static_cast<double>(inl.steps(setting.code));
            for (std::size_t t = 0; t < 9; ++t) {
                if (std::abs(sums(t, j) - threshold) < 1e-3) continue;
                CHECK((keep(t, j) != 0) == (sums(t, j) > threshold));
                moved += (keep(t, j) != 0) != (sums(t, j) > static_cast<double>(setting.steps));
            }
        }
    }
    CHECK(moved > 5);
}

TEST_CASE("one-bit drivers have no DAC errors", "[unit]") {
    Bench bench = make_bench();
    bench.circuits.drive.coding = InputCoding::bit_serial;
    CHECK_THROWS_AS(bench.tile(), UserError);
    bench.circuits.dac = {};
    CHECK_NOTHROW(bench.tile());
}

TEST_CASE("every counted decision with a time is in the histogram", "[unit]") {
    Bench bench = make_bench();
    bench.circuits.comparator.noise_sigma = 1.0_mV;
    Matrix<std::uint8_t> keep(9, 50);
    SprintTile ideal = bench.tile();
    CHECK(bench.decide(ideal, 3.0F, keep).times.total() == 0);
    bench.circuits.comparator.timing = DecisionTiming{
        Second::from_value(70e-12), Second::from_value(20e-12), 1.0_V, Second::from_value(300e-12)};
    for (const bool columns : {false, true}) {
        if (columns) bench.circuits.sense.n_column_max = 1e6;
        bench.ends.assign(9, 31);
        SprintTile tile = bench.tile();
        const TileTotals totals = bench.decide(tile, 3.0F, keep);
        CHECK(totals.times.total() == 9 * 31);
        // No decision is faster than 70 ps, and the undecided are those after 300 ps.
        CHECK(totals.times.below() == 0);
        CHECK(totals.times.quantile_bound(0.001).value() >= 70e-12);
        std::int64_t late = totals.times.above(), surely_late = totals.times.above();
        for (std::size_t bin = 0; bin < DecisionTimes::kBins; ++bin) {
            if (DecisionTimes::edge(bin + 1).value() > 300e-12) late += totals.times.count(bin);
            if (DecisionTimes::edge(bin).value() >= 300e-12) surely_late += totals.times.count(bin);
        }
        CHECK(totals.undecided <= late);
        CHECK(totals.undecided >= surely_late);
    }
}
