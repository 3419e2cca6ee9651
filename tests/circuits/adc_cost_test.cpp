#include "circuits/adc_cost.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "circuits/circuit_tables.hpp"
#include "src/base/error.hpp"

using namespace attohm;

namespace {

Settings table() {
    return Settings::from_text(circuit_table("adc").value(), "adc.yaml");
}

struct Cell {
    double node_nm, bits, rate_Hz, energy_pJ;
};

}  // namespace

TEST_CASE("the survey fit gives the published table", "[unit]") {
    const AdcSurveyFit fit(table());
    const std::vector<Cell> cells = {{65, 4, 1e8, 3.50},  {65, 5, 1e8, 3.55},  {65, 6, 1e8, 4.04},
                                     {65, 8, 1e8, 6.49},  {65, 10, 1e8, 12.5}, {32, 4, 1e8, 0.92},
                                     {32, 5, 1e8, 0.94},  {32, 6, 1e8, 1.07},  {32, 8, 1e8, 1.71},
                                     {32, 10, 1e8, 3.31}, {22, 4, 1e8, 0.46},  {22, 5, 1e8, 0.46},
                                     {22, 6, 1e8, 0.53},  {22, 8, 1e8, 0.85},  {22, 10, 1e8, 1.64}};
    for (const Cell& cell : cells) {
        const AdcCost cost =
            fit.cost(cell.bits, cell.node_nm, Hertz::from_value(cell.rate_Hz), "test");
        CAPTURE(cell.node_nm, cell.bits);
        // The table has two or three digits.
        CHECK(cost.energy.value == Approx(cell.energy_pJ * 1e-12).epsilon(0.012));
        CHECK(cost.energy.mark == Mark::cited);
        CHECK_FALSE(cost.energy.source.empty());
    }
    const auto um2 = [&](double bits, double node, double rate) {
        return fit.cost(bits, node, Hertz::from_value(rate), "test").area.value * 1e12;
    };
    const auto pJ = [&](double bits, double node, double rate) {
        return fit.cost(bits, node, Hertz::from_value(rate), "test").energy.value * 1e12;
    };
    CHECK(pJ(8, 65, 1e8) == Approx(6.49).epsilon(1e-3));
    CHECK(um2(8, 65, 1e8) == Approx(11.9e3).epsilon(0.005));
    CHECK(um2(4, 65, 1e8) == Approx(9.9e3).epsilon(0.005));
    CHECK(um2(4, 32, 1e8) == Approx(3.3e3).epsilon(0.01));
    CHECK(um2(8, 32, 1e8) == Approx(3.9e3).epsilon(0.01));
    CHECK(um2(4, 22, 1e8) == Approx(1.8e3).epsilon(0.02));
    CHECK(um2(8, 22, 1e8) == Approx(2.2e3).epsilon(0.01));
    // At 1 GS/s ten bits cost 4.2 times more, eight no more.
    CHECK(pJ(10, 65, 1e9) / pJ(10, 65, 1e8) == Approx(4.2).epsilon(0.01));
    CHECK(pJ(8, 65, 1e9) == pJ(8, 65, 1e8));
}

TEST_CASE("the survey fit is not asked beyond its limits", "[unit]") {
    const AdcSurveyFit fit(table());
    const auto asks = [&](double enob, double node, double rate) {
        return fit.cost(enob, node, Hertz::from_value(rate), "machine.yaml:3").energy.value;
    };
    const auto refuses = [&](double enob, double node, double rate, const std::string& word) {
        try {
            asks(enob, node, rate);
            FAIL("not refused");
        } catch (const UserError& error) {
            CHECK(error.where() == "machine.yaml:3");
            CHECK_THAT(error.what(), Catch::Contains(word));
        }
    };
    for (const double enob : {4.0, 14.0}) CHECK(asks(enob, 65, 1e8) > 0.0);
    for (const double node : {16.0, 180.0}) CHECK(asks(8, node, 1e8) > 0.0);
    for (const double rate : {1e3, 1e10}) CHECK(asks(8, 65, rate) > 0.0);
    refuses(std::nextafter(4.0, 0.0), 65, 1e8, "4 to 14");
    refuses(std::nextafter(14.0, 99.0), 65, 1e8, "4 to 14");
    refuses(8, std::nextafter(16.0, 0.0), 1e8, "16 to 180");
    refuses(8, std::nextafter(180.0, 999.0), 1e8, "16 to 180");
    refuses(8, 65, std::nextafter(1e10, 1e11), "rate");
    refuses(8, 65, 0.0, "rate");
    refuses(std::nan(""), 65, 1e8, "number of bits");
}

TEST_CASE("a larger converter never costs less", "[property]") {
    const AdcSurveyFit fit(table());
    for (const double rate : {1e6, 1e8, 1e9, 1e10}) {
        for (const double node : {16.0, 32.0, 65.0, 180.0}) {
            double last = 0.0;
            for (int bits = 5; bits <= 14; ++bits) {
                const AdcCost cost = fit.cost(bits, node, Hertz::from_value(rate), "test");
                CHECK(cost.energy.value > last);
                CHECK(cost.area.value > 0.0);
                CHECK(fit.cost(bits, node * 0.99 < 16 ? 16 : node * 0.99, Hertz::from_value(rate),
                               "test")
                          .energy.value <= cost.energy.value);
                last = cost.energy.value;
            }
        }
    }
}

TEST_CASE("published converters", "[unit]") {
    const Settings settings = table();
    CHECK(adc_point_names(settings) == std::vector<std::string>{"isaac-8b"});
    const AdcPoint isaac = adc_point(settings, "isaac-8b");
    CHECK(isaac.bits == 8);
    CHECK(isaac.cost.energy.value == Approx(1.5625e-12));
    CHECK(isaac.cost.area.value == Approx(1200e-12));
    // The energy agrees with the fit at its node; the area is about a fifth of it.
    const AdcCost fit = AdcSurveyFit(settings).cost(8, isaac.node_nm, isaac.rate, "test");
    CHECK(isaac.cost.energy.value == Approx(fit.energy.value).epsilon(0.2));
    CHECK(fit.area.value / isaac.cost.area.value == Approx(5.4).epsilon(0.02));
    CHECK_THROWS_AS(adc_point(settings, "isaac"), UserError);
}
