#include "crossbar/wires/leaf_lanes.hpp"

#include <algorithm>

#include "src/base/error.hpp"

namespace attohm {

namespace {

KronTopology leaf_topology(const LeafShape& shape, const WireNetwork& net) {
    KronTopology topology;
    topology.rows = shape.rows;
    topology.columns = shape.columns;
    topology.leaf = 1;
    topology.row_is_node = net.row_is_node;
    topology.column_is_node = net.column_is_node;
    topology.left_node = shape.left_node;
    topology.bottom_node = shape.bottom_node;
    topology.right = shape.right;
    topology.top = shape.top;
    return topology;
}

/// Right-hand sides of a block: those of its rows, then those of its columns; or one vector.
std::size_t width_of(const KronBlock& block, bool own) {
    return own ? block.rows + block.columns : 1;
}

}  // namespace

LeafLanes::LeafLanes(const LeafShape& shape, const WireNetwork& net)
    : net_(net),
      shape_(shape),
      tree_(leaf_topology(shape, net)),
      kernels_(kron_kernels(best_simd_level())),
      fronts_(tree_.blocks().size()) {
    std::size_t vectors = 0;
    for (std::size_t b = 0; b < fronts_.size(); ++b) {
        const KronBlock& block = tree_.blocks()[b];
        Front& front = fronts_[b];
        if (block.is_leaf()) {
            plan_cell(block, front);
        } else {
            plan_merge(block, front);
        }
        front.at = vectors;
        vectors += lane_triangle(front.n);
        front.inverse_at = vectors;
        vectors += front.e;
    }
    store_size_ = vectors * kKronLanes;
}

void LeafLanes::plan_cell(const KronBlock& block, Front& front) const {
    const bool far = shape_.far_input && block.column + 1 == shape_.columns;
    const bool row_ends = far || block.deadline[kRight] == kAtLeaf;
    const bool column_ends = block.deadline[kTop] == kAtLeaf;
    if (row_ends) front.row_node = static_cast<int>(front.e++);
    if (column_ends) front.column_node = static_cast<int>(front.e++);
    front.n = front.e + block.ports;
    const auto port = [&](Side side) { return static_cast<int>(front.e + block.offset[side]); };
    if (!row_ends) front.row_node = port(kRight);
    if (!column_ends) front.column_node = port(kTop);
    if (block.size[kLeft] > 0) front.left = port(kLeft);
    if (far) front.far = port(kRight);
    if (block.size[kBottom] > 0) front.bottom = port(kBottom);
}

void LeafLanes::plan_merge(const KronBlock& block, Front& front) const {
    front.e = block.eliminated;
    front.n = front.e + block.ports;
    for (int which = 0; which < 2; ++which) {
        const KronBlock& child = tree_.block(block.child[static_cast<std::size_t>(which)]);
        for (const Side side : child.order()) {
            const FrontPlace place = tree_.place(block, which, side);
            const std::size_t start = place.eliminated ? 0 : front.e + place.offset;
            for (std::size_t k = 0; k < child.size[side]; ++k) {
                front.map[static_cast<std::size_t>(which)].push_back(
                    static_cast<std::uint8_t>(start + k));
            }
        }
    }
}

const double* LeafLanes::reduced(const double* store) const {
    const Front& front = fronts_.front();
    return store + (front.at + lane_index(front.n, front.e, front.e + 1)) * kKronLanes;
}

void LeafLanes::fill_cell(std::size_t index, const LeafCells* leaves, std::size_t count,
                          double* store) const {
    const KronBlock& block = tree_.blocks()[index];
    const Front& front = fronts_[index];
    double* triangle = store + front.at * kKronLanes;
    std::fill_n(triangle, lane_triangle(front.n) * kKronLanes, 0.0);
    // Empty lanes repeat the last leaf, so that they hold numbers.
    const auto set = [&](int a, int b, auto&& value) {
        if (a < 0 || b < 0) return;
        const auto low = static_cast<std::size_t>(std::min(a, b));
        const auto high = static_cast<std::size_t>(std::max(a, b));
        double* to = triangle + lane_index(front.n, low, high) * kKronLanes;
        for (std::size_t lane = 0; lane < kKronLanes; ++lane) {
            to[lane] = value(leaves[std::min(lane, count - 1)]);
        }
    };
    const bool at_left = block.column == 0, at_bottom = block.row + 1 == shape_.rows;
    set(front.left, front.row_node,
        [&](const LeafCells& leaf) { return at_left ? leaf.left : net_.row; });
    set(front.row_node, front.column_node,
        [&](const LeafCells& leaf) { return leaf.conductance(block.row, block.column); });
    set(front.column_node, front.bottom,
        [&](const LeafCells& leaf) { return at_bottom ? leaf.bottom : net_.column; });
    set(front.row_node, front.far, [&](const LeafCells&) { return net_.last; });
}

void LeafLanes::reduce(const LeafCells* leaves, std::size_t count, double* store) const {
    // Children lie behind their parents in the list.
    for (std::size_t b = fronts_.size(); b-- > 0;) {
        const KronBlock& block = tree_.blocks()[b];
        const Front& front = fronts_[b];
        double* triangle = store + front.at * kKronLanes;
        if (block.is_leaf()) {
            fill_cell(b, leaves, count, store);
        } else {
            std::fill_n(triangle, lane_triangle(front.n) * kKronLanes, 0.0);
            for (std::size_t which = 0; which < 2; ++which) {
                const Front& child = fronts_[static_cast<std::size_t>(block.child[which])];
                kernels_.add_lanes(triangle, front.n, store + child.at * kKronLanes, child.n,
                                   child.e, front.map[which].data());
            }
        }
        kernels_.eliminate_lanes(triangle, front.n, front.e, store + front.inverse_at * kKronLanes);
    }
}

std::size_t LeafLanes::voltage_size(std::size_t width) const {
    // A child has at most the nodes and columns of its parent, and no more levels than this.
    int deepest = 0;
    std::size_t nodes = 0;
    for (std::size_t b = 0; b < fronts_.size(); ++b) {
        deepest = std::max(deepest, tree_.blocks()[b].depth);
        nodes = std::max(nodes, fronts_[b].n);
    }
    return static_cast<std::size_t>(deepest + 1) * nodes * width * kKronLanes;
}

double* LeafLanes::port_voltages(double* voltages, std::size_t width) const {
    return voltages + fronts_.front().e * width * kKronLanes;
}

void LeafLanes::substitute(const double* store, double* voltages, bool own, double* nodes) const {
    descend(0, store, voltages, width_of(tree_.root(), own), own, nodes);
}

void LeafLanes::descend(std::size_t index, const double* store, double* x, std::size_t width,
                        bool own, double* nodes) const {
    const KronBlock& block = tree_.blocks()[index];
    const Front& front = fronts_[index];
    kernels_.substitute_lanes(store + front.at * kKronLanes, front.n, front.e,
                              store + front.inverse_at * kKronLanes, x, width);
    const std::size_t vector = width * kKronLanes;
    if (block.is_leaf()) {
        double* to = nodes + (block.row * shape_.columns + block.column) * 2 * vector;
        std::copy_n(x + static_cast<std::size_t>(front.row_node) * vector, vector, to);
        std::copy_n(x + static_cast<std::size_t>(front.column_node) * vector, vector, to + vector);
        return;
    }
    double* below = x + front.n * vector;
    for (std::size_t which = 0; which < 2; ++which) {
        const auto child_index = static_cast<std::size_t>(block.child[which]);
        const KronBlock& child = tree_.blocks()[child_index];
        const std::size_t child_width = width_of(child, own);
        double* to = below + fronts_[child_index].e * child_width * kKronLanes;
        for (const std::uint8_t node : front.map[which]) {
            const double* from = x + node * vector;
            if (!own) {
                to = std::copy_n(from, kKronLanes, to);
                continue;
            }
            to = std::copy_n(from + (child.row - block.row) * kKronLanes, child.rows * kKronLanes,
                             to);
            to = std::copy_n(from + (block.rows + child.column - block.column) * kKronLanes,
                             child.columns * kKronLanes, to);
        }
        descend(child_index, store, below, child_width, own, nodes);
    }
}

}  // namespace attohm
