#include <algorithm>

#include "crossbar/wires/kron_reduction.hpp"
#include "src/base/error.hpp"

/// Voltages inside an array from its terminals down, through the factors of the reduction.
namespace attohm {

namespace {

std::size_t padded(std::size_t n) {
    return (n + kKronPanel - 1) / kKronPanel * kKronPanel;
}

}  // namespace

std::size_t KronReduction::width(const KronBlock& block, bool own) const {
    return own ? block.rows + block.columns : 1;
}

std::size_t KronReduction::stride(const KronBlock& block, bool own) const {
    if (!own) return 1;
    // Rows a power of two apart would share a few sets of the cache.
    const std::size_t n = padded(width(block, own));
    return n % 64 == 0 ? n + kKronPanel : n;
}

void KronReduction::voltages(const double* inputs, MatrixView<double> row_nodes,
                             MatrixView<double> column_nodes) {
    row_nodes_ = row_nodes;
    column_nodes_ = column_nodes;
    run_substitution(inputs, false);
}

void KronReduction::own_sensitivity(MatrixView<double> own) {
    own_ = own;
    run_substitution(nullptr, true);
}

void KronReduction::run_substitution(const double* inputs, bool own) {
    // One buffer for each depth: a block's children reuse it one after the other.
    std::vector<std::size_t> sizes;
    for (std::size_t b = 0; b < places_.size(); ++b) {
        const KronBlock& block = tree_.blocks()[b];
        const auto depth = static_cast<std::size_t>(block.depth);
        sizes.resize(std::max(sizes.size(), depth + 1));
        sizes[depth] =
            std::max(sizes[depth], (places_[b].rows + places_[b].ports) * stride(block, own));
    }
    voltage_level_.clear();
    std::size_t total = 0;
    for (const std::size_t size : sizes) {
        voltage_level_.push_back(total);
        total += padded(size);
    }
    voltages_.reserve(total);
    leaf_voltages_.reserve(largest_batch_ * leaf_ports_ * (own ? 2 * kLeafWidth : 1));
    std::size_t lane_doubles = 0;
    for (const auto& [shape, group] : lanes_) {
        const std::size_t columns = own ? shape.rows + shape.columns : 1;
        lane_doubles = std::max(lane_doubles, group->voltage_size(columns));
    }
    lane_voltages_.reserve(lane_doubles);
    lane_nodes_.reserve(kLeafWidth * kLeafWidth * 2 * 2 * kKronLanes);

    const KronBlock& root = tree_.root();
    const std::size_t ld = stride(root, own);
    double* x = voltages_.data();
    std::fill_n(x, (places_[0].rows + places_[0].ports) * ld, 0.0);
    set_terminals(inputs, x + places_[0].rows * ld, ld);
    descend(0, x, ld, own);
}

void KronReduction::set_terminals(const double* inputs, double* x, std::size_t ld) const {
    const std::size_t far = tree_.root().offset[kRight];
    for (std::size_t i = 0; i < net_.rows; ++i) {
        // One vector of inputs, or 1 V on each in turn.
        const std::size_t column = inputs == nullptr ? i : 0;
        const double v = inputs == nullptr ? 1.0 : inputs[i];
        x[input(i) * ld + column] = v;
        if (net_.has_far_input) x[(far + i) * ld + column] = v;
    }
    if (inputs != nullptr) return;
    for (std::size_t j = 0; j < net_.columns; ++j) x[output(j) * ld + net_.rows + j] = 1.0;
}

void KronReduction::descend(int index, double* x, std::size_t ld, bool own) {
    const KronBlock& block = tree_.block(index);
    const Place& place = places_[static_cast<std::size_t>(index)];
    if (block.is_leaf()) {
        const std::size_t columns = width(block, own);
        double* to = leaf_voltages_.data() +
                     place.leaf * leaf_ports_ * (own ? 2 * kLeafWidth : std::size_t{1});
        for (std::size_t port = 0; port < block.ports; ++port) {
            std::copy_n(x + port * ld, columns, to + port * columns);
        }
    } else {
        if (place.rows > 0) {
            const KronPanels front = panels(index);
            if (own) {
                kernels_.substitute(front, x, ld, padded(width(block, own)));
            } else {
                kernels_.substitute_one(front, x);
            }
        }
        for (std::size_t which = 0; which < 2; ++which) {
            const int child_index = block.child[which];
            const KronBlock& child = tree_.block(child_index);
            const Place& child_place = places_[static_cast<std::size_t>(child_index)];
            const std::size_t child_ld = stride(child, own);
            double* below =
                voltages_.data() + voltage_level_[static_cast<std::size_t>(child.depth)];
            std::fill_n(below, (child_place.rows + child_place.ports) * child_ld, 0.0);
            fill_child(index, which, x, ld, own, below + child_place.rows * child_ld, child_ld);
            descend(child_index, below, child_ld, own);
        }
    }
    if (place.batch >= 0) substitute_batch(batches_[static_cast<std::size_t>(place.batch)], own);
}

void KronReduction::fill_child(int index, std::size_t which, const double* x, std::size_t ld,
                               bool own, double* to, std::size_t to_ld) const {
    const KronBlock& block = tree_.block(index);
    const KronBlock& child = tree_.block(block.child[which]);
    const std::size_t rows = places_[static_cast<std::size_t>(index)].rows;
    for (const Side side : child.order()) {
        const FrontPlace place = tree_.place(block, static_cast<int>(which), side);
        const std::size_t start = place.eliminated ? 0 : rows + place.offset;
        for (std::size_t k = 0; k < child.size[side]; ++k) {
            const double* from = x + (start + k) * ld;
            double* row = to + (child.offset[side] + k) * to_ld;
            if (!own) {
                *row = *from;
                continue;
            }
            // The inputs and outputs of the child's own lines.
            std::copy_n(from + (child.row - block.row), child.rows, row);
            std::copy_n(from + block.rows + (child.column - block.column), child.columns,
                        row + child.rows);
        }
    }
}

void KronReduction::substitute_batch(const Batch& batch, bool own) {
    const std::size_t leaf_size = leaf_ports_ * (own ? 2 * kLeafWidth : std::size_t{1});
    for (const auto& [shape, members] : batch.groups) {
        const LeafLanes& group = lanes(shape);
        const std::size_t columns = own ? shape.rows + shape.columns : 1;
        for (std::size_t first = 0; first < members.size(); first += kKronLanes) {
            const std::size_t count = std::min(kKronLanes, members.size() - first);
            reduce_lanes(group, members, first, count);
            double* x = group.port_voltages(lane_voltages_.data(), columns);
            for (std::size_t lane = 0; lane < kKronLanes; ++lane) {
                // Empty lanes repeat the last leaf.
                const int index = members[first + std::min(lane, count - 1)];
                const KronBlock& leaf = tree_.block(index);
                const double* from = leaf_voltages_.data() +
                                     places_[static_cast<std::size_t>(index)].leaf * leaf_size;
                for (std::size_t side = 0; side < kSides; ++side) {
                    const double* ports = from + leaf.offset[side] * columns;
                    double* to = x + group.root().offset[side] * columns * kKronLanes + lane;
                    for (std::size_t k = 0; k < leaf.size[side] * columns; ++k) {
                        to[k * kKronLanes] = ports[k];
                    }
                }
            }
            group.substitute(leaf_store_.data(), lane_voltages_.data(), own, lane_nodes_.data());
            for (std::size_t lane = 0; lane < count; ++lane) {
                store_nodes(tree_.block(members[first + lane]), lane, own);
            }
        }
    }
}

void KronReduction::store_nodes(const KronBlock& leaf, std::size_t lane, bool own) const {
    const double* nodes = lane_nodes_.data() + lane;
    const std::size_t cell_size = (own ? 4 : 2) * kKronLanes;
    for (std::size_t r = 0; r < leaf.rows; ++r) {
        for (std::size_t c = 0; c < leaf.columns; ++c) {
            const std::size_t i = leaf.row + r, j = leaf.column + c;
            if (own) {
                // Row node, column node; each under its own input, then under its own output.
                const double v = nodes[0] - nodes[2 * kKronLanes];
                const double h = nodes[3 * kKronLanes] - nodes[kKronLanes];
                own_(j, i) = h * v;
            } else {
                row_nodes_(i, j) = nodes[0];
                column_nodes_(i, j) = nodes[kKronLanes];
            }
            nodes += cell_size;
        }
    }
}

}  // namespace attohm
