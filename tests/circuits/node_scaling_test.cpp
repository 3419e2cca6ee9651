#include "circuits/node_scaling.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "circuits/circuit_tables.hpp"
#include "src/base/error.hpp"

using namespace attohm;

namespace {

NodeScaling scaling(const std::string& method, double node_nm, double vdd_V) {
    Settings settings =
        Settings::from_text(circuit_table("horowitz-45nm").value(), "horowitz-45nm");
    settings.overlay_assignment("node_scaling.method=" + method);
    return NodeScaling(settings, {node_nm, Volt::from_value(vdd_V)});
}

ProcessPoint process(double node_nm, double vdd_V) {
    return {node_nm, Volt::from_value(vdd_V)};
}

}  // namespace

TEST_CASE("constant-field factors are those of C V^2", "[unit]") {
    const NodeScaling to_65 = scaling("constant_field", 65, 1.0);
    const Cited energy = to_65.energy(process(45, 0.9));
    CHECK(energy.value == Approx(65.0 / 45.0 / 0.81));
    CHECK(energy.mark == Mark::assumed);
    CHECK_THAT(energy.source, Catch::Contains("45 nm 0.9 V to 65 nm 1 V, node V^2 (assumed)"));
    CHECK(to_65.area(process(45, 0.9)).value == Approx(65.0 * 65.0 / (45.0 * 45.0)));
    CHECK(to_65.delay(process(45, 0.9)).value == Approx(65.0 / 45.0));
    CHECK(to_65.leakage(process(45, 0.9)).value == Approx(65.0 / 45.0 / 0.9));
    CHECK(to_65.energy(process(65, 1.0)).value == 1.0);
}

TEST_CASE("tabulated factors are those of the published coefficients", "[unit]") {
    const NodeScaling to_65 = scaling("table", 65, 1.0);
    // (3.755 - 4.398 + 1.975) / (1.018 0.81 - 0.3107 0.9 + 0.1539), by hand.
    const Cited energy = to_65.energy(process(45, 0.9));
    CHECK(energy.value == Approx(1.332 / 0.69885));
    CHECK(energy.mark == Mark::cited);
    CHECK_THAT(energy.source, Catch::Contains("Stillmaker") && Catch::Contains("(cited)"));
    CHECK(to_65.area(process(45, 0.9)).value == Approx(1.5));
    // (-53.3 + 230.4 - 333.9 + 178.6) / (-501.6 + 1567 - 1619 + 566.1)
    CHECK(to_65.delay(process(45, 1.0)).value == Approx(21.8 / 12.5));
    // No source says how leakage goes.
    CHECK(to_65.leakage(process(45, 0.9)).mark == Mark::assumed);
    // Between two nodes of the table it is interpolated, and says so.
    const Cited to_28 = scaling("table", 28, 0.9).energy(process(45, 0.9));
    CHECK(to_28.mark == Mark::assumed);
    CHECK_THAT(to_28.source, Catch::Contains("(assumed)"));
    CHECK(to_28.value < scaling("table", 32, 0.9).energy(process(45, 0.9)).value);
    CHECK(to_28.value > scaling("table", 20, 0.9).energy(process(45, 0.9)).value);
}

TEST_CASE("factors compose, and fall with the node", "[property]") {
    for (const char* method : {"constant_field", "table"}) {
        INFO(method);
        for (const double vdd : {0.6, 0.75, 0.9, 1.1}) {
            double last = 0.0, last_area = 0.0;
            for (const double node :
                 {7.0, 10.0, 12.0, 16.0, 22.0, 28.0, 40.0, 65.0, 100.0, 130.0}) {
                const NodeScaling to = scaling(method, node, vdd);
                const double direct = to.energy(process(45, 0.9)).value;
                // By way of another process it is the same factor.
                const double first = scaling(method, 90, 1.0).energy(process(45, 0.9)).value;
                CHECK(first * to.energy(process(90, 1.0)).value == Approx(direct).epsilon(1e-12));
                CHECK(direct > last);
                CHECK(to.area(process(45, 0.9)).value > last_area);
                CHECK(to.delay(process(45, 0.9)).value > 0.0);
                CHECK(to.energy(process(node, vdd)).value == Approx(1.0).epsilon(1e-12));
                last = direct;
                last_area = to.area(process(45, 0.9)).value;
            }
        }
        // A higher supply never costs less.
        for (const double node : {7.0, 14.0, 28.0, 45.0, 65.0, 130.0}) {
            double last = 0.0;
            for (double vdd = 0.6; vdd <= 1.1; vdd += 0.01) {
                const double factor = scaling(method, node, vdd).energy(process(45, 0.9)).value;
                CHECK(factor > last);
                last = factor;
            }
        }
    }
}

TEST_CASE("a process outside the range of the scaling is refused", "[unit]") {
    const auto refused = [](const char* method, double node, double vdd, const char* allowed) {
        try {
            scaling(method, node, vdd);
            FAIL("not refused");
        } catch (const UserError& error) {
            CHECK(error.allowed() == allowed);
        }
    };
    refused("constant_field", 6.9, 0.9, "7 to 180");
    refused("constant_field", 181, 0.9, "7 to 180");
    refused("constant_field", 45, 2.0, "0.4 to 1.8");
    refused("table", 131, 0.9, "7 to 130");
    refused("table", 5, 0.9, "7 to 130");
    refused("table", 45, 0.59, "0.6 to 1.1");
    refused("table", 45, 1.2, "0.6 to 1.1");
    CHECK_THROWS_AS(scaling("moore", 45, 0.9), UserError);
    // A figure published outside it is refused as well.
    CHECK_THROWS_AS(scaling("table", 45, 0.9).energy(process(250, 0.9)), UserError);
    CHECK_THROWS_AS(scaling("table", 45, 0.9).area(process(45, 2.5)), UserError);
}
