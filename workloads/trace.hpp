#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/matrix.hpp"

/// The words of a trace (format 1.0): Trace > Sample > Layer > Head. Plain data, no file access;
/// `trace_reader.hpp` fills it, `trace_writer.hpp` writes it.
namespace attohm {

struct ModelInfo {
    std::string name;
    std::string family;  ///< vit, bert, gpt, llama, gcn, cnn, other
    int layers = 0;
    int heads = 0;
    int kv_heads = 0;
    int head_dim = 0;
    int v_head_dim = 0;
    int width = 0;
    bool causal = false;
    int prefix_tokens = 0;
    int grid_h = 0;
    int grid_w = 0;
    std::string task;  ///< classify, next-token, node-classify, none
    int classes = 0;
    std::string pool = "first";  ///< first, mean, pooler, none
    int pad_token = -1;

    int kv_head_of(int head) const { return head * kv_heads / heads; }
};

/// Pruning thresholds in units of the scaled score (scale * q.k): one per layer, or per layer and
/// query head.
struct Thresholds {
    Matrix<float> values;  ///< [layers, 1] or [layers, heads]

    float at(int layer, int head) const {
        return values(static_cast<std::size_t>(layer),
                      values.cols() == 1 ? 0 : static_cast<std::size_t>(head));
    }
};

/// Tensor of rank 3 as stored: `planes` matrices of rows x cols, contiguous.
struct Tensor3 {
    std::size_t planes = 0;
    std::size_t rows = 0;
    std::size_t cols = 0;
    std::vector<float, UninitialisedAllocator<float>> data;

    bool empty() const { return data.empty(); }
    MatrixView<float> plane(std::size_t i) { return {data.data() + i * rows * cols, rows, cols}; }
    MatrixView<const float> plane(std::size_t i) const {
        return {data.data() + i * rows * cols, rows, cols};
    }
    /// Changes the shape; what it holds is not defined until it is written.
    void resize(std::size_t p, std::size_t r, std::size_t c) {
        planes = p;
        rows = r;
        cols = c;
        data.resize(p * r * c);
    }
};

/// One attention layer of one sample, or some of its heads, in memory.
struct AttentionLayer {
    int layer = 0;               ///< ordinal among the attention layers
    int first_head = 0;          ///< plane of the whole layer's q that plane 0 of q is
    std::size_t all_planes = 0;  ///< planes of the whole layer's q; 0: as many as are in memory
    int n_q = 0;
    int n_k = 0;
    int valid_q = 0;  ///< queries 0..valid_q-1 are real tokens
    int valid_k = 0;
    float scale = 1.0F;  ///< multiplies q.k
    bool causal = false;
    bool q_prescaled = false;
    int windows = 1;
    Tensor3 q;     ///< [heads, n_q, d], before scaling
    Tensor3 k;     ///< [kv_heads, n_k, d]
    Tensor3 v;     ///< [kv_heads, n_k, dv]
    Tensor3 out;   ///< [heads, n_q, dv], exact output before the output projection (may be empty)
    Tensor3 bias;  ///< [heads|1, n_q, n_k], added to the scaled score; empty = none
    std::vector<std::uint8_t> mask;  ///< [mask_planes, n_q, n_k], 1 = attend; empty = all
    std::size_t mask_planes = 0;
};

/// Some heads of a layer: `count` of them from `first` on, whole groups of query heads.
struct HeadRange {
    int first = 0;
    int count = 0;
};

/// Tensors that are read at once where a layer is larger.
constexpr std::size_t kReadBytes = std::size_t{128} << 20U;

/// Views of one head: all a scheme sees of a layer. Cheap to copy; the layer must outlive it.
struct AttentionHead {
    int sample = 0;
    int layer = 0;
    int head = 0;     ///< of the model: the same in every window
    int window = 0;   ///< of the head; 0 where a layer has one
    int kv_head = 0;  ///< counts on through the windows, as keys are different there
    bool first_of_kv_head = true;
    int valid_q = 0;
    int valid_k = 0;
    bool causal = false;
    float scale = 1.0F;
    MatrixView<const float> q;            ///< [n_q, d]
    MatrixView<const float> k;            ///< [n_k, d]
    MatrixView<const float> v;            ///< [n_k, dv]
    MatrixView<const float> bias;         ///< [n_q, n_k] or empty
    MatrixView<const std::uint8_t> mask;  ///< [n_q, n_k] or empty, 1 = attend
    MatrixView<const float> golden;       ///< [n_q, dv] or empty

    std::size_t n_q() const { return q.rows; }
    std::size_t n_k() const { return k.rows; }
    std::size_t d() const { return q.cols; }
    std::size_t dv() const { return v.cols; }
    /// Keys [0, key_end) are the ones causality and padding allow query `i`; a mask may forbid
    /// more.
    std::size_t key_end(std::size_t query) const {
        const auto valid = static_cast<std::size_t>(valid_k);
        if (!causal) return valid;
        const std::size_t limit = query + 1 + n_k();
        const std::size_t end = limit > n_q() ? limit - n_q() : 0;
        return end < valid ? end : valid;
    }
    /// Mask of queries first .. first + count - 1, empty when there is none.
    MatrixView<const std::uint8_t> mask_rows(std::size_t first, std::size_t count) const {
        if (mask.empty()) return {};
        return {mask.row(first), count, mask.cols, mask.stride};
    }
    bool allowed(std::size_t query, std::size_t key) const {
        return key < key_end(query) && (mask.empty() || mask(query, key) != 0);
    }
};

/// Makes the view of plane `head` of the whole layer's q (of a head, or of a head in a window),
/// which must be among those in memory; `out` and `mask` follow when the layer has them.
AttentionHead head_view(const AttentionLayer& layer, int sample, int head);

/// y = x W^T + b with W stored [out, in].
struct LinearWeights {
    Matrix<float> w;
    std::vector<float> b;  ///< empty = none
};

struct NormWeights {
    std::vector<float> w;
    std::vector<float> b;
};

struct BlockWeights {
    LinearWeights q, k, v, o;
    NormWeights norm1, norm2;
    LinearWeights up, gate, down;  ///< gate only in gated MLPs
    NormWeights q_norm, k_norm;
    std::vector<float> layer_scale1, layer_scale2;
};

/// One layer of a graph network: y = A (x W^T) + b.
struct GraphWeights {
    LinearWeights linear;  ///< W alone: the bias is added after A
    std::vector<float> b;  ///< [out] or empty
};

/// The whole network, so that it can be run again with inexact attention (closed loop).
struct Weights {
    std::string norm = "layernorm";
    float norm_eps = 1e-5F;
    std::string norm_position = "pre";
    std::string activation = "gelu";
    bool gated = false;
    float rope_theta = 0.0F;
    std::string rope_style = "half";
    int rope_dim = 0;
    std::string qk_norm = "none";
    bool layer_scale = false;
    float embed_scale = 1.0F;
    bool tied_head = false;
    std::vector<BlockWeights> blocks;
    std::vector<GraphWeights> graph;  ///< family gcn: its layers, and nothing else but activation
    NormWeights final_norm;
    LinearWeights head;  ///< of a tied head: the token embedding
    LinearWeights patch;
    LinearWeights pooler;
    Matrix<float> prefix_embedding;    ///< [prefix, W] or empty
    Matrix<float> token_embedding;     ///< [vocabulary, W] or empty
    Matrix<float> position_embedding;  ///< [N, W] or empty
    Matrix<float> segment_embedding;   ///< [types, W] or empty
    NormWeights embed_norm;            ///< of embedded tokens; empty = none
    std::string where;                 ///< "file.h5:/model/weights", for messages
};

/// One input. Layers are read apart, one at a time.
struct Sample {
    int index = 0;     ///< ordinal in the file
    std::string name;  ///< group name, e.g. "000003"
    bool calibration = false;
    std::string dataset = "none";  ///< where the input came from
    std::string split = "none";
    std::int64_t dataset_index = -1;  ///< ordinal in that dataset; -1: unknown
    std::int64_t label = -1;
    int valid_len = -1;  ///< -1: all tokens are real
    int layers_stored = 0;
    std::string where;                   ///< "file.h5:/samples/000003", for messages
    std::vector<std::int32_t> tokens;    ///< [N] or empty
    std::vector<std::int32_t> segments;  ///< [N] or empty: all of type 0
    std::vector<std::int32_t> targets;   ///< [N], -1 = not scored; or empty
    Matrix<float> x0;                    ///< [N, W] or empty
    Matrix<float> patches;               ///< [n, p] or empty
    Matrix<float> logits;                ///< [1 or N, classes] or empty
    Matrix<float> logits_threshold;      ///< same, with the learned hard thresholds, or empty
    std::string logits_empty_row = "dense";
};

}  // namespace attohm
