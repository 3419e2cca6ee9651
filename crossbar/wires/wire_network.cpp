#include "crossbar/wires/wire_network.hpp"

#include <fmt/format.h>

namespace attohm {

namespace {

constexpr double kSmallest = 1e-30;
constexpr double kLargest = 1e30;

double checked_ohm(const char* name, Ohm resistance) {
    const double r = resistance.value();
    if (r == 0.0 || (r >= kSmallest && r <= kLargest)) return r;
    throw UserError(fmt::format("wire resistance {} is out of range", name),
                    fmt::format("{}", name), fmt::format("{} ohm", r),
                    fmt::format("0, or {} .. {} ohm", kSmallest, kLargest));
}

/// 0 where there is no resistance: the segment does not exist.
double conductance_of(double r) {
    return r == 0.0 ? 0.0 : 1.0 / r;
}

}  // namespace

WireNetwork make_wire_network(std::size_t rows, std::size_t columns, const WireResistances& wires) {
    if (rows == 0 || columns == 0) {
        throw UserError("an array of no cells", "rows, columns",
                        fmt::format("{} x {}", rows, columns), "at least 1 x 1");
    }
    const double r_row = checked_ohm("r_row_ohm", wires.row);
    const double r_column = checked_ohm("r_column_ohm", wires.column);
    const double r_driver = checked_ohm("r_driver_ohm", wires.driver);
    const double r_sense = checked_ohm("r_sense_ohm", wires.sense);
    const bool both = wires.drive == Drive::both_sides;

    WireNetwork net;
    net.rows = rows;
    net.columns = columns;
    net.row_is_node = r_row == 0.0;
    net.column_is_node = r_column == 0.0;
    net.has_input = r_row + r_driver > 0.0;
    net.has_foot = r_column + r_sense > 0.0;
    net.has_far_input = both && !net.row_is_node;
    net.first = conductance_of(r_row + r_driver);
    net.row = conductance_of(r_row);
    net.last = net.has_far_input ? net.first : 0.0;
    net.column = conductance_of(r_column);
    net.foot = conductance_of(r_column + r_sense);
    // Two drivers on one node are one of half the resistance.
    if (both && net.row_is_node) net.first *= 2.0;
    return net;
}

void check_conductances(MatrixView<const double> conductance) {
    for (std::size_t i = 0; i < conductance.rows; ++i) {
        const double* row = conductance.row(i);
        for (std::size_t j = 0; j < conductance.cols; ++j) {
            // A comparison that is also false for a value that is not a number.
            if (row[j] >= 0.0 && row[j] <= kLargest) continue;
            throw UserError("a cell conductance is negative or not finite",
                            fmt::format("row {}, column {}", i, j), fmt::format("{} S", row[j]),
                            fmt::format("0 .. {} S", kLargest));
        }
    }
}

}  // namespace attohm
