#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "circuits/level_sense.hpp"
#include "circuits/rc_settling.hpp"
#include "circuits/sample_hold.hpp"
#include "circuits/threshold_reference.hpp"
#include "src/base/error.hpp"

/// How the analog blocks of an array act on its signals.
using namespace attohm;
using namespace attohm::literals;

namespace {

Stream stream(std::uint64_t id) {
    return {20221, Purpose::sampling, {id}};
}

constexpr double kRoom_kT = 1.380649e-23 * 300.0;

}  // namespace

TEST_CASE("a DAC has settled when half a step is left", "[unit]") {
    const RcSettling rc = RcSettling::of(Ohm::from_value(2e3), Farad::from_value(50e-15));
    CHECK(rc.tau.value() == Approx(1e-10));
    for (int bits = 1; bits <= 12; ++bits) {
        const Second t = rc.settle_time(bits);
        CHECK(t.value() == Approx(1e-10 * (bits + 1) * std::log(2.0)));
        CHECK(rc.error_steps(bits, t) == Approx(0.5));
        CHECK(rc.error_steps(bits, t * 0.999) > 0.5);
        // The error of a full-scale step is what the formula says, step by step of the node.
        CHECK((1.0 - rc.at(1.0, 0.0, t)) * std::ldexp(1.0, bits) == Approx(0.5));
    }
    // Small steps in time give the same: dv/dt = (target - v) / tau.
    double v = -0.3;
    constexpr int kSteps = 200000;
    for (int i = 0; i < kSteps; ++i) v += (0.7 - v) * (3e-10 / kSteps) / 1e-10;
    CHECK(rc.at(0.7, -0.3, Second::from_value(3e-10)) == Approx(v).epsilon(1e-4));
}

TEST_CASE("a held sample droops and carries k T / C", "[unit]") {
    const SampleHold hold{Farad::from_value(10e-15), Ampere::from_value(1e-12), 300.0_K};
    CHECK(hold.noise_sigma().value() == Approx(std::sqrt(kRoom_kT / 10e-15)));
    CHECK(hold.noise_sigma().value() == Approx(0.6436e-3).epsilon(1e-3));
    CHECK(hold.droop(10.0_us).value() == Approx(1e-3));
    CHECK(hold.held(0.2_V, 0.0, 10.0_us).value() == Approx(0.199));
    CHECK(hold.held(0.2_V, 2.0, 0.0_ns).value() == Approx(0.2 + 2.0 * 0.6436e-3).epsilon(1e-4));
    CHECK(hold.energy(0.3_V, 1.2_V).value() == Approx(3.6e-15));
    for (int bits = 4; bits <= 12; ++bits) {
        const SampleHold least{SampleHold::least(bits, 0.3_V, 300.0_K), {}, 300.0_K};
        const double step = std::ldexp(0.3, -bits);
        CHECK(least.noise_sigma().value() == Approx(step / std::sqrt(12.0)));
    }
}

TEST_CASE("noise of held samples has the variance of equipartition", "[stat]") {
    constexpr int kSamples = 20000;
    const SampleHold hold{Farad::from_value(2e-15), {}, 300.0_K};
    double sum = 0.0;
    for (std::uint64_t i = 0; i < kSamples; ++i)
        sum += std::pow(hold.held(0.1_V, stream(1).normal(i), {}).value() - 0.1, 2);
    const double ratio = sum / kSamples / (kRoom_kT / 2e-15);
    CHECK(std::abs(ratio - 1.0) < 5.0 * std::sqrt(2.0 / kSamples));
}

TEST_CASE("charge sharing weighs bits by halves", "[unit]") {
    const ChargeShareAdder even(Farad::from_value(5e-15), 0.0, 300.0_K, stream(2));
    for (int n = 1; n <= 8; ++n) {
        for (int k = 0; k < n; ++k) CHECK(even.weight(k, n) == std::ldexp(1.0, k - n));
        // Equipartition: n bits leave k T / C (1 - 4^-n).
        const double variance = kRoom_kT / 5e-15 * (1.0 - std::pow(4.0, -n));
        CHECK(even.noise_sigma(n).value() == Approx(std::sqrt(variance)));
    }
    const ChargeShareAdder own(Farad::from_value(5e-15), 0.1, 300.0_K, stream(3));
    const ChargeShareAdder again(Farad::from_value(5e-15), 0.1, 300.0_K, stream(3));
    const ChargeShareAdder other(Farad::from_value(5e-15), 0.1, 300.0_K, stream(4));
    CHECK(own.share() == again.share());
    CHECK(own.share() != other.share());
    CHECK(own.share() != 0.5);
    // Bit by bit, without noise, equals the weights.
    const std::vector<double> bits = {1, 0, 1, 1, 0, 1};
    double v = 0.0, expected = 0.0;
    for (std::size_t k = 0; k < bits.size(); ++k) {
        v = own.add(v, bits[k], 0.0);
        expected += bits[k] * own.weight(static_cast<int>(k), static_cast<int>(bits.size()));
    }
    CHECK(v == Approx(expected).epsilon(1e-12));
    CHECK_THROWS_AS(ChargeShareAdder(Farad::from_value(1e-15), 0.2, 300.0_K, stream(3)), UserError);
}

TEST_CASE("shares of analog adders scatter as their capacitors", "[stat]") {
    constexpr int kAdders = 4000;
    constexpr double kSigma = 0.02;
    double sum = 0.0, noise = 0.0;
    for (std::uint64_t a = 0; a < kAdders; ++a) {
        const ChargeShareAdder adder(Farad::from_value(1e-15), kSigma, 300.0_K, stream(100 + a));
        sum += std::pow(adder.share() - 0.5, 2);
        double v = 0.0;
        for (std::uint64_t k = 0; k < 4; ++k) v = adder.add(v, 0.0, stream(5).normal(4 * a + k));
        noise += v * v;
    }
    const double band = 5.0 * std::sqrt(2.0 / kAdders);
    // r = 1/2 + (e_2 - e_1) / 4: sigma sqrt(2) / 4; first order leaves sigma^2 open.
    const double law = kSigma * std::sqrt(2.0) / 4.0;
    CHECK(std::abs(sum / kAdders / (law * law) - 1.0) < band + 2.0 * kSigma);
    const double thermal = kRoom_kT / 1e-15 * (1.0 - std::pow(4.0, -4));
    CHECK(std::abs(noise / kAdders / thermal - 1.0) < band + 2.0 * kSigma);
}

TEST_CASE("a replica column is an uneven staircase of its own cells", "[unit]") {
    const Siemens g = 50.0_uS;
    const ReplicaColumn even(64, g, Siemens{}, 0.2_V, stream(6));
    const ReplicaColumn own(64, g, 2.0_uS, 0.2_V, stream(6)),
        again(64, g, 2.0_uS, 0.2_V, stream(6));
    const ReplicaColumn other(64, g, 2.0_uS, 0.2_V, stream(7));
    double sum = 0.0;
    for (std::size_t k = 0; k <= 64; ++k) {
        CHECK(even.current(k).value() == Approx(even.ideal_current(k).value()).margin(1e-18));
        CHECK(own.current(k).value() == again.current(k).value());
        CHECK(own.current(k).value() == Approx(0.2 * sum).margin(1e-18));
        if (k < 64) sum += 50e-6 + 2e-6 * stream(6).normal(k);
        CHECK(own.read_energy(k, 10.0_ns).value() ==
              Approx(0.2 * own.current(k).value() * 10e-9).margin(1e-27));
    }
    CHECK(own.current(32).value() != other.current(32).value());
    // 32 cells of 50 uS at 0.2 V for 10 ns: 0.64 pJ, once for an array.
    CHECK(even.read_energy(32, 10.0_ns).value() == Approx(0.64e-12));
    CHECK_THROWS_AS(own.current(65), InvariantError);
    CHECK_THROWS_AS(ReplicaColumn(0, g, {}, 0.2_V, stream(6)), UserError);
    CHECK_THROWS_AS(ReplicaColumn(4, Siemens{}, {}, 0.2_V, stream(6)), UserError);
}

TEST_CASE("the error of a replica threshold grows with the root of its cells", "[stat]") {
    constexpr int kArrays = 4000;
    for (const std::size_t k : {4U, 16U, 64U}) {
        double sum = 0.0;
        for (std::uint64_t a = 0; a < kArrays; ++a) {
            const ReplicaColumn column(64, 50.0_uS, 1.0_uS, 0.2_V, stream(1000 + a));
            sum += std::pow((column.current(k) - column.ideal_current(k)).value(), 2);
        }
        const double law = 0.2 * 1e-6 * std::sqrt(static_cast<double>(k));
        CHECK(std::abs(sum / kArrays / (law * law) - 1.0) < 5.0 * std::sqrt(2.0 / kArrays));
    }
}

TEST_CASE("a level is sensed alike one by one, at once or by halves", "[property]") {
    for (int bits = 1; bits <= 5; ++bits) {
        const LevelSense one{bits, LevelSenseMode::sequential}, all{bits, LevelSenseMode::parallel},
            half{bits, LevelSenseMode::binary};
        const int levels = 1 << bits;
        CHECK(one.steps() == levels - 1);
        CHECK(one.amplifiers() == 1);
        CHECK(all.steps() == 1);
        CHECK(all.amplifiers() == levels - 1);
        CHECK(half.steps() == bits);
        CHECK(half.decisions() == bits);
        const std::vector<double> none(static_cast<std::size_t>(levels - 1), 0.0), zero = {0.0};
        bool same = true;
        for (double x = -1.0; x < levels; x += 0.013) {
            const int expected = std::clamp(static_cast<int>(std::floor(x + 0.5)), 0, levels - 1);
            same = same && one.level(x, zero, {}) == expected && all.level(x, none, {}) == expected;
            same = same && half.level(x, zero, {}) == expected;
        }
        CHECK(same);
    }
    // An offset moves all references of one amplifier, one reference of many.
    const LevelSense one{3, LevelSenseMode::sequential}, all{3, LevelSenseMode::parallel};
    const std::vector<double> shifted = {0.4}, single = {0, 0, 0.4, 0, 0, 0, 0};
    CHECK(one.level(2.2, shifted, {}) == 3);
    CHECK(one.level(4.2, shifted, {}) == 5);
    CHECK(all.level(2.2, single, {}) == 3);
    CHECK(all.level(4.2, single, {}) == 4);
    CHECK_THROWS_AS(all.level(1.0, shifted, {}), InvariantError);
    CHECK_THROWS_AS((LevelSense{9, LevelSenseMode::binary}.check("memory")), UserError);
}

TEST_CASE("levels are misread as often as a normal says", "[stat]") {
    constexpr int kReads = 40000;
    for (const double sigma : {0.3, 0.5}) {
        const LevelSense sense{4, LevelSenseMode::sequential};
        const double p = sense.misread_rate(sigma);
        int wrong = 0;
        for (std::uint64_t i = 0; i < kReads; ++i) {
            const int level = static_cast<int>(i % 16);
            const std::vector<double> offset = {sigma * stream(9).normal(i)};
            wrong += sense.level(level, offset, {}) != level ? 1 : 0;
        }
        const double band = 5.0 * std::sqrt(kReads * p * (1.0 - p));
        REQUIRE(band < 0.2 * kReads * p);
        CHECK(std::abs(wrong - kReads * p) < band);
    }
    CHECK(LevelSense{4, LevelSenseMode::sequential}.misread_rate(0.0) == 0.0);
}
