#include "tests/workloads/small_trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace attohm::testing {

namespace {

constexpr int kTokens = 5;

/// Values between -1 and 1 without a pattern to the eye.
void fill(Tensor3& tensor, int seed) {
    for (std::size_t i = 0; i < tensor.data.size(); ++i)
        tensor.data[i] =
            static_cast<float>(std::sin(12.9898 * static_cast<double>(i + 1) + 78.233 * seed));
}

/// Writes objects unless the faults leave them out or change them.
class FaultyWriter {
  public:
    FaultyWriter(H5Group root, const Faults& faults) : root_(std::move(root)), faults_(faults) {}

    bool group(const std::string& path) {
        if (faults_.missing.contains(path)) return false;
        root_.create_group(path);
        return true;
    }
    void text(const std::string& path, const std::string& name, const std::string& value) {
        const std::string key = path + "@" + name;
        if (faults_.missing.contains(key)) return;
        const auto changed = faults_.text.find(key);
        holder(path).set_text(name, changed == faults_.text.end() ? value : changed->second);
    }
    void integer(const std::string& path, const std::string& name, std::int64_t value) {
        const std::string key = path + "@" + name;
        if (faults_.missing.contains(key)) return;
        const auto changed = faults_.integer.find(key);
        holder(path).set_integer(name, changed == faults_.integer.end() ? value : changed->second);
    }
    void real(const std::string& path, const std::string& name, double value) {
        if (!faults_.missing.contains(path + "@" + name)) holder(path).set_real(name, value);
    }
    bool floats(const std::string& path, H5Shape shape, std::vector<float> values) {
        if (faults_.missing.contains(path)) return false;
        const auto changed = faults_.shape.find(path);
        if (changed != faults_.shape.end()) {
            shape = changed->second;
            values.assign(shape_elements(shape), 0.0F);
        }
        if (faults_.as_double.contains(path))
            root_.write(path, shape, std::vector<double>(values.begin(), values.end()));
        else
            root_.write(path, shape, values);
        return true;
    }
    void tensor(const std::string& path, Tensor3 tensor) {
        if (faults_.change) faults_.change(path, tensor);
        floats(path, {tensor.planes, tensor.rows, tensor.cols},
               {tensor.data.begin(), tensor.data.end()});
    }

  private:
    H5Group holder(const std::string& path) const {
        return root_.has_dataset(path) ? root_.dataset(path) : root_.group(path);
    }
    H5Group root_;
    const Faults& faults_;
};

void write_model(FaultyWriter& writer) {
    const ModelInfo model = small_model();
    if (!writer.group("/model")) return;
    writer.text("/model", "name", model.name);
    writer.text("/model", "family", model.family);
    writer.integer("/model", "layers", model.layers);
    writer.integer("/model", "heads", model.heads);
    writer.integer("/model", "kv_heads", model.kv_heads);
    writer.integer("/model", "head_dim", model.head_dim);
    writer.integer("/model", "v_head_dim", model.v_head_dim);
    writer.integer("/model", "width", model.width);
    writer.integer("/model", "causal", 0);
    writer.integer("/model", "prefix_tokens", model.prefix_tokens);
    writer.text("/model", "task", model.task);
    writer.integer("/model", "classes", model.classes);
    if (!writer.group("/model/thresholds")) return;
    const std::string learned = "/model/thresholds/learned";
    if (writer.floats(learned, {2}, {0.25F, -0.5F}))
        writer.text(learned, "compares", "scaled score");
}

void write_weights(FaultyWriter& writer) {
    const std::string top = "/model/weights";
    if (!writer.group(top)) return;
    writer.text(top, "norm", "layernorm");
    writer.real(top, "norm_eps", 1e-5);
    writer.text(top, "norm_position", "pre");
    writer.text(top, "activation", "gelu");
    writer.integer(top, "gated", 0);
    const auto tensor = [&writer](const std::string& path, const H5Shape& shape) {
        writer.floats(path, shape, std::vector<float>(shape_elements(shape), 0.5F));
    };
    for (const char* layer : {"/layer_00", "/layer_01"}) {
        const std::string at = top + layer;
        if (!writer.group(at)) continue;
        tensor(at + "/wq", {12, 12});
        tensor(at + "/bq", {12});
        tensor(at + "/wk", {6, 12});
        tensor(at + "/wv", {4, 12});
        tensor(at + "/wo", {12, 8});
        tensor(at + "/w_up", {7, 12});
        tensor(at + "/w_down", {12, 7});
        for (const char* name : {"/norm1_w", "/norm1_b", "/norm2_w", "/norm2_b"})
            tensor(at + name, {12});
    }
    tensor(top + "/final_norm_w", {12});
    tensor(top + "/head_w", {3, 12});
}

void write_sample(FaultyWriter& writer, const std::string& path, int seed) {
    if (!writer.group(path)) return;
    writer.text(path, "dataset", "made up");
    writer.text(path, "split", "test");
    writer.integer(path, "index", 100 + seed);
    writer.integer(path, "label", seed % 3);
    if (!writer.group(path + "/layers")) return;
    for (int i = 0; i < small_model().layers; ++i) {
        const std::string at = fmt::format("{}/layers/{:02}", path, i);
        if (!writer.group(at)) continue;
        const AttentionLayer layer = small_layer(i, seed);
        writer.text(at, "kind", "attention");
        writer.integer(at, "n_q", layer.n_q);
        writer.integer(at, "n_k", layer.n_k);
        writer.integer(at, "causal", 0);
        writer.real(at, "scale", static_cast<double>(layer.scale));
        writer.tensor(at + "/q", layer.q);
        writer.tensor(at + "/k", layer.k);
        writer.tensor(at + "/v", layer.v);
        writer.tensor(at + "/out", plain_attention(layer));
    }
}

}  // namespace

ModelInfo small_model() {
    ModelInfo model;
    model.name = "small";
    model.family = "vit";
    model.layers = 2;
    model.heads = 4;
    model.kv_heads = 2;
    model.head_dim = 3;
    model.v_head_dim = 2;
    model.width = 12;
    model.task = "classify";
    model.classes = 3;
    return model;
}

AttentionLayer small_layer(int layer, int seed) {
    const ModelInfo model = small_model();
    AttentionLayer made;
    made.layer = layer;
    made.n_q = made.n_k = made.valid_q = made.valid_k = kTokens;
    made.scale = 0.5F;
    made.q.resize(static_cast<std::size_t>(model.heads), kTokens, 3);
    made.k.resize(static_cast<std::size_t>(model.kv_heads), kTokens, 3);
    made.v.resize(static_cast<std::size_t>(model.kv_heads), kTokens, 2);
    fill(made.q, 10 * seed + 3 * layer);
    fill(made.k, 10 * seed + 3 * layer + 1);
    fill(made.v, 10 * seed + 3 * layer + 2);
    return made;
}

Tensor3 plain_attention(const AttentionLayer& layer) {
    Tensor3 out;
    out.resize(layer.q.planes, layer.q.rows, layer.v.cols);
    std::fill(out.data.begin(), out.data.end(), 0.0F);
    for (std::size_t h = 0; h < layer.q.planes; ++h) {
        const AttentionHead head = head_view(layer, 0, static_cast<int>(h));
        for (std::size_t i = 0; i < static_cast<std::size_t>(layer.valid_q); ++i) {
            std::vector<double> weights(head.n_k(), 0.0);
            double total = 0.0;
            for (std::size_t j = 0; j < head.n_k(); ++j) {
                if (!head.allowed(i, j)) continue;
                double score = 0.0;
                for (std::size_t c = 0; c < head.d(); ++c)
                    score += static_cast<double>(head.q(i, c)) * static_cast<double>(head.k(j, c));
                score *= static_cast<double>(head.scale);
                if (!head.bias.empty()) score += static_cast<double>(head.bias(i, j));
                weights[j] = std::exp(score);
                total += weights[j];
            }
            for (std::size_t c = 0; c < head.dv() && total > 0.0; ++c) {
                double sum = 0.0;
                for (std::size_t j = 0; j < head.n_k(); ++j)
                    sum += weights[j] * static_cast<double>(head.v(j, c));
                out.plane(h)(i, c) = static_cast<float>(sum / total);
            }
        }
    }
    return out;
}

void write_small_trace(const std::string& path, const Faults& faults) {
    H5File file = H5File::create(path);
    FaultyWriter writer(file.root(), faults);
    writer.text("/", "format", "attohm-trace");
    writer.text("/", "schema_version", "1.0.0");
    if (faults.shape_only) writer.integer("/", "shape_only", 1);
    write_model(writer);
    if (faults.weights) write_weights(writer);
    if (writer.group("/samples")) {
        write_sample(writer, "/samples/000000", 1);
        write_sample(writer, "/samples/000001", 2);
    }
    if (writer.group("/calibration")) write_sample(writer, "/calibration/000000", 3);
    writer.integer("/", "complete", 1);
    file.close();
}

}  // namespace attohm::testing
