#pragma once

#include <cstdint>

#include "src/base/ceil_div.hpp"
#include "src/machine/plans/chip_tally.hpp"
#include "src/machine/sprint_chip.hpp"
#include "src/work/work.hpp"

/// What the baselines of the SPRINT chip count: everything is computed, K and V come from
/// single-level cells.
namespace attohm {

/// What a baseline works on.
struct DenseExtent {
    std::int64_t queries = 0;
    std::int64_t keys = 0;
    std::int64_t pairs = 0;  ///< (query, key) pairs that are computed
    bool causal = false;

    /// Keys that `query` may see, 0 in front of the first.
    std::int64_t seen(std::int64_t query) const;
    /// Sum over queries: `pairs`, or more where a mask takes some of them away.
    std::int64_t all_seen() const;
    bool is_masked() const { return pairs != all_seen(); }
};
DenseExtent dense_extent(const HeadShape& shape, bool with_padding);

/// Deals out pairs to walked keys in proportion: a mask thins the keys that are seen out evenly.
class EvenPairs {
  public:
    explicit EvenPairs(const DenseExtent& extent) : pairs_(extent.pairs), all_(extent.all_seen()) {}
    /// Of the next `seen` keys; over all keys they add up to the extent's pairs.
    std::int64_t next(std::int64_t seen) {
        if (all_ == pairs_) return seen;
        const std::int64_t before = walked_ * pairs_ / all_;
        walked_ += seen;
        return walked_ * pairs_ / all_ - before;
    }

  private:
    std::int64_t pairs_;
    std::int64_t all_;
    std::int64_t walked_ = 0;
};

/// Writes of the three tensors into single-level cells, with their cycles.
void count_dense_writes(const HeadWork& work, const DenseExtent& extent, const SprintChip& machine,
                        ChipTally& tally);
/// Reads of Q and of `tokens` K and V vectors for `uses` uses. A vector that is used once passes by
/// the buffer.
void count_dense_reads(const HeadWork& work, std::int64_t q_bits, std::int64_t tokens,
                       std::int64_t uses, ChipTally& tally);
/// Digital work of the extent's pairs.
void count_dense_compute(const HeadWork& work, const DenseExtent& extent, ChipTally& tally);
/// Joules of the single-level bits read so far, spilled ones included.
void measure_dense_reads(const HeadWork& work, ChipTally& tally);

}  // namespace attohm
