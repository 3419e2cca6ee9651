#include "tests/crossbar/wires/ngspice.hpp"

#include <catch2/catch.hpp>

#include "crossbar/wires/spice_netlist.hpp"
#include "tests/crossbar/wires/random_array.hpp"
#include "tests/reference/nodal_reference.hpp"

/// What a circuit simulator says about the same circuit. Without ngspice these fail: nothing is
/// skipped.
using namespace attohm;
using namespace attohm::testing;

namespace {

constexpr double kLinearBound = 1e-9;

struct Case {
    const char* name;
    std::size_t rows, columns;
    WireResistances wires;
};

/// ngspice and the nodal matrix on one array and three inputs.
void agree(const Case& c) {
    const Matrix<double> g = random_conductance(c.rows, c.columns, 11);
    const Matrix<double> v = random_inputs(3, c.rows, 0.2, 12);
    const Matrix<double> judged =
        ngspice_currents(spice_netlist(g.view(), c.wires, v.view()), v.rows(), c.columns);
    const Matrix<double> nodal = reference::NodalReference(g.view(), c.wires).currents(v.view());
    INFO(c.name);
    CHECK(relative_distance(nodal, judged) <= kLinearBound);
}

}  // namespace

TEST_CASE("ngspice agrees on arrays with wires", "[golden]") {
    agree({"16x16", 16, 16, resistances(3.0, 1.7, 120.0, 45.0)});
    agree({"32x32", 32, 32, resistances(0.9, 4.2, 60.0, 25.0)});
    agree({"64x48", 64, 48, resistances(2.5, 1.1, 200.0, 80.0)});
}

TEST_CASE("ngspice agrees on drive from both sides", "[golden]") {
    agree({"24x20", 24, 20, resistances(5.0, 2.0, 150.0, 60.0, Drive::both_sides)});
    agree({"9x14, ideal rows", 9, 14, resistances(0.0, 2.0, 150.0, 60.0, Drive::both_sides)});
    agree({"9x14, ideal drivers", 9, 14, resistances(5.0, 2.0, 0.0, 60.0, Drive::both_sides)});
}

TEST_CASE("ngspice agrees where a resistance is 0", "[golden]") {
    for (int zero = 1; zero < 16; ++zero) {
        const auto unless = [zero](int bit, double ohm) { return (zero >> bit) & 1 ? 0.0 : ohm; };
        agree({"12x10", 12, 10,
               resistances(unless(0, 40.0), unless(1, 25.0), unless(2, 500.0), unless(3, 300.0))});
    }
}
