#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

/// Nested dissection of an array of cells into rectangles.
///
/// A block of p x q cells touches the rest of the network in the nodes of its four sides only: the
/// row nodes left and right of it, the column nodes above and below it. Each cell owns the segment
/// to its left and the one below it, so
///   left:   the row node outside the block, behind the first segment (p nodes)
///   right:  the row node of the last cell of each row                (p nodes)
///   top:    the column node of the first cell of each column         (q nodes)
///   bottom: the column node outside the block, below the last cell   (q nodes)
/// Where a line has no resistance it is one node: it counts as the block's right (or top) side, and
/// a left (or bottom) side exists at the edge of the array only.
///
/// Joining two blocks identifies the sides where they meet and eliminates them. Every side has a
/// deadline: the depth of the merge that eliminates it, `kNever` for a terminal, `kAtLeaf` for a
/// node that nothing outside needs. Ports are ordered by deadline, deepest first, so the nodes that
/// go next come first, and the order of two ports never changes on the way up: one triangle of each
/// symmetric matrix is enough.
namespace attohm {

enum Side : std::uint8_t { kLeft, kRight, kTop, kBottom };
inline constexpr std::size_t kSides = 4;
inline constexpr int kNever = -1;
inline constexpr int kAtLeaf = 1 << 20;

/// The array as the tree sees it.
struct KronTopology {
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::size_t leaf = 1;  ///< largest side of a leaf, in cells
    bool row_is_node = false;
    bool column_is_node = false;
    bool left_node = true;    ///< the array has nodes left of it
    bool bottom_node = true;  ///< the array has nodes below it
    int right = kAtLeaf;      ///< deadline of the right edge: kAtLeaf or kNever
    int top = kAtLeaf;        ///< deadline of the top edge
};

struct KronBlock {
    std::size_t row = 0, rows = 0, column = 0, columns = 0;  ///< its cells
    int depth = 0;
    bool across = false;  ///< its children lie side by side, else one above the other
    std::array<int, 2> child = {-1, -1};  ///< indices into the tree; -1: a leaf
    std::array<int, kSides> deadline = {};
    std::array<std::size_t, kSides> size = {};    ///< ports of each side; 0: none left
    std::array<std::size_t, kSides> offset = {};  ///< first port of each side
    std::size_t ports = 0;
    std::size_t eliminated = 0;  ///< nodes that the merge of its children eliminates
    std::size_t leaves = 1;      ///< leaves below it

    bool is_leaf() const { return child[0] < 0; }
    /// Sides in the order of their ports.
    std::array<Side, kSides> order() const;
};

/// Where a side of a child lies in its parent's front.
struct FrontPlace {
    bool eliminated = false;
    std::size_t offset = 0;  ///< among the eliminated nodes, or among the parent's ports
};

class KronTree {
  public:
    explicit KronTree(const KronTopology& topology);

    const KronTopology& topology() const { return topology_; }
    const std::vector<KronBlock>& blocks() const { return blocks_; }
    const KronBlock& block(int index) const { return blocks_[static_cast<std::size_t>(index)]; }
    const KronBlock& root() const { return blocks_.front(); }
    FrontPlace place(const KronBlock& parent, int which, Side side) const;

  private:
    int build(KronBlock block);
    void split(const KronBlock& parent, KronBlock& a, KronBlock& b) const;
    void number_ports(KronBlock& block) const;

    KronTopology topology_;
    std::vector<KronBlock> blocks_;  ///< parents before children; the root is first
};

}  // namespace attohm
