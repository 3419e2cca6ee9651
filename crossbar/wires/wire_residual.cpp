#include "crossbar/wires/wire_residual.hpp"

#include <algorithm>
#include <cmath>

namespace attohm {

namespace {

/// Largest magnitudes of what does not balance and of the sources.
struct Balance {
    double error = 0.0;
    double source = 0.0;
    void add(double current, double from_source) {
        // Written so that a value that is not a number counts as infinite.
        if (!(std::abs(current) <= error))
            error = std::isnan(current) ? HUGE_VAL : std::abs(current);
        source = std::max(source, std::abs(from_source));
    }
};

/// Row nodes of one row.
void balance_row(const WireNetwork& net, const double* g, double v, const double* a,
                 const double* b, Balance& balance) {
    const std::size_t last = net.columns - 1;
    if (net.row_is_node) {
        double sum = net.first * (a[0] - v);
        for (std::size_t j = 0; j <= last; ++j) sum += g[j] * (a[j] - b[j]);
        balance.add(sum, net.first * v);
        return;
    }
    for (std::size_t j = 0; j <= last; ++j) {
        double sum = g[j] * (a[j] - b[j]);
        sum += j == 0 ? net.first * (a[j] - v) : net.row * (a[j] - a[j - 1]);
        sum += j == last ? net.last * (a[j] - v) : net.row * (a[j] - a[j + 1]);
        balance.add(sum, (j == 0 ? net.first * v : 0.0) + (j == last ? net.last * v : 0.0));
    }
}

/// Column nodes where the column has resistance: those of row i.
void balance_columns(const WireNetwork& net, std::size_t i, const double* g, const double* a,
                     MatrixView<const double> b, Balance& balance) {
    const bool at_foot = i + 1 == net.rows;
    for (std::size_t j = 0; j < net.columns; ++j) {
        const double here = b(i, j);
        double sum = g[j] * (here - a[j]);
        if (i > 0) sum += net.column * (here - b(i - 1, j));
        sum += at_foot ? net.foot * here : net.column * (here - b(i + 1, j));
        // Without an input node the row is the source.
        balance.add(sum, net.has_input ? 0.0 : g[j] * a[j]);
    }
}

}  // namespace

std::vector<double> residual_inputs(std::size_t rows) {
    std::vector<double> inputs(rows);
    for (std::size_t i = 0; i < rows; ++i) {
        inputs[i] = (i % 2 == 0 ? 1.0 : -0.75) * (1.0 + 0.125 * static_cast<double>(i % 5));
    }
    return inputs;
}

double wire_residual(const WireNetwork& net, MatrixView<const double> conductance,
                     const std::vector<double>& inputs, MatrixView<const double> row_nodes,
                     MatrixView<const double> column_nodes, MatrixView<const double> transfer) {
    Balance balance;
    std::vector<double> into_column(net.columns, 0.0), sources(net.columns, 0.0);
    for (std::size_t i = 0; i < net.rows; ++i) {
        const double* g = conductance.row(i);
        const double* a = row_nodes.row(i);
        const double* b = column_nodes.row(i);
        if (net.has_input) balance_row(net, g, inputs[i], a, b, balance);
        if (!net.column_is_node) balance_columns(net, i, g, a, column_nodes, balance);
        for (std::size_t j = 0; j < net.columns; ++j) {
            into_column[j] += g[j] * (a[j] - b[j]);
            if (!net.has_input) sources[j] += g[j] * a[j];
        }
    }
    const double* foot = column_nodes.row(net.rows - 1);
    for (std::size_t j = 0; j < net.columns; ++j) {
        if (net.column_is_node && net.has_foot) {
            balance.add(net.foot * foot[j] - into_column[j], sources[j]);
        }
        const double sensed = net.has_foot ? net.foot * foot[j] : into_column[j];
        double current = 0.0;
        for (std::size_t i = 0; i < net.rows; ++i) current += transfer(j, i) * inputs[i];
        balance.add(current - sensed, 0.0);
    }
    return balance.source > 0.0 ? balance.error / balance.source : balance.error;
}

}  // namespace attohm
