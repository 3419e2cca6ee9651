#include "workloads/layer_shape.hpp"

#include <algorithm>
#include <cstdlib>

#include "src/base/error.hpp"

namespace attohm {

std::string_view layer_kind_name(LayerKind kind) {
    switch (kind) {
        case LayerKind::attention:
            return "attention";
        case LayerKind::linear:
            return "linear";
        case LayerKind::conv2d:
            return "conv2d";
        case LayerKind::graph:
            return "graph";
    }
    throw InvariantError("a layer of no kind");
}

bool KeyPattern::allows(int query, int key) const {
    if (empty() || query < globals || key < globals) return true;
    if (grid_w == 0) return std::abs(query - key) <= reach;
    return std::abs(query / grid_w - key / grid_w) <= reach &&
           std::abs(query % grid_w - key % grid_w) <= reach;
}

std::int64_t AttentionSize::allowed_pairs() const {
    const auto queries = std::int64_t{n_q};
    const auto keys = std::int64_t{n_k};
    if (pattern.empty() && !causal) return queries * keys;
    std::int64_t pairs = 0;
    for (int i = 0; i < n_q; ++i) {
        const int end = causal ? std::clamp(i + 1 + n_k - n_q, 0, n_k) : n_k;
        if (pattern.empty()) {
            pairs += end;
            continue;
        }
        for (int j = 0; j < end; ++j) pairs += pattern.allows(i, j) ? 1 : 0;
    }
    return pairs;
}

std::int64_t AttentionSize::macs() const {
    return std::int64_t{windows} * heads * (head_dim + v_head_dim) * allowed_pairs();
}

std::int64_t ConvSize::macs() const {
    return std::int64_t{out_height()} * out_width() * outputs * (channels / groups) * kernel_h *
           kernel_w;
}

std::int64_t LayerShape::macs() const {
    switch (kind) {
        case LayerKind::attention:
            return attention.macs();
        case LayerKind::linear:
            return linear.macs();
        case LayerKind::conv2d:
            return conv.macs();
        case LayerKind::graph:
            return graph.macs();
    }
    throw InvariantError("a layer of no kind");
}

std::int64_t block_macs(const AttentionSize& size) {
    const auto width = std::int64_t{size.width};
    const std::int64_t rows = std::int64_t{size.windows} * size.n_q;
    const std::int64_t kv_rows = std::int64_t{size.windows} * size.n_k;
    const std::int64_t q = rows * width * size.heads * size.head_dim;
    const std::int64_t kv = kv_rows * width * size.kv_heads * (size.head_dim + size.v_head_dim);
    const std::int64_t o = rows * width * size.heads * size.v_head_dim;
    return q + kv + o + 2 * rows * width * size.hidden;
}

}  // namespace attohm
