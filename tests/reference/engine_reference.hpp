#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "src/work/operators.hpp"
#include "src/work/selection.hpp"

/// Slow, obvious twins of the plans of near-memory engines, written from their headers: every tile,
/// packed row and copy of a tensor is walked one by one.
namespace attohm::reference {

/// What stays in the elements of an array.
enum class Held : std::uint8_t { output, b, a };

struct ArraySize {
    std::int64_t rows = 1, columns = 1, macs = 1;
};

/// out[m, n] = a[m, k] b[k, n] cycle by cycle and element by element.
struct WalkedProduct {
    std::int64_t cycles = 0, a_reads = 0, b_reads = 0, out_writes = 0, out_reads = 0;
};
WalkedProduct walk_product(const ArraySize& array, Held held, std::int64_t m, std::int64_t n,
                           std::int64_t k);

/// Fills rows of `columns` places with kept pairs one by one; a query starts a row of its own.
std::int64_t walk_packed_rows(const Selection& selection, std::int64_t columns);

/// A task of a head in a pipeline of heads.
struct ChainTask {
    int resource = 0;
    int lag = 0;               ///< heads behind
    std::int64_t latency = 0;  ///< until its result can be used
    std::vector<int> reads;    ///< tensors
    int writes = -1;           ///< tensor; -1: none (a store)
};
struct ChainTime {
    std::int64_t head = 0;
    int task = 0;
    std::int64_t start = 0, end = 0;
};
/// Runs heads through the tasks: resources take tasks in program order (row by row; in a row a task
/// works on head row - lag), a tensor has so many copies, head h fills copy h mod copies, and may
/// do so when everything that reads what was there is done. Throws: InvariantError where a task
/// would read a copy that holds another head. Args: cycles [heads][tasks]; copies [tensors].
std::vector<ChainTime> walk_chain(const std::vector<ChainTask>& tasks,
                                  const std::vector<std::int64_t>& copies, int resources,
                                  const std::vector<std::vector<std::int64_t>>& cycles);

/// Decode of one head, key by key, for a batch: what is multiplied, what passes by.
struct WalkedDecode {
    std::int64_t macs = 0;
    std::int64_t q_bits = 0, out_bits = 0;
    std::int64_t k_all_bits = 0, v_all_bits = 0;  ///< fetched anew at every step
    std::int64_t k_new_bits = 0, v_new_bits = 0;  ///< each token's once
    WalkedDecode& operator+=(const WalkedDecode& other);
};
WalkedDecode walk_engine_decode(const HeadShape& head, int bits, std::int64_t batch);

/// One tensor of a tile of a head: what all tiles of a head share is one thing.
struct HeldTensor {
    std::int64_t head = -1;  ///< that it belongs to as a whole; -1: to its tile alone
    std::int64_t bits = 0;
};
/// The most bits that are on chip at any moment of a walked chain of tiles: a tensor is there from
/// the start of what fills it first to the end of what reads it last. Args: tensors
/// [tiles][tensors].
std::int64_t walk_held_bits(const std::vector<ChainTask>& tasks,
                            const std::vector<ChainTime>& times,
                            const std::vector<std::vector<HeldTensor>>& tensors);

}  // namespace attohm::reference
