#pragma once

#include "src/machine/plans/residency.hpp"

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

  private:
    bool is_resident(std::uint32_t key) const;
    void evict_one(long long now);

    Residency policy_;
    std::size_t capacity_;
    int layer_ = -1;
    int kv_head_ = -1;
    long long now_ = 0;
    std::vector<BufferedKey> buffer_;
};

/// Largest number of keys per CORELET, summed over queries, by counting each CORELET on its own.
std::int64_t corelet_slots_reference(const Selection& selection, int corelets);

}  // namespace attohm::reference
