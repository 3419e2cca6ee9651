#include "tests/crossbar/wires/ngspice.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "crossbar/wires/nonlinear_solve.hpp"
#include "crossbar/wires/settling.hpp"
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

/// Currents by a transfer matrix.
Matrix<double> product(const Matrix<double>& transfer, const Matrix<double>& v) {
    Matrix<double> out(v.rows(), transfer.rows(), 0.0);
    for (std::size_t b = 0; b < v.rows(); ++b)
        for (std::size_t j = 0; j < transfer.rows(); ++j)
            for (std::size_t i = 0; i < transfer.cols(); ++i) out(b, j) += transfer(j, i) * v(b, i);
    return out;
}

/// ngspice, the transfer matrix and the nodal twin on one array and three inputs.
void agree(const Case& c) {
    const Matrix<double> g = random_conductance(c.rows, c.columns, 11);
    const Matrix<double> v = random_inputs(3, c.rows, 0.2, 12);
    const Matrix<double> judged =
        ngspice_currents(spice_netlist(g.view(), c.wires, v.view()), v.rows(), c.columns);
    const Matrix<double> nodal = reference::NodalReference(g.view(), c.wires).currents(v.view());
    const WireTransfer solved = solve_transfer(g.view(), c.wires);
    const Matrix<double> fast = product(solved.transfer, v);
    INFO(c.name << ": nodal " << relative_distance(nodal, judged) << ", transfer "
                << relative_distance(fast, judged) << ", residual " << solved.residual);
    CHECK(relative_distance(nodal, judged) <= kLinearBound);
    CHECK(relative_distance(fast, judged) <= kLinearBound);
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

/// Sense currents after all inputs of an array rise at once from rest, at evenly spaced times.
struct Transient {
    std::vector<double> second;
    std::vector<std::vector<double>> current;  ///< [columns][times]
};

Transient transient(const Matrix<double>& g, const WireResistances& wires, const Matrix<double>& v,
                    const LineCapacitances& line, double step, double end) {
    std::string text = spice_netlist(g.view(), wires, v.view());
    text.erase(text.find(".options"));
    const auto load = [&text](const std::string& node, Farad farad) {
        text += fmt::format("C{0} {0} 0 {1}\n", node, farad.value());
    };
    for (std::size_t i = 0; i < g.rows(); ++i) {
        load(fmt::format("drv_r{}", i), line.driver);
        for (std::size_t j = 0; j < g.cols(); ++j) {
            load(fmt::format("w_r{}_c{}", i, j), line.row);
            load(fmt::format("b_r{}_c{}", i, j), line.column);
        }
    }
    std::string meters;
    for (std::size_t j = 0; j < g.cols(); ++j) {
        load(fmt::format("sense_c{}", j), line.sense);
        meters += fmt::format(" i(Vsense_c{})", j);
    }
    text += fmt::format(
        ".options reltol=1e-8 abstol=1e-18 vntol=1e-12 chgtol=1e-24\n.control\n"
        "set numdgt=14\nset wr_singlescale\ntran {0} {1} 0 {0} uic\nwrdata wave.txt{2}\nquit 0\n"
        ".endc\n.end\n",
        step, end, meters);
    Transient wave;
    wave.current.resize(g.cols());
    bool whole = true;
    std::istringstream lines(run_ngspice(text, "wave.txt"));
    for (std::string line_text; std::getline(lines, line_text);) {
        std::istringstream numbers(line_text);
        double value = 0.0;
        numbers >> value;
        wave.second.push_back(value);
        for (auto& column : wave.current) {
            numbers >> value;
            column.push_back(value);
        }
        whole = whole && !numbers.fail();
    }
    REQUIRE(whole);
    return wave;
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

TEST_CASE("a transient has the first moment and the settling time that settling() says",
          "[golden]") {
    const std::size_t rows = 6, columns = 5;
    const Matrix<double> g = random_conductance(rows, columns, 15);
    const WireResistances wires = resistances(400.0, 250.0, 3000.0, 2000.0);
    const LineCapacitances line{Farad::from_value(1e-15), Farad::from_value(2e-15),
                                Farad::from_value(20e-15), Farad::from_value(10e-15)};
    const Settling found = settling(g.view(), wires, line);

    // All rows together; then the slowest pair alone.
    for (const bool alone : {false, true}) {
        Matrix<double> v(1, rows, alone ? 0.0 : 0.2);
        if (alone) v(0, found.row) = 0.2;
        const double tau = found.slowest.value();
        const Transient wave = transient(g, wires, v, line, tau / 400.0, 25.0 * tau);
        REQUIRE(wave.second.size() > 5000);
        for (std::size_t j = 0; j < columns; ++j) {
            const std::vector<double>& current = wave.current[j];
            double moment = 0.0;
            for (std::size_t k = 1; k < current.size(); ++k)
                moment += (wave.second[k] - wave.second[k - 1]) *
                          (1.0 - 0.5 * (current[k] + current[k - 1]) / current.back());
            const double elmore = alone ? found.pair(j, found.row) : found.together[j];
            INFO("column " << j << ": " << moment << " s by the transient, " << elmore);
            CHECK(moment == Approx(elmore).epsilon(2e-4));
        }
        if (!alone) continue;

        // The worst output, to half a step: by one time constant, and really.
        const std::vector<double>& worst = wave.current[found.column];
        for (const int bits : {1, 4, 6, 8}) {
            std::size_t last = worst.size() - 1;
            const double half_step = worst.back() * std::exp2(-(bits + 1));
            while (std::abs(worst[last] - worst.back()) <= half_step) --last;
            const double estimate = found.settle_time(bits).value();
            INFO(bits << " bits: " << wave.second[last] / estimate << " of the estimate");
            CHECK(wave.second[last] <= estimate);
            CHECK(wave.second[last] >= 0.5 * estimate);
        }
    }
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
