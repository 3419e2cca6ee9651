#include <catch2/catch.hpp>
#include <cmath>

#include "crossbar/fit/device_fit.hpp"
#include "crossbar/fit/whittle.hpp"
#include "src/base/error.hpp"
#include "tests/crossbar/device/card_fixture.hpp"
#include "tests/crossbar/fit/fit_bench.hpp"
#include "tests/crossbar/fit/synthetic.hpp"

using namespace attohm;
using namespace attohm::fit;
using namespace attohm::testing;

namespace {

MeasuredData example(std::uint64_t seed = 1) {
    MeasuredData data;
    for (const auto& [name, text] : measured_example(seed)) data.add_text(text, name);
    return data;
}

Device device_of(const std::string& card) {
    return load_device(device_experiment("fitted.yaml"), Settings::from_text(card, "fitted.yaml"),
                       "fitted.yaml");
}

}  // namespace

TEST_CASE("a fitted card is loaded and holds the laws of the data", "[unit]") {
    const DeviceFit fit = fit_device(example(), options_with_base());
    const Device device = device_of(card_text(fit));
    CHECK(device.g_min.value() == Approx(5e-6));
    CHECK(device.g_max.value() == Approx(40e-6));
    for (const double target : {5.0, 17.0, 40.0}) {
        const Siemens g = Siemens::from_value(target * 1e-6);
        // Six digits in the card.
        CHECK(device.programming.sigma(g).value() ==
              Approx(fit.programming->sigma_at(target) * 1e-6).epsilon(1e-4));
        CHECK(
            device.programming.bias(g).value() ==
            Approx((fit.programming->mean_at(target) - target) * 1e-6).epsilon(1e-3).margin(1e-10));
        REQUIRE(device.relaxation);
        const double x = std::log(1000.0);
        CHECK(device.relaxation->mean(g, Second::from_value(1000.0)).value() ==
              Approx(fit.retention->mean.law.at(target) * x * 1e-6).epsilon(1e-4));
        const double s0 = fit.retention->sigma.law.at(target);
        const double s = s0 + fit.retention->sigma_per_ln.law.at(target) * x;
        CHECK(device.relaxation->sigma(g, Second::from_value(1000.0)).value() ==
              Approx(std::sqrt(s * s - s0 * s0) * 1e-6).epsilon(1e-4));
    }
    CHECK(device.read_noise.sigma_rel == Approx(fit.reads->sigma_rel.value).epsilon(1e-5));
    CHECK(device.read_noise.integration_time.value() == Approx(5e-4));
    CHECK(device.slow_noise.amplitude_rel2 ==
          Approx(fit.reads->amplitude_rel2.value).epsilon(1e-5));
    CHECK(device.slow_noise.f_high.value() == Approx(500.0));
    CHECK(device.stuck.low_rate == Approx(fit.programming->stuck.low_rate.value).epsilon(1e-5));
    CHECK(device.cell.iv.v0.value() == Approx(fit.iv->v0_V.value).epsilon(1e-5));
    REQUIRE(device.temperature_law);
    CHECK(device.temperature_law->alpha_per_K ==
          Approx(fit.retention->temperature->alpha_per_K->value).epsilon(1e-5));
    REQUIRE(device.verify);
    CHECK(device.verify->pulse_step.value() == Approx(fit.pulses->step_uS.value * 1e-6));
    // Nothing beyond the data.
    REQUIRE(device.validity.age);
    CHECK(device.validity.age->high.value() == Approx(1e4));
    CHECK(device.validity.read->high.value() == Approx(0.4));
    CHECK(device.validity.temperature->high.value() == Approx(360.0));
    CHECK(device.validity.conductance->low.value() == Approx(5e-6));
}

TEST_CASE("every leaf of a fitted card has mark, source and help", "[property]") {
    const DeviceFit fit = fit_device(example(), options_with_base());
    const Settings card = Settings::from_text(card_text(fit), "card.yaml");
    std::size_t fitted = 0;
    for (const std::string& key : card.keys()) {
        const SettingsEntry& entry = card.entry(key);
        INFO(key);
        CHECK_FALSE(entry.source.empty());
        CHECK_FALSE(entry.help.empty());
        if (entry.mark == Mark::fitted) {
            ++fitted;
            CHECK_THAT(entry.source, Catch::Contains(".csv") || Catch::Contains("--"));
        }
        if (entry.mark == Mark::cited) FAIL("a fitted card cites nobody: " << key);
    }
    CHECK(fitted > 25);
    CHECK_THAT(card.entry("write.slc_pulse_V").source, Catch::Contains("card ibm-cmo-hfox-2pct"));
}

TEST_CASE("the same data give the same bytes", "[property]") {
    const std::string first = card_text(fit_device(example(), options_with_base()));
    CHECK(card_text(fit_device(example(), options_with_base())) == first);
    CHECK(card_text(fit_device(example(2), options_with_base())) != first);
}

TEST_CASE("units do not change the card", "[property]") {
    // The same conductances in siemens: every number scaled, every fit the same.
    std::string micro = programming_header(),
                plain = "chip,row,column,target_S,conductance_S,age_ms\n";
    Dice dice(5);
    for (int i = 0; i < 400; ++i) {
        const double target = 10.0 * (1 + i % 4), g = target + 0.5 * dice.normal();
        micro += fmt::format("0,{},0,{},{},1\n", i, target, g);
        plain += fmt::format("0,{},0,{}e-6,{}e-6,1000\n", i, target, g);
    }
    const auto a =
        fit_programming(*data_of({{"a.csv", micro}}).find(MeasuredKind::programming), {});
    const auto b =
        fit_programming(*data_of({{"a.csv", plain}}).find(MeasuredKind::programming), {});
    for (const double g : {10.0, 25.0, 40.0})
        CHECK(a.sigma_at(g) == Approx(b.sigma_at(g)).epsilon(1e-10));
    CHECK(b.measured_at_s == Approx(1.0));
}

TEST_CASE("laws on request: table and log-normal load as cards", "[unit]") {
    for (const ProgrammingLaw law : {ProgrammingLaw::table, ProgrammingLaw::log_normal}) {
        FitOptions options = options_with_base();
        options.law = law;
        const DeviceFit fit = fit_device(example(), options);
        const Device device = device_of(card_text(fit));
        CHECK(device.programming.law == law);
        for (const double target : {5.0, 15.0, 40.0}) {
            const Siemens g = Siemens::from_value(target * 1e-6);
            // Log-normal: the fit's own sigma is taken at the target, the card's at target + bias.
            CHECK(device.programming.sigma(g).value() ==
                  Approx(fit.programming->sigma_at(target) * 1e-6).epsilon(0.03));
        }
    }
}

TEST_CASE("a mean error or sigma that no polynomial follows becomes a table", "[unit]") {
    Dice dice(9);
    std::string text = programming_header();
    const std::vector<double> sigma = {0.5, 1.5, 0.4, 1.6, 0.5, 1.4, 0.6};
    for (int i = 0; i < 1400; ++i) {
        const std::size_t level = static_cast<std::size_t>(i % 7);
        const double target = 10.0 + 5.0 * static_cast<double>(level);
        text +=
            fmt::format("0,{},0,{},{:.6f},1\n", i, target, target + sigma[level] * dice.normal());
    }
    const auto fit =
        fit_programming(*data_of({{"p.csv", text}}).find(MeasuredKind::programming), {});
    CHECK(fit.law == ProgrammingLaw::table);
    CHECK_THAT(fit.why, Catch::Contains("no polynomial up to degree 3"));
    CHECK(fit.sigma_at(15.0) == Approx(1.5).epsilon(0.2));
    CHECK(fit.sigma_at(12.5) == Approx(0.5 * (fit.sigma_at(10.0) + fit.sigma_at(15.0))));
}

TEST_CASE("overlap: law and data agree, and count what lies beyond the middle", "[unit]") {
    ProgrammingTruth truth;
    truth.targets_uS = {10, 12, 14};
    truth.sigma = {0.8};
    truth.rows = 40;
    truth.columns = 40;
    const auto fit = fit_programming(
        *data_of({{"p.csv", programming_csv(truth, 3)}}).find(MeasuredKind::programming), {});
    REQUIRE(fit.overlaps.size() == 2);
    for (const Overlap& o : fit.overlaps) {
        const double expected = 1.0 - normal_cdf(1.0 / 0.8);
        CHECK(o.low_misread.bounds.holds(expected));
        CHECK(o.high_misread.bounds.holds(expected));
        CHECK(o.low_by_law == Approx(expected).epsilon(0.1));
        CHECK(o.high_by_law == Approx(expected).epsilon(0.1));
    }
}

TEST_CASE("stuck cells: the rule on cells that are plain", "[unit]") {
    std::vector<Reading> readings;
    Dice dice(11);
    for (long c = 0; c < 60; ++c)
        for (const double target : {10.0, 20.0, 30.0}) {
            double g = target + 0.4 * dice.normal();
            if (c == 0) g = 20.1;  // within its level once, far twice, does not answer
            if (c == 1) g = 90.0;
            if (c == 2) g = 0.0;
            if (c == 3 && target == 20.0) g = 27.0;  // one bad write of a cell that answers
            readings.push_back({{0, 0, c}, target, g});
        }
    const StuckFit fit = find_stuck(readings);
    CHECK(fit.cells == 60);
    CHECK(fit.low == std::set<CellId>{{0, 0, 0}, {0, 0, 1}});
    CHECK(fit.high == std::set<CellId>{{0, 0, 2}});
    CHECK(fit.outliers == 1);
    CHECK(fit.low_rate.value == Approx(2.0 / 60.0));
    REQUIRE(fit.high_resistance_ohm);
    CHECK(*fit.high_resistance_ohm == Approx(1e15));
    // Exact: k = 0 of n gives 1 - 0.025^(1/n).
    CHECK(share_estimate(0, 60).bounds.high == Approx(1.0 - std::pow(0.025, 1.0 / 60.0)));
}

TEST_CASE("the expected periodogram of a component is the sum of its covariances", "[unit]") {
    constexpr std::size_t kReads = 48;
    constexpr double kSpacing = 0.01;
    for (const double rate : {0.1, 3.0, 60.0, 2000.0})
        for (const double integration : {1e-7, 0.004, 0.01})
            for (const double j : {1.0, 5.0, 23.0}) {
                // Covariance of two averaged reads: a double sum over finely cut reads.
                constexpr int kCuts = 60;
                const auto covariance = [&](std::size_t lag) {
                    double sum = 0.0;
                    for (int a = 0; a < kCuts; ++a)
                        for (int b = 0; b < kCuts; ++b)
                            sum += std::exp(-rate * std::abs(static_cast<double>(lag) * kSpacing +
                                                             integration * (a - b) / kCuts));
                    return sum / (kCuts * kCuts);
                };
                const double f = j / (kReads * kSpacing);
                double sum = covariance(0);
                for (std::size_t lag = 1; lag < kReads; ++lag)
                    sum += 2.0 * (1.0 - static_cast<double>(lag) / kReads) * covariance(lag) *
                           std::cos(2.0 * M_PI * f * kSpacing * static_cast<double>(lag));
                const double expected = 2.0 * kSpacing * sum;
                INFO(rate << " 1/s, " << integration << " s, " << j);
                CHECK(component_periodogram(f, rate, kSpacing, integration, kReads) ==
                      Approx(expected).epsilon(0.02).margin(1e-6 * kSpacing));
            }
    // Very fast noise read in no time is white: 2 spacing.
    CHECK(component_periodogram(10.0, 1e9, kSpacing, 0.0, kReads) == Approx(2.0 * kSpacing));
    CHECK(component_periodogram(10.0, 1e9, kSpacing, kSpacing, kReads) < 1e-6 * kSpacing);
}

TEST_CASE("reads: telegraph noise is said, white noise alone is no 1/f", "[unit]") {
    ReadsTruth jumps;
    jumps.telegraph_rel = 0.05;
    jumps.amplitude = 0.0;
    const auto two =
        fit_reads(*data_of({{"r.csv", reads_csv(jumps, 1)}}).find(MeasuredKind::reads));
    CHECK(two.two_level_records == 16);
    CHECK_THAT(two.notes[2], Catch::Contains("16 of 16 records jump between two levels"));
    ReadsTruth white;
    white.amplitude = 0.0;
    const auto flat =
        fit_reads(*data_of({{"r.csv", reads_csv(white, 2)}}).find(MeasuredKind::reads));
    CHECK_FALSE(flat.slow);
    CHECK(flat.two_level_records == 0);
    CHECK(flat.sigma_rel.bounds.holds(white.sigma_rel));
    // Telegraph noise is never left unsaid.
    CHECK_THAT(flat.notes[0], Catch::Contains("Random telegraph noise is not fitted"));
}

TEST_CASE("pulses: the loop's window, counts and failures", "[unit]") {
    PulsesTruth truth;
    truth.pulses_max = 12;
    const auto fit =
        fit_pulses(*data_of({{"p.csv", pulses_csv(truth, 4)}}).find(MeasuredKind::pulses));
    CHECK(fit.loop);
    CHECK(fit.writes == 200);
    CHECK(fit.pulses_max == 12);
    CHECK(fit.accepted.value < 1.0);
    CHECK_FALSE(fit.relative_window);
    CHECK(fit.window.bounds.holds(truth.window_uS));
    std::size_t writes = 0;
    for (const std::size_t n : fit.count_by_pulses) writes += n;
    CHECK(writes == 200);
}

TEST_CASE("what was not measured comes from the base, marked, or is asked for", "[unit]") {
    const ProgrammingTruth truth;
    const std::vector<std::pair<std::string, std::string>> files = {
        {"programming.csv", programming_csv(truth, 1)}};
    check_refused(files, {},
                  {"more than was measured", "data of: programming", "validity.temperature_K",
                   "--temperature-K", "validity.read_V", "read_noise", "write"});
    FitOptions options = options_with_base();
    const DeviceFit fit = fit_device(data_of(files), options);
    const Settings card = Settings::from_text(card_text(fit), "card.yaml");
    CHECK(card.entry("read_noise.sigma_rel").mark == Mark::assumed);
    CHECK_THAT(card.entry("read_noise.sigma_rel").source,
               Catch::Contains("card ibm-cmo-hfox-2pct"));
    CHECK(card.entry("programming.sigma_uS_coefficients").mark == Mark::fitted);
    CHECK_NOTHROW(device_of(card_text(fit)));
    const auto warned = [&](const std::string& text) {
        for (const std::string& w : fit.warnings)
            if (w.find(text) != std::string::npos) return true;
        return false;
    };
    CHECK(warned("assumed to be as in card ibm-cmo-hfox-2pct"));
    CHECK(warned("speaks of 10 to 90 uS"));
}

TEST_CASE("every built-in card can be the base, and the result loads", "[property]") {
    for (const std::string& name : device_card_names()) {
        INFO(name);
        FitOptions options;
        options.base = name;
        options.temperature_K = 300.0;
        options.read_V = 0.2;
        // Written within the base's own range, an hour after its own t0 at most.
        const Device base = load_device(device_experiment(name));
        ProgrammingTruth truth;
        const double low = base.g_min.value() * 1e6, high = base.g_max.value() * 1e6;
        truth.targets_uS = {low, 0.5 * (low + high), high};
        truth.sigma = {0.02 * high};
        truth.age_s = 10.0;
        std::string card;
        REQUIRE_NOTHROW(card = card_text(fit_device(
                            data_of({{"programming.csv", programming_csv(truth, 3)}}), options)));
        Device device;
        REQUIRE_NOTHROW(device = device_of(card));
        CHECK(device.programming.measured_at.value() == Approx(10.0));
        CHECK(device.relaxation.has_value() == base.relaxation.has_value());
        if (!device.relaxation || device.relaxation->law == RelaxationLaw::power) continue;
        // The path after t0 is the base's own: what the spread gains from 10 s on is the same.
        const Siemens middle = Siemens::from_value(0.5 * (low + high) * 1e-6);
        const auto variance = [&](const Device& d, double age) {
            return std::pow(d.relaxation->sigma(middle, Second::from_value(age)).value(), 2);
        };
        const double gained = variance(base, 1000.0) - variance(base, 10.0);
        CHECK(variance(device, 1000.0) == Approx(gained).epsilon(1e-3).margin(1e-20));
    }
}

TEST_CASE("an option that nothing reads is refused", "[unit]") {
    FitOptions options = options_with_base();
    options.v_ref_V = 0.2;
    const std::string programming = programming_csv({}, 1);
    check_refused({{"p.csv", programming}}, options, {"nothing reads", "--v-ref", "no iv data"});
    options = options_with_base();
    options.law = ProgrammingLaw::table;
    check_refused({{"iv.csv", iv_csv({}, 1)}}, options, {"nothing reads", "--law"});
    options = options_with_base();
    check_refused({{"iv.csv", iv_csv({}, 1)}}, options, {"nothing reads", "--read-V", "0.2"});
}

TEST_CASE("the card's range is what programming and retention share", "[unit]") {
    ProgrammingTruth programming;
    RetentionTruth retention;
    retention.targets_uS = {10, 20, 30};
    const std::string p = programming_csv(programming, 1), r = retention_csv(retention, 2);
    const DeviceFit fit = fit_device(data_of({{"p.csv", p}, {"r.csv", r}}), options_with_base());
    const Device device = device_of(card_text(fit));
    CHECK(device.g_min.value() == Approx(10e-6));
    CHECK(device.g_max.value() == Approx(30e-6));
    CHECK_THAT(fit.warnings.front(), Catch::Contains("have no retention data"));
    // Without programming data the base's range is cut, not the relaxation stretched.
    FitOptions base_only;
    base_only.base = "ibm-cmo-hfox-2pct";
    base_only.read_V = 0.2;
    const Device other = device_of(card_text(fit_device(data_of({{"r.csv", r}}), base_only)));
    CHECK(other.g_min.value() == Approx(10e-6));
    CHECK(other.g_max.value() == Approx(30e-6));
    CHECK(other.validity.conductance->high.value() == Approx(30e-6));
    retention.targets_uS = {20};
    check_refused({{"p.csv", p}, {"r.csv", retention_csv(retention, 2)}}, options_with_base(),
                  {"share no range of targets", "r.csv"});
}
