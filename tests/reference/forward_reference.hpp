#pragma once

#include <functional>
#include <vector>

#include "workloads/trace.hpp"

/// Slow, obvious twins in double of exact attention and of the forward pass: naive loops, written
/// from the trace format alone.
namespace attohm::reference {

/// softmax(scale q.k + bias) v over the keys that mask, causality and padding allow; a row without
/// an allowed key and padded rows are 0. Returns: [n_q, dv].
Matrix<double> exact_attention(const AttentionHead& head);

/// What a test changes about the network between and inside blocks.
struct Changes {
    /// Rows of x that go on into a block, ascending; empty function = all.
    std::function<std::vector<std::size_t>(int layer, const Matrix<double>& x)> kept_rows;
    /// Replaces the attention output [n, heads * dv] of a layer in place.
    std::function<void(int layer, Matrix<double>& out)> attention;
    /// Replaces a block's input by its output in place; true where it did.
    std::function<bool(int layer, Matrix<double>& x)> block;
};

/// Input embeddings from patches.
Matrix<double> embed(const Weights& weights, const Matrix<float>& patches);

/// Input embeddings of a sample, from x0, tokens or patches, whichever it has.
Matrix<double> embed(const Weights& weights, const Sample& sample);

/// Logits of the network for input embeddings x [N, W]: [1 or N, classes].
Matrix<double> forward(const ModelInfo& model, const Weights& weights, Matrix<double> x,
                       const Changes& changes = {}, int valid_len = -1);

}  // namespace attohm::reference
