#include "tests/workloads/trace_draft.hpp"

#include <catch2/catch.hpp>
#include <span>

#include "tests/workloads/small_trace.hpp"

namespace attohm::testing {

namespace {

const std::string kSample = "/samples/000000";

/// The small trace as it is in memory, without its file.
void add_attention(TraceDraft& draft, const std::string& sample, int seed) {
    draft.objects[sample].attributes = {{"label", std::int64_t{seed % 3}}};
    draft.objects[sample + "/layers"] = {};
    for (int i = 0; i < 2; ++i) {
        const std::string at = sample + "/layers/0" + std::to_string(i);
        AttentionLayer layer = small_layer(i, seed);
        layer.out = plain_attention(layer);
        draft.objects[at].attributes = {{"kind", std::string("attention")},
                                        {"n_q", std::int64_t{5}},
                                        {"n_k", std::int64_t{5}},
                                        {"causal", std::int64_t{0}},
                                        {"scale", static_cast<double>(layer.scale)}};
        for (const auto& [name, tensor] :
             {std::pair{"/q", &layer.q}, {"/k", &layer.k}, {"/v", &layer.v}, {"/out", &layer.out}})
            draft.objects[at + name] = {
                {},
                {tensor->planes, tensor->rows, tensor->cols},
                std::vector<float>(tensor->data.begin(), tensor->data.end())};
    }
}

void add_root(TraceDraft& draft) {
    draft.objects["/"].attributes = {{"format", std::string("attohm-trace")},
                                     {"schema_version", std::string("1.0.0")},
                                     {"complete", std::int64_t{1}}};
    const ModelInfo model = small_model();
    draft.objects["/model"].attributes = {{"name", model.name},
                                          {"family", model.family},
                                          {"layers", std::int64_t{model.layers}},
                                          {"heads", std::int64_t{model.heads}},
                                          {"kv_heads", std::int64_t{model.kv_heads}},
                                          {"head_dim", std::int64_t{model.head_dim}},
                                          {"v_head_dim", std::int64_t{model.v_head_dim}},
                                          {"width", std::int64_t{model.width}},
                                          {"causal", std::int64_t{0}},
                                          {"prefix_tokens", std::int64_t{1}},
                                          {"task", model.task},
                                          {"classes", std::int64_t{model.classes}}};
    draft.objects["/samples"] = {};
}

void add_weights(TraceDraft& draft, std::size_t d) {
    draft.objects["/model/weights"].attributes = {{"norm", std::string("layernorm")},
                                                  {"norm_eps", 1e-5},
                                                  {"norm_position", std::string("pre")},
                                                  {"activation", std::string("gelu")},
                                                  {"gated", std::int64_t{0}}};
    for (const std::string at : {"/model/weights/layer_00", "/model/weights/layer_01"}) {
        draft.objects[at] = {};
        draft.floats(at + "/wq", {4 * d, 12});
        draft.floats(at + "/bq", {4 * d});
        draft.floats(at + "/wk", {2 * d, 12});
        draft.floats(at + "/wv", {4, 12});
        draft.floats(at + "/wo", {12, 8});
        draft.floats(at + "/w_up", {7, 12});
        draft.floats(at + "/w_down", {12, 7});
        for (const char* name : {"/norm1_w", "/norm1_b", "/norm2_w", "/norm2_b"})
            draft.floats(at + name, {12});
    }
    draft.floats("/model/weights/final_norm_w", {12});
    draft.floats("/model/weights/head_w", {3, 12});
}

/// Layers of the other kinds, behind the attention layers of the first sample.
void add_other_layers(TraceDraft& draft) {
    draft.objects["/tensors"] = {};
    draft.floats("/tensors/linear", {6, 4});
    draft.floats("/tensors/bias", {6});
    draft.floats("/tensors/conv", {4, 2, 3, 3});
    draft.floats("/tensors/graph", {2, 3});
    const std::string at = kSample + "/layers/0";
    draft.objects[at + "2"].attributes = {{"kind", std::string("linear")},
                                          {"weight_path", std::string("/tensors/linear")},
                                          {"bias_path", std::string("/tensors/bias")}};
    draft.floats(at + "2/x", {5, 4});
    draft.objects[at + "3"].attributes = {{"kind", std::string("conv2d")},
                                          {"weight_path", std::string("/tensors/conv")},
                                          {"stride", std::int64_t{1}},
                                          {"padding", std::int64_t{1}},
                                          {"groups", std::int64_t{2}}};
    draft.floats(at + "3/x", {4, 5, 7});
    draft.objects[at + "4"].attributes = {{"kind", std::string("graph")},
                                          {"weight_path", std::string("/tensors/graph")}};
    draft.floats(at + "4/x", {4, 3});
    draft.objects[at + "4/adjacency"] = {};
    draft.longs(at + "4/adjacency/indptr", {0, 1, 3, 3, 4});
    draft.integers(at + "4/adjacency/indices", {1, 0, 2, 3});
    draft.floats(at + "4/adjacency/values", {4});
}

}  // namespace

DraftObject& TraceDraft::at(const std::string& path) {
    INFO(path);
    REQUIRE(objects.contains(path));
    return objects[path];
}

void TraceDraft::set(const std::string& path_at_attribute, const H5Value& value) {
    const std::size_t split = path_at_attribute.find('@');
    at(path_at_attribute.substr(0, split)).attributes[path_at_attribute.substr(split + 1)] = value;
}

void TraceDraft::drop(const std::string& path) {
    INFO(path);
    const std::size_t split = path.find('@');
    if (split != std::string::npos) {
        REQUIRE(at(path.substr(0, split)).attributes.erase(path.substr(split + 1)) == 1);
        return;
    }
    REQUIRE(std::erase_if(objects, [&](const auto& entry) {
                return entry.first == path || entry.first.starts_with(path + "/");
            }) > 0);
}

void TraceDraft::floats(const std::string& path, const H5Shape& shape, float value) {
    objects[path].shape = shape;
    objects[path].values = std::vector<float>(shape_elements(shape), value);
}

void TraceDraft::integers(const std::string& path, const std::vector<std::int32_t>& values) {
    objects[path].shape = {values.size()};
    objects[path].values = values;
}

void TraceDraft::longs(const std::string& path, const std::vector<std::int64_t>& values) {
    objects[path].shape = {values.size()};
    objects[path].values = values;
}

void TraceDraft::bytes(const std::string& path, const H5Shape& shape, std::uint8_t value) {
    objects[path].shape = shape;
    objects[path].values = std::vector<std::uint8_t>(shape_elements(shape), value);
}

void TraceDraft::write(const std::string& file) const {
    H5File out = H5File::create(file);
    const H5Group root = out.root();
    for (const auto& [path, object] : objects) {
        if (std::holds_alternative<std::monostate>(object.values)) {
            if (path != "/") root.create_group(path);
        } else {
            std::visit(
                [&](const auto& values) {
                    if constexpr (requires { std::span(values); })
                        root.write(path, object.shape, std::span(values));
                },
                object.values);
        }
        const H5Group holder = root.has_dataset(path) ? root.dataset(path)
                               : path == "/"          ? root
                                                      : root.group(path);
        for (const auto& [name, value] : object.attributes) {
            if (const auto* text = std::get_if<std::string>(&value))
                holder.set_text(name, *text);
            else if (const auto* real = std::get_if<double>(&value))
                holder.set_real(name, *real);
            else
                holder.set_integer(name, std::get<std::int64_t>(value));
        }
    }
    out.close();
}

TraceDraft layered_draft() {
    TraceDraft draft;
    add_root(draft);
    draft.objects["/model/thresholds"] = {};
    draft.floats("/model/thresholds/learned", {2, 4}, -0.5F);
    draft.set("/model/thresholds/learned@compares", std::string("scaled score"));
    draft.objects["/model/masks"] = {};
    draft.bytes("/model/masks/fixed", {2, 1, 5, 5}, 1);
    add_weights(draft, 3);
    draft.floats("/model/weights/prefix_embedding", {1, 12});
    draft.floats("/model/weights/position_embedding", {5, 12});
    draft.floats("/model/weights/patch_w", {12, 6});
    draft.floats("/model/weights/patch_b", {12});
    for (const char* parent : {"/samples", "/calibration"}) draft.objects[parent] = {};
    add_attention(draft, kSample, 1);
    add_attention(draft, "/samples/000001", 2);
    add_attention(draft, "/calibration/000000", 3);
    draft.bytes(kSample + "/layers/00/mask", {1, 5, 5}, 1);
    draft.floats(kSample + "/layers/00/bias", {4, 5, 5});
    draft.floats(kSample + "/layers/00/x_in", {5, 12});
    draft.integers(kSample + "/layers/00/token_ids", {1, 2, 3, 4, 5});
    draft.floats(kSample + "/x0", {5, 12});
    draft.floats(kSample + "/patches", {4, 6});
    draft.floats(kSample + "/logits", {3});
    draft.floats(kSample + "/logits_threshold", {3});
    draft.set(kSample + "/logits_threshold@empty_row", std::string("dense"));
    add_other_layers(draft);
    return draft;
}

TraceDraft token_draft(const std::string& family) {
    TraceDraft draft;
    add_root(draft);
    draft.set("/model@family", family);
    draft.set("/model@task", std::string("next-token"));
    draft.set("/model@pool", std::string("none"));
    draft.set("/model@causal", std::int64_t{1});
    draft.set("/model@head_dim", std::int64_t{4});
    draft.set("/model@prefix_tokens", std::int64_t{0});
    add_weights(draft, 4);
    const std::string top = "/model/weights";
    draft.floats(top + "/token_embedding", {9, 12});
    draft.floats(top + "/segment_embedding", {2, 12});
    if (family == "bert") {
        draft.set("/model@task", std::string("classify"));
        draft.set("/model@pool", std::string("pooler"));
        draft.set("/model@causal", std::int64_t{0});
        draft.set(top + "@norm_position", std::string("post"));
        draft.drop(top + "/final_norm_w");
        draft.floats(top + "/position_embedding", {8, 12});
        draft.floats(top + "/embed_norm_w", {12});
        draft.floats(top + "/pooler_w", {12, 12});
        draft.floats(top + "/pooler_b", {12});
    }
    if (family == "llama") {
        draft.set(top + "@norm", std::string("rmsnorm"));
        draft.set(top + "@gated", std::int64_t{1});
        draft.set(top + "@rope_theta", 100.0);
        draft.set(top + "@rope_style", std::string("interleaved"));
        draft.set(top + "@rope_dim", std::int64_t{4});
        draft.set(top + "@qk_norm", std::string("rmsnorm"));
        draft.set(top + "@layer_scale", std::int64_t{1});
        draft.set(top + "@embed_scale", 2.0);
        for (const std::string& at : {top + "/layer_00", top + "/layer_01"}) {
            draft.floats(at + "/w_gate", {7, 12});
            for (const char* name : {"/q_norm_w", "/k_norm_w"}) draft.floats(at + name, {4});
            for (const char* name : {"/ls1", "/ls2"}) draft.floats(at + name, {12});
        }
    }
    if (family == "gpt") {
        draft.set("/model@classes", std::int64_t{9});
        draft.set(top + "@tied_head", std::int64_t{1});
        draft.floats(top + "/head_w", {9, 12});
        draft.floats(top + "/position_embedding", {8, 12});
    }
    draft.objects[kSample].attributes = {{"label", std::int64_t{1}},
                                         {"valid_len", std::int64_t{4}}};
    draft.integers(kSample + "/tokens", {8, 0, 3, 2, 2});
    draft.integers(kSample + "/segments", {0, 0, 1, 1, 0});
    draft.integers(kSample + "/targets", {0, 2, 1, -1, -1});
    const std::size_t classes = family == "gpt" ? 9 : 3;
    draft.floats(kSample + "/logits", family == "bert" ? H5Shape{classes} : H5Shape{5, classes});
    return draft;
}

}  // namespace attohm::testing
