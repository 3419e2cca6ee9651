#include "tests/reference/plan_reference.hpp"

#include <algorithm>
#include <set>

namespace attohm::reference {

bool ReferenceBuffer::is_resident(std::uint32_t key) const {
    return std::any_of(buffer_.begin(), buffer_.end(),
                       [key](const BufferedKey& b) { return b.key == key; });
}

void ReferenceBuffer::evict_one(long long now) {
    auto victim = buffer_.end();
    for (auto it = buffer_.begin(); it != buffer_.end(); ++it) {
        if (it->last_use == now) continue;
        const bool older = victim == buffer_.end() || it->last_use < victim->last_use ||
                           (it->last_use == victim->last_use && it->key > victim->key);
        if (older) victim = it;
    }
    buffer_.erase(victim);
}

ResidencyCounts ReferenceBuffer::replay(const Selection& selection) {
    const HeadShape& shape = selection.shape;
    const bool warm = policy_ == Residency::lru && !shape.first_of_kv_head &&
                      shape.layer == layer_ && shape.kv_head == kv_head_;
    if (!warm) buffer_.clear();
    layer_ = shape.layer;
    kv_head_ = shape.kv_head;

    ResidencyCounts counts;
    misses_.clear();
    for (int query = 0; query < shape.n_q; ++query) {
        ++now_;
        const auto row = selection.row(static_cast<std::size_t>(query));
        // Under sld nothing older than the query before is known.
        if (policy_ == Residency::sld)
            std::erase_if(buffer_, [this](const BufferedKey& b) { return b.last_use < now_ - 1; });

        std::vector<std::uint32_t> missing;
        for (const std::uint32_t key : row) {
            if (!is_resident(key)) {
                missing.push_back(key);
                continue;
            }
            ++counts.hits;
            for (BufferedKey& b : buffer_)
                if (b.key == key) b.last_use = now_;
        }
        misses_.push_back(static_cast<std::int64_t>(missing.size()));
        if (row.size() > capacity_) ++counts.overflow_rows;
        for (const std::uint32_t key : missing) {
            ++counts.misses;
            const bool has_others = std::any_of(buffer_.begin(), buffer_.end(),
                                                [this](auto& b) { return b.last_use != now_; });
            if (buffer_.size() == capacity_ && has_others) evict_one(now_);
            if (buffer_.size() < capacity_)
                buffer_.push_back({key, now_});
            else
                ++counts.streamed;
        }
    }
    return counts;
}

std::vector<std::int64_t> ReferenceBuffer::misses_by_query(const Selection& selection) {
    replay(selection);
    return misses_;
}

std::int64_t row_slots_reference(std::span<const std::uint32_t> keys, int corelets) {
    std::int64_t largest = 0;
    for (int corelet = 0; corelet < corelets; ++corelet) {
        std::int64_t load = 0;
        for (const std::uint32_t key : keys)
            if (static_cast<int>(key) % corelets == corelet) ++load;
        largest = std::max(largest, load);
    }
    return largest;
}

namespace {

/// The chip while a tiling runs: which keys, queries and outputs are there.
struct TiledChip {
    const HeadShape& shape;
    std::set<int> keys;
    std::set<int> queries;
    std::set<int> started;  ///< queries whose output has been begun
    ReferenceTiling moved;

    bool sees(int query, int key) const {
        return !shape.causal || key <= query + shape.valid_k - shape.valid_q;
    }

    /// Works on one block of queries against one block of keys; what is not needed now is dropped.
    void work(int q0, int q1, int k0, int k1) {
        std::set<int> now_queries;
        std::set<int> now_keys;
        for (int q = q0; q < q1; ++q) {
            bool any = false;
            for (int k = k0; k < k1; ++k)
                if (sees(q, k)) {
                    any = true;
                    now_keys.insert(k);
                }
            if (!any) continue;
            ++moved.visits;
            now_queries.insert(q);
        }
        // Queries on chip stay while their block is at work, whether or not they see these keys.
        for (int q = q0; q < q1; ++q)
            if (queries.contains(q)) now_queries.insert(q);
        for (const int k : now_keys)
            if (!keys.contains(k)) ++moved.kv_tokens;
        // Keys of this block that no query needed yet stay if they are there.
        for (int k = k0; k < k1; ++k)
            if (keys.contains(k)) now_keys.insert(k);
        for (const int q : now_queries)
            if (!queries.contains(q)) {
                ++moved.q_vectors;
                if (started.contains(q)) {
                    ++moved.outputs_read;
                    ++moved.outputs_written;  // it was spilled when it left
                }
                started.insert(q);
            }
        keys = now_keys;
        queries = now_queries;
    }
};

}  // namespace

ReferenceTiling walk_tiling(const HeadShape& shape, int query_block, int key_block,
                            bool keys_outside) {
    TiledChip chip{shape, {}, {}, {}, {}};
    const auto work = [&](int q, int k) {
        chip.work(q, std::min(q + query_block, shape.valid_q), k,
                  std::min(k + key_block, shape.valid_k));
    };
    if (keys_outside) {
        for (int k = 0; k < shape.valid_k; k += key_block)
            for (int q = 0; q < shape.valid_q; q += query_block) work(q, k);
    } else {
        for (int q = 0; q < shape.valid_q; q += query_block)
            for (int k = 0; k < shape.valid_k; k += key_block) work(q, k);
    }
    return chip.moved;
}

}  // namespace attohm::reference
