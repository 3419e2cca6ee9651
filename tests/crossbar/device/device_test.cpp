#include "crossbar/device/device.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <string>

#include "src/base/error.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/crossbar/device/card_fixture.hpp"

using namespace attohm;
using namespace attohm::literals;

namespace {

/// The built-in card with changes ("key=value"), loaded from a file of the user's own.
Device changed_card(const std::vector<std::string>& changes, const std::string& more = "") {
    static const testing::TemporaryDirectory directory;
    static int count = 0;
    Settings card = device_card("ibm-cmo-hfox-2pct");
    for (const std::string& change : changes) card.overlay_assignment(change);
    const std::string path = directory.file("card" + std::to_string(count++) + ".yaml");
    std::ofstream(path) << card.resolved_yaml() << more;
    return load_device(device_experiment(path));
}

std::string message_of(const std::vector<std::string>& changes, const std::string& more = "") {
    try {
        changed_card(changes, more);
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the default card holds the numbers of its source", "[unit]") {
    const Device device = load_device(device_experiment("ibm-cmo-hfox-2pct"));
    CHECK(device.g_min.value() == Approx(10e-6));
    CHECK(device.g_max.value() == Approx(90e-6));
    CHECK(device.g_floor.value() == 0.0);
    // sigma = 0.0112 uS + 0.0113 G.
    CHECK(device.programming.sigma(50.0_uS).value() == Approx(0.5762e-6));
    CHECK(device.programming.sigma(10.0_uS).value() == Approx(0.1242e-6));
    CHECK(device.read_noise.relative_at(10.0_ns) == Approx(0.0034));
    CHECK(device.stuck.none());
    CHECK(device.write.mlc_pulse_voltage.value() == Approx(1.5));
    CHECK(device.write.mlc_pulse_time.value() == Approx(50e-9));
}

TEST_CASE("read noise falls with the square root of the integration time", "[unit]") {
    WhiteReadNoise noise;
    noise.sigma_rel = 0.03;
    noise.sigma_abs = 0.5_uS;
    noise.integration_time = 10.0_ns;
    CHECK(noise.relative_at(10.0_ns) == Approx(0.03));
    CHECK(noise.relative_at(40.0_ns) == Approx(0.015));
    CHECK(noise.absolute_at(2.5_ns).value() == Approx(1e-6));
    noise.scale = 3.0;
    CHECK(noise.relative_at(40.0_ns) == Approx(0.045));
    CHECK(noise.absolute_at(10.0_ns).value() == Approx(1.5e-6));
}

TEST_CASE("a programming sigma is a polynomial of the target, never negative", "[unit]") {
    const Device device =
        changed_card({"programming.sigma_uS_coefficients=[1, -0.05, 0.001, 1e-5]"});
    CHECK(device.programming.sigma(10.0_uS).value() == Approx(0.61e-6));
    CHECK(device.programming.sigma(100.0_uS).value() == Approx(16e-6));
    // Negative below 90 uS, the end of the range; and negative between two positive ends.
    CHECK(holds(message_of({"programming.sigma_uS_coefficients=[1, -0.1]"}), "negative inside"));
    CHECK(holds(message_of({"programming.sigma_uS_coefficients=[1, -0.1, 0.002, 1e-5]"}),
                "sigma >= 0 from g_min to g_max"));
    // Outside the range a falling law ends at 0.
    const Device falling = changed_card({"programming.sigma_uS_coefficients=[1, -0.011]"});
    CHECK(falling.programming.sigma(50.0_uS).value() == Approx(0.45e-6));
    CHECK(falling.programming.sigma(95.0_uS).value() == 0.0);
}

TEST_CASE("the experiment's keys go over the card's", "[unit]") {
    Settings experiment = device_experiment("ibm-cmo-hfox-2pct");
    experiment.overlay_assignment("device.programming.scale=2.5");
    experiment.overlay_assignment("device.read_noise.scale=4");
    experiment.overlay_assignment("device.stuck.low_rate=0.01");
    experiment.overlay_assignment("device.stuck.high_resistance_ohm=5e5");
    const Device device = load_device(experiment);
    CHECK(device.programming.sigma(50.0_uS).value() == Approx(2.5 * 0.5762e-6));
    CHECK(device.read_noise.relative_at(10.0_ns) == Approx(4 * 0.0034));
    CHECK(device.stuck.low_rate == 0.01);
    CHECK(device.stuck.high_rate == 0.0);
    CHECK(device.stuck.high_resistance.value() == 5e5);
    CHECK(device.stuck.low_resistance.value() == 11111.0);
    CHECK_FALSE(device.stuck.none());
}

TEST_CASE("every card loads, with a range, marks and sources", "[property]") {
    const auto names = device_card_names();
    REQUIRE(names.size() >= 2);
    for (const std::string& name : names) {
        CAPTURE(name);
        const Device device = load_device(device_experiment(name));
        CHECK(device.card == name);
        CHECK(device.g_floor <= device.g_min);
        CHECK(device.g_min < device.g_max);
        CHECK((device.read_noise.none() || device.read_noise.integration_time.value() > 0.0));
        CHECK(device.write.mlc_pulse_time.value() > 0.0);
        CHECK(device.write.slc_pulse_time.value() > 0.0);
        const Settings card = device_card(name);
        for (const std::string& key : card.keys()) {
            CAPTURE(key);
            CHECK_FALSE(card.entry(key).source.empty());
            CHECK_FALSE(card.entry(key).help.empty());
        }
    }
}

TEST_CASE("an unknown card is refused with the nearest one", "[unit]") {
    try {
        load_device(device_experiment("ibm-cmo-hfox-2pc"));
        FAIL("an unknown card was accepted");
    } catch (const UserError& error) {
        CHECK(error.where() == "device.card");
        CHECK(error.got() == "ibm-cmo-hfox-2pc");
        CHECK(holds(error.allowed(), "did you mean ibm-cmo-hfox-2pct?"));
        CHECK(holds(error.allowed(), "ideal"));
    }
    CHECK_THROWS_AS(load_device(device_experiment("/nowhere/card.yaml")), UserError);
}

TEST_CASE("bad card values are refused by key and place", "[unit]") {
    // The unchanged card is fine.
    CHECK(message_of({}).empty());
    const std::string empty = message_of({"conductance.g_min_uS=90"});
    CHECK(holds(empty, "conductance range is empty"));
    CHECK(holds(empty, "card"));
    CHECK(holds(message_of({"conductance.g_max_uS=3"}), "conductance range is empty"));
    CHECK(holds(message_of({"conductance.g_floor_uS=11"}), "floor lies above the lowest level"));
    CHECK(holds(message_of({"conductance.g_min_uS=-1"}), "conductance.g_min_uS"));
    CHECK(holds(message_of({"conductance.g_min_uS=10uS"}), "conductance.g_min_uS"));
    CHECK(holds(message_of({"conductance.g_max_uS=.inf"}), "conductance.g_max_uS"));
    CHECK(holds(message_of({"read_noise.sigma_rel=-0.1"}), "read_noise.sigma_rel"));
    CHECK(holds(message_of({"read_noise.integration_time_ns=0"}), "integration_time_ns"));
    CHECK(holds(message_of({"stuck.low_rate=1.5"}), "stuck.low_rate"));
    CHECK(holds(message_of({"stuck.low_rate=0.6", "stuck.high_rate=0.6"}), "add to more than 1"));
    CHECK(holds(message_of({"stuck.low_resistance_ohm=0"}), "stuck.low_resistance_ohm"));
    CHECK(holds(message_of({"programming.sigma_uS_coefficients=[1, x]"}), "sigma_uS_coefficients"));
    CHECK(
        holds(message_of({"programming.sigma_uS_coefficients=[1, 2, 3, 4, 5]"}), "5 coefficients"));
    CHECK(holds(message_of({"programming.sigma_uS_coefficients=[]"}), "0 coefficients"));
    CHECK(holds(message_of({"write.mlc_pulse_V=-2"}), "write.mlc_pulse_V"));
}

TEST_CASE("a card of the user's own holds the keys of a card and no other", "[unit]") {
    CHECK(holds(message_of({}, "read_noise.sigma_real: 0.1\n"), "read_noise.sigma_real"));
    CHECK(holds(message_of({}, "write.verify_V: 0.1\n"), "duplicate key"));
    const testing::TemporaryDirectory directory;
    const std::string path = directory.file("short.yaml");
    std::ofstream(path) << "conductance: {g_min_uS: 1, g_max_uS: 2}\n";
    try {
        load_device(device_experiment(path));
        FAIL("a card without its other keys was accepted");
    } catch (const UserError& error) {
        CHECK(holds(error.what(), "g_floor_uS"));
        CHECK(holds(error.what(), path));
    }
}
