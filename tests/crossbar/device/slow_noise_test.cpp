#include "crossbar/device/slow_noise.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>
#include <string>

#include "src/base/error.hpp"

using namespace attohm;
using namespace attohm::literals;

namespace {

constexpr double kPi = std::numbers::pi;

SlowNoise noise_of(double g, double f_low, double f_high) {
    SlowNoise noise;
    noise.amplitude_rel2 = 3e-6;
    noise.exponent = g;
    noise.f_low = Hertz::from_value(f_low);
    noise.f_high = Hertz::from_value(f_high);
    return noise;
}

ReadTiming timing_of(double T, double D, double pass) {
    return {Second::from_value(T), Second::from_value(D), Second::from_value(pass)};
}

/// One-sided spectrum of the ladder, component by component.
double spectrum(const std::vector<SlowComponent>& ladder, double f) {
    double sum = 0.0;
    for (const SlowComponent& c : ladder) {
        sum += 4.0 * c.sigma * c.sigma * c.rate / (c.rate * c.rate + 4.0 * kPi * kPi * f * f);
    }
    return sum;
}

/// What the components beyond the ends of the ladder would add, as a share of S(f): the integrals
/// over u of the header, from the ends half a step beyond the outermost components.
double missing_share(const std::vector<SlowComponent>& ladder, double g, double f) {
    const double half_step = std::pow(10.0, 0.25);
    const double below = ladder.front().rate / (2.0 * kPi) / half_step / f;
    const double above = f / (ladder.back().rate / (2.0 * kPi) * half_step);
    const double factor = 2.0 / kPi * std::sin(kPi * g / 2.0);
    return factor * (std::pow(below, 2.0 - g) / (2.0 - g) + std::pow(above, g) / g);
}

/// Covariance of two averages (less the reference) as sums over a grid of times.
double summed_covariance(double rate, double T, std::optional<double> reference, double a1,
                         double a2) {
    constexpr int kSteps = 400;
    double between = 0.0, first = 0.0, second = 0.0;
    for (int i = 0; i < kSteps; ++i) {
        const double t = a1 + (i + 0.5) * T / kSteps;
        const double u = a2 + (i + 0.5) * T / kSteps;
        for (int k = 0; k < kSteps; ++k)
            between += std::exp(-rate * std::abs(t - (a2 + (k + 0.5) * T / kSteps)));
        if (reference) {
            first += std::exp(-rate * (t - *reference));
            second += std::exp(-rate * (u - *reference));
        }
    }
    between /= kSteps * kSteps;
    return reference ? between + 1.0 - (first + second) / kSteps : between;
}

Settings experiment() {
    return Settings::from_text("device: {slow_noise: {scale: 1}}\n", "experiment.yaml");
}

std::string message_of(const std::string& section) {
    try {
        load_slow_noise(experiment(), Settings::from_text(section, "card.yaml"));
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a ladder has two rates per decade, one decade beyond both ends", "[unit]") {
    const auto ladder = noise_of(1.0, 10.0, 1e5).components();
    REQUIRE(ladder.size() == 13);  // 1 Hz to 1 MHz
    CHECK(ladder.front().rate == Approx(2.0 * kPi));
    CHECK(ladder.back().rate == Approx(2e6 * kPi));
    for (std::size_t m = 0; m < ladder.size(); ++m) {
        CHECK(ladder[m].number == static_cast<int>(m));
        CHECK(ladder[m].sigma * ladder[m].sigma == Approx(3e-6 * std::log(std::sqrt(10.0))));
    }
    // A band that ends between two steps is covered by one more.
    CHECK(noise_of(1.0, 10.0, 1.2e5).components().size() == 14);
    SlowNoise noise = noise_of(1.0, 10.0, 1e5);
    CHECK(noise.variance() == Approx(13 * 3e-6 * std::log(10.0) / 2.0));
    noise.scale = 2.0;
    CHECK(noise.variance() == Approx(4 * 13 * 3e-6 * std::log(10.0) / 2.0));
    noise.scale = 0.0;
    CHECK(noise.components().empty());
    CHECK(noise.variance() == 0.0);
}

TEST_CASE("the sum of the ladder is A / f^g within its stated error", "[property]") {
    for (const double g : {0.5, 0.8, 1.0, 1.2, 1.5}) {
        const SlowNoise noise = noise_of(g, 1e-1, 1e7);
        const auto ladder = noise.components();
        const double ripple =
            4.0 * std::sin(kPi * g / 2.0) * std::exp(-kPi * kPi / std::log(std::sqrt(10.0)));
        CHECK(ripple < 7.7e-4);
        double worst_inside = 0.0;
        for (double f = 1e-1; f < 1.001e7; f *= 1.07) {
            CAPTURE(g, f);
            const double nominal = noise.amplitude_rel2 * std::pow(f, -g);
            const double error = spectrum(ladder, f) / nominal - 1.0;
            const double missing = missing_share(ladder, g, f);
            CHECK(error <= ripple * 1.001);
            CHECK(error >= -ripple * 1.001 - missing);
            if (g == 1.0) CHECK(missing < 0.0359);
            CHECK(missing < 0.22);
            if (missing < 1e-5) worst_inside = std::max(worst_inside, std::abs(error));
        }
        // The ripple is there, of the size derived.
        if (g == 1.0) CHECK(worst_inside > 0.9 * ripple);
    }
}

TEST_CASE("the power of the ladder inside the band is the integral of S", "[property]") {
    for (const double g : {0.8, 1.0, 1.2}) {
        CAPTURE(g);
        const SlowNoise noise = noise_of(g, 1.0, 1e8);
        const auto ladder = noise.components();
        double inside = 0.0, missing = 0.0, nominal = 0.0;
        for (const SlowComponent& c : ladder) {
            inside += c.sigma * c.sigma * 2.0 / kPi *
                      (std::atan(2.0 * kPi * 1e8 / c.rate) - std::atan(2.0 * kPi / c.rate));
        }
        // Midpoint rule over ln f for S and for what the ends leave out.
        constexpr int kPoints = 200000;
        for (int k = 0; k < kPoints; ++k) {
            const double f = std::pow(1e8, (k + 0.5) / kPoints);
            const double share =
                noise.amplitude_rel2 * std::pow(f, 1.0 - g) * std::log(1e8) / kPoints;
            nominal += share;
            missing += share * missing_share(ladder, g, f);
        }
        CHECK(inside <= nominal * 1.0008);
        CHECK(inside >= nominal * 0.9992 - missing);
        CHECK(inside == Approx(nominal).epsilon(0.02));
    }
}

TEST_CASE("covariances of a component are those of the averages", "[property]") {
    for (const double rate : {1e-3, 0.1, 1.0, 7.0}) {
        for (const double T : {0.05, 1.0}) {
            for (const double lag : {0.0, 1.0, 2.5}) {
                CAPTURE(rate, T, lag);
                const auto whole = component_covariance(rate, T, {}, 3.0, 3.0 + lag);
                CHECK(whole ==
                      Approx(summed_covariance(rate, T, {}, 3.0, 3.0 + lag)).epsilon(1e-4));
                const auto since = component_covariance(rate, T, 2.4, 3.0, 3.0 + lag);
                CHECK(since ==
                      Approx(summed_covariance(rate, T, 2.4, 3.0, 3.0 + lag)).epsilon(2e-3));
            }
        }
    }
    // The closed forms of the law.
    const double x = 0.7;
    CHECK(averaged_variance(x) == Approx(2.0 * (x - 1.0 + std::exp(-x)) / (x * x)));
    CHECK(component_covariance(7.0, 0.1, {}, 0.0, 0.3) ==
          Approx(std::exp(-2.1) * 2.0 * (std::cosh(x) - 1.0) / (x * x)));
    CHECK(component_covariance(0.5, 1e-9, 2.0, 5.0, 5.0) ==
          Approx(2.0 * (1.0 - std::exp(-0.5 * 3.0))));
    // No step between the series and the closed form, no overflow far out.
    CHECK(averaged_variance(0.999e-3) == Approx(averaged_variance(1.001e-3)).epsilon(1e-6));
    CHECK(averaged_variance(0.0) == 1.0);
    CHECK(component_covariance(1e12, 1e-6, {}, 0.0, 1e-6) == Approx(1e-12));
    CHECK(component_covariance(1e12, 1e-6, {}, 0.0, 1.0) == 0.0);
}

TEST_CASE("a programmed value already holds what its measurement or its verify saw", "[unit]") {
    const NoiseReference measured{2.0_s, {}};
    CHECK(measured.age_for(2.0 * kPi * 0.49) == 2.0);  // f_m < 1 / t0
    CHECK_FALSE(measured.age_for(2.0 * kPi * 0.51).has_value());
    const NoiseReference verified{2.0_s, 3.0_us};
    CHECK(verified.age_for(1e-3).value() == Approx(3e-6));
    CHECK(verified.age_for(1e9).value() == Approx(3e-6));
    CHECK_FALSE(NoiseReference{}.age_for(1e-3).has_value());
    // Zero up to the reference age, then 2 (1 - e^-(l t)).
    CHECK(component_covariance(0.3, 1e-8, 2.0, 2.0, 2.0) == 0.0);
    CHECK(component_covariance(0.3, 1e-8, 2.0, 1e-6, 9.0) == 0.0);
    for (const double age : {2.5, 40.0}) {
        CHECK(component_covariance(0.3, 1e-8, 2.0, age, age) ==
              Approx(2.0 * (1.0 - std::exp(-0.3 * (age - 2.0)))).epsilon(1e-6));
    }
}

TEST_CASE("a split puts each component where its rate belongs", "[unit]") {
    const SlowNoise noise = noise_of(1.0, 1.0, 1e9);
    const auto ladder = noise.components();
    const ReadTiming timing = timing_of(1e-8, 1e-7, 4e-5);
    const SlowSplit split(noise, {}, timing, 1.0_us, 1.0_us);
    double frozen = 0.0, white = 0.0, total = 0.0;
    std::size_t tracked = 0;
    for (const SlowComponent& c : ladder) {
        const double v = c.sigma * c.sigma * averaged_variance(c.rate * 1e-8);
        total += v;
        if (c.rate * 4e-5 < 0.05) {
            frozen += v;
        } else if (c.rate * 1e-7 > 3.0) {
            white += v;
        } else {
            REQUIRE(tracked < split.whole().size());
            CHECK(split.whole()[tracked].rate == c.rate);
            ++tracked;
        }
    }
    CHECK(split.whole().size() == tracked);
    CHECK(tracked >= 8);
    CHECK(split.referenced().empty());
    CHECK(split.frozen_variance(1.0_us) == Approx(frozen));
    CHECK(split.white_variance() == Approx(white));
    double followed = 0.0;
    for (const SlowComponent& c : split.whole())
        followed += c.sigma * c.sigma * averaged_variance(c.rate * 1e-8);
    CHECK(split.frozen_variance(1.0_us) + followed + split.white_variance() == Approx(total));
}

TEST_CASE("a split counts nothing that the programmed value holds", "[unit]") {
    const SlowNoise noise = noise_of(1.0, 1e-3, 1e9);
    const auto ladder = noise.components();
    const ReadTiming timing = timing_of(1e-8, 1e-7, 4e-5);
    // Read microseconds after the write: what is slower than 1 / t0 is absent.
    const NoiseReference measured{1.0_s, {}};
    const SlowSplit early(noise, measured, timing, 1.0_us, 2.0_us);
    double faster = 0.0;
    for (const SlowComponent& c : ladder) {
        if (c.rate * 4e-5 < 0.05 && c.rate > 2.0 * kPi * 0.999) faster += c.sigma * c.sigma;
    }
    CHECK(early.frozen_variance(1.0_us) == Approx(faster).epsilon(1e-5));
    // A long time after, it is there twice over: x(a) - x(t0).
    const SlowSplit late(noise, measured, timing, Second::from_value(1e9), Second::from_value(1e9));
    double slower = 0.0;
    for (const SlowComponent& c : ladder) {
        if (c.rate < 2.0 * kPi * 0.999) slower += 2.0 * c.sigma * c.sigma;
    }
    CHECK(late.frozen_variance(Second::from_value(1e9)) == Approx(faster + slower).epsilon(1e-4));
    // Verified just before: every component starts there; the white ones leave their x(t_v) frozen.
    const NoiseReference verified{1.0_s, 1.0_us};
    const SlowSplit fresh(noise, verified, timing, 3.0_us, 3.0_us);
    CHECK(fresh.whole().empty());
    CHECK(fresh.referenced().size() >= 8);
    CHECK(fresh.reference_age().value() == Approx(1e-6));
    double offsets = 0.0, drift = 0.0;
    for (const SlowComponent& c : ladder) {
        if (c.rate * 1e-7 > 3.0) offsets += c.sigma * c.sigma;
        if (c.rate * 4e-5 < 0.05)
            drift += c.sigma * c.sigma * component_covariance(c.rate, 1e-8, 1e-6, 23e-6, 23e-6);
    }
    CHECK(fresh.frozen_variance(3.0_us) == Approx(offsets + drift));
    // Too soon after the verify for its reads to have forgotten it: tracked instead.
    const SlowSplit at_once(noise, verified, timing, 1.001_us, 1.001_us);
    CHECK(at_once.referenced().size() > fresh.referenced().size());
    CHECK(at_once.white_variance() < fresh.white_variance());
    // Never read after the verify: nothing at all.
    const SlowSplit none(noise, {1.0_s, 1.0_s}, timing, 1.0_us, 1.0_us);
    CHECK_FALSE(none.tracks());
    CHECK_FALSE(none.has_frozen());
    CHECK(none.white_variance() == 0.0);
}

TEST_CASE("reads that are averaged keep the covariance of what they share", "[property]") {
    const SlowNoise noise = noise_of(1.0, 1e3, 1e8);
    const ReadTiming timing = timing_of(1e-8, 1e-8, 4e-6);
    const SlowSplit split(noise, {}, timing, 1.0_us, 1.0_us);
    REQUIRE(split.tracks());
    REQUIRE(split.has_frozen());
    const Second age = 1.0_us;
    CHECK(split.memory_variance(age) == split.memory_variance(age, 1, 1.0_s));
    for (const std::size_t reads : {4U, 16U}) {
        // Back to back they are one long read.
        double one_long = split.frozen_variance(age);
        for (const SlowComponent& c : split.whole()) {
            one_long +=
                c.sigma * c.sigma * averaged_variance(c.rate * 1e-8 * static_cast<double>(reads));
        }
        CHECK(split.memory_variance(age, reads, timing.read_time) ==
              Approx(one_long).epsilon(1e-9));
        // It falls, but never to the 1 / n of independent reads.
        CHECK(one_long < split.memory_variance(age));
        CHECK(one_long > 2.0 / static_cast<double>(reads) * split.memory_variance(age));
    }
    // From a verify read on, pair by pair; the first two reads come before it.
    const NoiseReference verified{1.0_s, 3.0_us};
    const SlowSplit fresh(noise, verified, timing, 1.0_us, 1.0_us);
    REQUIRE(fresh.referenced().size() > 4);
    constexpr std::size_t kReads = 7;
    const double first = 1e-6 + 2e-6 - 3.0 * 5e-7;
    double pairs = fresh.frozen_variance(age);
    for (const SlowComponent& c : fresh.referenced()) {
        for (std::size_t a = 0; a < kReads; ++a) {
            for (std::size_t b = 0; b < kReads; ++b) {
                const double x = first + 5e-7 * static_cast<double>(std::min(a, b));
                const double y = first + 5e-7 * static_cast<double>(std::max(a, b));
                pairs += c.sigma * c.sigma * component_covariance(c.rate, 1e-8, 3e-6, x, y) /
                         static_cast<double>(kReads * kReads);
            }
        }
    }
    CHECK(fresh.memory_variance(age, kReads, Second::from_value(5e-7)) ==
          Approx(pairs).epsilon(1e-9));
}

TEST_CASE("impossible timings of reads are refused", "[unit]") {
    const SlowNoise noise = noise_of(1.0, 1.0, 1e6);
    CHECK_THROWS_AS(SlowSplit(noise, {}, timing_of(2e-7, 1e-7, 1e-3), 0.0_s, 0.0_s),
                    InvariantError);
    CHECK_THROWS_AS(SlowSplit(noise, {}, timing_of(0.0, 1e-7, 1e-3), 0.0_s, 0.0_s), InvariantError);
    CHECK_THROWS_AS(SlowSplit(noise, {}, timing_of(1e-8, 1e-7, 1e-9), 0.0_s, 0.0_s),
                    InvariantError);
    CHECK_NOTHROW(SlowSplit(noise, {}, timing_of(1e-7, 1e-7, 1e-7), 0.0_s, 0.0_s));
}

TEST_CASE("slow noise is a section of a card", "[unit]") {
    const std::string good =
        "slow_noise: {amplitude_rel2: 2.0e-6, exponent: 1.1, f_low_Hz: 1, f_high_Hz: 1.0e+6}\n";
    Settings user = experiment();
    user.overlay_assignment("device.slow_noise.scale=3");
    const SlowNoise noise = load_slow_noise(user, Settings::from_text(good, "card.yaml"));
    CHECK(noise.amplitude_rel2 == 2e-6);
    CHECK(noise.exponent == 1.1);
    CHECK(noise.f_low.value() == 1.0);
    CHECK(noise.f_high.value() == 1e6);
    CHECK(noise.scale == 3.0);
    CHECK(message_of(good).empty());
    CHECK(
        load_slow_noise(experiment(), Settings::from_text("other: {a: 1}\n", "card.yaml")).none());
    CHECK(holds(message_of("slow_noise: {amplitude_rel2: 1, exponent: 1, f_low_Hz: 1}\n"),
                "slow_noise.f_high_Hz"));
    CHECK(holds(message_of("slow_noise: {amplitude_rel2: 1, exponent: 1, f_low_Hz: 2, "
                           "f_high_Hz: 2}\n"),
                "band of the slow noise is empty"));
    CHECK(holds(message_of("slow_noise: {amplitude_rel2: 1, exponent: 2, f_low_Hz: 1, "
                           "f_high_Hz: 2}\n"),
                "slow_noise.exponent"));
    CHECK(holds(message_of("slow_noise: {amplitude_rel2: -1, exponent: 1, f_low_Hz: 1, "
                           "f_high_Hz: 2}\n"),
                "slow_noise.amplitude_rel2"));
}
