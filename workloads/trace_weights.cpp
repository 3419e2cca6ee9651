#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "src/base/error.hpp"
#include "workloads/trace_file.hpp"
#include "workloads/trace_parts.hpp"

/// Weights of /model/weights.
namespace attohm {

namespace {

/// Reads the tensors of one group; each fault apart.
class WeightReader {
  public:
    WeightReader(H5Group group, Problems& problems)
        : group_(std::move(group)), problems_(problems) {}

    void matrix(const std::string& name, std::size_t rows, std::size_t cols, bool required,
                Matrix<float>& out) {
        known_.insert(name);
        if (!required && !group_.has_dataset(name)) return;
        problems_.attempt([&] {
            const H5DatasetInfo info =
                require_dataset(group_, name, Dtype::float32, {{rows, cols}});
            Matrix<float> read(info.shape[0], info.shape[1]);
            read_finite(group_, name, info.shape, {read.data(), read.size()});
            out = std::move(read);
        });
    }
    void vector(const std::string& name, std::size_t size, bool required, std::vector<float>& out) {
        known_.insert(name);
        if (!required && !group_.has_dataset(name)) return;
        problems_.attempt([&] {
            const H5DatasetInfo info = require_dataset(group_, name, Dtype::float32, {{size}});
            std::vector<float> read(info.elements());
            read_finite(group_, name, info.shape, read);
            out = std::move(read);
        });
    }
    void linear(const std::string& w, const std::string& b, std::size_t rows, std::size_t cols,
                bool required, LinearWeights& out) {
        matrix(w, rows, cols, required, out.w);
        vector(b, rows == kAny && !out.w.empty() ? out.w.rows() : rows, false, out.b);
    }
    void norm(const std::string& name, std::size_t size, bool required, NormWeights& out) {
        vector(name + "_w", size, required, out.w);
        vector(name + "_b", size, false, out.b);
    }

    /// A tensor that nothing asked for would be left out of the network in silence.
    void refuse_others() {
        for (const std::string& name : group_.datasets())
            if (!known_.contains(name))
                problems_.add(UserError(
                    "a tensor that the network does not use", group_.where(name), "present",
                    known_.empty() ? std::string("groups of layers alone")
                                   : fmt::format("{}", fmt::join(known_, ", "))));
    }

  private:
    H5Group group_;
    Problems& problems_;
    std::set<std::string> known_;
};

const std::vector<std::string> kActivations = {"gelu", "gelu_tanh", "relu", "silu"};

/// An option that this version does not know may change what the network computes.
void refuse_other_attributes(const H5Group& group, const std::set<std::string>& known) {
    for (const auto& [name, value] : group.attributes())
        if (!known.contains(name))
            throw UserError("unknown option of the network", group.where_attribute(name), "present",
                            fmt::format("{}", fmt::join(known, ", ")));
}

void read_options(const H5Group& group, const ModelInfo& model, Weights& weights) {
    weights.norm = word_attribute(group, "norm", {"layernorm", "rmsnorm"});
    weights.norm_eps = real_attribute(group, "norm_eps");
    weights.norm_position = word_attribute(group, "norm_position", {"pre", "post"});
    weights.activation = word_attribute(group, "activation", kActivations);
    weights.gated = flag_attribute(group, "gated");
    refuse_other_attributes(
        group, {"norm", "norm_eps", "norm_position", "activation", "gated", "rope_theta",
                "rope_style", "rope_dim", "qk_norm", "layer_scale", "embed_scale", "tied_head"});
    weights.rope_theta = real_attribute(group, "rope_theta", 0.0F);
    weights.rope_style = word_attribute(group, "rope_style", {"half", "interleaved"}, "half");
    weights.rope_dim = count_attribute(group, "rope_dim", 0, model.head_dim);
    weights.qk_norm = word_attribute(group, "qk_norm", {"none", "rmsnorm", "layernorm"}, "none");
    weights.layer_scale = flag_attribute(group, "layer_scale", false);
    weights.embed_scale = real_attribute(group, "embed_scale", 1.0F);
    weights.tied_head = flag_attribute(group, "tied_head", false);
}

BlockWeights read_block(const H5Group& group, const ModelInfo& model, const Weights& weights,
                        Problems& problems) {
    const auto width = static_cast<std::size_t>(model.width);
    const auto d = static_cast<std::size_t>(model.head_dim);
    const auto dv = static_cast<std::size_t>(model.v_head_dim);
    const auto queries = static_cast<std::size_t>(model.heads) * d;
    const auto keys = static_cast<std::size_t>(model.kv_heads) * d;
    const auto values = static_cast<std::size_t>(model.kv_heads) * dv;
    const auto outputs = static_cast<std::size_t>(model.heads) * dv;
    WeightReader reader(group, problems);
    BlockWeights block;
    reader.linear("wq", "bq", queries, width, true, block.q);
    reader.linear("wk", "bk", keys, width, true, block.k);
    reader.linear("wv", "bv", values, width, true, block.v);
    reader.linear("wo", "bo", width, outputs, true, block.o);
    reader.norm("norm1", width, true, block.norm1);
    reader.norm("norm2", width, true, block.norm2);
    reader.linear("w_up", "b_up", kAny, width, true, block.up);
    const std::size_t hidden = block.up.w.empty() ? kAny : block.up.w.rows();
    if (weights.gated) reader.linear("w_gate", "b_gate", hidden, width, true, block.gate);
    reader.linear("w_down", "b_down", width, hidden, true, block.down);
    const bool normed = weights.qk_norm != "none";
    if (normed) reader.norm("q_norm", d, true, block.q_norm);
    if (normed) reader.norm("k_norm", d, true, block.k_norm);
    if (weights.layer_scale) reader.vector("ls1", width, true, block.layer_scale1);
    if (weights.layer_scale) reader.vector("ls2", width, true, block.layer_scale2);
    reader.refuse_others();
    return block;
}

/// A tied head is the token embedding, stored once or twice.
void read_head(const H5Group& group, WeightReader& reader, const ModelInfo& model,
               Problems& problems, Weights& weights) {
    const auto width = static_cast<std::size_t>(model.width);
    const auto classes = static_cast<std::size_t>(model.classes);
    const bool tied = weights.tied_head;
    reader.linear("head_w", "head_b", classes, width, model.task != "none" && !tied, weights.head);
    reader.matrix("token_embedding", tied ? classes : kAny, width, tied, weights.token_embedding);
    if (!tied) return;
    const Matrix<float>& embedding = weights.token_embedding;
    if (weights.head.w.empty()) weights.head.w = embedding;
    problems.attempt([&] {
        const bool both = !embedding.empty() && !weights.head.w.empty();
        if (both && !std::equal(embedding.data(), embedding.data() + embedding.size(),
                                weights.head.w.data()))
            throw UserError("a tied head differs from the token embedding", group.where("head_w"),
                            "other values", "no head_w, or the values of token_embedding");
    });
}

void read_embeddings(WeightReader& reader, const ModelInfo& model, Weights& weights) {
    const auto width = static_cast<std::size_t>(model.width);
    reader.linear("patch_w", "patch_b", width, kAny, false, weights.patch);
    reader.matrix("prefix_embedding", static_cast<std::size_t>(model.prefix_tokens), width, false,
                  weights.prefix_embedding);
    reader.matrix("position_embedding", kAny, width, false, weights.position_embedding);
    reader.matrix("segment_embedding", kAny, width, false, weights.segment_embedding);
    reader.norm("embed_norm", width, false, weights.embed_norm);
}

/// Family gcn: layer_00, layer_01, ... with w [out, in] and b [out], a chain from the features to
/// the classes.
void read_graph_layers(const H5Group& group, const ModelInfo& model, Problems& problems,
                       Weights& weights) {
    problems.attempt([&] {
        weights.activation = word_attribute(group, "activation", kActivations);
        refuse_other_attributes(group, {"activation"});
    });
    std::size_t inputs = kAny;
    for (int i = 0; i < model.layers; ++i) {
        const bool last = i + 1 == model.layers && model.classes > 0;
        const std::size_t outputs = last ? static_cast<std::size_t>(model.classes) : kAny;
        GraphWeights layer;
        const bool present = problems.attempt([&] {
            WeightReader reader(group.group(fmt::format("layer_{:02}", i)), problems);
            reader.matrix("w", outputs, inputs, true, layer.linear.w);
            reader.vector("b", layer.linear.w.empty() ? kAny : layer.linear.w.rows(), false,
                          layer.b);
            reader.refuse_others();
        });
        if (!present) break;
        inputs = layer.linear.w.empty() ? kAny : layer.linear.w.rows();
        weights.graph.push_back(std::move(layer));
    }
    WeightReader(group, problems).refuse_others();
}

}  // namespace

Weights TraceFile::read_weights(Problems& problems) const {
    const H5Group group = root_.group("model/weights");
    if (model_.family == "cnn")
        throw UserError("weights of this family cannot be read", group.where(), model_.family,
                        "a transformer family, or gcn");
    Weights weights;
    weights.where = group.where();
    if (model_.family == "gcn") {
        read_graph_layers(group, model_, problems, weights);
        return weights;
    }
    problems.attempt([&] { read_options(group, model_, weights); });
    // The first block that is missing ends it: `layers` may be any number.
    for (int i = 0; i < model_.layers; ++i)
        if (!problems.attempt([&] {
                const H5Group block = group.group(fmt::format("layer_{:02}", i));
                weights.blocks.push_back(read_block(block, model_, weights, problems));
            }))
            break;
    const auto width = static_cast<std::size_t>(model_.width);
    WeightReader reader(group, problems);
    reader.norm("final_norm", width, weights.norm_position == "pre", weights.final_norm);
    read_head(group, reader, model_, problems, weights);
    read_embeddings(reader, model_, weights);
    reader.linear("pooler_w", "pooler_b", width, width, model_.pool == "pooler", weights.pooler);
    reader.refuse_others();
    return weights;
}

}  // namespace attohm
