#include "src/schemes/salo_keys.hpp"

#include <algorithm>

namespace attohm {

SaloPattern::Span SaloPattern::span_of(int width, bool causal) {
    if (width <= 0) return {};
    if (causal) return {1 - width, 0};
    return {-(width / 2), (width - 1) / 2};
}

bool SaloPattern::allows(int query, int key, bool causal) const {
    if (query < globals || key < globals) return true;
    const int offset = key - query;
    const Span near = span_of(window, causal), far = span_of(dilated, causal);
    if (near.first <= offset && offset <= near.last) return true;
    return far.first <= offset && offset <= far.last && offset % dilation == 0;
}

void SaloPattern::keys(int query, int key_end, int shift, bool causal,
                       std::vector<std::uint32_t>& out) const {
    out.clear();
    const int own = query + shift;
    if (own < globals) {
        for (int j = 0; j < key_end; ++j) out.push_back(static_cast<std::uint32_t>(j));
        return;
    }
    for (int j = 0; j < std::min(globals, key_end); ++j)
        out.push_back(static_cast<std::uint32_t>(j));
    const Span near = span_of(window, causal), far = span_of(dilated, causal);
    const int first = std::max(globals, own + std::min(near.first, far.first));
    const int last = std::min(key_end - 1, own + std::max(near.last, far.last));
    for (int j = first; j <= last; ++j)
        if (allows(own, j, causal)) out.push_back(static_cast<std::uint32_t>(j));
}

SaloPairs salo_pairs(const SaloPattern& pattern, const HeadShape& shape) {
    SaloPairs pairs;
    std::vector<std::uint32_t> keys;
    const int shift = shape.n_k - shape.n_q;
    for (int t = 0; t < shape.valid_q; ++t) {
        const int end = shape.causal ? std::min(shape.valid_k, t + 1 + shift) : shape.valid_k;
        pattern.keys(t, end, shift, shape.causal, keys);
        const auto count = static_cast<std::int64_t>(keys.size());
        if (t + shift < pattern.globals) {
            pairs.global_queries += count;
            continue;
        }
        const std::int64_t globals = std::min(pattern.globals, end);
        pairs.global_keys += globals;
        pairs.window += count - globals;
    }
    return pairs;
}

}  // namespace attohm
