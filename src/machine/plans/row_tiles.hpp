#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/machine/plans/engine_job.hpp"

/// A head cut by query rows: what follows from a query is done row by row, what follows from keys
/// and values alone once for all rows. Rows of scores stay whole: a softmax sees all its keys.
namespace attohm {

/// Queries [from, to) of a head.
struct RowRange {
    std::int64_t from = 0;
    std::int64_t to = 0;
    std::int64_t rows() const { return to - from; }
    bool operator==(const RowRange&) const = default;
};

/// How an operator list divides among its query rows.
///
///   Of the rows     Q, and what is computed from it; in memory beside it, what such an addition or
///                   multiplication takes element by element. Such an operator has one row of m per
///                   query, its tensors as many elements for each.
///   Of the head     everything else: with the head's first tile
///   Work known to be needed is shared evenly; where an operator reads or writes a sparse tensor,
///   by the kept pairs of the rows. All tiles of a head together are the head.
class RowCut {
  public:
    /// Args: rows: queries; kept_begin [rows + 1]: kept pairs before each row; empty: unknown, then
    ///   shared evenly. The list outlives this.
    RowCut(const OpList& list, std::int64_t rows, std::span<const std::int64_t> kept_begin);

    /// False where an operator that depends on queries has other rows than they.
    bool possible() const { return possible_; }
    bool of_head(TensorId tensor) const { return !of_rows_[static_cast<std::size_t>(tensor)]; }
    OpList tile(RowRange range) const;

  private:
    void classify();
    bool is_sparse(const Operator& op) const;
    std::int64_t share(std::int64_t whole, RowRange range, bool sparse) const;

    const OpList& list_;
    std::int64_t rows_;
    std::span<const std::int64_t> kept_begin_;
    std::vector<bool> of_rows_;  ///< per tensor
    bool possible_ = true;
};

/// Places the rows of a head; what belongs to the whole head comes with its first rows.
PlacedList place_rows(const Engine& engine, const std::string& machine, const RowCut& cut,
                      RowRange range, bool loads_kv);

}  // namespace attohm
