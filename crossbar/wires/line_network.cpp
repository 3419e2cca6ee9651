#include "crossbar/wires/line_network.hpp"

#include <fmt/format.h>

#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr double kSmallestOhm = 1e-9;

void require_resistance(const char* name, Ohm resistance) {
    const double ohm = resistance.value();
    if (std::isfinite(ohm) && (ohm == 0.0 || ohm >= kSmallestOhm)) return;
    throw UserError(fmt::format("a {} resistance out of range", name), "wires",
                    fmt::format("{} ohm", ohm), "0, or at least 1e-9 ohm, finite");
}

}  // namespace

LineNetwork::LineNetwork(std::size_t rows, std::size_t columns, const WireResistances& wires)
    : rows_(rows),
      columns_(columns),
      row_split_(wires.row.value() != 0.0),
      column_split_(wires.column.value() != 0.0) {
    require_resistance("row", wires.row);
    require_resistance("column", wires.column);
    require_resistance("driver", wires.driver);
    require_resistance("sense", wires.sense);
    far_.assign(rows, kGroundNode);
    for (std::size_t i = 0; i < rows; ++i) add_row(i, wires);
    for (std::size_t j = 0; j < columns; ++j) add_column(j, wires);
}

void LineNetwork::join(NodeId a, NodeId b, double ohm) {
    if (ohm != 0.0) branches_.push_back({a, b, 1.0 / ohm});
}

void LineNetwork::add_row(std::size_t i, const WireResistances& wires) {
    const double segment = wires.row.value(), driver = wires.driver.value();
    const auto next = [this] { return as_id(unknowns_++); };
    driver_.push_back(driver == 0.0 ? input_node(i) : next());
    join(input_node(i), driver_[i], driver);
    row_.push_back(row_split_ ? as_id(unknowns_) : driver_[i]);
    if (row_split_) unknowns_ += columns_;
    NodeId before = driver_[i];
    for (std::size_t j = 0; row_split_ && j < columns_; ++j) {
        join(before, row(i, j), segment);
        before = row(i, j);
    }
    if (wires.drive == Drive::one_side) return;
    // Without row resistance the second driver ends in the same node as the first.
    if (driver == 0.0) {
        far_[i] = input_node(i);
    } else {
        far_[i] = row_split_ ? next() : driver_[i];
    }
    join(before, far_[i], segment);
    join(far_[i], input_node(i), driver);
}

void LineNetwork::add_column(std::size_t j, const WireResistances& wires) {
    const double segment = wires.column.value(), sense = wires.sense.value();
    NodeId foot = kGroundNode;
    if (sense != 0.0) {
        foot = as_id(unknowns_++);
        join(foot, kGroundNode, sense);
    }
    sense_.push_back(foot);
    column_.push_back(column_split_ ? as_id(unknowns_) : foot);
    if (!column_split_) return;
    unknowns_ += rows_;
    for (std::size_t i = 0; i < rows_; ++i)
        join(column(i, j), i + 1 < rows_ ? column(i + 1, j) : foot, segment);
}

std::string LineNetwork::describe(NodeId node) const {
    for (std::size_t i = 0; i < rows_; ++i) {
        if (node == driver_[i]) return fmt::format("the driver of row {}", i);
        if (node == far_[i] && node != kGroundNode)
            return fmt::format("the far driver of row {}", i);
        for (std::size_t j = 0; j < columns_; ++j) {
            if (node == row(i, j)) return fmt::format("the row line at row {}, column {}", i, j);
            if (node == column(i, j))
                return fmt::format("the column line at row {}, column {}", i, j);
        }
    }
    return fmt::format("node {}", node);
}

}  // namespace attohm
