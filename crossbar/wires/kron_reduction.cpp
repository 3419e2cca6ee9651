#include "crossbar/wires/kron_reduction.hpp"

#include <algorithm>

#include "src/base/error.hpp"

namespace attohm {

namespace {

constexpr std::size_t kBatchLeaves = 64;  ///< their matrices stay in the second cache

std::size_t padded(std::size_t n) {
    return (n + kKronPanel - 1) / kKronPanel * kKronPanel;
}

/// Stride of a block's matrix. Rows a power of two apart would share a few sets of the cache.
std::size_t leading(const KronBlock& block) {
    const std::size_t n = padded(block.ports);
    return n % 64 == 0 ? n + kKronPanel : n;
}

KronTopology array_topology(const WireNetwork& net, FarEnds far_ends) {
    KronTopology topology;
    topology.rows = net.rows;
    topology.columns = net.columns;
    topology.leaf = kLeafWidth;
    topology.row_is_node = net.row_is_node;
    topology.column_is_node = net.column_is_node;
    topology.left_node = net.has_input;
    topology.bottom_node = net.has_foot;
    const bool row_stays = far_ends == FarEnds::ports || net.has_far_input || !net.has_input;
    topology.right = row_stays ? kNever : kAtLeaf;
    topology.top = net.has_foot ? kAtLeaf : kNever;
    return topology;
}

}  // namespace

KronReduction::KronReduction(const WireNetwork& net, FarEnds far_ends)
    : net_(net),
      tree_(array_topology(net, far_ends)),
      kernels_(kron_kernels(best_simd_level())),
      places_(tree_.blocks().size()) {
    ATTOHM_CHECK(far_ends == FarEnds::free || !net.has_far_input);
    lay_out();
}

void KronReduction::lay_out() {
    std::size_t factor = 0, inverse = 0, store = 0;
    for (std::size_t b = 0; b < places_.size(); ++b) {
        const KronBlock& block = tree_.blocks()[b];
        Place& place = places_[b];
        place.ports = padded(block.ports);
        place.rows = padded(block.eliminated);
        if (block.is_leaf()) {
            leaf_ports_ = std::max(leaf_ports_, place.ports);
            leaf_matrix_ = std::max(leaf_matrix_, place.ports * leading(block));
        } else {
            place.factor = factor;
            place.inverse = inverse;
            factor += place.rows * (place.rows + place.ports);
            inverse += place.rows;
            level_size_.resize(
                std::max(level_size_.size(), static_cast<std::size_t>(block.depth) + 1));
            std::size_t& size = level_size_[static_cast<std::size_t>(block.depth)];
            size = std::max(size, place.ports * leading(block));
        }
        // The first block small enough on each way down begins a batch.
        const auto begins = [&](const KronBlock& other) { return other.leaves <= kBatchLeaves; };
        if (b == 0 && begins(block)) place.batch = 0;
        for (const int child : block.child) {
            if (child < 0 || begins(block) || !begins(tree_.block(child))) continue;
            places_[static_cast<std::size_t>(child)].batch = 0;
        }
        if (place.batch < 0) continue;
        place.batch = static_cast<int>(batches_.size());
        batches_.emplace_back();
        batches_.back().block = static_cast<int>(b);
        gather_batch(static_cast<int>(b), batches_.back());
        largest_batch_ = std::max(largest_batch_, block.leaves);
    }
    for (const auto& [shape, lanes] : lanes_) store = std::max(store, lanes->store_size());

    std::size_t blocks = 0;
    for (const std::size_t size : level_size_) {
        level_.push_back(blocks);
        blocks += 2 * size;
    }
    factors_.reserve(factor + 1);
    inverses_.reserve(inverse + 1);
    leaf_store_.reserve(store);
    leaf_matrices_.reserve(largest_batch_ * leaf_matrix_);
    blocks_.reserve(blocks + 1);
}

LeafShape KronReduction::leaf_shape(const KronBlock& block) const {
    const bool at_right = block.column + block.columns == net_.columns;
    LeafShape shape;
    shape.rows = block.rows;
    shape.columns = block.columns;
    shape.left_node = block.column == 0 && net_.has_input;
    shape.bottom_node = block.row + block.rows == net_.rows && net_.has_foot;
    // With resistance in the line, every leaf has these sides.
    if (!net_.row_is_node) shape.left_node = true;
    if (!net_.column_is_node) shape.bottom_node = true;
    shape.right = block.deadline[kRight] == kAtLeaf ? kAtLeaf : kNever;
    shape.top = block.deadline[kTop] == kAtLeaf ? kAtLeaf : kNever;
    shape.far_input = net_.has_far_input && at_right;
    return shape;
}

LeafCells KronReduction::leaf_cells(const KronBlock& block) const {
    LeafCells cells;
    cells.conductance =
        conductance_.rows_from(block.row, block.rows).columns(block.column, block.columns);
    cells.left = block.column == 0 ? net_.first : net_.row;
    cells.bottom = block.row + block.rows == net_.rows ? net_.foot : net_.column;
    return cells;
}

void KronReduction::gather_batch(int index, Batch& batch) {
    const KronBlock& block = tree_.block(index);
    if (!block.is_leaf()) {
        for (const int child : block.child) gather_batch(child, batch);
        return;
    }
    std::size_t leaf = 0;
    for (const auto& [shape, members] : batch.groups) leaf += members.size();
    places_[static_cast<std::size_t>(index)].leaf = leaf;
    const LeafShape shape = leaf_shape(block);
    auto& lanes = lanes_[shape];
    if (!lanes) lanes = std::make_unique<LeafLanes>(shape, net_);
    const auto group = std::find_if(batch.groups.begin(), batch.groups.end(),
                                    [&](const auto& other) { return other.first == shape; });
    if (group == batch.groups.end()) {
        batch.groups.push_back({shape, {index}});
    } else {
        group->second.push_back(index);
    }
}

const LeafLanes& KronReduction::lanes(const LeafShape& shape) const {
    return *lanes_.find(shape)->second;
}

KronPanels KronReduction::panels(int index) {
    const Place& place = places_[static_cast<std::size_t>(index)];
    return {factors_.data() + place.factor, inverses_.data() + place.inverse, place.rows,
            (place.rows + place.ports) / kKronPanel};
}

void KronReduction::reduce(MatrixView<const double> conductance, bool all) {
    ATTOHM_CHECK_EQ(conductance.rows, net_.rows);
    ATTOHM_CHECK_EQ(conductance.cols, net_.columns);
    conductance_ = conductance;
    all_ = all;
    root_ = reduce_block(0, 0);
}

const double* KronReduction::reduce_block(int index, std::size_t which) {
    const KronBlock& block = tree_.block(index);
    const Place& place = places_[static_cast<std::size_t>(index)];
    if (place.batch >= 0) reduce_batch(batches_[static_cast<std::size_t>(place.batch)]);
    if (block.is_leaf()) return leaf_matrices_.data() + place.leaf * leaf_matrix_;
    const double* child[2] = {reduce_block(block.child[0], 0), reduce_block(block.child[1], 1)};

    const auto depth = static_cast<std::size_t>(block.depth);
    double* out = blocks_.data() + level_[depth] + which * level_size_[depth];
    assemble_ports(index, child, out);
    if (place.rows == 0) return out;
    assemble_front(index, child);
    const KronPanels front = panels(index);
    kernels_.factor(front, block.eliminated);
    const std::size_t end = place.ports / kKronPanel;
    if (index == 0 && !all_) {
        // Only inputs against outputs; inputs come first.
        const std::size_t outputs = output(0);
        kernels_.update(front, input(0) / kKronPanel, padded(outputs) / kKronPanel,
                        outputs / kKronPanel, end, false, out, leading(block));
    } else {
        kernels_.update(front, 0, end, 0, end, true, out, leading(block));
    }
    return out;
}

void KronReduction::reduce_batch(const Batch& batch) {
    for (const auto& [shape, members] : batch.groups) {
        const LeafLanes& group = lanes(shape);
        for (std::size_t first = 0; first < members.size(); first += kKronLanes) {
            const std::size_t count = std::min(kKronLanes, members.size() - first);
            reduce_lanes(group, members, first, count);
            for (std::size_t lane = 0; lane < count; ++lane) {
                const int leaf = members[first + lane];
                scatter_leaf(tree_.block(leaf), group, lane,
                             leaf_matrices_.data() +
                                 places_[static_cast<std::size_t>(leaf)].leaf * leaf_matrix_);
            }
        }
    }
}

void KronReduction::reduce_lanes(const LeafLanes& lanes, const std::vector<int>& members,
                                 std::size_t first, std::size_t count) {
    LeafCells cells[kKronLanes];
    for (std::size_t lane = 0; lane < count; ++lane) {
        cells[lane] = leaf_cells(tree_.block(members[first + lane]));
    }
    lanes.reduce(cells, count, leaf_store_.data());
}

void KronReduction::scatter_leaf(const KronBlock& leaf, const LeafLanes& lanes, std::size_t lane,
                                 double* out) {
    // Both order their ports by deadline, but the leaf by itself knows fewer deadlines.
    const KronBlock& inner = lanes.root();
    const std::size_t ld = leading(leaf);
    std::size_t place[4 * kLeafWidth];
    for (std::size_t side = 0; side < kSides; ++side) {
        ATTOHM_CHECK_EQ(inner.size[side], leaf.size[side]);
        for (std::size_t k = 0; k < leaf.size[side]; ++k) {
            place[inner.offset[side] + k] = leaf.offset[side] + k;
        }
    }
    const double* from = lanes.reduced(leaf_store_.data()) + lane;
    for (std::size_t i = 0; i < leaf.ports; ++i) {
        for (std::size_t j = i + 1; j < leaf.ports; ++j) {
            const auto [low, high] = std::minmax(place[i], place[j]);
            out[low * ld + high] = *from;
            from += kKronLanes;
        }
    }
}

namespace {

/// A row of a front inside its panels, from column `column` on.
void add_to_panels(const KronPanels& front, std::size_t row, std::size_t column, const double* from,
                   std::size_t count) {
    while (count > 0) {
        const std::size_t lane = column % kKronPanel;
        const std::size_t some = std::min(kKronPanel - lane, count);
        double* to = front.data + column / kKronPanel * front.stride() + row * kKronPanel + lane;
        for (std::size_t c = 0; c < some; ++c) to[c] += from[c];
        column += some;
        from += some;
        count -= some;
    }
}

}  // namespace

void KronReduction::assemble_front(int index, const double* const child[2]) {
    const KronBlock& block = tree_.block(index);
    const KronPanels front = panels(index);
    std::fill_n(front.data, front.panels * front.stride(), 0.0);
    for (int which = 0; which < 2; ++which) {
        const KronBlock& from = tree_.block(block.child[static_cast<std::size_t>(which)]);
        const std::size_t ld = leading(from);
        for (const Side side : from.order()) {
            if (from.size[side] == 0) continue;
            const FrontPlace place = tree_.place(block, which, side);
            const std::size_t column = place.eliminated ? 0 : front.rows + place.offset;
            // The eliminated side comes first in the child.
            for (std::size_t k = 0; k < block.eliminated; ++k) {
                const std::size_t skip = place.eliminated ? k + 1 : 0;
                add_to_panels(front, k, column + skip,
                              child[which] + k * ld + from.offset[side] + skip,
                              from.size[side] - skip);
            }
        }
    }
}

void KronReduction::assemble_ports(int index, const double* const child[2], double* out) {
    const KronBlock& block = tree_.block(index);
    const std::size_t ld = leading(block);
    // From the diagonal's pair of panels on: nothing reads below.
    const std::size_t ports = padded(block.ports);
    for (std::size_t i = 0; i < ports; ++i) {
        const std::size_t first = i / (2 * kKronPanel) * (2 * kKronPanel);
        std::fill_n(out + i * ld + first, ports - first, 0.0);
    }
    for (int which = 0; which < 2; ++which) {
        const KronBlock& from = tree_.block(block.child[static_cast<std::size_t>(which)]);
        const std::size_t from_ld = leading(from);
        for (const Side a : from.order()) {
            const FrontPlace row_place = tree_.place(block, which, a);
            if (row_place.eliminated) continue;
            for (const Side b : from.order()) {
                if (from.size[b] == 0 || from.offset[b] < from.offset[a]) continue;
                const FrontPlace column_place = tree_.place(block, which, b);
                for (std::size_t i = 0; i < from.size[a]; ++i) {
                    const std::size_t skip = a == b ? i + 1 : 0;
                    const double* source =
                        child[which] + (from.offset[a] + i) * from_ld + from.offset[b];
                    double* to = out + (row_place.offset + i) * ld + column_place.offset;
                    for (std::size_t j = skip; j < from.size[b]; ++j) to[j] += source[j];
                }
            }
        }
    }
}

double KronReduction::between(std::size_t a, std::size_t b) const {
    const auto [low, high] = std::minmax(a, b);
    return root_[low * leading(tree_.root()) + high];
}

std::size_t KronReduction::input(std::size_t row) const {
    return tree_.root().offset[net_.has_input ? kLeft : kRight] + row;
}

std::size_t KronReduction::output(std::size_t column) const {
    return tree_.root().offset[net_.has_foot ? kBottom : kTop] + column;
}

void KronReduction::transfer(MatrixView<double> out) const {
    constexpr std::size_t kTile = 32;
    const std::size_t far = tree_.root().offset[kRight];
    for (std::size_t first = 0; first < net_.columns; first += kTile) {
        const std::size_t last = std::min(net_.columns, first + kTile);
        for (std::size_t i = 0; i < net_.rows; ++i) {
            for (std::size_t j = first; j < last; ++j) out(j, i) = between(input(i), output(j));
            if (!net_.has_far_input) continue;
            for (std::size_t j = first; j < last; ++j) out(j, i) += between(far + i, output(j));
        }
    }
}

}  // namespace attohm
