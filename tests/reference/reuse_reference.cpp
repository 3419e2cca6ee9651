#include "tests/reference/reuse_reference.hpp"

#include <algorithm>

namespace attohm::reference {

void ReuseReference::use(std::vector<Held>& buffer, std::size_t capacity,
                         std::span<const std::uint32_t> keys, std::vector<bool>& hits) const {
    hits.assign(keys.size(), false);
    for (std::size_t i = 0; i < keys.size(); ++i)
        for (Held& held : buffer)
            if (held.key == keys[i]) {
                hits[i] = true;
                held.last_use = now_;
            }
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (hits[i]) continue;
        if (buffer.size() == capacity) {
            // Of the keys that this query does not use: the oldest, then the largest.
            const auto victim =
                std::max_element(buffer.begin(), buffer.end(), [](const Held& a, const Held& b) {
                    return a.last_use != b.last_use ? a.last_use > b.last_use : a.key < b.key;
                });
            if (victim->last_use == now_) continue;
            buffer.erase(victim);
        }
        buffer.push_back({keys[i], now_});
    }
}

SelectionSummary ReuseReference::summarise(const Selection& selection) {
    const HeadShape& shape = selection.shape;
    const auto n_k = static_cast<std::size_t>(shape.n_k);
    if (shape.first_of_kv_head || shape.layer != layer_ || shape.kv_head != kv_head_)
        buffers_.assign(n_k, {});
    layer_ = shape.layer;
    kv_head_ = shape.kv_head;
    SelectionSummary summary;
    const std::size_t rows = selection.row_begin.size() - 1;
    const std::size_t bins = summary_bins(shape.n_k);
    summary.row_reuse.assign(rows * bins, 0);
    for (auto& slots : summary.slots) slots.assign(rows, 0);
    summary.reuse.assign(n_k, 0);
    for (std::size_t query = 0; query < rows; ++query) {
        ++now_;
        const auto keys = selection.row(query);
        summary.kept.push_back(static_cast<std::uint32_t>(keys.size()));
        // The smallest buffer that holds a key.
        std::vector<std::size_t> distances(keys.size(), 0);
        for (std::size_t capacity = n_k; capacity >= 1; --capacity) {
            std::vector<bool> hits;
            use(buffers_[capacity - 1], capacity, keys, hits);
            for (std::size_t i = 0; i < keys.size(); ++i)
                if (hits[i]) distances[i] = capacity;
        }
        for (const std::size_t distance : distances) {
            if (distance == 0) continue;
            ++summary.reuse[distance - 1];
            std::size_t bin = 0;
            while ((static_cast<std::size_t>(kSmallestBin) << bin) < distance) ++bin;
            ++summary.row_reuse[query * bins + bin];
        }
        for (std::size_t i = 0; i < kSummaryCorelets.size(); ++i)
            for (int corelet = 0; corelet < kSummaryCorelets[i]; ++corelet)
                summary.slots[i][query] =
                    std::max(summary.slots[i][query],
                             static_cast<std::uint32_t>(
                                 std::count_if(keys.begin(), keys.end(), [&](std::uint32_t key) {
                                     return static_cast<int>(key) % kSummaryCorelets[i] == corelet;
                                 })));
        summary.before.push_back(0);
        if (query == 0) continue;
        const auto before = selection.row(query - 1);
        for (const std::uint32_t key : keys)
            if (std::find(before.begin(), before.end(), key) != before.end())
                ++summary.before.back();
    }
    while (!summary.reuse.empty() && summary.reuse.back() == 0) summary.reuse.pop_back();
    return summary;
}

}  // namespace attohm::reference
