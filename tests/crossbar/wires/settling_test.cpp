#include "crossbar/wires/settling.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "src/base/error.hpp"
#include "tests/crossbar/wires/random_array.hpp"

using namespace attohm;
using namespace attohm::testing;

namespace {

LineCapacitances capacitances(double row, double column, double driver, double sense) {
    return {Farad::from_value(row), Farad::from_value(column), Farad::from_value(driver),
            Farad::from_value(sense)};
}

}  // namespace

TEST_CASE("a row without leakage is the RC ladder of the textbook", "[unit]") {
    // One row of 40 cells on grounded columns, only the last one conducts, and hardly.
    const std::size_t cells = 40;
    const double r = 3.0, c = 0.2e-15, r_driver = 500.0, c_driver = 4e-15;
    Matrix<double> g(1, cells, 0.0);
    g(0, cells - 1) = 1e-15;
    const Settling found =
        settling(g.view(), resistances(r, 0.0, r_driver, 0.0), capacitances(c, 7e-15, c_driver, 1));
    const double n = static_cast<double>(cells);
    const double elmore = r_driver * (c_driver + n * c) + r * c * n * (n + 1.0) / 2.0;
    CHECK(found.slowest.value() == Approx(elmore).epsilon(1e-9));
    CHECK(found.together[cells - 1] == Approx(elmore).epsilon(1e-9));
    CHECK(found.row == 0);
    CHECK(found.column == cells - 1);
    CHECK(found.together[0] == 0.0);
    CHECK(found.settle_time(7).value() == Approx(elmore * 8.0 * std::log(2.0)).epsilon(1e-9));
}

TEST_CASE("a column without leakage is the same ladder, seen from its head", "[unit]") {
    // One cell at the head of a column of 30; current reaches the sense circuit through all of it.
    const std::size_t cells = 30;
    const double r = 2.0, c = 0.3e-15, r_sense = 200.0, c_sense = 5e-15;
    Matrix<double> g(cells, 1, 0.0);
    g(0, 0) = 1e-12;
    const Settling found =
        settling(g.view(), resistances(0.0, r, 0.0, r_sense), capacitances(1, c, 1, c_sense));
    // The cell drives a current; node k below it sees the resistance to ground as its own.
    double elmore = r_sense * c_sense;
    for (std::size_t k = 1; k <= cells; ++k) elmore += c * (r_sense + r * static_cast<double>(k));
    CHECK(found.slowest.value() == Approx(elmore).epsilon(1e-6));
}

TEST_CASE("a cell is a path for leakage", "[unit]") {
    const double r = 2e4, g = 3e-5, c = 1e-15;
    const Settling one = settling(Matrix<double>(1, 1, g).view(), resistances(r, 0.0, 0.0, 0.0),
                                  capacitances(c, 0.0, 0.0, 0.0));
    CHECK(one.slowest.value() == Approx(c / (1.0 / r + g)).epsilon(1e-12));

    // Two nodes: driver and row, Y = [a + d, -d; -d, d + g], moment by hand.
    const double a = 1e-3, d = 2e-4, c_driver = 2e-15;
    const Settling two =
        settling(Matrix<double>(1, 1, g).view(), resistances(1.0 / d, 0.0, 1.0 / a, 0.0),
                 capacitances(c, 0.0, c_driver, 0.0));
    const double det = (a + d) * (d + g) - d * d;
    const double v0 = (d + g) * a / det, v1 = d * a / det;
    const double lag = (d * c_driver * v0 + (a + d) * c * v1) / det;
    CHECK(two.slowest.value() == Approx(lag / v1).epsilon(1e-12));
}

TEST_CASE("delays of an array obey their laws", "[property]") {
    const Matrix<double> g = random_conductance(9, 7, 91);
    const WireResistances wires = resistances(40.0, 25.0, 500.0, 300.0);
    const LineCapacitances some = capacitances(1e-15, 2e-15, 5e-15, 9e-15);
    const Settling found = settling(g.view(), wires, some);
    for (std::size_t j = 0; j < g.cols(); ++j) {
        // All rows together: the mean of the pairs, so between the smallest and the largest.
        double low = 1.0, high = 0.0;
        for (std::size_t i = 0; i < g.rows(); ++i) {
            low = std::min(low, found.pair(j, i));
            high = std::max(high, found.pair(j, i));
            CHECK(found.pair(j, i) > 0.0);
            CHECK(found.pair(j, i) <= found.slowest.value());
        }
        CHECK(found.together[j] >= low);
        CHECK(found.together[j] <= high);
        // The first row's signal has the whole column before it.
        CHECK(found.pair(j, 0) > found.pair(j, g.rows() - 1));
    }
    CHECK(found.pair(g.cols() - 1, 0) > found.pair(0, 0));

    // Linear in the capacitances; 0 without; smaller with a second driver.
    const Settling doubled = settling(g.view(), wires, capacitances(2e-15, 4e-15, 1e-14, 1.8e-14));
    CHECK(doubled.slowest.value() == Approx(2.0 * found.slowest.value()).epsilon(1e-12));
    CHECK(settling(g.view(), wires, {}).slowest.value() == 0.0);
    WireResistances both = wires;
    both.drive = Drive::both_sides;
    CHECK(settling(g.view(), both, some).slowest < found.slowest);
    CHECK(settling(g.view(), {}, some).slowest.value() == 0.0);
}

TEST_CASE("bad capacitances are refused", "[unit]") {
    const Matrix<double> g(2, 2, 1e-5);
    CHECK_THROWS_WITH(settling(g.view(), {}, capacitances(0.0, -1e-15, 0.0, 0.0)),
                      Catch::Contains("column capacitance"));
    CHECK_THROWS_WITH(settling(g.view(), {}, capacitances(0.0, 0.0, 0.0, std::nan(""))),
                      Catch::Contains("sense capacitance"));
}
