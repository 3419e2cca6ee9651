#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "circuits/memory/reram_fetch.hpp"
#include "src/base/ceil_div.hpp"
#include "src/machine/plans/chip_pipeline.hpp"
#include "src/machine/plans/chip_tally.hpp"
#include "src/machine/sprint_chip.hpp"
#include "src/work/selection_summary.hpp"
#include "src/work/work.hpp"

/// Plans of the SPRINT chip: pure functions of (Work, chip). All share these rules.
///
///   Memory    Q, K and V of a head are written once, K and V by the first query head of a kv head.
///             The baselines keep all of K in single-level cells: they need no in-memory score.
///   Buffer    a fetched vector of K or V is used on its way in: it is written to the buffer
///             once if it stays there, and read once per later use. A vector that does not stay
///             passes by. Single vectors of q and of the output live in registers.
///   Time      heads one after another; within a head every query is a chain of tasks on in-order
///             resources (schedule/schedule.hpp), timed task by task:
///                 T   arrays   CopyQ (tCL), tAxTh per read, tCL until ReadP's first word. The
///                              next query's T waits for P, which takes the outcome away
///                 P   channel  ReadP: a bit per key; waits for T
///                 F   channel  q, and K and V of what is not on chip; usable tCL later. Waits
///                              for V of the query `fetch_slots` before
///                 QK, S, V     q.k, softmax (usable `softmax_latency_cycles` later) and P V of
///                              the keys of the fullest CORELET; each waits for the one before
///             The channel is one query ahead with its pruning vectors, since the locality engine
///             compares two: P(0), P(1), F(0), P(2), F(1), ... Each task takes whole cycles, so
///             what a query leaves of its last cycle is lost. The baselines have no T and P;
///             dense-tiled loads once per visit of a query block to a key block (a load waits for
///             the last V of the visit `fetch_slots` before; one q alone, which lives in a
///             register, for its last QK) and then works query by query. `fill` is what a head
///             takes beyond the sum of its busiest resource. Operand writes stand in front of the
///             head (`memory.write_overlap: none`), or the head takes not less than them (`full`);
///             spilled outputs of dense-tiled are written behind it.
///   Decode    (`phase: decode`, causal heads) queries come one by one, each after its own key has
///             been appended; keys that the first query sees beside its own are written before it.
///             Nothing overlaps across queries and a query is a chain, so a head takes the sum over
///             its queries of
///                 append write + CopyQ + thresholding + ReadP + fetch + q.k + softmax + P V
///             (`write_overlap: full`: the larger of the append and the rest). Between two tokens
///             of a head all other heads and layers run: the buffer is cold for every query, and
///             what is fetched passes by, unless it holds K and V of all kv heads of all layers
///             (kv_bits <= buffer_bits); then a key is fetched once, as `residency` says.
///             Columns of keys that are not appended yet are not read or compared; all arrays of
///             the head are driven, DACs and threshold settings as in prefill.
/// Not modelled: output write-back and projections (the same for every plan), the overlap of
/// two heads, queries of a head that overtake each other, a softmax that starts within a row, room
/// in the buffer for what is on its way; in decode, fetches that query heads of one kv head share.
namespace attohm {

/// Tokens that the machine's buffer holds, K and V together.
std::int64_t buffer_tokens(const SprintChip& machine, const HeadWork& work);

/// The scheme's own plan. `residency` holds the buffer's state between heads.
ChipTally plan_sprint(const HeadWork& work, const Selection& selection, const SprintChip& machine,
                      ResidencyReplay& residency);
/// The same from a summary: counts, traffic and joules are the same; so is the time where the
/// misses of every query are stored (`has_rows_of` the buffer's tokens), else they are spread over
/// the queries in equal shares. Throws: UserError for bank conflicts that are counted, `sld` with
/// queries that overflow the buffer, and a number of CORELETs whose loads are not kept.
ChipTally plan_sprint(const HeadWork& work, const SelectionSummary& kept,
                      const SprintChip& machine);
/// K and V streamed once per query: `dense` or, without padding, `mask_only`.
ChipTally plan_streamed(const HeadWork& work, const SprintChip& machine, bool with_padding);

// In decode.
/// Args: warm: the buffer where it holds K and V of all heads, else null: cold for every query.
ChipTally decode_sprint(const HeadWork& work, const Selection& selection, const SprintChip& machine,
                        ResidencyReplay* warm);
ChipTally decode_sprint(const HeadWork& work, const SelectionSummary& kept,
                        const SprintChip& machine, bool warm);
ChipTally decode_streamed(const HeadWork& work, const SprintChip& machine, bool with_padding);
/// One query at a time leaves nothing to block: mask-only, with a buffer that may be warm.
ChipTally decode_tiled(const HeadWork& work, const SprintChip& machine, bool warm);

/// K and V bits that a head adds to what all heads together would have to keep.
std::int64_t kv_bits(const HeadWork& work);

/// Keys that query `i` may see in a causal head whose last query sees all of `keys`.
std::int64_t causal_keys(std::int64_t query, std::int64_t queries, std::int64_t keys);

/// Fetch slots and latencies of a machine; nothing is thresholded.
ChainTimes chain_times(const SprintChip& machine);
/// The same with T and P of a head whose queries are thresholded in memory.
ChainTimes sprint_chain(const HeadWork& work, const SprintChip& machine);

/// How long a query keeps the units of a CORELET busy.
class UnitTimes {
  public:
    UnitTimes(const HeadWork& work, const SprintChip& machine);
    /// Its fullest CORELET works on `slots` keys; its fetch is left out.
    QueryRow of(std::int64_t slots) const {
        const std::int64_t rounds =
            softmax_per_cycle_ == 1 ? slots : ceil_div(slots, softmax_per_cycle_);
        return {0, slots * qk_cycles_, rounds, slots * v_cycles_};
    }

  private:
    std::int64_t qk_cycles_;
    std::int64_t softmax_per_cycle_;
    std::int64_t v_cycles_;
};

/// What every query of a head keeps busy, and what that finds in the buffer.
struct SprintRows {
    std::vector<QueryRow> rows;
    ResidencyCounts buffer;
};
SprintRows sprint_rows(const HeadWork& work, const Selection& selection, const SprintChip& machine,
                       ResidencyReplay& residency);

/// Cycles of one query in decode, one after another. The latencies of its fetch and of its softmax
/// come on top.
struct DecodeStep {
    std::int64_t append = 0;
    std::int64_t thresholding = 0;
    std::int64_t read_p = 0;
    QueryRow row;
};
/// Cycles that fetching K and V of tokens keeps the memory busy; the latency of the first word is
/// not in it. `bank_conflicts: none`: the bandwidth of all banks. `counted`: row by
/// row (ReramFetch), key j in channel j mod C and bank (j / C) mod B; a query's fetch starts when
/// the one before has ended.
class FetchTime {
  public:
    /// Args: k_msb: bits of K that come from multi-level cells, 0: all from single-level ones.
    FetchTime(const HeadWork& work, const SprintChip& machine, int k_msb);

    /// These keys of one query and `q_bits` of Q.
    std::int64_t of(std::span<const std::uint32_t> keys, std::int64_t q_bits);
    /// Neighbouring tokens in a stream: spread evenly.
    std::int64_t of_stream(std::int64_t tokens, std::int64_t q_bits);

  private:
    std::int64_t at_bandwidth(std::int64_t tokens, std::int64_t q_bits) const;

    const SprintChip& machine_;
    std::int64_t slc_bits_;
    std::int64_t elements_;  ///< in multi-level cells
    int k_msb_;
    std::optional<ReramFetch> banks_;  ///< where conflicts are counted
};

/// Adds a query's cycles to a head.
void add_decode_step(const DecodeStep& step, const SprintChip& machine, ChipTally& tally);

/// Blocks of `dense-tiled` and what they move, in bits.
struct Tiling {
    std::int64_t query_block = 1;
    std::int64_t key_block = 1;
    bool keys_outside = false;  ///< key blocks are the outer loop
    std::int64_t q_read_bits = 0;
    std::int64_t kv_tokens_read = 0;  ///< fetches of one K and one V vector
    std::int64_t spill_read_bits = 0;
    std::int64_t spill_write_bits = 0;
    std::int64_t block_visits = 0;  ///< (query, key block) pairs: loads of q and partial outputs
};

/// What one choice of blocks moves. Args: queries and keys per block, the order of the loops.
Tiling make_tiling(const HeadWork& work, const SprintChip& machine, std::int64_t query_block,
                   std::int64_t key_block, bool keys_outside);

/// Searches query blocks and both loop orders for the least
///     read bits + w * written bits,   w = write / read energy per bit of the machine's memory,
/// under  (b > 1 ? b (d q + dv p + 2 t) : 0) + k (d + dv) 8 <= buffer bits
/// (b, k: queries and keys per block, p: bits of a partial output, t: bits of a softmax statistic;
/// one query and its output live in registers, as in the other plans). With B = ceil(nq / b) and
/// K = ceil(nk / k) blocks of valid tokens:
///     queries outside: Q once; K and V B times (once when K = 1); nothing spilled
///     keys outside:    Q K times (once when B = 1); K and V once; outputs and statistics spilled
///                      and read back K - 1 times (not when B = 1)
/// A causal head fetches only the keys up to a query block's last query, and brings back only the
/// queries that see a key block.
/// The weight w is the paper's under every pricing: one tiling, priced both ways.
Tiling best_tiling(const HeadWork& work, const SprintChip& machine);

ChipTally plan_dense_tiled(const HeadWork& work, const SprintChip& machine);

/// With these blocks, whether or not they fit the buffer.
ChipTally plan_tiled(const HeadWork& work, const SprintChip& machine, const Tiling& tiling);

/// Busy cycles and latency of a head in prefill (the rule above); its operand writes are counted.
void finish_prefill(const HeadTime& time, const SprintChip& machine, ChipTally& tally);

}  // namespace attohm
