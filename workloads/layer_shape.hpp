#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// The sizes of one layer of a network, of any kind that a trace can hold. Plain data.
namespace attohm {

enum class LayerKind : std::uint8_t { attention, linear, conv2d, graph };
std::string_view layer_kind_name(LayerKind kind);

/// Which keys a query of a fixed sparse pattern sees: those at most `reach` away, on a line or
/// (grid_w > 0) in both directions of a grid of that width; and `globals` tokens in front, which
/// see all and are seen by all.
struct KeyPattern {
    int reach = 0;  ///< 0: every query sees every key
    int grid_w = 0;
    int globals = 0;

    bool empty() const { return reach == 0; }
    bool allows(int query, int key) const;
};

struct AttentionSize {
    int heads = 0;
    int kv_heads = 0;
    int head_dim = 0;
    int v_head_dim = 0;
    int n_q = 0;  ///< of one window
    int n_k = 0;
    int windows = 1;
    bool causal = false;
    KeyPattern pattern;
    int width = 0;   ///< of the tokens; 0: that of the model
    int hidden = 0;  ///< width of the MLP behind it; 0: not said

    /// (query, key) pairs that pattern and causality allow in one head of one window.
    std::int64_t allowed_pairs() const;
    /// Multiplications of q.k and p.v over allowed pairs, all heads and windows.
    std::int64_t macs() const;
};

struct LinearSize {
    std::int64_t rows = 0, inputs = 0, outputs = 0;
    std::int64_t macs() const { return rows * inputs * outputs; }
};

struct ConvSize {
    int channels = 0, height = 0, width = 0, outputs = 0;
    int kernel_h = 0, kernel_w = 0, stride = 1, padding = 0, groups = 1;

    int out_height() const { return (height + 2 * padding - kernel_h) / stride + 1; }
    int out_width() const { return (width + 2 * padding - kernel_w) / stride + 1; }
    std::int64_t macs() const;
};

/// Y = A X W over a graph.
struct GraphSize {
    std::int64_t nodes = 0;
    std::int64_t edges = 0;  ///< stored elements of A
    std::int64_t features = 0, outputs = 0;

    /// X W, then A (X W).
    std::int64_t macs() const { return nodes * features * outputs + edges * outputs; }
};

struct LayerShape {
    LayerKind kind = LayerKind::attention;
    std::string name;  ///< "conv1"; "" = none
    AttentionSize attention;
    LinearSize linear;
    ConvSize conv;
    GraphSize graph;

    /// Of the layer itself: projections and MLP around attention are not part of it.
    std::int64_t macs() const;
};

/// MACs of q, k, v, output projection and MLP around an attention layer; 0 where its width is not
/// said. Args: kv_rows follow n_k.
std::int64_t block_macs(const AttentionSize& size);

}  // namespace attohm
