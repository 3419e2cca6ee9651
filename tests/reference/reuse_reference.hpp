#pragma once

#include <vector>

#include "src/work/selection_summary.hpp"

/// Slow twin of SelectionSummarizer: one buffer of every size, each a plain list of keys.
namespace attohm::reference {

class ReuseReference {
  public:
    SelectionSummary summarise(const Selection& selection);

  private:
    struct Held {
        std::uint32_t key = 0;
        long long last_use = 0;
    };
    /// A query of one buffer; `hits` are told which of its keys were there.
    void use(std::vector<Held>& buffer, std::size_t capacity, std::span<const std::uint32_t> keys,
             std::vector<bool>& hits) const;

    std::vector<std::vector<Held>> buffers_;  ///< of 1, 2, ... tokens
    long long now_ = 0;
    int layer_ = -1;
    int kv_head_ = -1;
};

}  // namespace attohm::reference
