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

}  // namespace attohm::reference
