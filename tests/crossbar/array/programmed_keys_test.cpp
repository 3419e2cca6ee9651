#include "crossbar/array/programmed_keys.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/crossbar/device/card_fixture.hpp"
#include "tests/reference/decision_statistics.hpp"

using namespace attohm;
using namespace attohm::literals;

namespace {

constexpr DrawSite kSite{20221, 1, 2, 3, 4, 5, 6};
constexpr ArrayShape kShape{64, 24};
const Second kReadTime = 10.0_ns;

/// Integer levels -n_max .. n_max - 1.
Matrix<float> random_levels(std::size_t keys, std::size_t d, int n_max) {
    Matrix<float> levels(keys, d);
    const Stream stream(1, Purpose::synth_content, {keys, d});
    for (std::size_t i = 0; i < levels.size(); ++i) {
        const auto span = static_cast<std::uint32_t>(2 * n_max);
        levels.data()[i] = static_cast<float>(static_cast<int>(stream.word(i) % span) - n_max);
    }
    return levels;
}

Mapping map_of(const Device& device, int bits) {
    return {device.g_min, device.g_max, bits};
}

Siemens plus_of(const Mapping& map, double m) {
    return map.conductance(map.planes()[0], m);
}

Siemens minus_of(const Mapping& map, double m) {
    return map.conductance(map.planes()[1], m);
}

/// Keys of one write event, read at once.
ProgrammedKeys program_keys(MatrixView<const float> levels, const Mapping& map,
                            const Device& device, const ArrayShape& shape, Second read_time,
                            const DrawSite& site) {
    const KeyCells cells(levels, map, device, shape, site);
    const std::vector<double> ages(levels.rows, 0.0);
    ReadState state;
    state.age_s = ages;
    state.step_time = read_time;
    return programmed_keys(cells, levels, map, device, {shape, {}, Unwritten::open}, state);
}

std::int64_t differences(const Matrix<float>& a, const Matrix<float>& b) {
    std::int64_t count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) count += a.data()[i] != b.data()[i] ? 1 : 0;
    return count;
}

Device stuck_device(double low, double high) {
    Device device = silent_device("ibm-cmo-hfox-2pct");
    device.stuck = {low, Ohm::from_value(11111.0), high, Ohm::from_value(1e6)};
    return device;
}

}  // namespace

TEST_CASE("levels span the conductance range", "[unit]") {
    for (int bits = 1; bits <= 8; ++bits) {
        const Mapping map(10.0_uS, 90.0_uS, bits);
        const int n_max = 1 << (bits - 1);
        CHECK(map.n_max() == n_max);
        CHECK(map.dG().value() == Approx(80e-6 / n_max));
        CHECK(plus_of(map, n_max).value() == Approx(90e-6));
        CHECK(minus_of(map, n_max).value() == Approx(10e-6));
        CHECK(minus_of(map, -n_max).value() == Approx(90e-6));
        CHECK(plus_of(map, 0).value() == Approx(10e-6));
        CHECK(map.base_level() == Approx(n_max / 8.0));
    }
    // Ideal levels lie on the scale of four bits.
    CHECK(Mapping(10.0_uS, 90.0_uS, std::nullopt).dG().value() == Approx(10e-6));
}

TEST_CASE("without errors every card holds exactly what was written", "[property]") {
    for (const std::string& name : device_card_names()) {
        const Device device = silent_device(name);
        for (int bits = 1; bits <= 8; ++bits) {
            CAPTURE(name, bits);
            const Mapping map = map_of(device, bits);
            const Matrix<float> levels = random_levels(50, 33, map.n_max());
            const auto keys = program_keys(levels.view(), map, device, kShape, kReadTime, kSite);
            CHECK(differences(keys.mean, levels) == 0);
            CHECK(keys.variance.empty());
            CHECK(keys.uniform_variance == 0.0);
            CHECK(keys.counts.floored + keys.counts.stuck == 0);
            CHECK(keys.counts.cells == 2 * 50 * 33);
            Matrix<float> sensed(50, 33);
            CHECK(sense_levels(keys, map, levels.view(), sensed.view()) == 0);
            CHECK(differences(sensed, levels) == 0);
            double sum = 0.0, rows = 0.0;
            for (std::size_t i = 0; i < levels.size(); ++i) {
                const auto m = static_cast<double>(levels.data()[i]);
                sum += plus_of(map, m).value() + minus_of(map, m).value();
            }
            for (const double row : keys.row_conductance_S) rows += row;
            CHECK(rows == Approx(sum).epsilon(1e-6));
        }
    }
}

TEST_CASE("sensing rounds halves to even and stays within the code", "[unit]") {
    const Device device = silent_device("ideal");
    const Mapping map = map_of(device, 4);
    Matrix<float> levels(1, 6, 0.0F), sensed(1, 6);
    auto keys = program_keys(levels.view(), map, device, kShape, kReadTime, kSite);
    const float means[] = {0.5F, 1.5F, -2.5F, 8.0F, 100.0F, -40.0F};
    const float expected[] = {0.0F, 2.0F, -2.0F, 7.0F, 7.0F, -8.0F};
    for (std::size_t i = 0; i < 6; ++i) {
        keys.cells[0].conductance(0, i) = keys.cells[0].target()(0, i) + means[i];
    }
    CHECK(sense_levels(keys, map, levels.view(), sensed.view()) == 5);
    for (std::size_t i = 0; i < 6; ++i) CHECK(sensed(0, i) == expected[i]);
}

TEST_CASE("a floor catches draws and counts them", "[unit]") {
    Device device = silent_device("ideal");
    device.programming = {{3e-6}, {}, 1.0};
    device.g_floor = 9.0_uS;
    const Mapping map = map_of(device, 4);
    const Matrix<float> levels(40, 50, 0.0F);
    const auto keys = program_keys(levels.view(), map, device, kShape, kReadTime, kSite);
    std::int64_t at_floor = 0;
    for (std::size_t i = 0; i < keys.cells[0].conductance.size(); ++i) {
        for (const float g :
             {keys.cells[0].conductance.data()[i], keys.cells[1].conductance.data()[i]}) {
            CHECK(g >= 0.9F);
            at_floor += g == 0.9F ? 1 : 0;
        }
    }
    CHECK(at_floor == keys.counts.floored);
    CHECK(keys.counts.floored > 0);
}

TEST_CASE("draws below the floor are as frequent as a normal says", "[stat]") {
    Device device = silent_device("ideal");
    device.programming = {{3e-6}, {}, 1.0};
    device.g_floor = 9.0_uS;
    const Mapping map = map_of(device, 4);
    const Matrix<float> levels(200, 64, 0.0F);
    const auto keys = program_keys(levels.view(), map, device, kShape, kReadTime, kSite);
    const BinomialBand band =
        binomial_band(keys.counts.cells, 0.5 * std::erfc(1.0 / 3.0 / std::sqrt(2.0)));
    REQUIRE(judgeable(band));
    CHECK(std::abs(deviation(band, static_cast<double>(keys.counts.floored))) < 5.0);
}

TEST_CASE("cells are stuck as often as asked, at each resistance", "[stat]") {
    const Device device = stuck_device(0.01, 0.01);
    const Mapping map = map_of(device, 4);
    const Matrix<float> levels = random_levels(400, 64, 8);
    const auto keys = program_keys(levels.view(), map, device, kShape, kReadTime, kSite);
    const double dG = map.dG().value();
    const auto low = static_cast<float>(1.0 / 11111.0 / dG), high = static_cast<float>(1e-6 / dG);
    std::int64_t at_low = 0, at_high = 0;
    for (std::size_t i = 0; i < keys.cells[0].conductance.size(); ++i) {
        for (const float g :
             {keys.cells[0].conductance.data()[i], keys.cells[1].conductance.data()[i]}) {
            at_low += g == low ? 1 : 0;
            at_high += g == high ? 1 : 0;
        }
    }
    const BinomialBand band = binomial_band(keys.counts.cells, 0.01);
    REQUIRE(judgeable(band));
    CHECK(std::abs(deviation(band, static_cast<double>(at_low))) < 5.0);
    CHECK(std::abs(deviation(band, static_cast<double>(at_high))) < 5.0);
    CHECK(at_low + at_high == keys.counts.stuck);
}

TEST_CASE("faults belong to the place, not to what is written", "[property]") {
    const Device device = stuck_device(0.05, 0.05);
    const Mapping map = map_of(device, 4);
    const auto stuck_map = [&](const Device& of, const Matrix<float>& levels,
                               const DrawSite& site) {
        Device silent = of;
        silent.stuck = {};
        const auto good = program_keys(levels.view(), map, silent, kShape, kReadTime, site);
        const auto bad = program_keys(levels.view(), map, of, kShape, kReadTime, site);
        Matrix<float> faults(levels.rows(), levels.cols());
        for (std::size_t i = 0; i < faults.size(); ++i) {
            faults.data()[i] =
                good.cells[0].conductance.data()[i] != bad.cells[0].conductance.data()[i] ? 1.0F
                                                                                          : 0.0F;
        }
        return faults;
    };
    const Matrix<float> levels = random_levels(60, 30, 8);
    Matrix<float> other(60, 30);
    for (std::size_t i = 0; i < other.size(); ++i) other.data()[i] = -1.0F - levels.data()[i];
    const Matrix<float> faults = stuck_map(device, levels, kSite);
    std::int64_t count = 0;
    for (std::size_t i = 0; i < faults.size(); ++i) count += faults.data()[i] != 0.0F ? 1 : 0;
    CHECK(count > 100);
    CHECK(differences(faults, stuck_map(device, other, kSite)) == 0);

    // Another sample, layer or head in the same place meets the same faults; another chip or bank
    // others.
    DrawSite site = kSite;
    site.sample = 99;
    site.layer = 98;
    site.kv_head = 97;
    site.head = 96;
    CHECK(differences(faults, stuck_map(device, levels, site)) == 0);
    site = kSite;
    site.chip += 1;
    CHECK(differences(faults, stuck_map(device, levels, site)) > 100);
    site = kSite;
    site.bank += 1;
    CHECK(differences(faults, stuck_map(device, levels, site)) > 100);

    // A larger rate keeps every fault of the smaller one.
    const Matrix<float> more = stuck_map(stuck_device(0.1, 0.1), levels, kSite);
    std::int64_t lost = 0;
    for (std::size_t i = 0; i < faults.size(); ++i) {
        lost += faults.data()[i] > more.data()[i] ? 1 : 0;
    }
    CHECK(lost == 0);
}

TEST_CASE("a larger programming error moves every cell along its own draw", "[property]") {
    Device device = silent_device("ideal");
    const Mapping map = map_of(device, 4);
    const Matrix<float> levels = random_levels(40, 40, 8);
    const auto deviations = [&](double sigma_S, const DrawSite& site) {
        device.programming = {{sigma_S}, {}, 1.0};
        const auto keys = program_keys(levels.view(), map, device, kShape, kReadTime, site);
        Matrix<float> errors(40, 40);
        for (std::size_t i = 0; i < errors.size(); ++i) {
            errors.data()[i] = keys.mean.data()[i] - levels.data()[i];
        }
        return errors;
    };
    const Matrix<float> once = deviations(0.2e-6, kSite), twice = deviations(0.4e-6, kSite);
    for (std::size_t i = 0; i < once.size(); ++i) {
        CHECK(twice.data()[i] == Approx(2.0F * once.data()[i]).margin(1e-5));
    }
    // Every coordinate of the write event is another draw; the reading query head is none.
    for (const auto member : {&DrawSite::seed, &DrawSite::chip, &DrawSite::bank, &DrawSite::sample,
                              &DrawSite::layer, &DrawSite::kv_head}) {
        DrawSite site = kSite;
        site.*member += 1;
        CHECK(differences(once, deviations(0.2e-6, site)) > 1500);
    }
    DrawSite site = kSite;
    site.head += 1;
    CHECK(differences(once, deviations(0.2e-6, site)) == 0);
}

TEST_CASE("white noise of a pair is the sum of its cells' variances", "[unit]") {
    Device device = silent_device("ideal");
    device.read_noise.sigma_rel = 0.1;
    device.read_noise.sigma_abs = 2.0_uS;
    device.read_noise.integration_time = 10.0_ns;
    device.read_noise.scale = 1.0;
    const Mapping map = map_of(device, 4);
    Matrix<float> levels(1, 2);
    levels(0, 0) = 3.0F;
    levels(0, 1) = -8.0F;
    const auto keys = program_keys(levels.view(), map, device, kShape, kReadTime, kSite);
    // Levels of 10 uS: G+ = 4, G- = 1; G+ = 1, G- = 9; absolute part 0.2 each.
    CHECK(static_cast<double>(keys.variance(0, 0)) == Approx(0.16 + 0.01 + 0.08));
    CHECK(static_cast<double>(keys.variance(0, 1)) == Approx(0.01 + 0.81 + 0.08));
    // A read of four times the length has a quarter of it.
    const auto longer = program_keys(levels.view(), map, device, kShape, 40.0_ns, kSite);
    CHECK(static_cast<double>(longer.variance(0, 0)) == Approx(0.25 * 0.25));
    // Without a relative part all pairs are alike.
    device.read_noise.sigma_rel = 0.0;
    const auto uniform = program_keys(levels.view(), map, device, kShape, kReadTime, kSite);
    CHECK(uniform.variance.empty());
    CHECK(uniform.uniform_variance == Approx(0.08));
}

TEST_CASE("cells written one by one are those of the kernel where both apply", "[property]") {
    Device device = silent_device("ideal");
    const Mapping map = map_of(device, 4);
    const Matrix<float> levels = random_levels(60, 30, 8);
    device.programming = {{1e-6, 0.05}, {}, 1.0};
    device.g_floor = 9.0_uS;
    device.g_ceiling = 92.0_uS;
    const auto kernel = program_keys(levels.view(), map, device, kShape, kReadTime, kSite);
    // The same straight line as a table.
    device.programming.law = ProgrammingLaw::table;
    device.programming.table_target_S = {10e-6, 90e-6};
    device.programming.table_sigma_S = {1.5e-6, 5.5e-6};
    const auto table = program_keys(levels.view(), map, device, kShape, kReadTime, kSite);
    CHECK(kernel.counts.floored > 100);
    CHECK(std::abs(table.counts.floored - kernel.counts.floored) <= 1);
    for (std::size_t i = 0; i < levels.size(); ++i) {
        CHECK(table.mean.data()[i] == Approx(kernel.mean.data()[i]).margin(2e-5));
        CHECK(table.cells[0].conductance.data()[i] ==
              Approx(kernel.cells[0].conductance.data()[i]).epsilon(1e-5));
        CHECK(table.cells[0].conductance.data()[i] <= 9.2001F);
    }
    // Hot: metallic above 40 uS, activated below.
    device.temperature_law = Temperature{300.0_K, 40.0_uS, -0.001, 0.05};
    device.temperature = 350.0_K;
    const auto hot = program_keys(levels.view(), map, device, kShape, kReadTime, kSite);
    const auto factors = device.temperature_factors();
    for (std::size_t i = 0; i < levels.size(); ++i) {
        const auto cold = static_cast<double>(table.cells[1].conductance.data()[i]);
        const double factor = factors.of(map.dG() * cold);
        if (std::abs(cold - 4.0) < 1e-5) continue;
        CHECK(static_cast<double>(hot.cells[1].conductance.data()[i]) ==
              Approx(cold * factor).epsilon(1e-6));
    }
}
