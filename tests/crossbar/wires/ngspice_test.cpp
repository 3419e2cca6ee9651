#include "tests/crossbar/wires/ngspice.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "crossbar/wires/nonlinear_solve.hpp"
#include "crossbar/wires/spice_netlist.hpp"
#include "tests/crossbar/wires/cell_laws.hpp"
#include "tests/crossbar/wires/random_array.hpp"
#include "tests/reference/nodal_reference.hpp"

/// What a circuit simulator says about the same circuit. Without ngspice these fail: nothing is
/// skipped.
using namespace attohm;
using namespace attohm::testing;

namespace {

constexpr double kLinearBound = 1e-9;
constexpr double kNonlinearBound = 1e-6;

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
    INFO(c.name << ": " << relative_distance(nodal, judged));
    CHECK(relative_distance(nodal, judged) <= kLinearBound);
}

/// ngspice and the Newton solve on an 8x8 array of such cells.
void agree(const CellLaw& law, const WireResistances& wires, double v_max, double bound) {
    const Matrix<double> g = random_conductance(8, 8, 13);
    const Matrix<double> v = random_inputs(3, 8, v_max, 14);
    const Matrix<double> judged =
        ngspice_currents(spice_netlist(g.view(), wires, v.view(), law), v.rows(), g.cols());
    const NonlinearCurrents found = NonlinearArray(g.view(), wires, law).currents(v.view());
    INFO(iv_law_name(law.iv.law) << ", " << selector_law_name(law.selector.law) << ": "
                                 << relative_distance(found.current, judged));
    CHECK(relative_distance(found.current, judged) <= bound);
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

TEST_CASE("ngspice agrees on non-linear cells", "[golden]") {
    const WireResistances wires = resistances(40.0, 25.0, 500.0, 300.0);
    for (const CellLaw& law : cell_laws()) agree(law, wires, 0.45, kNonlinearBound);
}

TEST_CASE("ngspice agrees on steep cells, strong selectors and other wires", "[golden]") {
    const CellLaw steep{sinh_iv(0.2, 0.08), {}};
    agree(steep, resistances(40.0, 25.0, 500.0, 300.0, Drive::both_sides), 0.6, kNonlinearBound);
    agree(steep, resistances(0.0, 25.0, 0.0, 300.0), 0.6, kNonlinearBound);
    agree(steep, resistances(2.0, 0.0, 1e4, 0.0), 0.6, kNonlinearBound);
    agree({CellIv{}, exponential_selector(1e-9, 0.04)}, resistances(4.0, 3.0, 100.0, 50.0), 0.6,
          kNonlinearBound);
}

TEST_CASE("without ngspice the judge says what to install", "[golden]") {
    const std::string path = std::getenv("PATH");
    setenv("PATH", "/nonexistent", 1);
    CHECK_THROWS_WITH(run_ngspice("nothing\n.end\n"), Catch::Contains("Debian package ngspice"));
    setenv("PATH", path.c_str(), 1);
    CHECK_THROWS_WITH(run_ngspice("no circuit\nR1 a\n.end\n"), Catch::Contains("ended with code"));
}

TEST_CASE("an array too large for a netlist is refused", "[golden]") {
    const Matrix<double> g(129, 128, 1e-6), v(1, 129, 0.1);
    CHECK_THROWS_WITH(spice_netlist(g.view(), {}, v.view()), Catch::Contains("16384"));
}
