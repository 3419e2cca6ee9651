#include "crossbar/wires/nonlinear_solve.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "tests/crossbar/wires/cell_laws.hpp"
#include "tests/crossbar/wires/random_array.hpp"
#include "tests/reference/nodal_reference.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Contains;

namespace {

const WireResistances kWires = resistances(40.0, 25.0, 500.0, 300.0);

/// The currents by secants, one input after the other.
Matrix<double> by_secants(const Matrix<double>& g, const WireResistances& wires, const CellLaw& law,
                          const Matrix<double>& v) {
    const reference::CellCurrent cell = [&law](double conductance, double volt) {
        return law.current(Siemens::from_value(conductance), Volt::from_value(volt)).value();
    };
    Matrix<double> all(v.rows(), g.cols());
    for (std::size_t b = 0; b < v.rows(); ++b) {
        const auto one = reference::solve_by_secants(g.view(), wires, cell, {v.row(b), v.cols()});
        std::copy(one.current.begin(), one.current.end(), all.row(b));
    }
    return all;
}

}  // namespace

TEST_CASE("linear cells give the linear array", "[unit]") {
    const Matrix<double> g = random_conductance(13, 9, 21), v = random_inputs(4, 13, 0.3, 22);
    for (const Drive drive : {Drive::one_side, Drive::both_sides}) {
        const WireResistances wires = resistances(4.0, 2.5, 50.0, 30.0, drive);
        const NonlinearCurrents found = NonlinearArray(g.view(), wires, {}).currents(v.view());
        const Matrix<double> nodal = reference::NodalReference(g.view(), wires).currents(v.view());
        CHECK(relative_distance(found.current, nodal) <= 1e-12);
        CHECK(found.residual <= 1e-12);
        CHECK(found.factorisations == 0);
    }
}

TEST_CASE("every law and selector agrees with the secant twin", "[property]") {
    const Matrix<double> g = random_conductance(7, 6, 31), v = random_inputs(2, 7, 0.45, 32);
    for (const CellLaw& law : cell_laws()) {
        const NonlinearCurrents found = NonlinearArray(g.view(), kWires, law).currents(v.view());
        INFO(iv_law_name(law.iv.law) << ", " << selector_law_name(law.selector.law) << ", "
                                     << found.iterations << " iterations");
        CHECK(relative_distance(found.current, by_secants(g, kWires, law, v)) <= 1e-9);
        CHECK(found.residual <= 1e-12);
    }
}

TEST_CASE("each pattern of zero resistances agrees with the secant twin", "[property]") {
    const Matrix<double> g = random_conductance(5, 7, 41), v = random_inputs(2, 5, 0.4, 42);
    const CellLaw law{sinh_iv(0.2, 0.15), {}};
    for (int zero = 0; zero < 32; ++zero) {
        const auto unless = [zero](int bit, double ohm) { return (zero >> bit) & 1 ? 0.0 : ohm; };
        const WireResistances wires =
            resistances(unless(0, 40.0), unless(1, 25.0), unless(2, 500.0), unless(3, 300.0),
                        (zero >> 4) & 1 ? Drive::both_sides : Drive::one_side);
        const NonlinearCurrents found = NonlinearArray(g.view(), wires, law).currents(v.view());
        INFO("pattern " << zero);
        CHECK(relative_distance(found.current, by_secants(g, wires, law, v)) <= 1e-9);
    }
}

TEST_CASE("without wires each cell is its own closed form", "[unit]") {
    const Matrix<double> g = random_conductance(6, 4, 51), v = random_inputs(3, 6, 0.3, 52);
    const CellLaw law{sinh_iv(0.2, 0.25), {}};
    const NonlinearCurrents found = NonlinearArray(g.view(), {}, law).currents(v.view());
    CHECK(found.iterations == 0);
    for (std::size_t b = 0; b < v.rows(); ++b) {
        for (std::size_t j = 0; j < g.cols(); ++j) {
            double sum = 0.0;
            for (std::size_t i = 0; i < g.rows(); ++i)
                sum += g(i, j) * 0.2 * std::sinh(v(b, i) / 0.25) / std::sinh(0.2 / 0.25);
            CHECK(found.current(b, j) == Approx(sum).epsilon(1e-13));
        }
    }
}

TEST_CASE("lines, drivers and cells far apart in resistance still converge", "[property]") {
    const Matrix<double> g = random_conductance(24, 16, 61);
    const Matrix<double> v = random_inputs(2, 24, 1.5, 62);
    const CellLaw steep{sinh_iv(0.2, 0.05), {}};
    for (const auto& wires : {resistances(1e-3, 1e-3, 1e4, 1e4), resistances(1e4, 1e4, 1e-3, 1e-3),
                              resistances(500.0, 0.01, 0.0, 1e5)}) {
        const NonlinearCurrents found = NonlinearArray(g.view(), wires, steep).currents(v.view());
        INFO(found.iterations << " iterations, " << found.factorisations << " factorisations");
        // A milliohm beside 10 kilohm: voltages rounded to 16 digits leave this much.
        CHECK(found.residual <= 1e-8);
        CHECK(found.iterations < 60);
        // A foot carries what its row drivers or its own resistance let through, no more.
        const double most = 1.5 / std::max(wires.sense.value(), wires.column.value());
        for (std::size_t k = 0; k < found.current.size(); ++k)
            CHECK(std::abs(found.current.data()[k]) <= most);
    }
}

TEST_CASE("currents do not depend on batch or threads", "[property]") {
    const Matrix<double> g = random_conductance(12, 10, 71), v = random_inputs(5, 12, 0.5, 72);
    for (const CellLaw& law : cell_laws()) {
        const NonlinearArray array(g.view(), kWires, law);
        set_threads(1);
        const Matrix<double> whole = array.currents(v.view()).current;
        set_threads(3);
        const Matrix<double> threaded = array.currents(v.view()).current;
        for (std::size_t b = 0; b < v.rows(); ++b) {
            const Matrix<double> alone = array.currents({v.row(b), 1, v.cols()}).current;
            for (std::size_t j = 0; j < g.cols(); ++j) {
                CHECK(alone(0, j) == whole(b, j));
                CHECK(threaded(b, j) == whole(b, j));
            }
        }
    }
    set_threads(1);
}

TEST_CASE("what no solve can stand on is refused with its place", "[unit]") {
    Matrix<double> g = random_conductance(3, 4, 81);
    const Matrix<double> v = random_inputs(1, 3, 0.39, 82);
    const auto refusal = [&](const WireResistances& wires, const CellLaw& law,
                             const Matrix<double>& inputs) {
        try {
            NonlinearArray(g.view(), wires, law).currents(inputs.view());
        } catch (const UserError& error) {
            return std::string(error.what());
        }
        return std::string("nothing was refused");
    };
    CHECK_THAT(refusal(resistances(-1.0, 1.0, 1.0, 1.0), {}, v), Contains("row resistance"));
    CHECK_THAT(refusal(resistances(1.0, 1e-12, 1.0, 1.0), {}, v), Contains("column resistance"));
    const CellLaw table{table_iv(), {}};
    const Matrix<double> high(1, 3, 0.8);
    CHECK_THAT(refusal(kWires, table, high), Contains("row 0, column 0"));
    CHECK_THAT(refusal({}, table, high), Contains("-0.4 V to 0.4 V"));
    g(2, 1) = -1e-6;
    CHECK_THAT(refusal(kWires, {}, v), Contains("row 2, column 1"));
}

TEST_CASE("an array that does not converge says where, and gives no numbers", "[unit]") {
    // A current that falls beyond 0.125 V: no card can say so, and no convex function stands
    // behind.
    CellIv falling = polynomial_iv();
    falling.v_ref = Volt::from_value(0.05);
    falling.coefficients = {-4.0};
    const Matrix<double> g = random_conductance(6, 5, 91), v = random_inputs(1, 6, 0.9, 92);
    const NonlinearArray array(g.view(), resistances(2e3, 2e3, 1e4, 5e3), {falling, {}});
    CHECK_THROWS_AS(array.currents(v.view()), InvariantError);
    CHECK_THROWS_WITH(array.currents(v.view()), Contains("does not converge") &&
                                                    Contains("residual") && Contains("row ") &&
                                                    Contains("after 200 iterations"));
}
