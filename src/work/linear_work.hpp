#pragma once

#include <span>
#include <string>
#include <vector>

#include "src/work/operators.hpp"

/// The linear operators of a transformer block as Work, with the norms, activations and residual
/// additions around them.
namespace attohm {

/// y[m, n] = x[m, k] w[k, n] under the name that the forward pass gives it: "q", "k", "v", "o",
/// "up", "gate", "down", "patch", "head".
struct LinearShape {
    std::string name;
    std::int64_t m = 0;
    std::int64_t k = 0;
    std::int64_t n = 0;
    /// Not 0: w is ceil(n / butterfly) butterflies of this length, a power of two >= k, side by
    /// side: a `transform`, with a 2 x 2 matrix for every pair of every stage.
    std::int64_t butterfly = 0;
};

/// Operators of one layer in the order of the shapes. Inputs of q, k, v, o, up, gate, patch and
/// head come from memory, results of all but up and gate go there; weights are read from memory.
/// A norm stands before q (k and v read it too), up (gate reads it too) and head; an activation
/// after up, or after gate and then the product with up; a residual addition after o and down. A
/// network that normalises after the addition has the same operators in another order.
/// Throws: InvariantError for another name.
LayerWork linear_layer_work(int layer, std::span<const LinearShape> shapes, int bits);

/// The rows of `batch` samples below each other in every operator: what is shared (weights) is one
/// tensor for all of them. Args: list: operators over rows, as of `linear_layer_work`.
OpList batched_rows(const OpList& list, std::int64_t batch);

/// Widths of a transformer block: of its tokens, of q, k and v of all heads, of the attended values
/// that the output projection reads, of the MLP.
struct BlockWidths {
    std::int64_t model = 0;
    std::int64_t q = 0;
    std::int64_t k = 0;
    std::int64_t v = 0;
    std::int64_t attended = 0;
    std::int64_t hidden = 0;
    bool gated = false;
};

/// The linear shapes of a block of `tokens` tokens: q, k, v, o, up, gate where there is one, down.
std::vector<LinearShape> block_shapes(const BlockWidths& widths, std::int64_t tokens);
/// The same with v as wide as k and attended values as wide as q, without a gate.
inline std::vector<LinearShape> block_shapes(std::int64_t tokens, std::int64_t width,
                                             std::int64_t qkv_width, std::int64_t kv_width,
                                             std::int64_t hidden) {
    return block_shapes({width, qkv_width, kv_width, kv_width, qkv_width, hidden, false}, tokens);
}

}  // namespace attohm
