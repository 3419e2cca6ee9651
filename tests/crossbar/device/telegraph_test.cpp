#include "crossbar/device/telegraph.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "src/base/error.hpp"

using namespace attohm;

namespace {

TelegraphNoise noise_of(double traps, double p) {
    TelegraphNoise noise;
    noise.traps_mean = traps;
    noise.step_median_rel = 0.05;
    noise.step_sigma_ln = 0.6;
    noise.rate_low = 1e2;
    noise.rate_high = 1e6;
    noise.occupancy = p;
    return noise;
}

Settings experiment() {
    return Settings::from_text("device: {telegraph: {scale: 1}}\n", "experiment.yaml");
}

std::string message_of(const std::string& changed) {
    Settings card = Settings::from_text(
        "telegraph: {traps_mean: 0.3, step_median_rel: 0.05, step_sigma_ln: 0.5, "
        "rate_low_Hz: 1, rate_high_Hz: 1.0e+6, occupancy: 0.3}\n",
        "card.yaml");
    try {
        if (!changed.empty()) card.overlay_assignment("telegraph." + changed);
        load_telegraph(experiment(), card);
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a trap forgets its state at its rate", "[unit]") {
    const TelegraphNoise noise = noise_of(1.0, 0.3);
    CHECK(noise.occupied_after(true, 10.0, 0.0) == 1.0);
    CHECK(noise.occupied_after(false, 10.0, 0.0) == 0.0);
    CHECK(noise.occupied_after(true, 10.0, 0.2) == Approx(0.3 + 0.7 * std::exp(-2.0)));
    CHECK(noise.occupied_after(false, 10.0, 0.2) == Approx(0.3 * (1.0 - std::exp(-2.0))));
    CHECK(noise.occupied_after(true, 10.0, 1e9) == Approx(0.3));
    CHECK(noise.occupied_after(false, 10.0, 1e9) == Approx(0.3));
    // Two moves are one move of the sum of their times, and equilibrium stays.
    const double once = noise.occupied_after(true, 10.0, 0.05);
    const double twice = once * noise.occupied_after(true, 10.0, 0.1) +
                         (1.0 - once) * noise.occupied_after(false, 10.0, 0.1);
    CHECK(twice == Approx(noise.occupied_after(true, 10.0, 0.15)));
    CHECK(0.3 * once + 0.7 * noise.occupied_after(false, 10.0, 0.05) == Approx(0.3));
}

TEST_CASE("numbers, steps and rates of traps come by inversion", "[unit]") {
    for (const double mean : {0.1, 1.0, 16.0}) {
        CAPTURE(mean);
        const TelegraphNoise noise = noise_of(mean, 0.5);
        double term = std::exp(-mean), sum = 0.0;
        for (int k = 0; k < 8; ++k) {
            // Just inside both ends of the interval of k traps.
            CHECK(noise.traps(sum + 0.01 * term) == k);
            sum += term;
            CHECK(noise.traps(sum - 0.01 * term) == k);
            term *= mean / (k + 1);
        }
        CHECK(noise.traps(1.0 - 0x1p-33) < 60);
    }
    CHECK(noise_of(0.0, 0.5).traps(1.0 - 0x1p-33) == 0);
    TelegraphNoise noise = noise_of(1.0, 0.5);
    CHECK(noise.step(0.0) == Approx(0.05));
    CHECK(noise.step(2.0) == Approx(0.05 * std::exp(1.2)));
    noise.scale = 3.0;
    CHECK(noise.step(0.0) == Approx(0.15));
    CHECK(noise.rate(0.0) == Approx(1e2));
    CHECK(noise.rate(0.5) == Approx(1e4));
    CHECK(noise.rate(1.0) == Approx(1e6));
    noise.scale = 0.0;
    CHECK(noise.none());
    CHECK(noise.variance(1e-8) == 0.0);
}

TEST_CASE("the variance of telegraph noise is the sum over its traps", "[unit]") {
    const TelegraphNoise noise = noise_of(0.4, 0.3);
    // Read at once: traps E[step^2] p (1 - p).
    const double square = 0.05 * 0.05 * std::exp(2.0 * 0.36);
    CHECK(noise.variance(1e-12) == Approx(0.4 * square * 0.3 * 0.7).epsilon(1e-5));
    // Read for long against every trap: 2 / x of it, the mean of 1 / rate over log-uniform rates.
    const double inverse = (1.0 / 1e2 - 1.0 / 1e6) / std::log(1e4);
    CHECK(noise.variance(1e4) ==
          Approx(0.4 * square * 0.3 * 0.7 * 2.0 * inverse / 1e4).epsilon(1e-3));
}

TEST_CASE("telegraph noise is a section of a card", "[unit]") {
    CHECK(message_of("").empty());
    CHECK(holds(message_of("rate_low_Hz=2e6"), "range of telegraph rates is empty"));
    CHECK(holds(message_of("occupancy=1.2"), "telegraph.occupancy"));
    CHECK(holds(message_of("traps_mean=17"), "telegraph.traps_mean"));
    CHECK(holds(message_of("traps_mean=-1"), "telegraph.traps_mean"));
    CHECK(holds(message_of("step_median_rel=5"), "telegraph.step_median_rel"));
    CHECK(holds(message_of("rate_low_Hz=0"), "telegraph.rate_low_Hz"));
    CHECK(load_telegraph(experiment(), Settings::from_text("other: {a: 1}\n", "card.yaml")).none());
    const Settings half = Settings::from_text("telegraph: {traps_mean: 1}\n", "card.yaml");
    CHECK_THROWS_AS(load_telegraph(experiment(), half), UserError);
    Settings user = experiment();
    user.overlay_assignment("device.telegraph.scale=2");
    const Settings card = Settings::from_text(
        "telegraph: {traps_mean: 0.3, step_median_rel: 0.05, step_sigma_ln: 0.5, "
        "rate_low_Hz: 1, rate_high_Hz: 1.0e+6, occupancy: 0.25}\n",
        "card.yaml");
    const TelegraphNoise noise = load_telegraph(user, card);
    CHECK(noise.traps_mean == 0.3);
    CHECK(noise.step_sigma_ln == 0.5);
    CHECK(noise.rate_high == 1e6);
    CHECK(noise.occupancy == 0.25);
    CHECK(noise.step(0.0) == Approx(0.1));
}
