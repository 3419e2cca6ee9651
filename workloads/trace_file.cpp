#include "workloads/trace_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "src/base/sha256.hpp"
#include "src/base/text.hpp"
#include "workloads/trace_parts.hpp"

namespace attohm {

namespace {

constexpr const char* kFormat = "attohm-trace";
constexpr const char* kMajor = "1";

const std::vector<std::string> kKinds = {"attention", "linear", "conv2d", "graph"};

bool is_transformer(const ModelInfo& model) {
    return model.family != "gcn" && model.family != "cnn";
}

/// Bytes [first, first + count) of a file.
std::string file_part(const std::string& path, std::uint64_t first, std::uint64_t count) {
    std::ifstream stream(path, std::ios::binary);
    std::string bytes(count, '\0');
    stream.seekg(static_cast<std::streamoff>(first));
    stream.read(bytes.data(), static_cast<std::streamsize>(count));
    if (!stream) throw UserError("cannot read the file", path, "a read error", "a readable file");
    return bytes;
}

}  // namespace

ModelInfo read_model(const H5Group& group) {
    ModelInfo model;
    model.name = group.text("name");
    model.family =
        word_attribute(group, "family", {"vit", "bert", "gpt", "llama", "gcn", "cnn", "other"});
    const int low = is_transformer(model) ? 1 : 0;
    model.layers = count_attribute(group, "layers", 1);
    model.heads = count_attribute(group, "heads", low);
    model.kv_heads = count_attribute(group, "kv_heads", low);
    model.head_dim = count_attribute(group, "head_dim", low);
    model.v_head_dim = count_attribute(group, "v_head_dim", low, model.head_dim);
    model.width = count_attribute(group, "width", 1);
    model.causal = flag_attribute(group, "causal");
    model.prefix_tokens = count_attribute(group, "prefix_tokens", 0);
    model.grid_h = count_attribute(group, "grid_h", 0, 0);
    model.grid_w = count_attribute(group, "grid_w", 0, 0);
    model.task = word_attribute(group, "task", {"classify", "next-token", "node-classify", "none"});
    model.classes = count_attribute(group, "classes", 0);
    model.pool = word_attribute(group, "pool", {"first", "mean", "pooler", "none"}, "first");
    model.pad_token = count_attribute(group, "pad_token", -1, -1);
    const bool even = model.kv_heads > 0 ? model.heads % model.kv_heads == 0 : model.heads == 0;
    if (!even)
        throw UserError("heads cannot share kv heads evenly", group.where_attribute("kv_heads"),
                        fmt::format("{} heads, {} kv heads", model.heads, model.kv_heads),
                        "heads a multiple of kv_heads");
    return model;
}

TraceFile::TraceFile(const std::string& path, Problems& problems)
    : path_(path), file_(H5File::open(path)), root_(file_.root()) {
    read_root();
    model_ = read_model(root_.group("model"));
    problems.attempt([&] { read_thresholds(problems); });
    problems.attempt([&] { check_masks(problems); });
    list_samples("samples", true, samples_, problems);
    list_samples("calibration", false, calibration_, problems);
}

void TraceFile::read_root() {
    if (!root_.has_attribute("format"))
        throw UserError("not an attohm trace", root_.where_attribute("format"), "no such attribute",
                        fmt::format("\"{}\"", kFormat));
    if (root_.text("format") != kFormat)
        throw UserError("not an attohm trace", root_.where_attribute("format"),
                        "\"" + root_.text("format") + "\"", fmt::format("\"{}\"", kFormat));
    origin_.schema_version = root_.text("schema_version");
    const std::string major = origin_.schema_version.substr(0, origin_.schema_version.find('.'));
    if (major != kMajor)
        throw UserError("unknown major version of the trace format",
                        root_.where_attribute("schema_version"),
                        "\"" + origin_.schema_version + "\"", fmt::format("{}.x.y", kMajor));
    if (!root_.has_attribute("complete") || root_.integer("complete") != 1)
        throw UserError("truncated capture: the writer did not finish",
                        root_.where_attribute("complete"),
                        root_.has_attribute("complete") ? std::to_string(root_.integer("complete"))
                                                        : "no such attribute",
                        "1, written last");
    shape_only_ = flag_attribute(root_, "shape_only", false);
    origin_.producer = note_attribute(root_, "producer");
    origin_.producer_version = note_attribute(root_, "producer_version");
    origin_.created_utc = note_attribute(root_, "created_utc");
    origin_.capture_dtype = note_attribute(root_, "capture_dtype");
    origin_.capture_method = note_attribute(root_, "capture_method");
    origin_.content_sha256 = note_attribute(root_, "content_sha256");
}

void TraceFile::read_thresholds(Problems& problems) {
    if (!root_.has_group("model/thresholds")) return;
    const H5Group group = root_.group("model/thresholds");
    const auto layers = static_cast<std::size_t>(model_.layers);
    const auto heads = static_cast<std::size_t>(model_.heads);
    const H5DatasetInfo info =
        require_dataset(group, "learned", Dtype::float32, {{layers}, {layers, heads}});
    problems.attempt(
        [&] { word_attribute(group.dataset("learned"), "compares", {"scaled score"}); });
    Thresholds thresholds;
    thresholds.values.resize(layers, info.shape.size() == 1 ? 1 : heads);
    read_finite(group, "learned", info.shape, {thresholds.values.data(), thresholds.values.size()});
    thresholds_ = std::move(thresholds);
}

void TraceFile::check_masks(Problems& problems) const {
    if (!root_.has_group("model/masks")) return;
    const H5Group group = root_.group("model/masks");
    const auto layers = static_cast<std::size_t>(model_.layers);
    const auto heads = static_cast<std::size_t>(model_.heads);
    for (const std::string& name : group.datasets())
        problems.attempt([&] {
            const H5DatasetInfo info = require_dataset(
                group, name, Dtype::uint8, {{layers, heads, kAny, kAny}, {layers, 1, kAny, kAny}});
            if (info.shape[2] != info.shape[3])
                throw UserError("wrong shape", group.where(name), shape_text(info.shape),
                                "as many queries as keys");
        });
}

void TraceFile::list_samples(const std::string& parent, bool required,
                             std::vector<SampleEntry>& entries, Problems& problems) const {
    if (!required && !root_.has_group(parent)) return;
    problems.attempt([&] {
        const H5Group group = root_.group(parent);
        const std::vector<std::string> names = numbered(group.groups());
        problems.attempt([&] { require_counted(names, group); });
        for (const std::string& name : names) {
            SampleEntry entry;
            entry.name = name;
            entry.calibration = !required;
            check_sample(entry, problems);
            entries.push_back(std::move(entry));
        }
        if (required && entries.empty())
            throw UserError("no samples", group.where(), "an empty group",
                            "groups 000000, 000001, ...");
    });
}

void TraceFile::check_sample(SampleEntry& entry, Problems& problems) const {
    const H5Group group = sample_group(entry);
    if (!group.has_group("layers")) {
        problems.attempt([&] {
            if (!has_weights())
                throw UserError("missing group", group.where("layers"),
                                "neither layers nor weights",
                                "layers, or /model/weights to compute them");
        });
        return;
    }
    const H5Group layers = group.group("layers");
    const std::vector<std::string> names = numbered(layers.groups());
    problems.attempt([&] { require_counted(names, layers); });
    for (const std::string& name : names) {
        problems.attempt([&] {
            const H5Group layer = layers.group(name);
            const std::string kind = word_attribute(layer, "kind", kKinds);
            entry.layer_names.push_back(name);
            entry.layer_kinds.push_back(kind);
            if (kind != "attention") {
                other_layer_shape(root_, layer, kind, shape_only_);
                return;
            }
            entry.attention.push_back(name);
            check_attention(layer, problems);
        });
    }
    // The ordinal of a layer chooses its threshold, so a gap would shift them.
    const std::size_t found = entry.attention.size();
    problems.attempt([&] {
        if (found != 0 && found != static_cast<std::size_t>(model_.layers))
            throw UserError("wrong number of attention layers", layers.where(),
                            std::to_string(found),
                            fmt::format("{} (layers of /model)", model_.layers));
    });
}

void TraceFile::check_attention(const H5Group& layer, Problems& problems) const {
    const AttentionAttributes attributes = attention_attributes(layer);
    if (shape_only_) return;
    const AttentionSize& size = attributes;
    const auto heads = static_cast<std::size_t>(size.heads * size.windows);
    const auto kv_heads = static_cast<std::size_t>(size.kv_heads * size.windows);
    const auto n_q = static_cast<std::size_t>(size.n_q);
    const auto n_k = static_cast<std::size_t>(size.n_k);
    const auto d = static_cast<std::size_t>(size.head_dim);
    const auto dv = static_cast<std::size_t>(size.v_head_dim);
    const auto require = [&](const char* name, Dtype dtype, std::initializer_list<H5Shape> shapes) {
        problems.attempt([&] { require_dataset(layer, name, dtype, shapes); });
    };
    require("q", Dtype::float32_or_float16, {{heads, n_q, d}});
    require("k", Dtype::float32_or_float16, {{kv_heads, n_k, d}});
    require("v", Dtype::float32_or_float16, {{kv_heads, n_k, dv}});
    require("out", Dtype::float32_or_float16, {{heads, n_q, dv}});
    if (layer.has_dataset("bias"))
        require("bias", Dtype::float32, {{heads, n_q, n_k}, {1, n_q, n_k}});
    if (layer.has_dataset("mask"))
        require("mask", Dtype::uint8, {{heads, n_q, n_k}, {1, n_q, n_k}});
    const auto windows = static_cast<std::size_t>(size.windows);
    const auto width = static_cast<std::size_t>(size.width);
    if (layer.has_dataset("token_ids"))
        require("token_ids", Dtype::int32, {{windows * n_q}, {windows * n_k}});
    if (layer.has_dataset("x_in"))
        require("x_in", Dtype::float32, {{windows * n_q, width}, {windows * n_k, width}});
}

H5Group TraceFile::attention_group(const SampleEntry& entry, int layer) const {
    return sample_group(entry).group("layers/" +
                                     entry.attention.at(static_cast<std::size_t>(layer)));
}

H5Group TraceFile::sample_group(const SampleEntry& entry) const {
    return root_.group((entry.calibration ? "calibration/" : "samples/") + entry.name);
}

std::string TraceFile::trace_id() const {
    if (!origin_.content_sha256.empty()) return origin_.content_sha256;
    constexpr std::uint64_t kMiB = 1U << 20U;
    std::error_code error;
    const std::uint64_t size = std::filesystem::file_size(path_, error);
    if (error) throw UserError("cannot read the file", path_, error.message(), "a readable file");
    Sha256 hash;
    hash.add(fmt::format("size {}\n", size));
    for (const auto& [name, value] : root_.attributes())
        hash.add(std::visit(
            [&name](const auto& held) { return fmt::format("{} {}\n", name, held); }, value));
    const std::uint64_t part = std::min(size, kMiB);
    hash.add(file_part(path_, 0, part));
    hash.add(file_part(path_, size - part, part));
    return "partial:" + hash.hex();
}

}  // namespace attohm
