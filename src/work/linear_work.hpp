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
};

/// Operators of one layer in the order of the shapes. Inputs of q, k, v, o, up, gate, patch and
/// head come from memory, results of all but up and gate go there; weights are read from memory. A
/// norm stands before q, up (or gate) and head, an activation after up or gate, a residual addition
/// after o and down. Throws: InvariantError for another name.
LayerWork linear_layer_work(int layer, std::span<const LinearShape> shapes, int bits);

/// The linear shapes of a block of `tokens` tokens: q, k, v, o, up, down.
std::vector<LinearShape> block_shapes(std::int64_t tokens, std::int64_t width,
                                      std::int64_t qkv_width, std::int64_t kv_width,
                                      std::int64_t hidden);

}  // namespace attohm
