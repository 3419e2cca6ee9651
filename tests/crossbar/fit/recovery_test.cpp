#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "crossbar/device/slow_noise.hpp"
#include "crossbar/fit/device_fit.hpp"
#include "tests/crossbar/fit/coverage.hpp"
#include "tests/crossbar/fit/synthetic.hpp"

using namespace attohm;
using namespace attohm::fit;
using namespace attohm::testing;

namespace {

constexpr int kSeeds = 200;
constexpr int kRecordSeeds = 40;  ///< spectra are dear

MeasuredData data_of(const std::string& text, const char* name) {
    MeasuredData data;
    data.add_text(text, name);
    return data;
}

double at(const std::vector<double>& c, double x) {
    double sum = 0.0;
    for (std::size_t k = c.size(); k-- > 0;) sum = sum * x + c[k];
    return sum;
}

ProgrammingFit programming_of(const ProgrammingTruth& truth, std::uint64_t seed) {
    const MeasuredData data = data_of(programming_csv(truth, seed), "programming.csv");
    return fit_programming(*data.find(MeasuredKind::programming), std::nullopt);
}

ReadsFit reads_of(const ReadsTruth& truth, std::uint64_t seed) {
    const MeasuredData data = data_of(reads_csv(truth, seed), "reads.csv");
    return fit_reads(*data.find(MeasuredKind::reads));
}

RetentionFit retention_of(const RetentionTruth& truth, std::uint64_t seed) {
    const MeasuredData data = data_of(retention_csv(truth, seed), "retention.csv");
    return fit_retention(*data.find(MeasuredKind::retention), truth.ages_s.front(), {});
}

}  // namespace

TEST_CASE("programming: intervals hold the truth as often as they say", "[stat]") {
    ProgrammingTruth truth;
    truth.bias = {0.2, -0.01};
    Coverage coverage;
    int right_degree = 0, other_law = 0;
    for (int seed = 0; seed < kSeeds; ++seed) {
        const ProgrammingFit fit = programming_of(truth, 1000 + seed);
        if (fit.law != ProgrammingLaw::polynomial) {
            ++other_law;
            continue;
        }
        right_degree += fit.sigma.law.coefficients.size() == 2 ? 1 : 0;
        coverage.add("sigma at 10 uS", fit.sigma.law.bounds_at(10.0), at(truth.sigma, 10.0));
        coverage.add("sigma at 35 uS", fit.sigma.law.bounds_at(35.0), at(truth.sigma, 35.0));
        REQUIRE(fit.bias);
        coverage.add("bias at 10 uS", fit.bias->bounds_at(10.0), at(truth.bias, 10.0));
        coverage.add("bias at 35 uS", fit.bias->bounds_at(35.0), at(truth.bias, 35.0));
        const Level& level = fit.levels[2];
        coverage.add("level sigma", level.sigma_uS.bounds, at(truth.sigma, 15.0));
        coverage.add("level mean", level.mean_uS.bounds, 15.0 + at(truth.bias, 15.0));
    }
    coverage.check();
    // Two higher degrees, each taken at 0.01; another law where chance speaks a hundredfold for it.
    CHECK(right_degree > 0.9 * kSeeds);
    CHECK(other_law <= 0.02 * kSeeds);
}

TEST_CASE("programming: log-normal is told from normal, and given back", "[stat]") {
    ProgrammingTruth truth;
    truth.log_normal = true;
    truth.sigma = {0.3, -0.004};
    Coverage coverage;
    for (int seed = 0; seed < kSeeds / 4; ++seed) {
        const ProgrammingFit fit = programming_of(truth, 2000 + seed);
        REQUIRE(fit.law == ProgrammingLaw::log_normal);
        coverage.add("sigma of ln G", fit.sigma.law.bounds_at(20.0), at(truth.sigma, 20.0));
    }
    coverage.check();
}

TEST_CASE("stuck cells: rates come back with their intervals and leave sigma alone", "[stat]") {
    ProgrammingTruth truth;
    truth.low_rate = 0.03;
    truth.high_rate = 0.02;
    Coverage coverage;
    for (int seed = 0; seed < kSeeds; ++seed) {
        const ProgrammingFit fit = programming_of(truth, 3000 + seed);
        coverage.add("low rate", fit.stuck.low_rate.bounds, truth.low_rate);
        coverage.add("high rate", fit.stuck.high_rate.bounds, truth.high_rate);
        coverage.add("sigma beside stuck cells", fit.sigma.law.bounds_at(20.0),
                     at(truth.sigma, 20.0));
    }
    coverage.check();
}

TEST_CASE("reads: white, 1/f and exponent come back with their intervals", "[stat]") {
    ReadsTruth truth;
    truth.exponent = 1.1;
    Coverage coverage;
    for (int seed = 0; seed < kRecordSeeds; ++seed) {
        const ReadsFit fit = reads_of(truth, 4000 + seed);
        REQUIRE(fit.slow);
        coverage.add("amplitude", fit.amplitude_rel2.bounds, truth.amplitude);
        coverage.add("exponent", fit.exponent.bounds, truth.exponent);
        coverage.add("white", fit.sigma_rel.bounds, truth.sigma_rel);
    }
    INFO(coverage.text());
    coverage.check();
}

TEST_CASE("reads: the ladder that a card's slow noise is made of comes back as its law", "[stat]") {
    // Ornstein-Uhlenbeck components as crossbar/device lists them, read without averaging.
    SlowNoise card;
    card.amplitude_rel2 = 1e-5;
    card.exponent = 1.0;
    card.f_low = Hertz::from_value(1.0);
    card.f_high = Hertz::from_value(500.0);
    constexpr int kReads = 1000, kRecords = 16, kRuns = 20;
    constexpr double kSpacing = 1e-3, kWhite = 0.004;
    std::vector<double> log_amplitudes, exponents, whites, totals;
    for (int run = 0; run < kRuns; ++run) {
        Dice dice(static_cast<std::uint64_t>(12000 + run));
        std::string text = "chip,row,column,time_s,conductance_uS,integration_time_ns\n";
        for (int r = 0; r < kRecords; ++r) {
            std::vector<double> state;
            for (const SlowComponent& c : card.components())
                state.push_back(c.sigma * dice.normal());
            for (int i = 0; i < kReads; ++i) {
                double sum = kWhite * dice.normal();
                std::size_t k = 0;
                for (const SlowComponent& c : card.components()) {
                    sum += state[k];
                    const double keep = std::exp(-c.rate * kSpacing);
                    state[k] =
                        keep * state[k] + std::sqrt(1.0 - keep * keep) * c.sigma * dice.normal();
                    ++k;
                }
                text +=
                    fmt::format("0,{},0,{:.6f},{:.9f},10\n", r, i * kSpacing, 20.0 * (1.0 + sum));
            }
        }
        const MeasuredData data = data_of(text, "reads.csv");
        const ReadsFit fit = fit_reads(*data.find(MeasuredKind::reads));
        REQUIRE(fit.slow);
        log_amplitudes.push_back(std::log(fit.amplitude_rel2.value / card.amplitude_rel2));
        exponents.push_back(fit.exponent.value);
        whites.push_back(fit.sigma_rel.value);
        totals.push_back(whites.back() * whites.back() + fit.slow_noise().variance());
    }
    // Read in no time, white noise is told from what folds back by the exponent alone, so its own
    // figure is loose; the variance of a read, which is both, is not.
    const auto error = [](const std::vector<double>& v) {
        return 5.0 * deviation_of(v) / std::sqrt(static_cast<double>(v.size()));
    };
    const double total = kWhite * kWhite + card.variance();
    CHECK(std::abs(mean_of(log_amplitudes)) < error(log_amplitudes));
    CHECK(std::abs(mean_of(exponents) - 1.0) < error(exponents));
    CHECK(std::abs(mean_of(whites) - kWhite) < error(whites));
    CHECK(std::abs(mean_of(totals) - total) < error(totals));
    // And these bands are narrow enough to see a wrong law.
    CHECK(error(log_amplitudes) < 0.2);
    CHECK(error(exponents) < 0.06);
    CHECK(error(totals) < 0.1 * total);
}

TEST_CASE("reads: noise relative to G is told from noise in uS", "[stat]") {
    ReadsTruth truth;
    truth.amplitude = 0.0;
    truth.low_uS = 5.0;
    truth.high_uS = 50.0;
    truth.sigma_rel = 0.003;
    truth.sigma_abs_uS = 0.05;
    Coverage coverage;
    for (int seed = 0; seed < kRecordSeeds; ++seed) {
        const ReadsFit fit = reads_of(truth, 5000 + seed);
        coverage.add("relative", fit.sigma_rel.bounds, truth.sigma_rel);
        coverage.add("absolute", fit.sigma_abs_uS.bounds, truth.sigma_abs_uS);
        CHECK_FALSE(fit.by_cells);
    }
    coverage.check();
}

TEST_CASE("retention: slope and spread come back with their intervals", "[stat]") {
    const RetentionTruth truth;
    Coverage coverage;
    for (int seed = 0; seed < kSeeds; ++seed) {
        const RetentionFit fit = retention_of(truth, 6000 + seed);
        coverage.add("mean slope at 20 uS", fit.mean.law.bounds_at(20.0),
                     at(truth.mean_per_ln, 20.0));
        coverage.add("spread at t0", fit.sigma.law.bounds_at(20.0), truth.sigma0);
        coverage.add("growth of the spread", fit.sigma_per_ln.law.bounds_at(20.0), truth.sigma1);
        coverage.add("growth, one level", fit.levels[1].sigma_per_ln_uS.bounds, truth.sigma1);
    }
    INFO(coverage.text());
    coverage.check();
}

TEST_CASE("temperature: both sides of the crossover come back", "[stat]") {
    RetentionTruth truth;
    truth.hot_K = {330, 360, 390};
    Coverage coverage;
    for (int seed = 0; seed < kSeeds / 2; ++seed) {
        const RetentionFit fit = retention_of(truth, 7000 + seed);
        REQUIRE(fit.temperature);
        CHECK(fit.temperature->crossover_uS == Approx(25.0));
        REQUIRE(fit.temperature->alpha_per_K);
        REQUIRE(fit.temperature->activation_eV);
        coverage.add("alpha", fit.temperature->alpha_per_K->bounds, truth.alpha_per_K);
        coverage.add("activation", fit.temperature->activation_eV->bounds, truth.activation_eV);
    }
    INFO(coverage.text());
    coverage.check();
}

TEST_CASE("I-V: v0 of a sinh and the terms of a polynomial come back", "[stat]") {
    Coverage coverage;
    IvTruth bent;
    bent.v0_V = 0.0;
    bent.a2 = 0.8;
    bent.a3 = -0.5;
    bent.noise_rel = 0.002;
    int chosen = 0;
    for (int seed = 0; seed < kSeeds; ++seed) {
        const IvTruth truth;
        const MeasuredData sinh = data_of(iv_csv(truth, 8000 + seed), "iv.csv");
        const IvFit fit = fit_iv(*sinh.find(MeasuredKind::iv), truth.v_ref_V, std::nullopt);
        chosen += fit.law == IvLaw::sinh ? 1 : 0;
        coverage.add("v0", fit.v0_V.bounds, truth.v0_V);
        const MeasuredData other = data_of(iv_csv(bent, 9000 + seed), "iv.csv");
        const IvFit poly = fit_iv(*other.find(MeasuredKind::iv), bent.v_ref_V, std::nullopt);
        REQUIRE(poly.law == IvLaw::polynomial);
        coverage.add("a2", poly.coefficients[0].bounds, bent.a2);
        coverage.add("a3", poly.coefficients[1].bounds, bent.a3);
    }
    coverage.check();
    CHECK(chosen > 0.97 * kSeeds);
}

TEST_CASE("pulses: step and its deviation come back", "[stat]") {
    PulsesTruth truth;
    truth.loop = false;
    truth.writes = 1;
    truth.pulses_max = 100;
    Coverage coverage;
    for (int seed = 0; seed < kSeeds; ++seed) {
        const MeasuredData data = data_of(pulses_csv(truth, 11000 + seed), "pulses.csv");
        const PulsesFit fit = fit_pulses(*data.find(MeasuredKind::pulses));
        coverage.add("sigma", fit.sigma_uS.bounds, truth.sigma_uS);
    }
    coverage.check();
}
