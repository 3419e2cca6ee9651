#include "src/work/selection_summary.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "src/base/error.hpp"

namespace attohm {

std::int64_t SelectionSummary::kept_pairs() const {
    return std::accumulate(kept.begin(), kept.end(), std::int64_t{0});
}

std::int64_t SelectionSummary::kept_before() const {
    return std::accumulate(before.begin(), before.end(), std::int64_t{0});
}

std::vector<std::int64_t> SelectionSummary::row_misses_before() const {
    std::vector<std::int64_t> misses(kept.begin(), kept.end());
    for (std::size_t row = 0; row < misses.size(); ++row) misses[row] -= before[row];
    return misses;
}

std::int64_t SelectionSummary::most_kept() const {
    return kept.empty() ? 0 : *std::max_element(kept.begin(), kept.end());
}

std::int64_t SelectionSummary::hits(std::int64_t capacity) const {
    const auto count = std::clamp<std::int64_t>(capacity, 0, std::ssize(reuse));
    return std::accumulate(reuse.begin(), reuse.begin() + count, std::int64_t{0});
}

std::int64_t SelectionSummary::streamed(std::int64_t capacity) const {
    std::int64_t pairs = 0;
    for (const std::int64_t keys : kept) pairs += std::max<std::int64_t>(0, keys - capacity);
    return pairs;
}

std::int64_t SelectionSummary::overflow_rows(std::int64_t capacity) const {
    return std::count_if(kept.begin(), kept.end(),
                         [capacity](std::int64_t keys) { return keys > capacity; });
}

std::size_t summary_bins(int keys) {
    std::size_t bins = 1;
    while ((kSmallestBin << (bins - 1)) < keys) ++bins;
    return bins;
}

namespace {

/// Bins whose capacities are not above `capacity`.
std::size_t bins_within(std::int64_t capacity, std::size_t bins) {
    std::size_t count = 0;
    while (count < bins && (kSmallestBin << count) <= capacity) ++count;
    return count;
}

}  // namespace

bool SelectionSummary::has_rows_of(std::int64_t capacity) const {
    return capacity <= 0 || std::ssize(reuse) <= capacity ||
           (capacity >= kSmallestBin && std::has_single_bit(static_cast<std::uint64_t>(capacity)));
}

std::vector<std::int64_t> SelectionSummary::row_misses(std::int64_t capacity) const {
    const std::size_t width = bins();
    // Reuse beyond the last distance there is: every bin hits.
    const std::size_t whole = std::ssize(reuse) <= capacity ? width : bins_within(capacity, width);
    std::vector<std::int64_t> misses(kept.begin(), kept.end());
    for (std::size_t row = 0; row < misses.size(); ++row)
        for (std::size_t bin = 0; bin < whole; ++bin) misses[row] -= row_reuse[row * width + bin];
    if (whole == width || has_rows_of(capacity)) return misses;
    // Of the next bin every row hits the same share; rounding is carried on, so that totals agree.
    std::int64_t all = 0;
    for (std::size_t row = 0; row < misses.size(); ++row) all += row_reuse[row * width + whole];
    const std::int64_t below = whole == 0 ? 0 : kSmallestBin << (whole - 1);
    const std::int64_t hit = hits(capacity) - hits(below);
    std::int64_t carried = 0;
    for (std::size_t row = 0; row < misses.size() && all > 0; ++row) {
        carried += row_reuse[row * width + whole] * hit;
        misses[row] -= carried / all;
        carried %= all;
    }
    return misses;
}

std::span<const std::uint32_t> SelectionSummary::slots_of(int corelets) const {
    if (corelets == 1) return kept;
    for (std::size_t i = 0; i < kSummaryCorelets.size(); ++i)
        if (kSummaryCorelets[i] == corelets) return slots[i];
    return {};
}

SelectionSummary SelectionSummarizer::summarise(const Selection& selection) {
    start_head(selection);
    SelectionSummary summary;
    const std::size_t rows = selection.row_begin.empty() ? 0 : selection.row_begin.size() - 1;
    const std::size_t bins = summary_bins(selection.shape.n_k);
    summary.kept.resize(rows);
    summary.before.assign(rows, 0);
    summary.row_reuse.assign(rows * bins, 0);
    for (auto& slots : summary.slots) slots.assign(rows, 0);
    bool follows = false;  // the query before kept something in this head
    for (std::size_t query = 0; query < rows; ++query) {
        const auto keys = selection.row(query);
        summary.kept[query] = static_cast<std::uint32_t>(keys.size());
        if (!keys.empty()) {
            const std::uint32_t again =
                row(keys, std::span(summary.row_reuse).subspan(query * bins, bins));
            if (follows) summary.before[query] = again;
            count_slots(query, summary);
        }
        follows = !keys.empty();
    }
    while (!reuse_.empty() && reuse_.back() == 0) reuse_.pop_back();
    summary.reuse = reuse_;
    return summary;
}

void SelectionSummarizer::start_head(const Selection& selection) {
    const HeadShape& shape = selection.shape;
    const auto keys = static_cast<std::size_t>(shape.n_k);
    const bool stays = shape.layer == layer_ && shape.kv_head == kv_head_ &&
                       last_group_.size() == keys && !shape.first_of_kv_head;
    reuse_.assign(keys, 0);
    // Room for all that the head will add, so that nothing is held twice while the list grows.
    if (!stays) order_.clear();
    order_.reserve(order_.size() + selection.keys.size());
    if (stays) return;
    layer_ = shape.layer;
    kv_head_ = shape.kv_head;
    words_ = (keys + 63) / 64;
    last_group_.assign(keys, kNone);
    nothing_ = static_cast<std::uint32_t>(words_ * 64);
    is_kept_.assign(words_ * 64 + 1, 0);
    kept_mask_.assign(words_, 0);
    group_masks_.clear();
    group_sizes_.clear();
    newer_.clear();
    live_.clear();
    order_begin_.assign(1, 0);
}

namespace {

/// Bits of up to 32 words in a row; without the processor's own instruction, which not every
/// processor has.
std::uint32_t ones(const std::uint64_t* words, std::size_t count, std::uint64_t last) {
    constexpr std::uint64_t kPairs = 0x5555555555555555U, kFours = 0x3333333333333333U,
                            kBytes = 0x0f0f0f0f0f0f0f0fU;
    std::uint32_t sum = 0;
    for (std::size_t first = 0; first <= count; first += 31) {
        std::uint64_t bytes = 0;
        for (std::size_t i = first; i < std::min(count + 1, first + 31); ++i) {
            std::uint64_t word = i == count ? last : words[i];
            word -= word >> 1 & kPairs;
            word = (word & kFours) + (word >> 2 & kFours);
            bytes += (word + (word >> 4)) & kBytes;
        }
        // Eight bytes of at most 31 x 8 each.
        bytes = (bytes & 0x00ff00ff00ff00ffU) + (bytes >> 8 & 0x00ff00ff00ff00ffU);
        sum += static_cast<std::uint32_t>(bytes * 0x0001000100010001U >> 48);
    }
    return sum;
}

}  // namespace

void SelectionSummarizer::mark(std::span<const std::uint32_t> keys) {
    std::fill(is_kept_.begin(), is_kept_.end(), std::uint8_t{0});
    for (const std::uint32_t key : keys) is_kept_[key] = 1;
    // Eight bytes of 0 or 1 to eight bits; their sums are the loads of eight CORELETs.
    constexpr std::uint64_t kGather = 0x0102040810204080U;
    constexpr std::size_t kMostWords = 31;  // 31 x 8 additions fit a byte
    loads_.fill(0);
    group_masks_.resize(group_masks_.size() + words_);
    std::uint64_t* const mask = group_masks_.data() + (group_masks_.size() - words_);
    for (std::size_t first = 0; first < words_; first += kMostWords) {
        std::uint64_t sums = 0;
        for (std::size_t word = first; word < std::min(words_, first + kMostWords); ++word) {
            std::uint64_t bits = 0;
            for (std::size_t part = 0; part < 8; ++part) {
                std::uint64_t bytes = 0;
                std::memcpy(&bytes, is_kept_.data() + word * 64 + part * 8, 8);
                bits |= (bytes * kGather >> 56) << (part * 8);
                sums += bytes;
            }
            mask[word] = bits;
        }
        for (std::size_t c = 0; c < loads_.size(); ++c)
            loads_[c] += static_cast<std::uint32_t>(sums >> (8 * c) & 0xff);
    }
    std::copy_n(mask, words_, kept_mask_.begin());
}

std::uint32_t SelectionSummarizer::row(std::span<const std::uint32_t> keys,
                                       std::span<std::uint32_t> bins) {
    mark(keys);
    slots_.assign(keys.size(), nothing_);
    const std::size_t groups = group_sizes_.size();
    std::uint32_t again = 0;
    if (groups > 0) {
        again = reuse_newest(bins);
        if (again < keys.size()) reuse_older(bins);
        group_sizes_[groups - 1] -= again;
    }
    add_group(keys);
    return again;
}

std::uint32_t SelectionSummarizer::reuse_newest(std::span<std::uint32_t> bins) {
    const auto order = order_of(group_sizes_.size() - 1);
    const std::uint8_t* const is_kept = is_kept_.data();
    std::uint32_t* const reuse = reuse_.data();
    std::uint32_t* const slots = slots_.data();
    const std::uint32_t nothing = nothing_;
    std::uint32_t again = 0;
    std::size_t place = 0;
    for (std::size_t bin = 0; place < order.size(); ++bin) {
        const std::size_t end =
            std::min(order.size(), static_cast<std::size_t>(kSmallestBin) << bin);
        std::uint32_t hits = 0;
        for (; place < end; ++place) {
            const std::uint32_t hit = is_kept[order[place]];
            reuse[place] += hit;
            hits += hit;
        }
        bins[bin] += hits;
        again += hits;
    }
    const std::size_t within = std::min(order.size(), slots_.size());
    for (std::size_t i = 0; i < within; ++i) slots[i] = is_kept[order[i]] != 0 ? order[i] : nothing;
    // What stays in the mask of the present query are keys of older groups and new ones.
    std::uint64_t* const newest = group_masks_.data() + (group_sizes_.size() - 1) * words_;
    for (std::size_t word = 0; word < words_; ++word) {
        const std::uint64_t both = newest[word] & kept_mask_[word];
        newest[word] ^= both;
        kept_mask_[word] ^= both;
    }
    return again;
}

void SelectionSummarizer::reuse_older(std::span<std::uint32_t> bins) {
    std::erase_if(live_, [this](std::uint32_t group) { return group_sizes_[group] == 0; });
    std::uint32_t newer = 0;
    for (std::size_t i = live_.size(); i-- > 0;) {
        newer_[live_[i]] = newer;
        newer += group_sizes_[live_[i]];
    }
    older_.clear();
    for (std::size_t word = 0; word < words_; ++word)
        for (std::uint64_t rest = kept_mask_[word]; rest != 0; rest &= rest - 1) {
            const auto key = static_cast<std::uint32_t>(word * 64) +
                             static_cast<std::uint32_t>(std::countr_zero(rest));
            if (last_group_[key] != kNone) older_.push_back(key);
        }
    for (const std::uint32_t key : older_) {
        const std::uint32_t far = distance(key, last_group_[key]);
        ++reuse_[far - 1];
        ++bins[far <= kSmallestBin ? 0 : static_cast<std::size_t>(std::bit_width(far - 1)) - 5];
        if (far <= slots_.size()) slots_[far - 1] = key;
    }
    // Only now: distances are those before the query.
    for (const std::uint32_t key : older_) {
        const std::uint32_t group = last_group_[key];
        group_masks_[group * words_ + key / 64] &= ~(std::uint64_t{1} << (key % 64));
        --group_sizes_[group];
    }
}

std::uint32_t SelectionSummarizer::distance(std::uint32_t key, std::uint32_t group) const {
    const std::uint64_t* const mask = group_masks_.data() + group * words_;
    const std::uint32_t smaller =
        ones(mask, key / 64, mask[key / 64] & ((std::uint64_t{1} << (key % 64)) - 1));
    const std::uint32_t place = newer_[group] + smaller + 1;
    const auto order = order_of(group);
    if (place > order.size()) return place;
    // A buffer smaller than the group retained some of it, and what it needed room for since went
    // from the largest key down: the key is still there once as many of those retained are newer or
    // larger as keys are newer.
    const std::uint32_t* const last = last_group_.data();
    const std::uint32_t wanted = newer_[group];
    std::uint32_t others = 0;
    std::uint32_t i = 0;
    for (; order[i] != key; ++i)
        others += static_cast<std::uint32_t>(last[order[i]] != group) |
                  static_cast<std::uint32_t>(order[i] > key);
    for (; others < wanted; ++i) {
        ATTOHM_CHECK_LT(i + 1, order.size());
        const std::uint32_t other = order[i + 1];
        others += static_cast<std::uint32_t>(last[other] != group) |
                  static_cast<std::uint32_t>(other > key);
    }
    return i + 1;
}

void SelectionSummarizer::add_group(std::span<const std::uint32_t> keys) {
    const auto group = static_cast<std::uint32_t>(group_sizes_.size());
    // A buffer of one token more retains the key that it holds already at that distance, else the
    // smallest of those that it has to fetch.
    const std::size_t begin = order_.size();
    order_.resize(begin + keys.size());
    std::uint32_t* const order = order_.data() + begin;
    std::uint8_t* const is_left = is_kept_.data();
    const std::uint32_t* const slots = slots_.data();
    const std::uint32_t* next = keys.data();
    const std::size_t kept = keys.size();
    for (std::size_t i = 0; i < kept; ++i) {
        std::uint32_t key = slots[i];
        if (is_left[key] == 0) {
            while (is_left[*next] == 0) ++next;
            key = *next++;
        }
        order[i] = key;
        is_left[key] = 0;
    }
    order_begin_.push_back(order_.size());
    for (const std::uint32_t key : keys) last_group_[key] = group;
    group_sizes_.push_back(static_cast<std::uint32_t>(keys.size()));
    newer_.push_back(0);
    live_.push_back(group);
}

void SelectionSummarizer::count_slots(std::size_t query, SelectionSummary& summary) const {
    // By key modulo eight; fewer CORELETs add up every fourth, every second of them.
    std::array<std::uint32_t, 8> load = loads_;
    for (std::size_t i = kSummaryCorelets.size(); i-- > 0;) {
        const auto corelets = static_cast<std::size_t>(kSummaryCorelets[i]);
        summary.slots[i][query] =
            *std::max_element(load.begin(), load.begin() + static_cast<std::ptrdiff_t>(corelets));
        for (std::size_t c = 0; c < corelets / 2; ++c) load[c] += load[c + corelets / 2];
    }
}

}  // namespace attohm
