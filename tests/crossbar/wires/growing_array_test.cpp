#include "crossbar/wires/growing_array.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/crossbar/wires/wire_fixture.hpp"

using namespace attohm;
using namespace attohm::test;

namespace {

std::vector<double> column_of(const Matrix<double>& g, std::size_t j) {
    std::vector<double> column(g.rows());
    for (std::size_t i = 0; i < g.rows(); ++i) column[i] = g(i, j);
    return column;
}

/// Largest difference from a solve of the first columns at once, relative to the entry.
double worst_ratio(const GrowingArray& grown, const Matrix<double>& g,
                   const WireResistances& wires) {
    const std::size_t columns = grown.columns();
    const WireTransfer whole = solve_transfer(g.view().columns(0, columns), wires);
    const MatrixView<const double> t = grown.transfer();
    double worst = 0.0;
    for (std::size_t j = 0; j < columns; ++j) {
        for (std::size_t i = 0; i < g.rows(); ++i) {
            const double e = whole.transfer(j, i);
            const double ratio = e == 0.0 ? std::abs(t(j, i)) / 1e-12 : std::abs(t(j, i) / e - 1.0);
            if (!(ratio <= worst)) worst = ratio;
        }
    }
    return worst;
}

}  // namespace

TEST_CASE("columns one by one give the transfer matrix of the whole", "[property]") {
    std::uint32_t seed = 1;
    for (const WireResistances& wires : all_wires()) {
        if (wires.drive == Drive::both_sides) continue;
        for (const std::size_t start : {0, 1, 9, 20}) {
            const Matrix<double> g = random_cells(19, 26, ++seed, 0.15);
            GrowingArray grown = start == 0 ? GrowingArray(g.rows(), wires)
                                            : GrowingArray(g.view().columns(0, start), wires);
            if (start > 0) CHECK(worst_ratio(grown, g, wires) < 1e-10);
            for (std::size_t j = start; j < g.cols(); ++j) {
                grown.append(column_of(g, j));
                INFO("start " << start << ", columns " << grown.columns() << ", seed " << seed);
                CHECK(worst_ratio(grown, g, wires) < 1e-9);
            }
        }
    }
}

TEST_CASE("a long cache stays exact past its first room", "[property]") {
    const Matrix<double> g = random_cells(24, 300, 5, 0.02);
    const WireResistances wires = wires_of(2.0, 1.0, 150.0, 60.0);
    GrowingArray grown(g.view().columns(0, 100), wires);
    for (std::size_t j = 100; j < g.cols(); ++j) grown.append(column_of(g, j));
    CHECK(grown.columns() == 300);
    CHECK(worst_ratio(grown, g, wires) < 1e-9);
}

TEST_CASE("an open column changes nothing for the others", "[unit]") {
    const Matrix<double> g = random_cells(9, 6, 5);
    const WireResistances wires = wires_of(2.0, 1.0, 150.0, 60.0);
    GrowingArray grown(g.view(), wires);
    Matrix<double> before(6, 9);
    for (std::size_t j = 0; j < 6; ++j) {
        for (std::size_t i = 0; i < 9; ++i) before(j, i) = grown.transfer()(j, i);
    }
    grown.append(std::vector<double>(9, 0.0));
    double moved = 0.0, through = 0.0;
    for (std::size_t i = 0; i < 9; ++i) {
        through += std::abs(grown.transfer()(6, i));
        for (std::size_t j = 0; j < 6; ++j) {
            moved = std::max(moved, std::abs(grown.transfer()(j, i) - before(j, i)));
        }
    }
    CHECK(through == 0.0);
    CHECK(moved == 0.0);
}

TEST_CASE("what a growing array cannot do is refused", "[unit]") {
    CHECK_THROWS_AS(GrowingArray(4, wires_of(1, 1, 1, 1, Drive::both_sides)), UserError);
    CHECK_THROWS_AS(GrowingArray(0, wires_of(1, 1, 1, 1)), UserError);
    GrowingArray grown(3, wires_of(1, 1, 1, 1));
    CHECK_THROWS_AS(grown.append(std::vector<double>{1e-6, -1e-6, 1e-6}), UserError);
    CHECK(grown.columns() == 0);
}
