#include "circuits/digital.hpp"

#include <catch2/catch.hpp>

#include <cmath>

#include "circuits/analog_energy.hpp"
#include "circuits/circuit_tables.hpp"
#include "src/base/error.hpp"

using namespace attohm;

namespace {

/// The Horowitz table with a machine's bank size beside it.
Settings digital_settings(const std::string& bank_KB) {
    Settings s = Settings::from_text(*circuit_table("horowitz-45nm"), "horowitz-45nm");
    s.extend(Settings::from_text("machine: {sram_bank_KB: " + bank_KB + "}", "test"));
    return s;
}

DigitalUnits units_at(double node_nm, double vdd_V, double bank_KB) {
    return digital_units(digital_settings(std::to_string(bank_KB)), node_nm, vdd_V, bank_KB);
}

}  // namespace

TEST_CASE("digital energies are the cited points at their own node", "[unit]") {
    const DigitalUnits units = units_at(45.0, 0.9, 8.0);
    CHECK(units.node_factor == Approx(1.0));
    // Horowitz: 0.2 + 0.1 pJ; 10 pJ per 64-bit access of 8 KB, 5 pJ per 32 bit.
    CHECK(units.mac8.value == Approx(0.3e-12));
    CHECK(units.sram_bit.value == Approx(10e-12 / 64.0));
    CHECK(units.sram_bit.value * 32.0 == Approx(5e-12));
    // 2 x 1.1 + 2 x 0.9 pJ; 4 x 3.7 + 2 x 0.9 pJ.
    CHECK(units.softmax_element.value == Approx(4.0e-12));
    CHECK(units.softmax_row.value == Approx(16.6e-12));
}

TEST_CASE("the node and supply factor is visible and marked assumed", "[unit]") {
    const DigitalUnits units = units_at(65.0, 1.0, 8.0);
    CHECK(units.node_factor == Approx(65.0 / 45.0 / 0.81));
    CHECK(units.mac8.value == Approx(0.3e-12 * 65.0 / 45.0 / 0.81));
    for (const Cited* c :
         {&units.mac8, &units.sram_bit, &units.softmax_element, &units.softmax_row}) {
        CHECK(c->mark == Mark::assumed);
        CHECK_THAT(c->source, Catch::Contains("times 1.783: 45 nm 0.9 V to 65 nm 1 V, node V^2 "
                                              "(assumed)"));
    }
}

TEST_CASE("SRAM energy passes through its points and is refused outside", "[unit]") {
    const auto access_pJ = [](double bank_KB) {
        return units_at(45.0, 0.9, bank_KB).sram_bit.value * 64.0 / 1e-12;
    };
    CHECK(access_pJ(8.0) == Approx(10.0));
    CHECK(access_pJ(16.0) == Approx(10.0 * std::sqrt(2.0)));
    CHECK(access_pJ(32.0) == Approx(20.0));
    CHECK(access_pJ(1024.0) == Approx(100.0));
    CHECK_THROWS_AS(access_pJ(4.0), UserError);
    CHECK_THROWS_AS(access_pJ(2048.0), UserError);
}

TEST_CASE("a table whose lists do not pair up names the place", "[unit]") {
    Settings s = digital_settings("8");
    s.overlay_assignment("digital.sram_KB=[8, 32]");
    CHECK_THROWS_AS(digital_units(s, 45.0, 0.9, 8.0), UserError);
    Settings falling = digital_settings("8");
    falling.overlay_assignment("digital.sram_KB=[32, 8, 1024]");
    CHECK_THROWS_AS(digital_units(falling, 45.0, 0.9, 8.0), UserError);
}

TEST_CASE("word-line DAC power doubles with every bit up to its range", "[unit]") {
    const AnalogEnergies analog =
        analog_energies(Settings::from_text(*circuit_table("analog-65nm"), "analog-65nm"));
    CHECK(analog.comparator.value == Approx(67e-15));
    CHECK(analog.comparator.mark == Mark::cited);
    CHECK(analog.dac_power.value == Approx(3.9e-6));
    CHECK(analog.dac_units(1) == 1);
    CHECK(analog.dac_units(4) == 8);
    CHECK(analog.dac_units(6) == 32);
    CHECK(analog.dac_units(7) == 0);
    CHECK(analog.dac_units(0) == 0);
}

TEST_CASE("every table in the box loads and every number has a source", "[property]") {
    REQUIRE(circuit_table_names().size() >= 5);
    for (const std::string& name : circuit_table_names()) {
        const Settings s = Settings::from_text(*circuit_table(name), name);
        for (const std::string& key : s.keys()) {
            INFO(name << " " << key);
            CHECK_FALSE(s.entry(key).source.empty());
            CHECK_FALSE(s.entry(key).help.empty());
        }
    }
    CHECK_FALSE(circuit_table("no-such-table").has_value());
}
