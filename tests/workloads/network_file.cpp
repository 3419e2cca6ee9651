#include "tests/workloads/network_file.hpp"

#include <fmt/format.h>

#include <span>

namespace attohm::testing {

namespace {

void write_matrix(const H5Group& group, const std::string& name, const Matrix<float>& x) {
    if (!x.empty()) group.write(name, {x.rows(), x.cols()}, std::span(x.data(), x.size()));
}

void write_vector(const H5Group& group, const std::string& name, const std::vector<float>& x) {
    if (!x.empty()) group.write(name, {x.size()}, std::span<const float>(x));
}

void write_linear(const H5Group& group, const std::string& w, const std::string& b,
                  const LinearWeights& linear) {
    write_matrix(group, w, linear.w);
    write_vector(group, b, linear.b);
}

void write_norm(const H5Group& group, const std::string& name, const NormWeights& norm) {
    write_vector(group, name + "_w", norm.w);
    write_vector(group, name + "_b", norm.b);
}

void write_model(const H5Group& group, const ModelInfo& model) {
    group.set_text("name", model.name);
    group.set_text("family", model.family);
    group.set_integer("layers", model.layers);
    group.set_integer("heads", model.heads);
    group.set_integer("kv_heads", model.kv_heads);
    group.set_integer("head_dim", model.head_dim);
    group.set_integer("v_head_dim", model.v_head_dim);
    group.set_integer("width", model.width);
    group.set_flag("causal", model.causal);
    group.set_integer("prefix_tokens", model.prefix_tokens);
    group.set_text("task", model.task);
    group.set_integer("classes", model.classes);
    group.set_text("pool", model.pool);
}

void write_options(const H5Group& group, const Weights& weights) {
    group.set_text("norm", weights.norm);
    group.set_real("norm_eps", static_cast<double>(weights.norm_eps));
    group.set_text("norm_position", weights.norm_position);
    group.set_text("activation", weights.activation);
    group.set_flag("gated", weights.gated);
    group.set_real("rope_theta", static_cast<double>(weights.rope_theta));
    group.set_text("rope_style", weights.rope_style);
    group.set_integer("rope_dim", weights.rope_dim);
    group.set_text("qk_norm", weights.qk_norm);
    group.set_flag("layer_scale", weights.layer_scale);
    group.set_real("embed_scale", static_cast<double>(weights.embed_scale));
    group.set_flag("tied_head", weights.tied_head);
}

void write_block(const H5Group& group, const BlockWeights& block) {
    write_linear(group, "wq", "bq", block.q);
    write_linear(group, "wk", "bk", block.k);
    write_linear(group, "wv", "bv", block.v);
    write_linear(group, "wo", "bo", block.o);
    write_linear(group, "w_up", "b_up", block.up);
    write_linear(group, "w_gate", "b_gate", block.gate);
    write_linear(group, "w_down", "b_down", block.down);
    write_norm(group, "norm1", block.norm1);
    write_norm(group, "norm2", block.norm2);
    write_norm(group, "q_norm", block.q_norm);
    write_norm(group, "k_norm", block.k_norm);
    write_vector(group, "ls1", block.layer_scale1);
    write_vector(group, "ls2", block.layer_scale2);
}

void write_weights(const H5Group& group, const Weights& weights) {
    write_options(group, weights);
    for (std::size_t i = 0; i < weights.blocks.size(); ++i)
        write_block(group.create_group(fmt::format("layer_{:02}", i)), weights.blocks[i]);
    write_norm(group, "final_norm", weights.final_norm);
    // A tied head may be left out.
    if (weights.tied_head)
        write_vector(group, "head_b", weights.head.b);
    else
        write_linear(group, "head_w", "head_b", weights.head);
    write_linear(group, "patch_w", "patch_b", weights.patch);
    write_linear(group, "pooler_w", "pooler_b", weights.pooler);
    write_matrix(group, "prefix_embedding", weights.prefix_embedding);
    write_matrix(group, "token_embedding", weights.token_embedding);
    write_matrix(group, "position_embedding", weights.position_embedding);
    write_matrix(group, "segment_embedding", weights.segment_embedding);
    write_norm(group, "embed_norm", weights.embed_norm);
}

}  // namespace

NetworkFile::NetworkFile(const std::string& path, const ModelInfo& model, const Weights& weights)
    : file_(H5File::create(path)), model_(model) {
    root().set_text("format", "attohm-trace");
    root().set_text("schema_version", "1.0.0");
    write_model(root().create_group("model"), model);
    write_weights(root().create_group("model/weights"), weights);
    root().create_group("samples");
}

void NetworkFile::thresholds(const std::vector<float>& per_layer) const {
    const H5Group group = root().create_group("model/thresholds");
    group.write("learned", {per_layer.size()}, std::span<const float>(per_layer));
    group.dataset("learned").set_text("compares", "scaled score");
}

H5Group NetworkFile::sample(const Sample& sample) {
    if (sample.calibration && calibration_samples_ == 0) root().create_group("calibration");
    int& count = sample.calibration ? calibration_samples_ : samples_;
    const H5Group group = root().create_group(
        fmt::format("{}/{:06}", sample.calibration ? "calibration" : "samples", count++));
    if (model_.task == "classify") group.set_integer("label", sample.label);
    if (sample.valid_len >= 0) group.set_integer("valid_len", sample.valid_len);
    const auto write = [&](const char* name, const std::vector<std::int32_t>& values) {
        if (!values.empty())
            group.write(name, {values.size()}, std::span<const std::int32_t>(values));
    };
    write("tokens", sample.tokens);
    write("segments", sample.segments);
    write("targets", sample.targets);
    write_matrix(group, "x0", sample.x0);
    write_matrix(group, "patches", sample.patches);
    const auto logits = [&](const char* name, const Matrix<float>& x) {
        if (x.rows() == 1)
            group.write(name, {x.cols()}, std::span(x.data(), x.size()));
        else
            write_matrix(group, name, x);
    };
    logits("logits", sample.logits);
    logits("logits_threshold", sample.logits_threshold);
    return group;
}

void NetworkFile::finish() {
    root().set_flag("complete", true);
    file_.close();
}

}  // namespace attohm::testing
