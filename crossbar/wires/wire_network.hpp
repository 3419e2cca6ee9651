#pragma once

#include "crossbar/wires/wire_array.hpp"

/// What the four resistances of an array mean for its nodes. Resistances in series without a branch
/// are one conductance; a resistance of 0 makes its two nodes one.
namespace attohm {

/// Segment conductances in siemens and which nodes exist. A node of the array is a row node (i, j)
/// or a column node (i, j); `row_is_node` says that all row nodes of a row are one.
struct WireNetwork {
    std::size_t rows = 0;
    std::size_t columns = 0;
    bool row_is_node = false;     ///< r_row = 0
    bool column_is_node = false;  ///< r_column = 0
    bool has_input = false;       ///< the driver is a node of its own; else the row is at v_in
    bool has_foot = false;        ///< the sense node is apart from the column; else it is at 0 V
    bool has_far_input = false;   ///< a second driver behind the last cell of each row
    double first = 0.0;           ///< driver to the first row node (or to the row)
    double row = 0.0;             ///< between row nodes
    double last = 0.0;            ///< last row node to the far driver
    double column = 0.0;          ///< between column nodes
    double foot = 0.0;            ///< last column node (or the column) to 0 V
};

/// Throws: UserError for a resistance that is neither 0 nor in [1e-30, 1e30] ohm, or for an array
///   without cells.
WireNetwork make_wire_network(std::size_t rows, std::size_t columns, const WireResistances& wires);

/// Throws: UserError naming row and column of the first conductance that is negative, not finite
///   or above 1e30 S.
void check_conductances(MatrixView<const double> conductance);

}  // namespace attohm
