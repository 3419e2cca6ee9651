#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "src/work/selection.hpp"

/// What a Selection leaves behind when its indices are gone: enough to price the head on any
/// machine, with any size of K/V buffer.
namespace attohm {

/// Numbers of CORELETs, beside one, whose loads are kept.
constexpr std::array<int, 3> kSummaryCorelets = {2, 4, 8};
/// Reuse of every query is kept at capacities of 32, 64, 128, ... tokens; the last holds all keys.
constexpr std::int64_t kSmallestBin = 32;

/// Reuse distance of a kept pair: the smallest buffer, in tokens, that still holds the key when the
/// query comes (ResidencyReplay's `lru`, queries that keep more than the buffer holds included). A
/// key that no buffer holds yet has none. Larger buffers hold what smaller ones do, so a buffer of
/// C tokens hits exactly the pairs whose distance is at most C.
struct SelectionSummary {
    std::vector<std::uint32_t> kept;   ///< keys kept by every query, padding included
    std::vector<std::uint32_t> reuse;  ///< reuse[i]: pairs of distance i + 1; no zeros at the end
    /// Per query and capacity (rows x bins): pairs of a distance up to the bin's capacity and above
    /// that of the bin before.
    std::vector<std::uint32_t> row_reuse;
    /// Per number of CORELETs in kSummaryCorelets and query: keys of the most loaded CORELET.
    std::array<std::vector<std::uint32_t>, kSummaryCorelets.size()> slots;
    std::vector<std::uint32_t> before;  ///< per query: keys that the query before kept too

    std::size_t rows() const { return kept.size(); }
    /// Capacities per query; 0 where there are no queries.
    std::size_t bins() const { return kept.empty() ? 0 : row_reuse.size() / kept.size(); }
    std::int64_t kept_pairs() const;
    std::int64_t most_kept() const;    ///< by one query
    std::int64_t kept_before() const;  ///< `sld` hits, where no query overflows the buffer

    /// Pairs that a buffer of so many tokens hits.
    std::int64_t hits(std::int64_t capacity) const;
    /// Pairs that find no room, and the queries that they belong to.
    std::int64_t streamed(std::int64_t capacity) const;
    std::int64_t overflow_rows(std::int64_t capacity) const;

    /// Whether `row_misses` is exact: a power of two from kSmallestBin on, or enough for all keys.
    bool has_rows_of(std::int64_t capacity) const;
    /// Keys that every query fetches. Where only capacities around it are kept, misses lie between
    /// theirs, in the same share for every query, and add up to the exact total.
    std::vector<std::int64_t> row_misses(std::int64_t capacity) const;
    /// The same under `sld`, where no query overflows the buffer.
    std::vector<std::int64_t> row_misses_before() const;

    /// Keys of the most loaded CORELET of every query; empty: not kept for that number.
    std::span<const std::uint32_t> slots_of(int corelets) const;

    bool operator==(const SelectionSummary&) const = default;
};

/// Number of capacities kept per query of a head with so many keys.
std::size_t summary_bins(int keys);

/// Summarises heads one after another; what a kv head used stays for its next query head, as in
/// ResidencyReplay. Belongs to one thread.
///
/// Keys stand in groups by the query that used them last, newest group first, ascending within. A
/// key of an older group has the distance of its place. Only where that group alone was larger than
/// a buffer does it depend on what that buffer retained: `order_` holds every group in the order in
/// which growing buffers retain it. O(kept keys) per head, as long as most are reused at once.
class SelectionSummarizer {
  public:
    SelectionSummary summarise(const Selection& selection);

  private:
    static constexpr std::uint32_t kNone = 0xffffffffU;

    void start_head(const Selection& selection);
    /// Returns: keys of the newest group that the query kept again.
    std::uint32_t row(std::span<const std::uint32_t> keys, std::span<std::uint32_t> bins);
    void mark(std::span<const std::uint32_t> keys);
    std::uint32_t reuse_newest(std::span<std::uint32_t> bins);
    void reuse_older(std::span<std::uint32_t> bins);
    std::uint32_t distance(std::uint32_t key, std::uint32_t group) const;
    void add_group(std::span<const std::uint32_t> keys);
    void count_slots(std::size_t query, SelectionSummary& summary) const;
    std::span<const std::uint32_t> order_of(std::size_t group) const {
        return {order_.data() + order_begin_[group], order_.data() + order_begin_[group + 1]};
    }

    int layer_ = -1;
    int kv_head_ = -1;
    std::size_t words_ = 0;                 ///< of a mask over keys
    std::uint32_t nothing_ = 0;             ///< behind all keys: kept by no query
    std::array<std::uint32_t, 8> loads_{};  ///< of eight CORELETs, of the present query
    std::vector<std::uint32_t> reuse_;
    std::vector<std::uint32_t> last_group_;   ///< per key; kNone: never used
    std::vector<std::uint8_t> is_kept_;       ///< per key, by the present query
    std::vector<std::uint64_t> kept_mask_;    ///< the same in bits
    std::vector<std::uint64_t> group_masks_;  ///< per group: keys that it used last
    std::vector<std::uint32_t> group_sizes_;  ///< of these
    std::vector<std::uint32_t> newer_;        ///< per group: keys in newer ones
    std::vector<std::uint32_t> live_;         ///< groups that are not empty, oldest first
    std::vector<std::uint32_t> order_;        ///< of every group, one after another
    std::vector<std::size_t> order_begin_;
    std::vector<std::uint32_t> slots_;  ///< reused key of every distance up to the query's size
    std::vector<std::uint32_t> older_;  ///< reused keys of older groups
};

}  // namespace attohm
