#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/machine/plans/residency.hpp"
#include "src/work/selection.hpp"

/// Slow, obvious twin of the K/V buffer: a list of resident keys, searched for every kept key.
namespace attohm::reference {

struct BufferedKey {
    std::uint32_t key = 0;
    long long last_use = 0;  ///< number of the query, counted over all heads
};

class ReferenceBuffer {
  public:
    ReferenceBuffer(Residency policy, std::int64_t capacity)
        : policy_(policy), capacity_(static_cast<std::size_t>(capacity)) {}

    ResidencyCounts replay(const Selection& selection);
    /// Keys that each query has to fetch.
    std::vector<std::int64_t> misses_by_query(const Selection& selection);

  private:
    bool is_resident(std::uint32_t key) const;
    void evict_one(long long now);

    Residency policy_;
    std::size_t capacity_;
    int layer_ = -1;
    int kv_head_ = -1;
    long long now_ = 0;
    std::vector<std::int64_t> misses_;  ///< of the latest head, by query
    std::vector<BufferedKey> buffer_;
};

/// Largest number of a query's keys per CORELET, by counting each CORELET on its own.
std::int64_t row_slots_reference(std::span<const std::uint32_t> keys, int corelets);

/// What a tiling moves, by walking its loops query by query and key by key.
struct ReferenceTiling {
    std::int64_t q_vectors = 0;        ///< fetches of one q
    std::int64_t kv_tokens = 0;        ///< fetches of one K and one V vector
    std::int64_t outputs_read = 0;     ///< unfinished outputs read back
    std::int64_t outputs_written = 0;  ///< unfinished outputs spilled
    std::int64_t visits = 0;           ///< (query, key block) pairs with work to do
};
ReferenceTiling walk_tiling(const HeadShape& shape, int query_block, int key_block,
                            bool keys_outside);

}  // namespace attohm::reference
