#pragma once

#include <compare>
#include <vector>

#include "crossbar/wires/kron_kernels.hpp"
#include "crossbar/wires/kron_tree.hpp"
#include "crossbar/wires/wire_network.hpp"

/// Small blocks of an array, kKronLanes of one shape at a time, one in each vector lane.
///
/// The reduction of small blocks costs little arithmetic and much bookkeeping. Eight leaves that
/// look alike share the bookkeeping: the same merges, from single cells up, on vectors.
namespace attohm {

/// Leaves that may share lanes: shape, and which of its sides end there.
struct LeafShape {
    std::size_t rows = 0;
    std::size_t columns = 0;
    bool left_node = true;
    bool bottom_node = true;
    int right = kNever;      ///< deadline of the right side: kAtLeaf or kNever
    int top = kNever;        ///< deadline of the top side
    bool far_input = false;  ///< a far driver behind its last column
    auto operator<=>(const LeafShape&) const = default;
};

/// What one leaf is made of: its first cell, and the segments at its left and lower end.
struct LeafCells {
    MatrixView<const double> conductance;
    double left = 0.0;
    double bottom = 0.0;
};

class LeafLanes {
  public:
    LeafLanes(const LeafShape& shape, const WireNetwork& net);

    /// Doubles that `reduce` needs, and that `substitute` reads.
    std::size_t store_size() const { return store_size_; }
    /// Doubles of scratch for right-hand sides of `width` columns at the leaf.
    std::size_t voltage_size(std::size_t width) const;
    /// The leaf as a block: its ports in the order of the reduced triangle.
    const KronBlock& root() const { return tree_.root(); }
    /// The reduced triangle inside the store: entry (i, j), i < j, at lane_index(ports, i, j).
    const double* reduced(const double* store) const;
    /// Where a caller puts the voltages of the ports: [ports][width] vectors of lanes.
    double* port_voltages(double* voltages, std::size_t width) const;

    /// Reduces `count` <= kKronLanes leaves.
    void reduce(const LeafCells* leaves, std::size_t count, double* store) const;

    /// Voltages of every cell's two nodes, from those of the ports.
    /// With one vector (`own` false): nodes[cell][row node, column node][lane].
    /// With own right-hand sides (`own` true): the columns are 1 V on each input row of the leaf,
    /// then on each of its outputs; a cell gets its own row's and its own column's:
    /// nodes[cell][row node, column node][input, output][lane].
    void substitute(const double* store, double* voltages, bool own, double* nodes) const;

  private:
    /// A block of the tree as a dense front: eliminated nodes first, then the ports.
    struct Front {
        std::size_t at = 0;          ///< first vector of its triangle
        std::size_t inverse_at = 0;  ///< first vector of its reciprocal pivots
        std::size_t n = 0;
        std::size_t e = 0;
        std::array<std::vector<std::uint8_t>, 2> map;  ///< child's port -> node of this front
        /// Of a single cell: its nodes; -1: there is none.
        int row_node = -1, column_node = -1, left = -1, far = -1, bottom = -1;
    };

    void plan_cell(const KronBlock& block, Front& front) const;
    void plan_merge(const KronBlock& block, Front& front) const;
    void fill_cell(std::size_t index, const LeafCells* leaves, std::size_t count,
                   double* store) const;
    void descend(std::size_t index, const double* store, double* x, std::size_t width, bool own,
                 double* nodes) const;

    WireNetwork net_;
    LeafShape shape_;
    KronTree tree_;
    const KronKernels& kernels_;
    std::vector<Front> fronts_;
    std::size_t store_size_ = 0;
};

}  // namespace attohm
