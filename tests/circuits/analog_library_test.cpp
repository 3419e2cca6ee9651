#include "circuits/analog_library.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "circuits/analog_energy.hpp"
#include "circuits/sample_hold.hpp"
#include "src/base/error.hpp"
#include "tests/reference/adc_reference.hpp"

using namespace attohm;
using namespace attohm::literals;

namespace {

AnalogLibrary library(double node_nm = 65.0, Volt vdd = 1.0_V) {
    return {analog_library_settings(), node_nm, vdd};
}

/// Everything a library can be asked, at plain settings.
std::vector<UnitCost> all_costs(const AnalogLibrary& lib) {
    std::vector<UnitCost> costs = {lib.comparator(),
                                   lib.word_line_dac(4, 128, 10.0_ns),
                                   lib.sample_hold(8, 0.3_V, 300.0_K),
                                   lib.virtual_ground(5, 64, 5.0_ns, 10.0_ns),
                                   lib.level_sense({4, LevelSenseMode::sequential}),
                                   lib.word_line(128, 0.2_V),
                                   lib.column_line(64, 0.2_V),
                                   lib.select_line(128, 1.2_V),
                                   lib.column_mux(8, 64),
                                   lib.analog_shift_add(8, 0.3_V, 300.0_K),
                                   lib.replica_reference(0.64_pJ)};
    for (const AdcArchitecture a :
         {AdcArchitecture::sar, AdcArchitecture::flash, AdcArchitecture::ramp}) {
        costs.push_back(lib.adc_survey(a, 6, 1.0_GHz));
        for (const UnitCost& part : lib.adc_parts(a, 6, 1.0_GHz, 1.2_V)) costs.push_back(part);
    }
    return costs;
}

double pJ(const UnitCost& cost) {
    return cost.energy.value().value * 1e12;
}

/// Whether a power of a 1-bit DAC times `factor` gets through.
bool dac_passes(double factor) {
    Settings settings = analog_library_settings();
    const double uW = settings.real("analog.dac_uW_per_bit1") * factor;
    settings.overlay_assignment(fmt::format("analog.dac_uW_per_bit1={}", uW), "machine.yaml:7");
    try {
        const AnalogLibrary made(settings, 65.0, 1.0_V);
        return made.word_line_dac(1, 128, 10.0_ns).energy.has_value();
    } catch (const UserError& error) {
        CHECK(error.where() == "machine.yaml:7");
        CHECK_THAT(error.what(), Catch::Contains("1-bit DAC"));
        return false;
    }
}

}  // namespace

TEST_CASE("every figure of the analog library is positive and has a source", "[property]") {
    int present = 0, absent = 0;
    for (const UnitCost& cost : all_costs(library())) {
        CAPTURE(cost.circuit);
        CHECK_FALSE(cost.event.empty());
        for (const auto& figure :
             {cost.energy, cost.latency, cost.area, cost.leakage, cost.bias_power}) {
            (figure ? present : absent) += 1;
            if (!figure) continue;
            CHECK(figure->value > 0.0);
            CHECK_FALSE(figure->source.empty());
        }
        // Nobody published leakage of these; it is absent, not 0.
        CHECK_FALSE(cost.leakage.has_value());
    }
    CHECK(present > 30);
    CHECK(absent > 30);
    CHECK_FALSE(library().ideal_reference().energy.has_value());
}

TEST_CASE("the comparator costs what its source says, and less at a smaller node", "[unit]") {
    const UnitCost cost = library().comparator();
    CHECK(cost.energy->value == Approx(67e-15));
    CHECK(cost.energy->mark == Mark::cited);
    CHECK(cost.latency->value == Approx(70e-12));
    CHECK_FALSE(cost.area.has_value());
    const UnitCost small = library(32.5, 0.5_V).comparator();
    CHECK(small.energy->value == Approx(67e-15 / 2.0 / 4.0));
    CHECK(small.energy->mark == Mark::assumed);
    // A 5-bit ADC by the survey at its node costs 53 times as much; the paper says 30.
    const AdcSurveyFit fit(analog_library_settings());
    const double adc = fit.cost(5, 65, Hertz::from_value(1e8), "test").energy.value;
    CHECK(adc / cost.energy->value == Approx(53.0).epsilon(0.01));
}

TEST_CASE("a DAC's power doubles with every bit, and is unknown beyond the published ones",
          "[unit]") {
    const AnalogLibrary at_32(analog_library_settings(), 32.0, 1.0_V);
    for (int bits = 1; bits <= 6; ++bits)
        CHECK(pJ(at_32.word_line_dac(bits, 128, 10.0_ns)) ==
              Approx(3.9e-6 * (1 << (bits - 1)) * 10e-9 * 1e12));
    CHECK_FALSE(at_32.word_line_dac(7, 128, 10.0_ns).energy.has_value());
    CHECK(at_32.word_line_dac(1, 128, 10.0_ns).area->value == Approx(0.17e-12));
    CHECK_FALSE(at_32.word_line_dac(2, 128, 10.0_ns).area.has_value());
    // tau = 1 kOhm x 128 x 0.2 fF = 25.6 ps at 65 nm.
    CHECK(library().word_line_dac(4, 128, 10.0_ns).latency->value ==
          Approx(25.6e-12 * 5.0 * std::log(2.0)));
}

TEST_CASE("a DAC power 1000 times off is refused", "[property]") {
    CHECK(dac_passes(1.0));
    CHECK(dac_passes(9.99));
    CHECK(dac_passes(1.0 / 9.99));
    CHECK_FALSE(dac_passes(1000.0));
    CHECK_FALSE(dac_passes(1e-3));
    CHECK_FALSE(dac_passes(10.01));
    CHECK_THROWS_AS(require_dac_power("here", std::nan(""), analog_library_settings()), UserError);
    // The machine's own loader refuses it too.
    for (const char* factor : {"3900", "0.0039"}) {
        Settings machine = analog_library_settings();
        CHECK_NOTHROW(analog_energies(machine));
        machine.overlay_assignment(std::string("analog.dac_uW_per_bit1=") + factor);
        CHECK_THROWS_AS(analog_energies(machine), UserError);
    }
}

TEST_CASE("lines cost C V^2 and scale with cells, swing and node", "[property]") {
    const AnalogLibrary lib = library();
    CHECK(lib.word_line(128, 0.2_V).energy->value == Approx(128 * 0.2e-15 * 0.04));
    CHECK(lib.select_line(128, 1.2_V).energy->value == Approx(128 * 0.3e-15 * 1.44));
    for (const std::size_t cells : {1U, 64U, 1024U}) {
        CHECK(pJ(lib.column_line(2 * cells, 0.3_V)) ==
              Approx(2.0 * pJ(lib.column_line(cells, 0.3_V))));
        CHECK(pJ(lib.column_line(cells, 0.6_V)) == Approx(4.0 * pJ(lib.column_line(cells, 0.3_V))));
        CHECK(pJ(library(32.5).word_line(cells, 0.3_V)) ==
              Approx(0.5 * pJ(lib.word_line(cells, 0.3_V))));
    }
    CHECK(lib.word_line(128, 0.2_V).energy->mark == Mark::assumed);
}

TEST_CASE("a virtual ground burns its power for as long as it is on", "[property]") {
    const AnalogLibrary lib = library();
    const UnitCost cost = lib.virtual_ground(5, 64, 5.0_ns, 10.0_ns);
    CHECK(cost.energy->value == Approx(cost.bias_power->value * 10e-9));
    CHECK(lib.virtual_ground(5, 64, 5.0_ns, 30.0_ns).energy->value ==
          Approx(3.0 * cost.energy->value));
    // Twice as fast: twice the power. A bit more: (B + 2) / (B + 1).
    CHECK(lib.virtual_ground(5, 64, 2.5_ns, 10.0_ns).bias_power->value ==
          Approx(2.0 * cost.bias_power->value));
    CHECK(lib.virtual_ground(6, 64, 5.0_ns, 10.0_ns).bias_power->value ==
          Approx(7.0 / 6.0 * cost.bias_power->value));
    // gm = 12.8 fF / (0.5 x 5 ns / (6 ln 2)), I = gm / 15, P = 1 V x 4 I.
    const double gm = 12.8e-15 / (0.5 * 5e-9 / (6.0 * std::log(2.0)));
    CHECK(cost.bias_power->value == Approx(4.0 * gm / 15.0));
}

TEST_CASE("sample and hold and analog shift-add grow with bits where noise asks for it", "[unit]") {
    const AnalogLibrary lib = library();
    // 4 bits: the unit capacitor; 10 bits: k T / C.
    CHECK(lib.sample_hold(4, 0.3_V, 300.0_K).energy->value == Approx(1e-15 * 0.3));
    const double c = SampleHold::least(10, 0.3_V, 300.0_K).value();
    REQUIRE(c > 1e-15);
    CHECK(lib.sample_hold(10, 0.3_V, 300.0_K).energy->value == Approx(c * 0.3));
    CHECK(lib.sample_hold(11, 0.3_V, 300.0_K).energy->value == Approx(4.0 * c * 0.3));
    CHECK(lib.analog_shift_add(10, 0.3_V, 300.0_K).area->value ==
          Approx(2.0 * c / 1.5e-15 * 1e-12));
    const AnalogLibrary at_32(analog_library_settings(), 32.0, 1.0_V);
    CHECK(at_32.sample_hold(8, 0.3_V, 300.0_K).bias_power->value == Approx(9.7e-9));
    CHECK(at_32.sample_hold(8, 0.3_V, 300.0_K).bias_power->mark == Mark::cited);
}

TEST_CASE("sequential and parallel reads of levels differ in time, not in decisions", "[unit]") {
    const AnalogLibrary lib = library();
    for (int bits = 1; bits <= 5; ++bits) {
        const UnitCost one = lib.level_sense({bits, LevelSenseMode::sequential});
        const UnitCost all = lib.level_sense({bits, LevelSenseMode::parallel});
        const UnitCost half = lib.level_sense({bits, LevelSenseMode::binary});
        const double references = std::ldexp(1.0, bits) - 1.0;
        CHECK(pJ(one) == Approx(0.067 * references));
        CHECK(pJ(all) == Approx(pJ(one)));
        CHECK(one.latency->value == Approx(references * all.latency->value));
        CHECK(pJ(half) == Approx(0.067 * bits));
        CHECK(half.latency->value == Approx(bits * all.latency->value));
    }
}

TEST_CASE("switching of a capacitor array, charge by charge", "[unit]") {
    for (int bits = 1; bits <= 10; ++bits) {
        double mean = 0.0;
        const std::uint32_t codes = 1U << bits;
        for (std::uint32_t code = 0; code < codes; ++code)
            mean += reference_switching_energy(bits, code) / codes;
        CAPTURE(bits);
        CHECK(sar_switching_energy(bits) == Approx(mean).epsilon(1e-9));
    }
    // Fully differential, ten bits: 1363.3 C V^2.
    CHECK(2.0 * sar_switching_energy(10) == Approx(1363.3).epsilon(1e-4));
}

TEST_CASE("architectures cost clocks and comparisons as they are built", "[property]") {
    const AnalogLibrary lib = library();
    for (int bits = 3; bits <= 10; ++bits) {
        const auto parts = [&](AdcArchitecture a) {
            return lib.adc_parts(a, bits, 1.0_GHz, 1.2_V);
        };
        const auto sar = parts(AdcArchitecture::sar), flash = parts(AdcArchitecture::flash),
                   ramp = parts(AdcArchitecture::ramp);
        const double codes = std::ldexp(1.0, bits);
        CHECK(pJ(sar[0]) == Approx(0.067 * bits));
        CHECK(pJ(flash[0]) == Approx(0.067 * (codes - 1.0)));
        CHECK(pJ(ramp[0]) == Approx(0.067 * codes));
        CHECK(sar[0].latency->value == Approx((bits + 1) * 1e-9));
        CHECK(flash[0].latency->value == Approx(1e-9));
        CHECK(ramp[0].latency->value == Approx(codes * 1e-9));
        CHECK(pJ(sar[1]) == Approx(sar_switching_energy(bits) * 1e-15 * 1.44 * 1e12));
        // What has no figure is named, not left out.
        CHECK(sar.back().circuit == "adc_logic");
        CHECK_FALSE(sar.back().energy.has_value());
        CHECK(flash.size() == 3);
        CHECK(ramp.size() == 3);
        CHECK_FALSE(ramp.back().energy.has_value());
    }
    CHECK_THROWS_AS(lib.adc_parts(AdcArchitecture::sar, 6, 1.1_GHz, 1.2_V), UserError);
    // The survey does not know the architecture, only the rate it reaches.
    const double at_rate = AdcSurveyFit(analog_library_settings())
                               .cost(8, 65, Hertz::from_value(1e9 / 256), "test")
                               .area.value;
    CHECK(lib.adc_survey(AdcArchitecture::ramp, 8, 1.0_GHz).area->value == Approx(at_rate));
    CHECK_FALSE(lib.adc_survey(AdcArchitecture::sar, 3, 1.0_GHz).energy.has_value());
}
