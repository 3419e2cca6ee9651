#include "crossbar/wires/kron_tree.hpp"

#include <utility>

#include "src/base/error.hpp"

namespace attohm {

std::array<Side, kSides> KronBlock::order() const {
    std::array<Side, kSides> sides = {kLeft, kRight, kTop, kBottom};
    // By insertion: four sides, and equal deadlines stay in order.
    for (std::size_t k = 1; k < kSides; ++k) {
        for (std::size_t i = k; i > 0 && deadline[sides[i]] > deadline[sides[i - 1]]; --i) {
            std::swap(sides[i], sides[i - 1]);
        }
    }
    return sides;
}

KronTree::KronTree(const KronTopology& topology) : topology_(topology) {
    KronBlock root;
    root.rows = topology.rows;
    root.columns = topology.columns;
    root.deadline = {kNever, topology.right, topology.top, kNever};
    build(root);
}

int KronTree::build(KronBlock block) {
    const auto index = static_cast<int>(blocks_.size());
    blocks_.emplace_back();
    number_ports(block);
    const std::size_t leaf = topology_.leaf;
    if (block.rows > leaf || block.columns > leaf) {
        block.across = block.columns >= block.rows;
        KronBlock a = block, b = block;
        split(block, a, b);
        block.child[0] = build(a);
        block.child[1] = build(b);
        const KronBlock& first = this->block(block.child[0]);
        const KronBlock& second = this->block(block.child[1]);
        block.leaves = first.leaves + second.leaves;
        for (std::size_t s = 0; s < kSides; ++s) {
            if (first.deadline[s] == block.depth) block.eliminated = first.size[s];
        }
    }
    blocks_[static_cast<std::size_t>(index)] = block;
    return index;
}

void KronTree::split(const KronBlock& parent, KronBlock& a, KronBlock& b) const {
    const std::size_t length = parent.across ? parent.columns : parent.rows;
    const std::size_t strips = (length + topology_.leaf - 1) / topology_.leaf;
    const std::size_t cut = (strips + 1) / 2 * topology_.leaf;
    a.depth = b.depth = parent.depth + 1;
    if (parent.across) {
        a.columns = cut;
        b.column += cut;
        b.columns -= cut;
        if (!topology_.row_is_node) {
            a.deadline[kRight] = b.deadline[kLeft] = parent.depth;
        } else if (parent.deadline[kRight] == kAtLeaf) {
            // The row is whole once both halves are joined.
            a.deadline[kRight] = b.deadline[kRight] = parent.depth;
        }
    } else {
        a.rows = cut;
        b.row += cut;
        b.rows -= cut;
        if (!topology_.column_is_node) {
            a.deadline[kBottom] = b.deadline[kTop] = parent.depth;
        } else if (parent.deadline[kTop] == kAtLeaf) {
            a.deadline[kTop] = b.deadline[kTop] = parent.depth;
        }
    }
}

void KronTree::number_ports(KronBlock& block) const {
    const bool at_left = block.column == 0;
    const bool at_bottom = block.row + block.rows == topology_.rows;
    block.size[kLeft] = !topology_.row_is_node || (at_left && topology_.left_node) ? block.rows : 0;
    block.size[kRight] = block.rows;
    block.size[kTop] = block.columns;
    block.size[kBottom] =
        !topology_.column_is_node || (at_bottom && topology_.bottom_node) ? block.columns : 0;
    block.ports = 0;
    for (const Side side : block.order()) {
        if (block.deadline[side] == kAtLeaf) block.size[side] = 0;
        block.offset[side] = block.ports;
        block.ports += block.size[side];
    }
}

FrontPlace KronTree::place(const KronBlock& parent, int which, Side side) const {
    const KronBlock& child = block(parent.child[static_cast<std::size_t>(which)]);
    if (child.deadline[side] == parent.depth) return {true, 0};
    const bool along = side == kTop || side == kBottom;
    std::size_t shift = 0;
    if (which == 1 && along == parent.across) {
        const KronBlock& first = block(parent.child[0]);
        shift = parent.across ? first.columns : first.rows;
    }
    return {false, parent.offset[side] + shift};
}

}  // namespace attohm
