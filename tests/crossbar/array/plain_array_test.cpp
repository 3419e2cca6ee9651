#include "crossbar/array/plain_array.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "src/base/error.hpp"
#include "tests/crossbar/device/card_fixture.hpp"
#include "tests/reference/decision_statistics.hpp"

using namespace attohm;
using namespace attohm::literals;

namespace {

constexpr DrawSite kSite{20221, 3, 0, 0, 0, 0, 0};
constexpr const char* kCard = "ibm-cmo-hfox-2pct";

Matrix<double> targets(std::size_t rows, std::size_t columns, double S) {
    return Matrix<double>(rows, columns, S);
}

Device device_with(const std::vector<std::string>& assignments) {
    Settings experiment = device_experiment(kCard);
    for (const std::string& assignment : assignments) experiment.overlay_assignment(assignment);
    return load_device(experiment);
}

bool same(const Matrix<double>& a, const Matrix<double>& b) {
    return std::equal(a.data(), a.data() + a.size(), b.data());
}

}  // namespace

TEST_CASE("without errors an array holds its targets", "[unit]") {
    Matrix<double> asked(3, 2, 20e-6);
    asked(1, 0) = 10e-6;
    asked(2, 1) = 90e-6;
    const PlainArray array = program_plain(asked.view(), silent_device(kCard), kSite);
    CHECK(same(array.conductance_S, asked));
    CHECK(array.clipped + array.stuck_low + array.stuck_high == 0);
    CHECK(array.pulses.empty());
    // Ten pulses a cell on the card's mean, each into the target.
    const double sum = 10e-6 + 90e-6 + 4 * 20e-6;
    CHECK(array.pulses_total == 60.0);
    CHECK(array.write_energy.value() == Approx(10 * sum * (1.5 * 1.5 * 50e-9 + 0.2 * 0.2 * 10e-9)));
    CHECK(array.write_time.value() == Approx(60 * 60e-9));
}

TEST_CASE("targets outside the card are refused by row and column", "[unit]") {
    const Device device = silent_device(kCard);
    for (const double bad : {9.99e-6, 90.01e-6, -1e-6, std::nan("")}) {
        Matrix<double> asked(3, 4, 50e-6);
        asked(2, 1) = bad;
        try {
            program_plain(asked.view(), device, kSite, {}, "in.h5:/target_S");
            FAIL("not refused");
        } catch (const UserError& error) {
            CHECK(error.where() == "in.h5:/target_S[2, 1]");
            CHECK(error.allowed() == "1e-05 to 9e-05 S");
        }
    }
}

TEST_CASE("a cell draws by its place, whatever its neighbours hold", "[property]") {
    const Device device = device_with({});
    const PlainArray one = program_plain(targets(6, 5, 50e-6).view(), device, kSite);
    Matrix<double> asked = targets(6, 5, 50e-6);
    asked(0, 0) = 80e-6;
    const PlainArray other = program_plain(asked.view(), device, kSite);
    for (std::size_t r = 0; r < 6; ++r) {
        for (std::size_t c = 0; c < 5; ++c) {
            CHECK((one.conductance_S(r, c) == other.conductance_S(r, c)) == (r + c > 0));
            const double z = programming_stream(kSite, 0).normal(c * 6 + r);
            CHECK(one.conductance_S(r, c) ==
                  Approx(device.programming.written(50.0_uS, z).value()).epsilon(1e-6));
        }
    }
    DrawSite chip = kSite;
    chip.chip += 1;
    CHECK_FALSE(same(one.conductance_S,
                     program_plain(targets(6, 5, 50e-6).view(), device, chip).conductance_S));
}

TEST_CASE("programming has the card's sigma, faults the asked rates", "[stat]") {
    constexpr std::size_t kRows = 200, kColumns = 150;
    const double n = kRows * kColumns;
    const Device device =
        device_with({"device.stuck.low_rate=0.01", "device.stuck.high_rate=0.02"});
    const PlainArray array = program_plain(targets(kRows, kColumns, 50e-6).view(), device, kSite);
    double mean = 0.0, variance = 0.0, good = 0.0;
    std::int64_t low = 0, high = 0;
    const double sigma = device.programming.sigma(50.0_uS).value();
    for (std::size_t i = 0; i < array.stuck.size(); ++i) {
        const auto kind = static_cast<StuckKind>(array.stuck.data()[i]);
        low += kind == StuckKind::low ? 1 : 0;
        high += kind == StuckKind::high ? 1 : 0;
        if (kind != StuckKind::none) {
            CHECK(array.conductance_S.data()[i] == device.stuck.conductance(kind).value());
            continue;
        }
        const double z = (array.conductance_S.data()[i] - 50e-6) / sigma;
        mean += z;
        variance += z * z;
        good += 1.0;
    }
    CHECK(std::abs(mean / good) < 5.0 / std::sqrt(good));
    CHECK(std::abs(variance / good - 1.0) < 5.0 * std::sqrt(2.0 / good));
    CHECK(low == array.stuck_low);
    CHECK(high == array.stuck_high);
    for (const auto& [count, rate] : {std::pair{low, 0.01}, std::pair{high, 0.02}}) {
        const BinomialBand band = binomial_band(static_cast<std::int64_t>(n), rate);
        REQUIRE(judgeable(band));
        CHECK(std::abs(deviation(band, static_cast<double>(count))) < 5.0);
    }
}

TEST_CASE("white noise of a read follows the state and the time", "[unit]") {
    Device device = silent_device("ideal");
    device.read_noise.sigma_rel = 0.1;
    device.read_noise.sigma_abs = 2.0_uS;
    device.read_noise.integration_time = 10.0_ns;
    device.read_noise.scale = 1.0;
    Matrix<double> g(1, 2);
    g(0, 0) = 0.0;
    g(0, 1) = 30e-6;
    const Matrix<double> one = white_variance(g.view(), device, 10.0_ns);
    CHECK(one(0, 0) == Approx(4e-12));
    CHECK(one(0, 1) == Approx(13e-12));
    const Matrix<double> longer = white_variance(g.view(), device, 40.0_ns);
    CHECK(longer(0, 1) == Approx(13e-12 / 4));
}

TEST_CASE("a simulated loop leaves its own counts", "[unit]") {
    Device device = silent_device(kCard);
    WriteVerify loop;
    loop.window = 1.0_uS;
    loop.pulse_step = 1.5_uS;
    loop.pulse_sigma = 0.5_uS;
    loop.pulses_max = 200;
    device.verify = loop;
    device.programming_mode = ProgrammingMode::verify;
    const PlainArray array = program_plain(targets(8, 7, 40e-6).view(), device, kSite);
    std::int64_t pulses = 0;
    for (std::size_t i = 0; i < array.pulses.size(); ++i) {
        pulses += array.pulses.data()[i];
        // Without read noise an accepted value lies in the window.
        CHECK(std::abs(array.conductance_S.data()[i] - 40e-6) <= 1e-6);
    }
    CHECK(pulses == array.verify.pulses);
    CHECK(pulses > 8 * 7 * 10);
    CHECK(array.verify.failed == 0);
    CHECK(array.write_energy.value() == Approx(array.verify.energy(device.write).value()));
    CHECK(array.write_energy.value() > 0.0);
    CHECK(array.write_time.value() == Approx(static_cast<double>(pulses) * 60e-9));
}

TEST_CASE("the same cells at several ages are one path", "[property]") {
    Device device = silent_device(kCard);
    Relaxation law;
    law.t0 = 1.0_s;
    law.mean_coefficients = {-0.1e-6};
    law.spread_coefficients = {0.0};
    law.spread_ln_coefficients = {0.2e-6};
    law.g_max = device.g_max;
    law.range = {device.g_min, device.g_max};
    device.relaxation = law;
    const Matrix<double> asked = targets(9, 4, 50e-6);
    const auto at = [&](Second age) { return program_plain(asked.view(), device, kSite, age); };
    CHECK(same(at(1.0_s).conductance_S, asked));
    CHECK_FALSE(at(1.0_s).age_clamped);
    CHECK(same(at(1.0_us).conductance_S, asked));
    CHECK(at(1.0_us).age_clamped);
    // Mean and spread both grow with ln(age): a cell's shift does by one factor.
    const Matrix<double> hour = at(3600.0_s).conductance_S, day = at(86400.0_s).conductance_S;
    const double factor = std::log(86400.0) / std::log(3600.0);
    for (std::size_t i = 0; i < hour.size(); ++i) {
        CHECK(hour.data()[i] != 50e-6);
        CHECK((day.data()[i] - 50e-6) / (hour.data()[i] - 50e-6) == Approx(factor).epsilon(1e-5));
    }
}
