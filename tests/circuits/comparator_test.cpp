#include "circuits/comparator.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "circuits/decision_times.hpp"
#include "circuits/offset_trim.hpp"
#include "src/base/error.hpp"
#include "src/base/random.hpp"
#include "tests/reference/decision_statistics.hpp"

using namespace attohm;
using namespace attohm::literals;

namespace {

const DecisionTiming kTiming{1.0_ns, 2.0_ns, 800.0_mV, 11.0_ns};

Volt above(Volt x) {
    return Volt::from_value(std::nextafter(x.value(), 1e9));
}
Volt below(Volt x) {
    return Volt::from_value(std::nextafter(x.value(), -1e9));
}

}  // namespace

TEST_CASE("a decision takes tau longer for every factor e of overdrive", "[unit]") {
    const double e = std::exp(1.0);
    CHECK(kTiming.decision_time(800.0_mV / e).value() == Approx(3e-9));
    CHECK(kTiming.decision_time(800.0_mV / (e * e)).value() == Approx(5e-9));
    CHECK(kTiming.decision_time(-800.0_mV / e).value() == Approx(3e-9));
    // From the swing on there is nothing to regenerate.
    CHECK(kTiming.decision_time(800.0_mV).value() == 1e-9);
    CHECK(kTiming.decision_time(5.0_V).value() == 1e-9);
    CHECK(kTiming.decision_time(below(800.0_mV)).value() >= 1e-9);
    CHECK(std::isinf(kTiming.decision_time(Volt{}).value()));
}

TEST_CASE("undecided is what takes longer than there is time", "[unit]") {
    const Volt window = kTiming.metastable_window();
    CHECK(window.value() == Approx(0.8 * std::exp(-5.0)));
    CHECK(kTiming.decision_time(window).value() == Approx(11e-9));
    for (const double sign : {1.0, -1.0}) {
        CHECK_FALSE(kTiming.undecided(window * sign));
        CHECK_FALSE(kTiming.undecided(above(window) * sign));
        CHECK(kTiming.undecided(below(window) * sign));
        CHECK(kTiming.decision_time(window * (sign * 0.999)) > 11.0_ns);
        CHECK(kTiming.decision_time(window * (sign * 1.001)) < 11.0_ns);
    }
    CHECK(kTiming.undecided(Volt{}));
}

TEST_CASE("times that cannot be are refused", "[unit]") {
    CHECK_NOTHROW(kTiming.check("comparator"));
    DecisionTiming timing = kTiming;
    timing.available = timing.fixed;
    CHECK_NOTHROW(timing.check("comparator"));
    timing.available = Second::from_value(std::nextafter(1e-9, 0.0));
    CHECK_THROWS_AS(timing.check("comparator"), UserError);
    for (Second DecisionTiming::*member :
         {&DecisionTiming::fixed, &DecisionTiming::regeneration, &DecisionTiming::available}) {
        timing = kTiming;
        timing.*member = Second::from_value(std::numeric_limits<double>::quiet_NaN());
        CHECK_THROWS_AS(timing.check("comparator"), UserError);
    }
    timing = kTiming;
    timing.swing = Volt{};
    CHECK_THROWS_AS(timing.check("comparator"), UserError);
}

TEST_CASE("an undecided comparator keeps, prunes or tosses a coin", "[unit]") {
    Comparator comparator;
    comparator.timing = kTiming;
    const Volt window = kTiming.metastable_window();
    for (const bool coin : {false, true}) {
        for (const Volt& inside : {below(window), Volt{}, -below(window)}) {
            comparator.undecided = Undecided::keep;
            CHECK(comparator.decide(inside, coin).keep);
            CHECK(comparator.decide(inside, coin).undecided);
            comparator.undecided = Undecided::prune;
            CHECK_FALSE(comparator.decide(inside, coin).keep);
            comparator.undecided = Undecided::coin;
            CHECK(comparator.decide(inside, coin).keep == coin);
        }
        CHECK(comparator.decide(window, coin).keep);
        CHECK_FALSE(comparator.decide(-window, coin).keep);
        CHECK_FALSE(comparator.decide(window, coin).undecided);
    }
    // Without timing a tie keeps and nothing is undecided.
    comparator.timing.reset();
    CHECK(comparator.decide(Volt{}, false).keep);
    CHECK_FALSE(comparator.decide(Volt{}, false).undecided);
    CHECK_FALSE(comparator.decide(-1e-18 * 1.0_V, true).keep);
}

TEST_CASE("hysteresis moves the threshold away from the last decision", "[unit]") {
    Comparator comparator;
    comparator.hysteresis = 6.0_mV;
    CHECK(comparator.hysteresis_shift(LastDecision::kept).value() == Approx(-3e-3));
    CHECK(comparator.hysteresis_shift(LastDecision::pruned).value() == Approx(3e-3));
    CHECK(comparator.hysteresis_shift(LastDecision::none).value() == 0.0);
    // What is remembered: within a head, beyond it, never.
    comparator.reset = HysteresisReset::head;
    CHECK(comparator.remembered(true, true) == LastDecision::kept);
    CHECK(comparator.remembered(false, true) == LastDecision::pruned);
    CHECK(comparator.remembered(true, false) == LastDecision::none);
    comparator.reset = HysteresisReset::never;
    CHECK(comparator.remembered(true, false) == LastDecision::kept);
    CHECK(comparator.remembered(false, false) == LastDecision::pruned);
    comparator.reset = HysteresisReset::every;
    CHECK(comparator.remembered(true, true) == LastDecision::none);
    CHECK(comparator.hysteresis_shift(LastDecision::kept).value() == 0.0);
}

TEST_CASE("probabilities of a comparator agree with its decisions", "[stat]") {
    constexpr std::int64_t kDraws = 200000;
    const Stream noise(20221, Purpose::comparator_noise, {1}), coins = noise.with(2);
    Comparator comparator;
    comparator.timing = kTiming;
    const Volt sigma = 6.0_mV;
    for (const Undecided undecided : {Undecided::keep, Undecided::prune, Undecided::coin}) {
        comparator.undecided = undecided;
        for (const Volt& mean : {-4.0 * 1.0_mV, Volt{}, 3.0_mV}) {
            std::int64_t kept = 0, open = 0;
            for (std::int64_t i = 0; i < kDraws; ++i) {
                const auto index = static_cast<std::uint64_t>(i);
                const auto decision =
                    comparator.decide(mean + sigma * noise.normal(index), coins.below(index, 0.5));
                kept += decision.keep ? 1 : 0;
                open += decision.undecided ? 1 : 0;
            }
            const BinomialBand keeps =
                binomial_band(kDraws, comparator.keep_probability(mean, sigma));
            const BinomialBand opens =
                binomial_band(kDraws, comparator.undecided_probability(mean, sigma));
            REQUIRE(judgeable(keeps));
            REQUIRE(judgeable(opens));
            CHECK(std::abs(deviation(keeps, static_cast<double>(kept))) < 5.0);
            CHECK(std::abs(deviation(opens, static_cast<double>(open))) < 5.0);
        }
    }
}

TEST_CASE("without noise probabilities are what the comparator does", "[property]") {
    Comparator comparator;
    for (const bool timed : {false, true}) {
        if (timed) comparator.timing = kTiming;
        for (const Undecided undecided : {Undecided::keep, Undecided::prune, Undecided::coin}) {
            comparator.undecided = undecided;
            const Volt window = kTiming.metastable_window();
            for (const Volt& x : {-2.0 * window, -window, -below(window), Volt{}, below(window),
                                  window, 2.0 * window}) {
                const auto heads = comparator.decide(x, true), tails = comparator.decide(x, false);
                CHECK(comparator.keep_probability(x, Volt{}) ==
                      0.5 * (static_cast<double>(heads.keep) + static_cast<double>(tails.keep)));
                CHECK(comparator.undecided_probability(x, Volt{}) == (heads.undecided ? 1.0 : 0.0));
            }
        }
    }
}

TEST_CASE("a trim DAC leaves at most half a step inside its range", "[property]") {
    for (int bits = 1; bits <= 10; ++bits) {
        const OffsetTrim trim(bits, 20.0_mV);
        CHECK(trim.measurements_per_comparator() == bits);
        CHECK(trim.step().value() == Approx(0.04 / (std::ldexp(1.0, bits) - 1.0)));
        const double half = 0.5 * trim.step().value();
        bool small = true, counted = true;
        for (int i = -1000; i <= 1000; ++i) {
            const Volt offset = 20.0_mV * (i / 1000.0);
            const auto trimmed = trim.trim(offset);
            small = small && std::abs(trimmed.residual.value()) <= half * (1 + 1e-9);
            counted = counted && !trimmed.clamped;
            small = small && trimmed.code >= 0 && trimmed.code < (1 << bits);
        }
        CHECK(small);
        CHECK(counted);
    }
}

TEST_CASE("offsets beyond the trim range are clamped at its ends and counted", "[unit]") {
    const OffsetTrim trim(4, 15.0_mV);  // 16 codes, 2 mV apart
    CHECK(trim.trim(15.0_mV).code == 15);
    CHECK(trim.trim(15.0_mV).residual.value() == Approx(0.0).margin(1e-15));
    CHECK_FALSE(trim.trim(15.0_mV).clamped);
    CHECK_FALSE(trim.trim(-15.0_mV * 1.0).clamped);
    CHECK(trim.trim(above(15.0_mV)).clamped);
    CHECK(trim.trim(below(-1.0 * 15.0_mV)).clamped);
    CHECK(trim.trim(-40.0 * 1.0_mV).code == 0);
    CHECK(trim.trim(-40.0 * 1.0_mV).residual.value() == Approx(-25e-3));
    // Both sides of the edge between two codes.
    CHECK(trim.trim(1.999_mV).code == 8);
    CHECK(trim.trim(2.001_mV).code == 9);
    CHECK(trim.trim(1.999_mV).residual.value() == Approx(0.999e-3));
    std::vector<float> offsets = {0.0F, 10.0F, -25.0F, 14.5F};
    CHECK(trim.trim(offsets, 2.0_mV) == 3);
    CHECK(offsets[0] == Approx(-0.5F));
    CHECK(offsets[1] == Approx(2.5F));
    CHECK(offsets[2] == Approx(-17.5F));
    CHECK(offsets[3] == Approx(7.0F));
    CHECK_THROWS_AS(OffsetTrim(0, 1.0_mV), UserError);
    CHECK_THROWS_AS(OffsetTrim(17, 1.0_mV), UserError);
    CHECK_THROWS_AS(OffsetTrim(4, Volt{}), UserError);
}

TEST_CASE("what a trim leaves of Gaussian offsets is the law of its steps", "[stat]") {
    // Steps far below sigma and a range far above: uniform over a step, variance step^2 / 12.
    constexpr std::uint64_t kDraws = 100000;
    const Stream offsets(20221, Purpose::comparator_offset, {1});
    const OffsetTrim trim(8, 64.0_mV);
    double sum = 0.0;
    std::int64_t clamped = 0;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
        const auto trimmed = trim.trim(8.0_mV * offsets.normal(i));
        sum += trimmed.residual.value() * trimmed.residual.value();
        clamped += trimmed.clamped ? 1 : 0;
    }
    const double step = trim.step().value();
    // Variance of x^2 for x uniform over a step: step^4 / 180.
    const double band = 5.0 * step * step / std::sqrt(180.0 * kDraws);
    CHECK(std::abs(sum / kDraws - step * step / 12.0) < band);
    CHECK(clamped == 0);
}

TEST_CASE("decision times fall into the bins of their edges", "[unit]") {
    CHECK(DecisionTimes::edge(0).value() == Approx(1e-12));
    CHECK(DecisionTimes::edge(8).value() == Approx(1e-11));
    CHECK(DecisionTimes::edge(DecisionTimes::kBins).value() == Approx(1e-6));
    for (std::size_t bin = 0; bin < DecisionTimes::kBins; ++bin) {
        DecisionTimes at, under;
        const double edge = DecisionTimes::edge(bin).value();
        at.add(Second::from_value(edge));
        CHECK(at.count(bin) == 1);
        under.add(Second::from_value(std::nextafter(edge, 0.0)));
        CHECK(under.count(bin) == 0);
        CHECK((bin == 0 ? under.below() : under.count(bin - 1)) == 1);
    }
    DecisionTimes times;
    times.add(DecisionTimes::edge(DecisionTimes::kBins));
    times.add(kTiming.decision_time(Volt{}), 2);
    CHECK(times.above() == 3);
    times.add(Second{});
    CHECK(times.below() == 1);
    CHECK(times.total() == 4);
}

TEST_CASE("histograms of decision times add and bound quantiles", "[unit]") {
    DecisionTimes a, b;
    for (int i = 0; i < 90; ++i) a.add(1.5_ns);
    for (int i = 0; i < 9; ++i) b.add(20.0_ns);
    b.add(1.0_s);
    DecisionTimes both = a, other = b;
    both += b;
    other += a;
    CHECK(both == other);
    CHECK(both.total() == 100);
    CHECK(both.quantile_bound(0.5) > 1.5_ns);
    CHECK(both.quantile_bound(0.5).value() < 1.5e-9 * 1.34);
    CHECK(both.quantile_bound(0.9) == both.quantile_bound(0.5));
    CHECK(both.quantile_bound(0.91) > 20.0_ns);
    CHECK(std::isinf(both.quantile_bound(1.0).value()));
    CHECK_THROWS_AS(DecisionTimes().quantile_bound(0.5), InvariantError);
}
