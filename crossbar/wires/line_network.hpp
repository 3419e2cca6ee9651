#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "crossbar/wires/wire_array.hpp"

/// The circuit of wire_array.hpp as equations: which nodes have an unknown voltage, and which wires
/// join them. The cells are left to the caller. Every node of the picture stays, also those that no
/// cell joins (wire_network.hpp takes them out): capacitances lie at them.
namespace attohm {

/// A node: an equation's number (>= 0), the virtual ground, or an input, whose voltage is given.
using NodeId = int;
inline constexpr NodeId kGroundNode = -1;
constexpr NodeId input_node(std::size_t row) {
    return -2 - static_cast<NodeId>(row);
}
constexpr bool is_input(NodeId node) {
    return node <= -2;
}
constexpr std::size_t row_of_input(NodeId node) {
    return static_cast<std::size_t>(-2 - node);
}

/// One wire between two nodes.
struct WireBranch {
    NodeId a = kGroundNode;
    NodeId b = kGroundNode;
    double siemens = 0.0;
};

/// Nodes and wires of one array; nodes that a resistance of 0 joins are one.
class LineNetwork {
  public:
    /// Throws: UserError for a resistance that is negative, not finite, or positive and below
    ///   1e-9 ohm (it is not told from 0 beside cells of kiloohms).
    LineNetwork(std::size_t rows, std::size_t columns, const WireResistances& wires);

    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    /// Unknown voltages.
    std::size_t unknowns() const { return unknowns_; }
    /// The row's node at cell (i, j), and the column's.
    NodeId row(std::size_t i, std::size_t j) const { return row_[i] + (row_split_ ? as_id(j) : 0); }
    NodeId column(std::size_t i, std::size_t j) const {
        return column_[j] + (column_split_ ? as_id(i) : 0);
    }
    /// Outputs of the drivers (the far one where there is one, else kGroundNode), and the node in
    /// front of the sense resistance.
    NodeId driver(std::size_t i) const { return driver_[i]; }
    NodeId far_driver(std::size_t i) const { return far_[i]; }
    NodeId sense(std::size_t j) const { return sense_[j]; }
    const std::vector<WireBranch>& branches() const { return branches_; }

    /// "the row line at row 3, column 5", for messages.
    std::string describe(NodeId node) const;

  private:
    static NodeId as_id(std::size_t index) { return static_cast<NodeId>(index); }
    void join(NodeId a, NodeId b, double ohm);
    void add_row(std::size_t i, const WireResistances& wires);
    void add_column(std::size_t j, const WireResistances& wires);

    std::size_t rows_, columns_;
    std::size_t unknowns_ = 0;
    bool row_split_, column_split_;  ///< whether a line has a node per cell
    std::vector<NodeId> row_, column_, driver_, far_, sense_;
    std::vector<WireBranch> branches_;
};

}  // namespace attohm
