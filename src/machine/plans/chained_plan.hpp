#pragma once

#include <optional>
#include <span>

#include "src/machine/plans/engine_job.hpp"
#include "src/machine/schedule/schedule.hpp"

/// Heads in a pipeline: all of a head's tensors are on chip, its operators follow each other, and
/// the next head starts while this one is in later units.
namespace attohm {

/// Heads of one structure: the same operators on the same units, sizes may differ.
///
/// Each head is a row of tasks: a load per tensor that comes from memory, a task per operator, a
/// store per tensor that goes there. An operator whose unit is also used by an operator before it,
/// with another unit in between, works one head behind (its lag), so that its unit never waits
/// within a head. A tensor is held in `slots` copies plus the lags that it spans.
/// Heads may be cut into tiles of query rows, which then are the rows of tasks. What all tiles of a
/// head share is held once for every head that c tiles in a row can belong to: with n tiles a head
/// ceil((c - 1) / n) + 1.
struct ChainedShape {
    std::vector<int> lag;                 ///< per operator, in heads
    std::vector<std::int64_t> copies;     ///< per tensor
    std::vector<std::int64_t> held_bits;  ///< per buffer, at most
    /// In the buffers, and in the lists of dependencies of a schedule's tasks.
    bool fits = false;
};

/// Args: heads: not empty, one structure; slots: copies of a tensor that nothing delays (2: filled
///   while it is used); tiles: of each head, at least; 1: `heads` are whole.
ChainedShape chained_shape(const Engine& engine, std::span<const PlacedList> heads, int slots,
                           std::int64_t tiles = 1);

/// The schedule of the heads in order, `times` over.
Schedule chained_schedule(const Engine& engine, std::span<const PlacedList> heads,
                          const ChainedShape& shape, std::int64_t times);

/// Whether two lists have the same operators on the same units and the same tensors, sizes apart.
bool same_structure(const PlacedList& a, const PlacedList& b);

}  // namespace attohm
