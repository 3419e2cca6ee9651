#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "src/work/selection.hpp"

/// Which kept keys are on chip already: the K/V buffer replayed over the queries of a head.
namespace attohm {

/// What stays in the buffer between queries.
enum class Residency : std::uint8_t {
    lru,  ///< a key stays until room is needed: dropped for a query and kept again, it may hit
    sld   ///< the paper's two vectors: only a key kept at t-1 and at t hits
};

/// Hits and misses of one head. hits + misses = kept pairs.
struct ResidencyCounts {
    std::int64_t hits = 0;
    std::int64_t misses = 0;
    std::int64_t streamed = 0;       ///< misses that find no room: used on arrival and forgotten
    std::int64_t overflow_rows = 0;  ///< queries that keep more keys than the buffer holds
    bool operator==(const ResidencyCounts&) const = default;
};

/// Told for every query with kept keys which of them are fetched, ascending.
using FetchedKeys = std::function<void(std::size_t query, std::span<const std::uint32_t> keys)>;

/// A buffer of `capacity` tokens (K and V of a token together).
///
/// Rule per query: keys that are resident hit and are used first; the others are fetched in
/// ascending order. When room is needed the key goes whose last use is longest ago, of several the
/// largest index; a key of the current query never goes. A query that keeps more than `capacity`
/// keys empties the buffer of all others, retains the first fetched keys that fit, and streams the
/// rest. The order of keys is independent of the capacity, so a larger buffer never misses more.
///
/// The buffer is cold at the start of a kv head. Under `lru` it stays warm from one query head to
/// the next of the same kv head, if they come one after another. A padded query touches nothing.
///
/// O(kept keys) per head: evictions walk the Selection's own rows from the oldest on, each once.
class ResidencyReplay {
  public:
    ResidencyReplay(Residency policy, std::int64_t capacity);

    ResidencyCounts replay(const Selection& selection, const FetchedKeys& fetched = {});

  private:
    void start_head(const Selection& selection);
    void replay_row(const Selection& selection, std::size_t query, ResidencyCounts& counts);
    void overflow_row(const Selection& selection, std::size_t query, ResidencyCounts& counts);
    void evict_to_capacity(const Selection& selection);
    void carry_over();

    Residency policy_;
    std::int64_t capacity_;
    int layer_ = -1;
    int kv_head_ = -1;
    std::vector<std::int32_t>
        last_use_;  ///< per key: query + 1 of its last use, 0 carried, -1 absent
    std::int64_t resident_ = 0;
    std::vector<std::uint32_t> missing_;  ///< of the present query
    std::vector<std::uint32_t> carried_;  ///< keys of the previous head, first to go first
    std::size_t carried_next_ = 0;
    std::size_t oldest_row_ = 0;  ///< evictions walk this row ...
    std::size_t oldest_end_ = 0;  ///< ... downwards from here
};

/// The largest number of kept keys of a query that one CORELET has to work on, when key j belongs
/// to CORELET j mod `corelets` (token interleaving). With one CORELET: the kept keys.
std::int64_t row_slots(std::span<const std::uint32_t> keys, int corelets);

}  // namespace attohm
