#include "crossbar/device/write_verify.hpp"

#include "tests/crossbar/device/parts_fixture.hpp"
#include "tests/reference/write_verify_reference.hpp"

using namespace attohm;
using namespace attohm::literals;
using namespace attohm::testing;
using Catch::Contains;

namespace {

const std::vector<std::uint64_t> kIds = {1, 2, 3};

Stream stream_of(std::uint64_t seed) {
    return {seed, Purpose::write_verify, kIds};
}

ConductanceRange range_of(Siemens floor = {}) {
    return {10.0_uS, 90.0_uS, floor, std::nullopt};
}

/// Targets of the nine levels of a 4-bit pair.
std::vector<double> level_targets(std::size_t count) {
    std::vector<double> targets(count);
    for (std::size_t i = 0; i < count; ++i) targets[i] = (10.0 + 10.0 * double(i * 5 % 9)) * 1e-6;
    return targets;
}

WriteVerify loop_of(Siemens window, Siemens step, Siemens sigma, int pulses_max,
                    double read_sigma) {
    WriteVerify loop;
    loop.window = window;
    loop.pulse_step = step;
    loop.pulse_sigma = sigma;
    loop.pulses_max = pulses_max;
    loop.read_sigma_rel = read_sigma;
    return loop;
}

const WriteVerify kLoop = loop_of(1.0_uS, 4.0_uS, 1.5_uS, 60, 0.01);

reference::VerifyLoop plain(const WriteVerify& loop, const ConductanceRange& range, double target) {
    return {range.min.value(),
            range.floor.value(),
            range.ceiling ? range.ceiling->value() : HUGE_VAL,
            loop.window_of(Siemens::from_value(target)).value(),
            loop.pulse_step.value(),
            loop.pulse_sigma.value(),
            loop.read_sigma_rel,
            loop.pulses_max};
}

struct Written {
    std::vector<double> conductance;
    std::vector<std::uint32_t> pulses;
    WriteVerifyTotals totals;
};

Written write(const WriteVerify& loop, const ConductanceRange& range,
              const std::vector<double>& targets, std::uint64_t seed) {
    Written result{
        std::vector<double>(targets.size()), std::vector<std::uint32_t>(targets.size()), {}};
    result.totals =
        write_cells(loop, range, targets, stream_of(seed), 0, result.conductance, result.pulses);
    return result;
}

}  // namespace

TEST_CASE("a pulse without spread climbs by its step from the reset", "[unit]") {
    const WriteVerify loop = loop_of(0.1_uS, 5.0_uS, 0.0_uS, 40, 0.0);
    const std::vector<double> targets = {10e-6, 15e-6, 60e-6, 90e-6};
    const Written result = write(loop, range_of(), targets, 1);
    const std::uint32_t pulses[] = {1, 2, 11, 17};
    double sum = 0.0;
    for (std::size_t i = 0; i < targets.size(); ++i) {
        CHECK(result.conductance[i] == Approx(targets[i]));
        CHECK(result.pulses[i] == pulses[i]);
        for (std::uint32_t p = 0; p < pulses[i]; ++p) sum += 10e-6 + 5e-6 * p;
    }
    CHECK(result.totals.cells == 4);
    CHECK(result.totals.pulses == 31);
    CHECK(result.totals.failed == 0);
    CHECK(result.totals.clipped == 0);
    CHECK(result.totals.conductance_S == Approx(sum));
    WriteModel write_model;
    write_model.mlc_pulse_voltage = 2.0_V;
    write_model.mlc_pulse_time = 50.0_ns;
    write_model.verify_voltage = Volt::from_value(0.5);
    write_model.verify_time = 10.0_ns;
    CHECK(result.totals.energy(write_model).value() == Approx(sum * (4.0 * 50e-9 + 0.25 * 10e-9)));
    CHECK(result.totals.time(write_model).value() == Approx(31 * 60e-9));
}

TEST_CASE("a loop too coarse for its window fails, and the last value stays", "[unit]") {
    const WriteVerify loop = loop_of(0.4_uS, 5.0_uS, 0.0_uS, 8, 0.0);
    // 22 uS lies between 20 and 25: up, up, up, down, up, ...
    const Written result = write(loop, range_of(), {22e-6, 20e-6}, 1);
    CHECK(result.totals.failed == 1);
    CHECK(result.pulses[0] == 8);
    CHECK(result.pulses[1] == 3);
    // G_p = 10, 15, 20, 25, 20, 25, 20, 25.
    CHECK(result.conductance[0] == Approx(25e-6));
    CHECK(result.conductance[1] == Approx(20e-6));
}

TEST_CASE("values are clipped to floor and ceiling, and counted", "[unit]") {
    const WriteVerify loop = loop_of(0.5_uS, 5.0_uS, 20.0_uS, 1, 0.0);
    ConductanceRange range = range_of(8.0_uS);
    range.ceiling = 12.0_uS;
    const Written result = write(loop, range, std::vector<double>(2000, 10e-6), 1);
    std::int64_t at_end = 0;
    for (const double g : result.conductance) {
        CHECK(g >= 8e-6);
        CHECK(g <= 12e-6);
        at_end += g == (8.0_uS).value() || g == (12.0_uS).value() ? 1 : 0;
    }
    CHECK(at_end == result.totals.clipped);
    CHECK(at_end > 1500);
}

TEST_CASE("every cell of the fast loop is the twin's", "[property]") {
    const std::vector<double> targets = level_targets(3000);
    for (const WriteVerify& loop : {kLoop, loop_of(0.3_uS, 1.0_uS, 0.6_uS, 25, 0.002),
                                    loop_of(4.0_uS, 9.0_uS, 8.0_uS, 30, 0.05)}) {
        const ConductanceRange range = range_of(5.0_uS);
        const Written fast = write(loop, range, targets, 77);
        std::int64_t pulses = 0, failed = 0, compared = 0;
        double sum = 0.0;
        for (std::size_t i = 0; i < targets.size(); ++i) {
            const reference::VerifyLoop twin_loop = plain(loop, range, targets[i]);
            const auto twin =
                reference::verify_cell(twin_loop, targets[i], 77,
                                       static_cast<std::uint32_t>(Purpose::write_verify), kIds, i);
            pulses += twin.pulses;
            failed += twin.failed ? 1 : 0;
            sum += twin.sum;
            // The fast path's normals are good to 1e-6: a reading that near to a limit may fall on
            // either side of it.
            bool on_edge = false;
            for (const double reading : twin.readings) {
                const double distance = std::abs(reading - targets[i]);
                on_edge =
                    on_edge || std::abs(distance - twin_loop.window) < 1e-9 || distance < 1e-9;
            }
            if (on_edge) continue;
            ++compared;
            CHECK(fast.pulses[i] == std::uint32_t(twin.pulses));
            CHECK(fast.conductance[i] == Approx(twin.conductance).epsilon(1e-5));
        }
        CHECK(compared > 2700);
        CHECK(std::abs(fast.totals.pulses - pulses) < 100);
        CHECK(std::abs(fast.totals.failed - failed) < 10);
        CHECK(fast.totals.conductance_S == Approx(sum).epsilon(0.01));
    }
}

TEST_CASE("a cell's write depends on its own draws alone", "[property]") {
    const std::vector<double> targets = level_targets(1500);
    const Written whole = write(kLoop, range_of(), targets, 5);
    // Cut into odd pieces.
    WriteVerifyTotals totals;
    std::size_t first = 0;
    for (const std::size_t n : {1U, 700U, 64U, 735U}) {
        std::vector<double> part(n);
        totals +=
            write_cells(kLoop, range_of(), {targets.data() + first, n}, stream_of(5), first, part);
        for (std::size_t i = 0; i < n; ++i) CHECK(part[i] == whole.conductance[first + i]);
        first += n;
    }
    CHECK(first == targets.size());
    CHECK(totals.pulses == whole.totals.pulses);
    CHECK(totals.failed == whole.totals.failed);
    CHECK(totals.conductance_S == Approx(whole.totals.conductance_S));
    // Another target of the neighbours changes nothing.
    std::vector<double> others = targets;
    for (std::size_t i = 1; i < others.size(); i += 2) others[i] = 55e-6;
    const Written beside = write(kLoop, range_of(), others, 5);
    for (std::size_t i = 0; i < targets.size(); i += 2)
        CHECK(beside.conductance[i] == whole.conductance[i]);
    // More pulses allowed: cells accepted before stay what they were.
    WriteVerify longer = kLoop;
    longer.pulses_max = 200;
    const Written more = write(longer, range_of(), targets, 5);
    for (std::size_t i = 0; i < targets.size(); ++i) {
        if (whole.pulses[i] < 60U) CHECK(more.conductance[i] == whole.conductance[i]);
    }
    // Another seed is another write.
    CHECK(write(kLoop, range_of(), targets, 6).conductance != whole.conductance);
}

TEST_CASE("the reset alone is accepted as often as a normal says", "[stat]") {
    const WriteVerify loop = loop_of(0.8_uS, 5.0_uS, 1.0_uS, 1, 0.0);
    constexpr std::size_t kCells = 400000;
    const Written result = write(loop, range_of(), std::vector<double>(kCells, 10e-6), 3);
    const double w = 0.8;
    const double accepted = std::erf(w / std::sqrt(2.0));
    const BinomialBand band = binomial_band(std::int64_t(kCells), 1.0 - accepted);
    REQUIRE(judgeable(band));
    CHECK(std::abs(deviation(band, double(result.totals.failed))) < 5.0);
    // Those accepted are a normal cut at +-w: its variance and its shape.
    std::vector<double> errors, uniforms;
    for (const double g : result.conductance) {
        const double e = (g - 10e-6) / 1e-6;
        if (std::abs(e) > w) continue;
        errors.push_back(e);
        uniforms.push_back((normal_distribution(e) - normal_distribution(-w)) / accepted);
    }
    CHECK(errors.size() == kCells - std::size_t(result.totals.failed));
    const double density = std::exp(-0.5 * w * w) / std::sqrt(2.0 * M_PI);
    const double variance = 1.0 - 2.0 * w * density / accepted;
    // Fourth moment by parts: 3 m2 - 2 w^3 density / accepted.
    const double fourth = 3.0 * variance - 2.0 * w * w * w * density / accepted;
    check_moments(errors, 0.0, variance, fourth / (variance * variance));
    check_uniform(uniforms, 1);
}

TEST_CASE("pulses, failures and residual error are distributed as the twin's", "[stat]") {
    // Another seed: two samples of one law.
    constexpr std::size_t kCells = 40000;
    const WriteVerify loop = loop_of(1.0_uS, 4.0_uS, 2.0_uS, 25, 0.01);
    const std::vector<double> targets = level_targets(kCells);
    const Written fast = write(loop, range_of(), targets, 100);
    std::vector<std::int64_t> fast_pulses(26), twin_pulses(26);
    std::vector<double> fast_errors, twin_errors;
    std::int64_t twin_failed = 0;
    for (std::size_t i = 0; i < kCells; ++i) {
        const auto twin =
            reference::verify_cell(plain(loop, range_of(), targets[i]), targets[i], 200,
                                   static_cast<std::uint32_t>(Purpose::write_verify), kIds, i);
        ++twin_pulses[std::size_t(twin.pulses)];
        ++fast_pulses[fast.pulses[i]];
        twin_failed += twin.failed ? 1 : 0;
        twin_errors.push_back((twin.conductance - targets[i]) * 1e6);
        fast_errors.push_back((fast.conductance[i] - targets[i]) * 1e6);
    }
    REQUIRE(twin_failed > 500);
    const double share = double(twin_failed) / double(kCells);
    const BinomialBand failed = binomial_band(std::int64_t(kCells), share);
    CHECK(std::abs(deviation(difference_band(failed, failed),
                             double(fast.totals.failed - twin_failed))) < 5.0);
    // Pulse counts: chi-square of two samples of one size, bins of 20 or more.
    double sum = 0.0;
    int bins = 0;
    for (std::size_t p = 0; p < 26; ++p) {
        const auto both = double(fast_pulses[p] + twin_pulses[p]);
        if (both < 20.0) continue;
        sum += std::pow(double(fast_pulses[p] - twin_pulses[p]), 2) / both;
        ++bins;
    }
    REQUIRE(bins > 15);
    const boost::math::chi_squared law(double(bins - 1));
    CHECK(sum < boost::math::quantile(boost::math::complement(law, 1e-6)));
    // Residual errors: mean and variance of two samples.
    const Moments a = moments(fast_errors), b = moments(twin_errors);
    double fourth = 0.0;
    for (const double e : twin_errors) fourth += std::pow(e - b.mean, 4) / double(kCells);
    CHECK(std::abs(a.mean - b.mean) < 5.0 * std::sqrt(2.0 * b.variance / double(kCells)));
    CHECK(std::abs(a.variance - b.variance) <
          5.0 * std::sqrt(2.0 * (fourth - b.variance * b.variance) / double(kCells)));
}

TEST_CASE("a noisy verify read accepts true values outside the window", "[unit]") {
    const std::vector<double> targets(5000, 50e-6);
    const auto outside = [&](double read_sigma) {
        const Written result =
            write(loop_of(0.5_uS, 2.0_uS, 1.0_uS, 500, read_sigma), range_of(), targets, 8);
        return std::count_if(result.conductance.begin(), result.conductance.end(),
                             [](double g) { return std::abs(g - 50e-6) > 0.5e-6 * (1 + 1e-9); });
    };
    CHECK(outside(0.0) == 0);
    CHECK(outside(0.02) > 500);
}

TEST_CASE("the endurance counter adds pulses by location", "[unit]") {
    EnduranceCounter counter(4, 25.0);
    CHECK(counter.worst() == 0);
    CHECK_FALSE(counter.writes_left(1));
    const std::vector<std::uint32_t> first = {3, 8}, second = {10, 2, 5};
    counter.add(0, first);
    counter.add(1, second);
    counter.add(1, second);
    // 3, 28, 4, 10.
    CHECK(counter.worst() == 28);
    CHECK(counter.mean() == Approx(45.0 / 4.0));
    CHECK(counter.over() == 1);
    CHECK(*counter.writes_left(3) == 0.0);
    CHECK_THROWS_AS(counter.add(2, second), InvariantError);
    EnduranceCounter fresh(1, 100.0);
    fresh.add(0, std::vector<std::uint32_t>{20});
    CHECK(*fresh.writes_left(2) == Approx(8.0));
    EnduranceCounter unlimited(2, std::nullopt);
    unlimited.add(0, first);
    CHECK(unlimited.over() == 0);
    CHECK_FALSE(unlimited.writes_left(1));
}

TEST_CASE("a verify section is complete, and the experiment chooses to run it", "[unit]") {
    const std::string card =
        "verify: {window_rel: 0.02, pulse_step_uS: 2, pulse_sigma_uS: 0.5, pulses_max: 80, "
        "read_sigma_rel: 0.003, endurance_cycles: 1e6}\n";
    const Device direct = device_of(card);
    REQUIRE(direct.verify);
    CHECK_FALSE(direct.simulates_verify());
    CHECK(direct.verify->window_of(50.0_uS).value() == Approx(1e-6));
    CHECK(*direct.verify->endurance_cycles == 1e6);
    CHECK(device_of(card, {"device.programming.mode=verify"}).simulates_verify());
    CHECK_THAT(complaint("", {"device.programming.mode=verify"}),
               Contains("no write-verify loop") && Contains("section verify"));
    CHECK_THAT(complaint(card, {"device.programming.mode=loop"}),
               Contains("device.programming.mode"));
    const auto changed = [&](const std::string& from, const std::string& to) {
        std::string text = card;
        text.replace(text.find(from), from.size(), to);
        return text;
    };
    CHECK(device_of(changed("window_rel: 0.02", "window_uS: 0.7"))
              .verify->window_of(50.0_uS)
              .value() == Approx(0.7e-6));
    CHECK_FALSE(device_of(changed("1e6", "none")).verify->endurance_cycles);
    CHECK_THAT(complaint(changed("window_rel: 0.02", "window_uS: 1, window_rel: 0.02")),
               Contains("given twice"));
    // 2 % written as 2.
    CHECK_THAT(complaint(changed("window_rel: 0.02", "window_rel: 2")),
               Contains("verify.window_rel"));
    CHECK_THAT(complaint(changed("pulse_step_uS: 2", "pulse_step_uS: 0")),
               Contains("verify.pulse_step_uS"));
    CHECK_THAT(complaint(changed("pulses_max: 80", "pulses_max: 0")),
               Contains("verify.pulses_max"));
    CHECK_THAT(complaint(changed(", read_sigma_rel: 0.003", "")),
               Contains("verify.read_sigma_rel"));
}
