#include "src/verify/dense_nodes.hpp"

#include <cmath>

namespace attohm {

namespace {

/// A x = b by elimination with row pivots.
std::vector<double> solve(Matrix<double> a, std::vector<double> b) {
    const std::size_t n = b.size();
    for (std::size_t k = 0; k < n; ++k) {
        std::size_t pivot = k;
        for (std::size_t i = k + 1; i < n; ++i) {
            if (std::abs(a(i, k)) > std::abs(a(pivot, k))) pivot = i;
        }
        for (std::size_t j = 0; j < n; ++j) std::swap(a(k, j), a(pivot, j));
        std::swap(b[k], b[pivot]);
        for (std::size_t i = k + 1; i < n; ++i) {
            const double factor = a(i, k) / a(k, k);
            if (factor == 0.0) continue;
            for (std::size_t j = k; j < n; ++j) a(i, j) -= factor * a(k, j);
            b[i] -= factor * b[k];
        }
    }
    for (std::size_t k = n; k-- > 0;) {
        for (std::size_t j = k + 1; j < n; ++j) b[k] -= a(k, j) * b[j];
        b[k] /= a(k, k);
    }
    return b;
}

}  // namespace

std::vector<double> dense_currents(MatrixView<const double> conductance,
                                   const WireResistances& wires,
                                   const std::vector<double>& inputs) {
    const std::size_t rows = conductance.rows, columns = conductance.cols;
    const std::size_t cells = rows * columns;
    const auto row_node = [&](std::size_t i, std::size_t j) { return i * columns + j; };
    const auto column_node = [&](std::size_t i, std::size_t j) { return cells + i * columns + j; };
    Matrix<double> y(2 * cells, 2 * cells, 0.0);
    std::vector<double> b(2 * cells, 0.0);
    const auto join = [&](std::size_t p, std::size_t q, double siemens) {
        y(p, p) += siemens;
        y(q, q) += siemens;
        y(p, q) -= siemens;
        y(q, p) -= siemens;
    };
    const auto to_source = [&](std::size_t p, double siemens, double volt) {
        y(p, p) += siemens;
        b[p] += siemens * volt;
    };
    const double row_S = 1.0 / wires.row.value(), column_S = 1.0 / wires.column.value();
    const double driver_S = 1.0 / (wires.driver.value() + wires.row.value());
    const double sense_S = 1.0 / (wires.sense.value() + wires.column.value());
    for (std::size_t i = 0; i < rows; ++i) {
        to_source(row_node(i, 0), driver_S, inputs[i]);
        if (wires.drive == Drive::both_sides)
            to_source(row_node(i, columns - 1), driver_S, inputs[i]);
        for (std::size_t j = 0; j < columns; ++j) {
            join(row_node(i, j), column_node(i, j), conductance(i, j));
            if (j + 1 < columns) join(row_node(i, j), row_node(i, j + 1), row_S);
            if (i + 1 < rows) join(column_node(i, j), column_node(i + 1, j), column_S);
        }
    }
    for (std::size_t j = 0; j < columns; ++j) to_source(column_node(rows - 1, j), sense_S, 0.0);
    const std::vector<double> v = solve(std::move(y), std::move(b));
    std::vector<double> current(columns);
    for (std::size_t j = 0; j < columns; ++j) current[j] = sense_S * v[column_node(rows - 1, j)];
    return current;
}

}  // namespace attohm
