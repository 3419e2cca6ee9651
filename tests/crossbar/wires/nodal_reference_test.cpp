#include "tests/reference/nodal_reference.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/crossbar/wires/random_array.hpp"

/// The twin itself: what can be worked out by hand, and laws that any such circuit obeys.
using namespace attohm;
using namespace attohm::testing;
using attohm::reference::NodalReference;
using attohm::reference::NodalSolution;

TEST_CASE("one cell is one chain of resistors", "[unit]") {
    const Matrix<double> g(1, 1, 2e-5);
    const double v = 0.3, chain = 7.0 + 11.0 + 1.0 / 2e-5 + 13.0 + 17.0;
    CHECK(NodalReference(g.view(), resistances(11, 13, 7, 17)).solve({&v, 1}).current[0] ==
          Approx(v / chain).epsilon(1e-14));
    // From both sides the 18 ohm in front of the cell are two in parallel.
    CHECK(NodalReference(g.view(), resistances(11, 13, 7, 17, Drive::both_sides))
              .solve({&v, 1})
              .current[0] == Approx(v / (chain - 9.0)).epsilon(1e-14));
}

TEST_CASE("two cells in a row, two in a column", "[unit]") {
    const double r = 1000.0, g1 = 1e-4, g2 = 3e-4, v[] = {1.0, 1.0};
    // Row: the second cell hangs behind two segments.
    Matrix<double> row(1, 2);
    row(0, 0) = g1;
    row(0, 1) = g2;
    const double behind = 1.0 / (r + 1.0 / g2), node = 1.0 / (1.0 + r * (g1 + behind));
    const NodalSolution a = NodalReference(row.view(), resistances(r, 0, 0, 0)).solve({v, 1});
    CHECK(a.current[0] == Approx(g1 * node).epsilon(1e-14));
    CHECK(a.current[1] == Approx(behind * node).epsilon(1e-14));
    CHECK(a.row_voltage(0, 0) == Approx(node).epsilon(1e-14));
    CHECK(a.column_voltage(0, 0) == 0.0);

    // Column: the last row's cell is the nearer one to the foot.
    Matrix<double> column(2, 1);
    column(0, 0) = g1;
    column(1, 0) = g2;
    const double far = 1.0 / (r + 1.0 / g1);  // cell 0 and the segment behind it
    const double both = far + g2;
    const NodalSolution b = NodalReference(column.view(), resistances(0, r, 0, 0)).solve({v, 2});
    CHECK(b.current[0] == Approx(both / (1.0 + r * both)).epsilon(1e-14));
}

TEST_CASE("no resistance is the plain product", "[unit]") {
    const Matrix<double> g = random_conductance(5, 4, 3), v = random_inputs(2, 5, 0.2, 4);
    const Matrix<double> current = NodalReference(g.view(), {}).currents(v.view());
    for (std::size_t b = 0; b < 2; ++b) {
        for (std::size_t j = 0; j < 4; ++j) {
            double sum = 0.0;
            for (std::size_t i = 0; i < 5; ++i) sum += g(i, j) * v(b, i);
            CHECK(current(b, j) == Approx(sum).epsilon(1e-13));
        }
    }
}

TEST_CASE("circuits obey superposition, Kirchhoff and the adjoint law", "[property]") {
    const Matrix<double> g = random_conductance(6, 5, 7), v = random_inputs(1, 6, 0.2, 8);
    for (const Drive drive : {Drive::one_side, Drive::both_sides}) {
        const WireResistances wires = resistances(40.0, 25.0, 300.0, 200.0, drive);
        const NodalReference network(g.view(), wires);
        const NodalSolution at = network.solve({v.row(0), 6});
        const Matrix<double> transfer = network.transfer();
        CHECK(at.residual <= 1e-13);
        for (std::size_t j = 0; j < 5; ++j) {
            double sum = 0.0;
            for (std::size_t i = 0; i < 6; ++i) sum += transfer(j, i) * v(0, i);
            CHECK(at.current[j] == Approx(sum).epsilon(1e-12));
            // The foot: the last segment and the sense resistance carry that current to 0 V.
            CHECK(at.column_voltage(5, j) == Approx(at.current[j] * 225.0).epsilon(1e-11));
        }

        // dI_k / dG_ij = h_ij v_ij against a difference of two solves.
        const std::size_t k = 3;
        const Matrix<double> h = network.adjoint(k);
        for (std::size_t i = 0; i < 6; ++i) {
            for (std::size_t j = 0; j < 5; ++j) {
                const double step = 1e-4 * g(i, j);
                Matrix<double> up = g, down = g;
                up(i, j) += step;
                down(i, j) -= step;
                const double difference =
                    (NodalReference(up.view(), wires).solve({v.row(0), 6}).current[k] -
                     NodalReference(down.view(), wires).solve({v.row(0), 6}).current[k]) /
                    (2.0 * step);
                const double drop = at.row_voltage(i, j) - at.column_voltage(i, j);
                CHECK(h(i, j) * drop == Approx(difference).epsilon(1e-5).margin(1e-9));
            }
        }
    }
}

TEST_CASE("a resistance of 0 is the limit of small ones", "[property]") {
    const Matrix<double> g = random_conductance(4, 6, 9);
    for (int zero = 1; zero < 16; ++zero) {
        const auto with = [zero](double small) {
            const auto part = [&](int bit, double ohm) { return (zero >> bit) & 1 ? small : ohm; };
            return resistances(part(0, 40.0), part(1, 25.0), part(2, 500.0), part(3, 300.0));
        };
        const Matrix<double> merged = NodalReference(g.view(), with(0.0)).transfer();
        const Matrix<double> small = NodalReference(g.view(), with(1e-5)).transfer();
        INFO("pattern " << zero);
        CHECK(relative_distance(merged, small) <= 1e-7);
        CHECK(relative_distance(merged, small) > 0.0);
    }
}

TEST_CASE("secants of linear cells are the linear array", "[unit]") {
    const Matrix<double> g = random_conductance(4, 3, 11), v = random_inputs(1, 4, 0.2, 12);
    const WireResistances wires = resistances(40.0, 25.0, 500.0, 300.0);
    const auto linear = [](double conductance, double volt) { return conductance * volt; };
    const NodalSolution by_secants =
        reference::solve_by_secants(g.view(), wires, linear, {v.row(0), 4});
    const NodalSolution plain = NodalReference(g.view(), wires).solve({v.row(0), 4});
    for (std::size_t j = 0; j < 3; ++j)
        CHECK(by_secants.current[j] == Approx(plain.current[j]).epsilon(1e-12));
}
