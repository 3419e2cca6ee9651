#include "src/machine/plans/residency.hpp"

#include <algorithm>
#include <cstring>

#include "src/base/error.hpp"

namespace attohm {

ResidencyReplay::ResidencyReplay(Residency policy, std::int64_t capacity)
    : policy_(policy), capacity_(capacity) {
    ATTOHM_CHECK_LE(0, capacity_);
}

ResidencyCounts ResidencyReplay::replay(const Selection& selection, const FetchedKeys& fetched) {
    start_head(selection);
    ResidencyCounts counts;
    for (std::size_t query = 0; query + 1 < selection.row_begin.size(); ++query) {
        const auto row = selection.row(query);
        if (row.empty()) continue;
        missing_.clear();
        if (static_cast<std::int64_t>(row.size()) > capacity_) {
            overflow_row(selection, query, counts);
        } else {
            replay_row(selection, query, counts);
        }
        if (fetched) fetched(query, missing_);
    }
    return counts;
}

void ResidencyReplay::start_head(const Selection& selection) {
    const HeadShape& shape = selection.shape;
    const bool same_kv_head = shape.layer == layer_ && shape.kv_head == kv_head_ &&
                              last_use_.size() == static_cast<std::size_t>(shape.n_k);
    carried_next_ = 0;
    if (policy_ == Residency::lru && same_kv_head && !shape.first_of_kv_head) {
        carry_over();
    } else {
        carried_.clear();
        last_use_.assign(static_cast<std::size_t>(shape.n_k), -1);
        resident_ = 0;
    }
    layer_ = shape.layer;
    kv_head_ = shape.kv_head;
    oldest_row_ = 0;
    oldest_end_ = selection.row_begin.size() > 1 ? selection.row_begin[1] : 0;
}

void ResidencyReplay::carry_over() {
    // What the head before carried and did not use goes first, in the order that it had.
    std::erase_if(carried_, [this](std::uint32_t key) { return last_use_[key] != 0; });
    const auto unused = std::ssize(carried_);
    for (std::size_t key = 0; key < last_use_.size(); ++key)
        if (last_use_[key] > 0) carried_.push_back(static_cast<std::uint32_t>(key));
    // Then: oldest use, of several the largest key.
    std::sort(carried_.begin() + unused, carried_.end(), [this](std::uint32_t a, std::uint32_t b) {
        return last_use_[a] != last_use_[b] ? last_use_[a] < last_use_[b] : a > b;
    });
    for (const std::uint32_t key : carried_) last_use_[key] = 0;
}

void ResidencyReplay::replay_row(const Selection& selection, std::size_t query,
                                 ResidencyCounts& counts) {
    const auto now = static_cast<std::int32_t>(query) + 1;
    // Under sld only keys of the query before count as resident (now - 1 is 0 before the first).
    const std::int32_t oldest_hit =
        policy_ == Residency::lru ? 0 : std::max<std::int32_t>(now - 1, 1);
    const auto row = selection.row(query);
    // Whether a key hits is hard to guess: it is written down either way, and counted if it does
    // not.
    std::size_t misses = 0;
    missing_.resize(row.size());
    std::uint32_t* const missing = missing_.data();
    std::int32_t* const last_use = last_use_.data();
    for (const std::uint32_t key : row) {
        missing[misses] = key;
        misses += last_use[key] < oldest_hit ? 1 : 0;
        last_use[key] = now;
    }
    missing_.resize(misses);
    const std::int64_t hits = static_cast<std::int64_t>(row.size() - misses);
    const auto kept = static_cast<std::int64_t>(row.size());
    counts.hits += hits;
    counts.misses += kept - hits;
    if (policy_ == Residency::sld) return;
    resident_ += kept - hits;
    evict_to_capacity(selection);
}

void ResidencyReplay::evict_to_capacity(const Selection& selection) {
    while (resident_ > capacity_) {
        if (carried_next_ < carried_.size()) {
            const std::uint32_t key = carried_[carried_next_++];
            if (last_use_[key] != 0) continue;
            last_use_[key] = -1;
            --resident_;
            continue;
        }
        if (oldest_end_ == selection.row_begin[oldest_row_]) {
            ++oldest_row_;
            oldest_end_ = selection.row_begin[oldest_row_ + 1];
            continue;
        }
        // Whether a key was used since is hard to guess: no branch depends on it.
        const std::size_t begin = selection.row_begin[oldest_row_];
        const auto used = static_cast<std::int32_t>(oldest_row_) + 1;
        const std::uint32_t* const keys = selection.keys.data();
        std::int32_t* const last_use = last_use_.data();
        std::size_t end = oldest_end_;
        std::int64_t excess = resident_ - capacity_;
        while (end > begin && excess > 0) {
            std::int32_t& use = last_use[keys[--end]];
            const std::int32_t goes = use == used ? 1 : 0;
            use |= -goes;  // all bits set is -1
            excess -= goes;
        }
        oldest_end_ = end;
        resident_ = capacity_ + excess;
    }
}

void ResidencyReplay::overflow_row(const Selection& selection, std::size_t query,
                                   ResidencyCounts& counts) {
    const auto now = static_cast<std::int32_t>(query) + 1;
    const std::int32_t oldest_hit =
        policy_ == Residency::lru ? 0 : std::max<std::int32_t>(now - 1, 1);
    const auto row = selection.row(query);
    std::int64_t hits = 0;
    for (const std::uint32_t key : row) {
        if (last_use_[key] < oldest_hit) {
            missing_.push_back(key);
            continue;
        }
        last_use_[key] = now;
        ++hits;
    }
    // Everything else goes; the first fetched keys that fit stay.
    for (std::int32_t& use : last_use_)
        if (use != now) use = -1;
    std::int64_t room = capacity_ - hits;
    for (const std::uint32_t key : row) {
        if (room == 0) break;
        if (last_use_[key] == now) continue;
        last_use_[key] = now;
        --room;
    }
    counts.hits += hits;
    counts.misses += static_cast<std::int64_t>(row.size()) - hits;
    counts.streamed += static_cast<std::int64_t>(row.size()) - capacity_;
    ++counts.overflow_rows;
    resident_ = capacity_;
    carried_next_ = carried_.size();
    oldest_row_ = query;  // nothing older is left
    oldest_end_ = selection.row_begin[query + 1];
}

namespace {

/// How many words of a row hold a 1 in bit 0, in bit 1, and in both.
struct LowBits {
    std::int64_t first = 0, second = 0, both = 0;
};

/// Two keys a step, their counters in the halves of a word, so that no key waits for the one
/// before.
template <bool kSecond>
LowBits low_bits(std::span<const std::uint32_t> keys) {
    constexpr std::uint64_t kOnes = 0x0000000100000001;
    std::uint64_t first = 0, second = 0, both = 0;
    std::size_t i = 0;
    for (; i + 2 <= keys.size(); i += 2) {
        std::uint64_t pair;
        std::memcpy(&pair, keys.data() + i, sizeof pair);
        first += pair & kOnes;
        if constexpr (kSecond) {
            second += pair >> 1 & kOnes;
            both += pair & pair >> 1 & kOnes;
        }
    }
    const auto halves = [](std::uint64_t counters) {
        return static_cast<std::int64_t>((counters & 0xffffffff) + (counters >> 32));
    };
    LowBits bits{halves(first), halves(second), halves(both)};
    if (i < keys.size()) {
        const std::uint32_t key = keys[i];
        bits.first += key & 1;
        bits.second += key >> 1 & 1;
        bits.both += key & key >> 1 & 1;
    }
    return bits;
}

}  // namespace

std::int64_t row_slots(std::span<const std::uint32_t> keys, int corelets) {
    ATTOHM_CHECK_LE(1, corelets);
    const auto kept = static_cast<std::int64_t>(keys.size());
    if (corelets == 1) return kept;
    if (corelets == 2) {
        const std::int64_t odd = low_bits<false>(keys).first;
        return std::max(odd, kept - odd);
    }
    if (corelets == 4) {
        const LowBits bits = low_bits<true>(keys);
        return std::max({bits.both, bits.first - bits.both, bits.second - bits.both,
                         kept - bits.first - bits.second + bits.both});
    }
    std::vector<std::int64_t> load(static_cast<std::size_t>(corelets));
    for (const std::uint32_t key : keys) ++load[key % static_cast<std::uint32_t>(corelets)];
    return *std::max_element(load.begin(), load.end());
}

}  // namespace attohm
