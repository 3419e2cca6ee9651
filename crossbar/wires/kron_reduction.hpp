#pragma once

#include <map>
#include <memory>
#include <vector>

#include "crossbar/wires/kron_kernels.hpp"
#include "crossbar/wires/kron_tree.hpp"
#include "crossbar/wires/leaf_lanes.hpp"
#include "crossbar/wires/wire_network.hpp"
#include "crossbar/wires/work_memory.hpp"

/// Hierarchical Schur (Kron) reduction of an array's network onto its terminals, O(N^3) for N x N.
///
/// Leaves of 8 x 8 cells are reduced eight at a time (leaf_lanes.hpp); above them, two neighbouring
/// blocks are joined and the nodes where they meet eliminated by a blocked Cholesky factorisation.
/// The factors stay, so voltages inside follow by substitution. Every step works on conductances
/// >= 0 that are only ever added and multiplied (kron_kernels.hpp), so the result keeps its
/// relative accuracy for any ratio of wire to cell resistance.
/// Row-by-row elimination of the whole array would cost O(N^4). The choice is by size: up to 8 x 8
/// cells node by node, above that by halves.
namespace attohm {

enum class FarEnds { free, ports };

/// Side of a leaf in cells.
inline constexpr std::size_t kLeafWidth = 8;

class KronReduction {
  public:
    /// Args: far_ends: `ports` keeps the last row nodes as terminals (drive from one side only).
    KronReduction(const WireNetwork& net, FarEnds far_ends);

    /// Reduces the network of these cells. `all`: the whole terminal matrix; else only what couples
    /// inputs to outputs. The view must live as long as voltages are asked for.
    void reduce(MatrixView<const double> conductance, bool all);

    const KronBlock& terminals() const { return tree_.root(); }
    /// Conductance between two different terminals, numbered as the root's ports.
    double between(std::size_t a, std::size_t b) const;
    /// Input and output terminals: v_in of a row and the sense node of a column.
    std::size_t input(std::size_t row) const;
    std::size_t output(std::size_t column) const;
    /// [columns, rows] current into each output per volt on each row.
    void transfer(MatrixView<double> out) const;

    /// Voltages of all row nodes and all column nodes [rows, columns] under these inputs [rows].
    void voltages(const double* inputs, MatrixView<double> row_nodes,
                  MatrixView<double> column_nodes);
    /// own [columns, rows]: dT_ji / dG_ij (wire_array.hpp).
    void own_sensitivity(MatrixView<double> own);

  private:
    /// Leaves below one block, reduced together while they are in the cache.
    struct Batch {
        int block = 0;
        std::vector<std::pair<LeafShape, std::vector<int>>> groups;
    };
    /// Where a block keeps things.
    struct Place {
        std::size_t factor = 0;   ///< panels
        std::size_t inverse = 0;  ///< reciprocal pivots
        std::size_t rows = 0;     ///< eliminated nodes, padded
        std::size_t ports = 0;    ///< padded
        int batch = -1;           ///< the batch that begins here
        std::size_t leaf = 0;     ///< leaf: its place within the batch
    };
    void lay_out();
    void gather_batch(int index, Batch& batch);
    LeafShape leaf_shape(const KronBlock& block) const;
    LeafCells leaf_cells(const KronBlock& block) const;
    const LeafLanes& lanes(const LeafShape& shape) const;
    KronPanels panels(int index);

    const double* reduce_block(int index, std::size_t which);
    void reduce_batch(const Batch& batch);
    void scatter_leaf(const KronBlock& leaf, const LeafLanes& lanes, std::size_t lane, double* out);
    void assemble_front(int index, const double* const child[2]);
    void assemble_ports(int index, const double* const child[2], double* out);

    void reduce_lanes(const LeafLanes& lanes, const std::vector<int>& members, std::size_t first,
                      std::size_t count);
    void run_substitution(const double* inputs, bool own);
    void set_terminals(const double* inputs, double* x, std::size_t ld) const;
    void descend(int index, double* x, std::size_t ld, bool own);
    void fill_child(int index, std::size_t which, const double* x, std::size_t ld, bool own,
                    double* to, std::size_t to_ld) const;
    void substitute_batch(const Batch& batch, bool own);
    void store_nodes(const KronBlock& leaf, std::size_t lane, bool own) const;
    std::size_t width(const KronBlock& block, bool own) const;
    std::size_t stride(const KronBlock& block, bool own) const;

    WireNetwork net_;
    KronTree tree_;
    const KronKernels& kernels_;
    MatrixView<const double> conductance_;
    bool all_ = false;
    std::map<LeafShape, std::unique_ptr<LeafLanes>> lanes_;
    std::vector<Batch> batches_;
    std::vector<Place> places_;
    std::size_t leaf_ports_ = 0;     ///< padded ports of the largest leaf
    std::size_t leaf_matrix_ = 0;    ///< doubles of the largest leaf's matrix
    std::size_t largest_batch_ = 0;  ///< leaves
    const double* root_ = nullptr;   ///< [ports][ports] terminal conductances, strided

    WorkMemory factors_, inverses_, leaf_store_, leaf_matrices_, blocks_, voltages_, leaf_voltages_,
        lane_voltages_, lane_nodes_;
    std::vector<std::size_t> level_;  ///< start of each depth's two matrices in blocks_
    std::vector<std::size_t> level_size_;
    std::vector<std::size_t> voltage_level_;
    // Where own sensitivities and node voltages go.
    MatrixView<double> own_, row_nodes_, column_nodes_;
};

}  // namespace attohm
