#pragma once

#include <span>

#include "src/machine/plans/engine_job.hpp"
#include "src/machine/schedule/schedule.hpp"

/// Operators one after another, each over all heads before the next: what does not stay on chip is
/// written out and read back.
namespace attohm {

/// How one operator of all heads is cut into blocks.
struct OperatorBlocks {
    std::int64_t blocks = 1;      ///< in all heads together
    std::int64_t read_bits = 0;   ///< from memory, reloads included
    std::int64_t write_bits = 0;  ///< to memory
    std::int64_t held_bits = 0;   ///< in the buffers while it runs, all copies
};

/// Blocks mb x nb of out[m, n] = a[m, k] b[k, n] with kb of the sum, in the order that moves least:
///     rows outside      a once (a column-block times if k is cut), b once per row block
///     columns outside   b once, a once per column block
/// Partial sums stay on chip. What fits whole is read once. No other sizes of blocks move less.
/// Args: a_bits, b_bits, out_bits: of one element in memory, 0: it is on chip already (or stays).
struct MatmulExtent {
    std::int64_t m = 1, n = 1, k = 1;
    std::int64_t a_bits = 0, b_bits = 0, out_bits = 0;
    std::int64_t element_bits = 8;  ///< on chip
    bool operator==(const MatmulExtent&) const = default;
};
OperatorBlocks block_matmul(const MatmulExtent& extent, std::int64_t room_bits, int slots);

/// Tensors that stay on chip between operators, as a share of each.
struct OperatorOrder {
    Schedule schedule;
    std::vector<Traffic> traffic;    ///< per tensor of the list, all heads together
    std::vector<std::int64_t> runs;  ///< per tensor: contiguous piece, bytes
};

/// Args: heads: not empty, one structure; `times` over; reserve: share of the buffers that is left
///   to tensors between operators, 0..1.
OperatorOrder operator_order(const Engine& engine, std::span<const PlacedList> heads,
                             std::int64_t times, double reserve);

}  // namespace attohm
