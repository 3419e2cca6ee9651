#include "src/schemes/kept_attention.hpp"

#include <algorithm>

#include "src/base/vmath.hpp"
#include "src/schemes/row_kernels.hpp"

namespace attohm {

namespace {

/// 1 GiB of addresses.
constexpr std::size_t kReservedKeys = std::size_t{1} << 28U;

/// Indices of the ones in a row of bytes 0/1: every index is stored, the next one over it unless
/// kept.
void list_ones(const std::uint8_t* bytes, std::size_t n, std::vector<std::uint32_t>& keys) {
    keys.resize(n + 1);
    std::size_t count = 0;
    for (std::size_t j = 0; j < n; ++j) {
        keys[count] = static_cast<std::uint32_t>(j);
        count += bytes[j];
    }
    keys.resize(count);
}

}  // namespace

void IntegerRowScores::scores(std::size_t query, std::span<const std::uint32_t> keys,
                              float* out) const {
    integer_dots(codes_.q8.row(query), k8_.view(), keys, codes_.score_step[query], out);
}

KeptAttention::KeptAttention(const AttentionHead& head, const KeepSettings& settings,
                             const RowScores& scores, MatrixView<const float> values,
                             float value_step)
    : head_(head),
      settings_(settings),
      scores_(scores),
      values_(values),
      value_step_(value_step),
      row_scores_(static_cast<std::size_t>(head.valid_k)) {
    selection_.row_begin.assign(head.n_q() + 1, 0);
    // Room for every pair: pages that no key reaches are never touched, while growing in place of
    // it would hold the keys twice.
    const auto pairs =
        static_cast<std::size_t>(head.valid_q) * static_cast<std::size_t>(head.valid_k);
    selection_.keys.reserve(std::min(pairs, kReservedKeys));
}

bool KeptAttention::has_allowed_key(std::size_t query) const {
    const std::size_t n = head_.key_end(query);
    for (std::size_t j = 0; j < n; ++j) {
        if (head_.allowed(query, j)) return true;
    }
    return false;
}

void KeptAttention::fill_empty_row(std::size_t query) {
    const std::size_t n = head_.key_end(query);
    if (settings_.empty_row == EmptyRow::zero) return;
    if (settings_.empty_row == EmptyRow::self) {
        // The query's own token, where keys reach further back than queries.
        const std::size_t self = query + head_.n_k() - head_.n_q();
        if (head_.allowed(query, self)) keys_.push_back(static_cast<std::uint32_t>(self));
        return;
    }
    for (std::size_t j = 0; j < n; ++j) {
        if (head_.allowed(query, j)) keys_.push_back(static_cast<std::uint32_t>(j));
    }
    if (settings_.empty_row == EmptyRow::dense || keys_.empty()) return;
    scores_.scores(query, keys_, row_scores_.data());
    const auto best = std::max_element(
        row_scores_.begin(), row_scores_.begin() + static_cast<std::ptrdiff_t>(keys_.size()));
    keys_ = {keys_[static_cast<std::size_t>(best - row_scores_.begin())]};
}

std::span<const std::uint32_t> KeptAttention::row(std::size_t query, const std::uint8_t* keep,
                                                  float* out) {
    list_ones(keep, head_.key_end(query), keys_);
    if (keys_.empty() && has_allowed_key(query)) ++empty_rows_;
    for (const int key : settings_.always_keep) {
        const auto forced = static_cast<std::uint32_t>(key);
        const auto at = std::lower_bound(keys_.begin(), keys_.end(), forced);
        if ((at == keys_.end() || *at != forced) && head_.allowed(query, forced)) {
            keys_.insert(at, forced);
        }
    }
    if (keys_.empty()) fill_empty_row(query);
    kept_pairs_ += static_cast<std::int64_t>(keys_.size());
    selection_.keys.insert(selection_.keys.end(), keys_.begin(), keys_.end());
    selection_.row_begin[query + 1] = static_cast<std::uint32_t>(selection_.keys.size());
    if (keys_.empty()) {
        std::fill_n(out, head_.dv(), 0.0F);
        return keys_;
    }
    scores_.scores(query, keys_, row_scores_.data());
    const SoftmaxTotals totals = exp_row({row_scores_.data(), keys_.size()});
    weighted_rows(row_scores_.data(), keys_.data(), keys_.size(), values_.data, values_.stride,
                  head_.dv(), out);
    const float factor = value_step_ / totals.sum;
    for (std::size_t c = 0; c < head_.dv(); ++c) out[c] *= factor;
    return keys_;
}

Selection KeptAttention::take_selection(const HeadShape& shape) {
    selection_.shape = shape;
    for (std::size_t t = 1; t < selection_.row_begin.size(); ++t) {
        selection_.row_begin[t] = std::max(selection_.row_begin[t], selection_.row_begin[t - 1]);
    }
    return std::move(selection_);
}

HeadShape head_shape(const AttentionHead& head) {
    HeadShape shape;
    shape.layer = head.layer;
    shape.head = head.head;
    shape.kv_head = head.kv_head;
    shape.n_q = static_cast<int>(head.n_q());
    shape.n_k = static_cast<int>(head.n_k());
    shape.valid_q = head.valid_q;
    shape.valid_k = head.valid_k;
    shape.d = static_cast<int>(head.d());
    shape.dv = static_cast<int>(head.dv());
    shape.causal = head.causal;
    shape.first_of_kv_head = head.first_of_kv_head;
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        if (head.mask.empty()) {
            shape.allowed_pairs += static_cast<std::int64_t>(head.key_end(t));
            continue;
        }
        for (std::size_t j = 0; j < head.key_end(t); ++j) {
            shape.allowed_pairs += head.mask(t, j) != 0 ? 1 : 0;
        }
    }
    return shape;
}

}  // namespace attohm
