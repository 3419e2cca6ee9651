#include "crossbar/wires/wire_array.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/crossbar/wires/dense_array.hpp"
#include "tests/crossbar/wires/wire_fixture.hpp"

using namespace attohm;
using namespace attohm::test;

namespace {

constexpr std::size_t kShapes[][2] = {{1, 1}, {1, 7}, {6, 1},  {2, 2},  {3, 5},  {8, 8},
                                      {9, 7}, {7, 9}, {8, 16}, {17, 8}, {13, 18}};

/// Largest difference of two [columns, rows] matrices, entry by entry, relative to the entry.
double worst_ratio(const Matrix<double>& t, const DenseMatrix& expected) {
    double worst = 0.0;
    for (std::size_t j = 0; j < t.rows(); ++j) {
        for (std::size_t i = 0; i < t.cols(); ++i) {
            const auto e = static_cast<double>(expected(static_cast<int>(j), static_cast<int>(i)));
            const double difference = std::abs(t(j, i) - e);
            // The twin leaves rounding where an entry is 0.
            const double ratio =
                std::abs(e) < 1e-22 ? difference / 1e-12 : difference / std::abs(e);
            if (!(ratio <= worst)) worst = ratio;
        }
    }
    return worst;
}

Matrix<double> turned(const Matrix<double>& g) {
    Matrix<double> other(g.cols(), g.rows());
    for (std::size_t i = 0; i < g.rows(); ++i) {
        for (std::size_t j = 0; j < g.cols(); ++j) {
            other(g.cols() - 1 - j, g.rows() - 1 - i) = g(i, j);
        }
    }
    return other;
}

}  // namespace

TEST_CASE("transfer matrix, sensitivities and coupling are those of the dense nodal matrix",
          "[property]") {
    std::uint32_t seed = 11;
    for (const auto& shape : kShapes) {
        for (const WireResistances& wires : all_wires()) {
            const Matrix<double> g = random_cells(shape[0], shape[1], ++seed, 0.15);
            const WireSensitivity solved = solve_sensitivity(g.view(), wires);
            const DenseArray dense(g.view(), wires);
            INFO(shape[0] << " x " << shape[1] << ", seed " << seed << ", row " << wires.row.value()
                          << ", column " << wires.column.value() << ", driver "
                          << wires.driver.value() << ", sense " << wires.sense.value() << ", sides "
                          << (wires.drive == Drive::both_sides ? 2 : 1));
            CHECK(worst_ratio(solved.base.transfer, dense.transfer()) < 1e-12);
            CHECK(solved.base.residual < 1e-12);
            CHECK(worst_ratio(solved.own, dense.own()) < 1e-11);
            if (g.size() > 80) continue;
            const auto k = static_cast<double>(dense.coupling());
            CHECK(solved.coupling >= k * (1.0 - 1e-9));
            CHECK(solved.coupling <= k * (1.0 + 2.1e-4) + 1e-15);
        }
    }
}

TEST_CASE("long and flat arrays agree with the dense nodal matrix", "[property]") {
    for (const auto& shape : {std::pair<std::size_t, std::size_t>{2, 120}, {130, 2}, {1, 300}}) {
        const Matrix<double> g = random_cells(shape.first, shape.second, 5, 0.1);
        for (const Drive drive : {Drive::one_side, Drive::both_sides}) {
            const WireResistances wires = wires_of(3.0, 7.0, 50.0, 20.0, drive);
            const WireTransfer solved = solve_transfer(g.view(), wires);
            CHECK(worst_ratio(solved.transfer, DenseArray(g.view(), wires).transfer()) < 1e-11);
        }
    }
}

TEST_CASE("entries keep their digits where wires and cells lie eight decades apart", "[property]") {
    const Matrix<double> g = random_cells(18, 17, 3, 0.1);
    for (const WireResistances& wires :
         {wires_of(1e-2, 1e-3, 1e4, 1e3), wires_of(1e-2, 2e5, 1e-1, 0.0),
          wires_of(3e5, 1e-2, 0.0, 1e5, Drive::both_sides)}) {
        const WireTransfer solved = solve_transfer(g.view(), wires);
        const DenseMatrix expected = DenseArray(g.view(), wires).transfer();
        // Even the twin's long double has no digits left for what leaks past an open cell.
        const Real largest = expected.cwiseAbs().maxCoeff();
        double worst = 0.0;
        for (std::size_t j = 0; j < 17; ++j) {
            for (std::size_t i = 0; i < 18; ++i) {
                const Real e = expected(static_cast<int>(j), static_cast<int>(i));
                if (e < 1e-3L * largest) continue;
                worst =
                    std::max(worst, std::abs(static_cast<double>(solved.transfer(j, i) / e - 1)));
            }
        }
        CHECK(worst > 0.0);
        CHECK(worst < 1e-11);
    }
}

TEST_CASE("one cell is five resistances in series", "[unit]") {
    Matrix<double> g(1, 1, 1e-4);
    const WireTransfer solved = solve_transfer(g.view(), wires_of(2.0, 3.0, 50.0, 7.0));
    CHECK(solved.transfer(0, 0) == Approx(1.0 / (1e4 + 2.0 + 3.0 + 50.0 + 7.0)).epsilon(1e-14));
    // The second driver and its segment lie beside the first.
    const WireTransfer both =
        solve_transfer(g.view(), wires_of(2.0, 3.0, 50.0, 7.0, Drive::both_sides));
    CHECK(both.transfer(0, 0) == Approx(1.0 / (1e4 + 26.0 + 3.0 + 7.0)).epsilon(1e-14));
}

TEST_CASE("without resistances the transfer matrix is the conductances, bit by bit", "[unit]") {
    const Matrix<double> g = random_cells(19, 33, 9, 0.1);
    for (const Drive drive : {Drive::one_side, Drive::both_sides}) {
        const WireSensitivity solved = solve_sensitivity(g.view(), wires_of(0, 0, 0, 0, drive));
        std::size_t equal = 0, ones = 0;
        for (std::size_t i = 0; i < g.rows(); ++i) {
            for (std::size_t j = 0; j < g.cols(); ++j) {
                equal += solved.base.transfer(j, i) == g(i, j);
                ones += solved.own(j, i) == 1.0;
            }
        }
        CHECK(equal == g.size());
        CHECK(ones == g.size());
        CHECK(solved.base.residual == 0.0);
        CHECK(solved.coupling == 0.0);
    }
}

TEST_CASE("resistances that vanish come continuously to none", "[property]") {
    const Matrix<double> g = random_cells(20, 11, 21, 0.05);
    const WireTransfer merged = solve_transfer(g.view(), wires_of(0.0, 1.5, 0.0, 80.0));
    const WireTransfer tiny = solve_transfer(g.view(), wires_of(1e-12, 1.5, 1e-12, 80.0));
    for (std::size_t k = 0; k < g.size(); ++k) {
        const double t = merged.transfer.data()[k];
        CHECK(std::abs(tiny.transfer.data()[k] - t) <= 1e-12 * 1e-4 + 1e-12 * t);
    }
}

TEST_CASE("an array turned over its second diagonal swaps inputs and outputs", "[property]") {
    const Matrix<double> g = random_cells(27, 14, 4, 0.1);
    const WireTransfer t = solve_transfer(g.view(), wires_of(4.0, 1.0, 200.0, 90.0));
    const Matrix<double> other = turned(g);
    const WireTransfer r = solve_transfer(other.view(), wires_of(1.0, 4.0, 90.0, 200.0));
    double worst = 0.0;
    for (std::size_t i = 0; i < g.rows(); ++i) {
        for (std::size_t j = 0; j < g.cols(); ++j) {
            const double back = r.transfer(g.rows() - 1 - i, g.cols() - 1 - j);
            worst = std::max(worst, std::abs(back / t.transfer(j, i) - 1.0));
        }
    }
    CHECK(worst < 1e-12);
}

TEST_CASE("row and column resistance swapped is another array", "[property]") {
    const Matrix<double> g = random_cells(24, 24, 6);
    const WireTransfer right = solve_transfer(g.view(), wires_of(8.0, 1.0, 100.0, 100.0));
    const WireTransfer wrong = solve_transfer(g.view(), wires_of(1.0, 8.0, 100.0, 100.0));
    double difference = 0.0;
    for (std::size_t k = 0; k < g.size(); ++k) {
        difference = std::max(difference,
                              std::abs(right.transfer.data()[k] / wrong.transfer.data()[k] - 1.0));
    }
    CHECK(difference > 1e-3);
}

TEST_CASE("a row or column of open cells carries no current", "[unit]") {
    for (const WireResistances& wires : all_wires()) {
        Matrix<double> g = random_cells(19, 21, 8);
        for (std::size_t j = 0; j < g.cols(); ++j) g(3, j) = 0.0;
        for (std::size_t i = 0; i < g.rows(); ++i) g(i, 12) = 0.0;
        const WireTransfer solved = solve_transfer(g.view(), wires);
        double through = 0.0;
        for (std::size_t j = 0; j < g.cols(); ++j) through += std::abs(solved.transfer(j, 3));
        for (std::size_t i = 0; i < g.rows(); ++i) through += std::abs(solved.transfer(12, i));
        CHECK(through == 0.0);
        CHECK(solved.residual < 1e-12);
    }
    Matrix<double> open(5, 4, 0.0);
    const WireSensitivity none = solve_sensitivity(open.view(), wires_of(1.0, 1.0, 1.0, 1.0));
    CHECK(none.base.transfer(3, 4) == 0.0);
    CHECK(none.own(3, 4) == Approx(1.0).epsilon(1e-14));
    CHECK(none.coupling == 0.0);
}

TEST_CASE("own sensitivities are central differences of the transfer matrix", "[property]") {
    for (const WireResistances& wires :
         {wires_of(5.0, 3.0, 200.0, 100.0), wires_of(5.0, 3.0, 200.0, 100.0, Drive::both_sides),
          wires_of(0.0, 20.0, 100.0, 0.0)}) {
        Matrix<double> g = random_cells(21, 30, 17);
        const WireSensitivity solved = solve_sensitivity(g.view(), wires);
        for (std::size_t pick = 0; pick < 40; ++pick) {
            const std::size_t i = pick * 7 % g.rows(), j = pick * 11 % g.cols();
            const double here = g(i, j), step = 1e-3 * here;
            g(i, j) = here + step;
            const double up = solve_transfer(g.view(), wires).transfer(j, i);
            g(i, j) = here - step;
            const double down = solve_transfer(g.view(), wires).transfer(j, i);
            g(i, j) = here;
            CHECK(solved.own(j, i) == Approx((up - down) / (2.0 * step)).epsilon(1e-6));
        }
    }
}

TEST_CASE("large arrays balance at every node", "[property]") {
    for (const auto& shape : {std::pair<std::size_t, std::size_t>{64, 128},
                              {100, 77},
                              {129, 65},
                              {16, 200},
                              {256, 256}}) {
        const Matrix<double> g = random_cells(shape.first, shape.second, 2, 0.1);
        for (const Drive drive : {Drive::one_side, Drive::both_sides}) {
            const WireTransfer solved =
                solve_transfer(g.view(), wires_of(1.0, 2.0, 100.0, 30.0, drive));
            CHECK(solved.residual < 1e-12);
            CHECK(solved.residual > 0.0);
        }
    }
}

TEST_CASE("two solves give the same bytes", "[property]") {
    const Matrix<double> g = random_cells(70, 90, 2, 0.1);
    const WireSensitivity a = solve_sensitivity(g.view(), wires_of(1.0, 2.0, 100.0, 30.0));
    const WireSensitivity b = solve_sensitivity(g.view(), wires_of(1.0, 2.0, 100.0, 30.0));
    CHECK(std::memcmp(a.base.transfer.data(), b.base.transfer.data(), g.size() * sizeof(double)) ==
          0);
    CHECK(std::memcmp(a.own.data(), b.own.data(), g.size() * sizeof(double)) == 0);
    CHECK(a.coupling == b.coupling);
    CHECK(a.base.residual == b.base.residual);
}

TEST_CASE("bad cells and bad wires are named", "[unit]") {
    Matrix<double> g = random_cells(4, 6, 1);
    const WireResistances wires = wires_of(1.0, 1.0, 1.0, 1.0);
    for (const double bad : {-1e-9, std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity()}) {
        g(2, 5) = bad;
        try {
            solve_transfer(g.view(), wires);
            FAIL("no error");
        } catch (const UserError& error) {
            CHECK(error.where() == "row 2, column 5");
        }
        CHECK_THROWS_AS(solve_transfer(g.view(), wires_of(0, 0, 0, 0)), UserError);
    }
    g(2, 5) = 0.0;
    CHECK_THROWS_AS(solve_transfer(g.view(), wires_of(-1.0, 1.0, 1.0, 1.0)), UserError);
    CHECK_THROWS_AS(solve_transfer(g.view(), wires_of(1.0, HUGE_VAL, 1.0, 1.0)), UserError);
    CHECK_THROWS_AS(solve_transfer(g.view(), wires_of(1.0, 1.0, std::nan(""), 1.0)), UserError);
    CHECK_THROWS_AS(solve_transfer(g.view(), wires_of(1.0, 1.0, 1.0, 1e-40)), UserError);
    const Matrix<double> none(0, 3);
    CHECK_THROWS_AS(solve_transfer(none.view(), wires), UserError);
}
