#include "tests/reference/nodal_reference.hpp"

#include <Eigen/Sparse>
#include <Eigen/SparseLU>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/base/error.hpp"

namespace attohm::reference {

namespace {

/// Nodes of the circuit before any are merged: everything the topology names has its own.
struct Nodes {
    std::size_t rows, columns;

    std::size_t row(std::size_t i, std::size_t j) const { return i * columns + j; }
    std::size_t column(std::size_t i, std::size_t j) const {
        return rows * columns + i * columns + j;
    }
    std::size_t input(std::size_t i) const { return 2 * rows * columns + i; }
    std::size_t driver(std::size_t i) const { return input(rows) + i; }
    std::size_t far_driver(std::size_t i) const { return driver(rows) + i; }
    std::size_t sense(std::size_t j) const { return far_driver(rows) + j; }
    std::size_t foot(std::size_t j) const { return sense(columns) + j; }
    std::size_t count() const { return foot(columns); }
};

struct Resistor {
    std::size_t from, to;
    double ohm;
};

/// The wires of wire_array.hpp, line by line.
std::vector<Resistor> wire_list(const Nodes& at, const WireResistances& wires) {
    std::vector<Resistor> list;
    const double r_row = wires.row.value(), r_column = wires.column.value();
    for (std::size_t i = 0; i < at.rows; ++i) {
        list.push_back({at.input(i), at.driver(i), wires.driver.value()});
        list.push_back({at.driver(i), at.row(i, 0), r_row});
        for (std::size_t j = 1; j < at.columns; ++j)
            list.push_back({at.row(i, j - 1), at.row(i, j), r_row});
        if (wires.drive == Drive::both_sides) {
            list.push_back({at.row(i, at.columns - 1), at.far_driver(i), r_row});
            list.push_back({at.far_driver(i), at.input(i), wires.driver.value()});
        }
    }
    for (std::size_t j = 0; j < at.columns; ++j) {
        for (std::size_t i = 1; i < at.rows; ++i)
            list.push_back({at.column(i - 1, j), at.column(i, j), r_column});
        list.push_back({at.column(at.rows - 1, j), at.sense(j), r_column});
        list.push_back({at.sense(j), at.foot(j), wires.sense.value()});
    }
    return list;
}

/// The representative of each node after 0 ohm has made neighbours one.
std::vector<std::size_t> merge(const Nodes& at, const std::vector<Resistor>& list) {
    std::vector<std::size_t> parent(at.count());
    std::iota(parent.begin(), parent.end(), std::size_t{0});
    const auto root = [&](std::size_t node) {
        while (parent[node] != node) node = parent[node];
        return node;
    };
    // The larger number wins, so that inputs and feet, whose voltages are known, stay themselves.
    for (const Resistor& wire : list) {
        if (wire.ohm != 0.0) continue;
        const std::size_t a = root(wire.from), b = root(wire.to);
        const bool a_known = (a >= at.input(0) && a < at.driver(0)) || a >= at.foot(0);
        (a_known ? parent[b] : parent[a]) = a_known ? a : b;
    }
    std::vector<std::size_t> merged(at.count());
    for (std::size_t node = 0; node < at.count(); ++node) merged[node] = root(node);
    return merged;
}

}  // namespace

struct NodalReference::State {
    Nodes at;
    Matrix<double> conductance;
    std::vector<std::size_t> merged;     ///< representative of a node
    std::vector<int> unknown;            ///< equation of a representative, -1 = known voltage
    std::vector<Resistor> elements;      ///< wires and cells, none of 0 ohm or 0 S
    Eigen::SparseMatrix<double> matrix;  ///< of the unknown voltages
    Eigen::SparseLU<Eigen::SparseMatrix<double>> factors;

    State(MatrixView<const double> g, const WireResistances& wires);
    bool known(std::size_t node) const {
        return (node >= at.input(0) && node < at.driver(0)) || node >= at.foot(0);
    }
    /// Voltages of all nodes, by number, for those that are given.
    std::vector<double> voltages(const std::vector<double>& given, double& residual) const;
    NodalSolution solution(const std::vector<double>& given) const;
};

NodalReference::State::State(MatrixView<const double> g, const WireResistances& wires)
    : at{g.rows, g.cols}, conductance(g.rows, g.cols) {
    elements = wire_list(at, wires);
    merged = merge(at, elements);
    std::erase_if(elements, [](const Resistor& wire) { return wire.ohm == 0.0; });
    for (std::size_t i = 0; i < g.rows; ++i) {
        for (std::size_t j = 0; j < g.cols; ++j) {
            conductance(i, j) = g(i, j);
            if (g(i, j) != 0.0) elements.push_back({at.row(i, j), at.column(i, j), 1.0 / g(i, j)});
        }
    }

    // A far driver that is not there joins nothing: it gets no equation.
    std::vector<bool> touched(at.count(), false);
    for (const Resistor& element : elements)
        touched[merged[element.from]] = touched[merged[element.to]] = true;
    unknown.assign(at.count(), -1);
    int equations = 0;
    for (std::size_t node = 0; node < at.count(); ++node)
        if (touched[node] && !known(node)) unknown[node] = equations++;

    std::vector<Eigen::Triplet<double>> entries;
    for (const Resistor& element : elements) {
        const int a = unknown[merged[element.from]], b = unknown[merged[element.to]];
        const double siemens = 1.0 / element.ohm;
        if (a >= 0) entries.emplace_back(a, a, siemens);
        if (b >= 0) entries.emplace_back(b, b, siemens);
        if (a >= 0 && b >= 0) {
            entries.emplace_back(a, b, -siemens);
            entries.emplace_back(b, a, -siemens);
        }
    }
    matrix.resize(equations, equations);
    matrix.setFromTriplets(entries.begin(), entries.end());
    if (equations == 0) return;
    factors.compute(matrix);
    ATTOHM_CHECK(factors.info() == Eigen::Success);
}

std::vector<double> NodalReference::State::voltages(const std::vector<double>& given,
                                                    double& residual) const {
    Eigen::VectorXd injected = Eigen::VectorXd::Zero(matrix.rows());
    for (const Resistor& element : elements) {
        const std::size_t a = merged[element.from], b = merged[element.to];
        if (unknown[a] >= 0 && known(b)) injected[unknown[a]] += given[b] / element.ohm;
        if (unknown[b] >= 0 && known(a)) injected[unknown[b]] += given[a] / element.ohm;
    }
    Eigen::VectorXd solved = injected;
    residual = 0.0;
    if (matrix.rows() > 0) {
        solved = factors.solve(injected);
        const double largest = injected.cwiseAbs().maxCoeff();
        if (largest > 0.0) residual = (matrix * solved - injected).cwiseAbs().maxCoeff() / largest;
    }
    std::vector<double> all(at.count(), 0.0);
    for (std::size_t node = 0; node < at.count(); ++node) {
        const std::size_t own = merged[node];
        all[node] = unknown[own] >= 0 ? solved[unknown[own]] : given[own];
    }
    return all;
}

NodalSolution NodalReference::State::solution(const std::vector<double>& given) const {
    NodalSolution found;
    const std::vector<double> volt = voltages(given, found.residual);
    found.row_voltage = Matrix<double>(at.rows, at.columns);
    found.column_voltage = Matrix<double>(at.rows, at.columns);
    found.current.assign(at.columns, 0.0);
    // What the cells of a column let in leaves at its foot.
    for (std::size_t i = 0; i < at.rows; ++i) {
        for (std::size_t j = 0; j < at.columns; ++j) {
            const double up = volt[at.row(i, j)], down = volt[at.column(i, j)];
            found.row_voltage(i, j) = up;
            found.column_voltage(i, j) = down;
            found.current[j] += conductance(i, j) * (up - down);
        }
    }
    return found;
}

NodalReference::NodalReference(MatrixView<const double> conductance, const WireResistances& wires)
    : state_(std::make_unique<State>(conductance, wires)) {}
NodalReference::~NodalReference() = default;
NodalReference::NodalReference(NodalReference&&) noexcept = default;

NodalSolution NodalReference::solve(std::span<const double> v_in) const {
    ATTOHM_CHECK_EQ(v_in.size(), state_->at.rows);
    std::vector<double> given(state_->at.count(), 0.0);
    for (std::size_t i = 0; i < v_in.size(); ++i) given[state_->at.input(i)] = v_in[i];
    return state_->solution(given);
}

Matrix<double> NodalReference::currents(MatrixView<const double> v_in) const {
    Matrix<double> out(v_in.rows, state_->at.columns);
    for (std::size_t b = 0; b < v_in.rows; ++b) {
        const NodalSolution one = solve({v_in.row(b), v_in.cols});
        std::copy(one.current.begin(), one.current.end(), out.row(b));
    }
    return out;
}

Matrix<double> NodalReference::transfer() const {
    Matrix<double> out(state_->at.columns, state_->at.rows);
    for (std::size_t i = 0; i < state_->at.rows; ++i) {
        std::vector<double> unit(state_->at.rows, 0.0);
        unit[i] = 1.0;
        const NodalSolution one = solve(unit);
        for (std::size_t j = 0; j < state_->at.columns; ++j) out(j, i) = one.current[j];
    }
    return out;
}

Matrix<double> NodalReference::adjoint(std::size_t output) const {
    std::vector<double> given(state_->at.count(), 0.0);
    given[state_->at.foot(output)] = 1.0;
    const NodalSolution one = state_->solution(given);
    Matrix<double> h(state_->at.rows, state_->at.columns);
    for (std::size_t k = 0; k < h.size(); ++k)
        h.data()[k] = one.column_voltage.data()[k] - one.row_voltage.data()[k];
    return h;
}

NodalSolution solve_by_secants(MatrixView<const double> conductance, const WireResistances& wires,
                               const CellCurrent& cell, std::span<const double> v_in) {
    constexpr int kRoundsMax = 20000;
    constexpr double kSettled = 1e-13;
    double largest = 0.0;
    for (const double v : v_in) largest = std::max(largest, std::abs(v));

    // Voltage across each cell; at first what ideal wires would give.
    Matrix<double> across(conductance.rows, conductance.cols);
    for (std::size_t i = 0; i < across.rows(); ++i)
        std::fill(across.row(i), across.row(i) + across.cols(), v_in[i]);
    double keep = 1.0, before = largest;
    for (int round = 0; round < kRoundsMax; ++round) {
        Matrix<double> secant(across.rows(), across.cols());
        const double tiny = 1e-9 * largest;
        for (std::size_t i = 0; i < across.rows(); ++i) {
            for (std::size_t j = 0; j < across.cols(); ++j) {
                const double v = std::abs(across(i, j)) > tiny ? across(i, j) : tiny;
                secant(i, j) = largest == 0.0 ? 0.0 : cell(conductance(i, j), v) / v;
            }
        }
        NodalSolution found = NodalReference(secant.view(), wires).solve(v_in);
        double moved = 0.0;
        for (std::size_t k = 0; k < across.size(); ++k) {
            const double now = found.row_voltage.data()[k] - found.column_voltage.data()[k];
            moved = std::max(moved, std::abs(now - across.data()[k]));
            across.data()[k] += keep * (now - across.data()[k]);
        }
        if (moved <= kSettled * largest) return found;
        if (moved > before) keep *= 0.5;
        before = moved;
    }
    throw InvariantError("the secant iteration of the reference did not settle");
}

}  // namespace attohm::reference
