#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "src/base/error.hpp"
#include "workloads/scheme.hpp"
#include "workloads/trace_file.hpp"
#include "workloads/trace_parts.hpp"

/// Tensors of samples and layers.
namespace attohm {

namespace {

/// Planes of a stored tensor.
struct Planes {
    std::size_t first = 0;
    std::size_t count = 0;
};

/// A tensor with one plane only serves all heads: it is read whole.
void read_tensor(const H5Group& group, const char* name, Dtype dtype,
                 std::initializer_list<H5Shape> shapes, const Planes& planes, Tensor3& tensor) {
    const H5DatasetInfo info = require_dataset(group, name, dtype, shapes);
    const Planes part = info.shape[0] == 1 ? Planes{0, 1} : planes;
    tensor.resize(part.count, info.shape[1], info.shape[2]);
    try {
        group.read_slab(name, part.first, part.count, tensor.data);
        require_finite(tensor.data, info.shape, group.where(name),
                       part.first * info.shape[1] * info.shape[2]);
    } catch (...) {
        tensor = {};
        throw;
    }
}

/// Optional dataset [rows, cols], or [cols] as one row.
void read_optional(const H5Group& group, const char* name, std::size_t cols, Problems& problems,
                   Matrix<float>& matrix) {
    if (!group.has_dataset(name)) return;
    problems.attempt([&] {
        const H5DatasetInfo info =
            require_dataset(group, name, Dtype::float32, {{cols}, {kAny, cols}});
        const bool is_row = info.shape.size() == 1;
        Matrix<float> read(is_row ? 1 : info.shape[0], info.shape.back());
        read_finite(group, name, info.shape, {read.data(), read.size()});
        matrix = std::move(read);
    });
}

/// Optional whole numbers of every token, from `low` to below `end`.
void read_indices(const H5Group& group, const char* name, int low, std::optional<std::size_t> end,
                  std::vector<std::int32_t>& out) {
    if (!group.has_dataset(name)) return;
    const H5DatasetInfo info = require_dataset(group, name, Dtype::int32, {{kAny}});
    std::vector<std::int32_t> read(info.elements());
    group.read(name, std::span(read));
    for (std::size_t i = 0; i < read.size(); ++i)
        if (read[i] < low || (end && read[i] >= 0 && static_cast<std::size_t>(read[i]) >= *end))
            throw UserError("index out of range", group.where(name),
                            fmt::format("{} at [{}]", read[i], i),
                            end ? fmt::format("{} to {}", low, static_cast<std::int64_t>(*end) - 1)
                                : fmt::format("{} and more", low));
    out = std::move(read);
}

/// That a dataset, where there is one, has an entry for every token.
void require_count(const H5Group& group, const char* name, std::size_t found,
                   std::optional<std::size_t> tokens) {
    if (found == 0 || !tokens || found == *tokens) return;
    throw UserError("wrong number of tokens", group.where(name), std::to_string(found),
                    fmt::format("{}, as the sample has", *tokens));
}

void read_mask(const H5Group& group, std::size_t heads, const Planes& planes,
               AttentionLayer& layer) {
    const auto n_q = static_cast<std::size_t>(layer.n_q);
    const auto n_k = static_cast<std::size_t>(layer.n_k);
    const H5DatasetInfo info =
        require_dataset(group, "mask", Dtype::uint8, {{heads, n_q, n_k}, {1, n_q, n_k}});
    const Planes part = info.shape[0] == 1 ? Planes{0, 1} : planes;
    std::vector<std::uint8_t> mask(part.count * n_q * n_k);
    group.read_slab("mask", part.first, part.count, std::span(mask));
    const auto bad = std::find_if(mask.begin(), mask.end(), [](std::uint8_t m) { return m > 1; });
    if (bad != mask.end())
        throw UserError("a mask value is neither 0 nor 1", group.where("mask"),
                        fmt::format("{} at {}", *bad,
                                    index_text(part.first * n_q * n_k +
                                                   static_cast<std::size_t>(bad - mask.begin()),
                                               info.shape)),
                        "0 (forbidden) or 1 (attend)");
    layer.mask = std::move(mask);
    layer.mask_planes = part.count;
}

/// Valid queries and keys: token t is real below valid_len, and query i is token i + n_k - n_q.
void set_valid(int valid_len, const std::string& where, int windows, AttentionLayer& layer) {
    layer.valid_q = layer.n_q;
    layer.valid_k = layer.n_k;
    if (valid_len < 0 || valid_len == layer.n_k) return;
    if (valid_len > layer.n_k)
        throw UserError("valid_len exceeds the tokens", where, std::to_string(valid_len),
                        fmt::format("0 to {} (n_k)", layer.n_k));
    if (windows > 1 || layer.n_q > layer.n_k)
        throw UserError("valid_len does not say which queries are padding", where,
                        fmt::format("valid_len {}, n_q {}, n_k {}, {} windows", valid_len,
                                    layer.n_q, layer.n_k, windows),
                        "a mask, where there are windows or more queries than keys");
    layer.valid_k = valid_len;
    layer.valid_q = std::clamp(valid_len - (layer.n_k - layer.n_q), 0, layer.n_q);
}

/// Values of an optional list of int64, from 0 to below `end`. Returns: how many there are.
std::size_t check_list(const H5Group& group, const char* name, std::int64_t end) {
    const H5DatasetInfo info = require_dataset(group, name, Dtype::int64, {{kAny}});
    std::vector<std::int64_t> read(info.elements());
    group.read(name, std::span(read));
    for (std::size_t i = 0; i < read.size(); ++i)
        if (read[i] < 0 || read[i] >= end)
            throw UserError("index out of range", group.where(name),
                            fmt::format("{} at [{}]", read[i], i), fmt::format("0 to {}", end - 1));
    return read.size();
}

/// The class of every node, and the nodes that count.
void check_node_labels(const H5Group& group, int classes) {
    std::int64_t nodes = std::numeric_limits<std::int64_t>::max();
    if (group.has_dataset("labels"))
        nodes = static_cast<std::int64_t>(check_list(group, "labels", classes));
    if (group.has_dataset("eval_index")) check_list(group, "eval_index", nodes);
}

}  // namespace

/// Rows of a table of /model/weights; nothing where there is none.
std::optional<std::size_t> TraceFile::table_rows(const char* name) const {
    if (!root_.has_group("model/weights")) return std::nullopt;
    const H5Group weights = root_.group("model/weights");
    if (!weights.has_dataset(name)) return std::nullopt;
    return require_dataset(weights, name, Dtype::float32, {{kAny, kAny}}).shape.front();
}

void TraceFile::read_token_tensors(const H5Group& group, Problems& problems, Sample& sample) const {
    problems.attempt(
        [&] { read_indices(group, "tokens", 0, table_rows("token_embedding"), sample.tokens); });
    const auto count = [&]() -> std::optional<std::size_t> {
        if (!sample.tokens.empty()) return sample.tokens.size();
        if (!sample.x0.empty()) return sample.x0.rows();
        return std::nullopt;
    }();
    problems.attempt([&] {
        read_indices(group, "segments", 0, table_rows("segment_embedding"), sample.segments);
        require_count(group, "segments", sample.segments.size(), count);
    });
    problems.attempt([&] {
        const bool by_class = model_.task == "next-token";
        read_indices(
            group, "targets", -1,
            by_class ? std::optional(static_cast<std::size_t>(model_.classes)) : std::nullopt,
            sample.targets);
        require_count(group, "targets", sample.targets.size(), count);
    });
    for (const auto& [name, logits] :
         {std::pair{"logits", &sample.logits}, {"logits_threshold", &sample.logits_threshold}})
        problems.attempt([&, name = name, rows = logits->rows()] {
            if (rows > 1) require_count(group, name, rows, count);
        });
    problems.attempt([&] {
        if (!sample.x0.empty() && !sample.tokens.empty())
            require_count(group, "x0", sample.x0.rows(), count);
        if (count && sample.valid_len > static_cast<int>(*count))
            throw UserError("valid_len exceeds the tokens", group.where_attribute("valid_len"),
                            std::to_string(sample.valid_len), fmt::format("0 to {}", *count));
    });
}

Sample TraceFile::read_sample(const SampleEntry& entry, int index, Problems& problems) const {
    const H5Group group = sample_group(entry);
    Sample sample;
    sample.index = index;
    sample.name = entry.name;
    sample.calibration = entry.calibration;
    sample.where = group.where();
    sample.layers_stored = static_cast<int>(entry.attention.size());
    problems.attempt([&] {
        if (group.has_attribute("dataset")) sample.dataset = group.text("dataset");
        if (group.has_attribute("split")) sample.split = group.text("split");
        if (group.has_attribute("index")) sample.dataset_index = group.integer("index");
    });
    problems.attempt([&] {
        if (model_.task == "classify" || group.has_attribute("label"))
            sample.label = group.integer("label");
        const bool known = sample.label >= 0 && sample.label < model_.classes;
        if (model_.task == "classify" && !known)
            throw UserError("label out of range", group.where_attribute("label"),
                            std::to_string(sample.label),
                            fmt::format("0 to {}", model_.classes - 1));
    });
    problems.attempt([&] { sample.valid_len = count_attribute(group, "valid_len", 0, -1); });
    const auto classes = static_cast<std::size_t>(model_.classes);
    read_optional(group, "x0", static_cast<std::size_t>(model_.width), problems, sample.x0);
    read_optional(group, "patches", kAny, problems, sample.patches);
    read_optional(group, "logits", classes, problems, sample.logits);
    read_optional(group, "logits_threshold", classes, problems, sample.logits_threshold);
    if (group.has_dataset("logits_threshold"))
        problems.attempt([&] {
            sample.logits_empty_row =
                word_attribute(group.dataset("logits_threshold"), "empty_row", {"dense"}, "dense");
        });
    problems.attempt([&] {
        if (sample.patches.empty() || !root_.has_dataset("model/weights/patch_w")) return;
        const H5Shape weight = root_.info("model/weights/patch_w").shape;
        if (weight.size() == 2 && weight[1] != sample.patches.cols())
            throw UserError("wrong shape", group.where("patches"),
                            shape_text({sample.patches.rows(), sample.patches.cols()}),
                            fmt::format("[any, {}] (columns of patch_w)", weight[1]));
    });
    read_token_tensors(group, problems, sample);
    problems.attempt([&] { check_node_labels(group, model_.classes); });
    return sample;
}

std::vector<HeadRange> TraceFile::head_ranges(const SampleEntry& entry, int layer,
                                              std::size_t bytes) const {
    const AttentionAttributes attributes = attention_attributes(attention_group(entry, layer));
    const int heads = attributes.heads * attributes.windows;
    const int group = attributes.heads / attributes.kv_heads;
    const auto n_q = static_cast<std::size_t>(attributes.n_q);
    const auto n_k = static_cast<std::size_t>(attributes.n_k);
    const auto width = static_cast<std::size_t>(attributes.head_dim + attributes.v_head_dim);
    const std::size_t group_bytes =
        sizeof(float) * width * (static_cast<std::size_t>(group) * n_q + n_k);
    // A head is calibrated over all its windows: they stay together.
    if (attributes.windows > 1) return {{0, heads}};
    const std::size_t groups =
        std::max<std::size_t>(1, bytes / std::max<std::size_t>(1, group_bytes));
    const int step = static_cast<int>(
        std::min(groups * static_cast<std::size_t>(group), static_cast<std::size_t>(heads)));
    std::vector<HeadRange> ranges;
    for (int first = 0; first < heads; first += step)
        ranges.push_back({first, std::min(step, heads - first)});
    return ranges;
}

AttentionLayer TraceFile::read_layer(const SampleEntry& entry, int ordinal, int valid_len,
                                     bool with_golden, Problems& problems,
                                     std::optional<HeadRange> range) const {
    const H5Group group = attention_group(entry, ordinal);
    const AttentionAttributes attributes = attention_attributes(group);
    AttentionLayer layer;
    layer.layer = ordinal;
    const AttentionSize& size = attributes;
    layer.n_q = size.n_q;
    layer.n_k = size.n_k;
    layer.scale = attributes.scale;
    layer.causal = size.causal;
    layer.windows = size.windows;
    set_valid(valid_len, sample_group(entry).where_attribute("valid_len"), size.windows, layer);
    const auto heads = static_cast<std::size_t>(size.heads * size.windows);
    const auto kv_heads = static_cast<std::size_t>(size.kv_heads * size.windows);
    const auto n_q = static_cast<std::size_t>(layer.n_q);
    const auto n_k = static_cast<std::size_t>(layer.n_k);
    const auto d = static_cast<std::size_t>(size.head_dim);
    const auto dv = static_cast<std::size_t>(size.v_head_dim);
    const HeadRange some = range.value_or(HeadRange{0, static_cast<int>(heads)});
    layer.first_head = some.first;
    layer.all_planes = heads;
    const Planes of_q{static_cast<std::size_t>(some.first), static_cast<std::size_t>(some.count)};
    const Planes of_kv{of_q.first * kv_heads / heads, of_q.count * kv_heads / heads};
    ATTOHM_CHECK_EQ(of_kv.count * heads, of_q.count * kv_heads);
    ATTOHM_CHECK_EQ(of_kv.first * heads, of_q.first * kv_heads);
    const auto read = [&](const char* name, Dtype dtype, std::initializer_list<H5Shape> shapes,
                          const Planes& planes, Tensor3& tensor) {
        problems.attempt([&] { read_tensor(group, name, dtype, shapes, planes, tensor); });
    };
    constexpr Dtype kFloats = Dtype::float32_or_float16;
    read("q", kFloats, {{heads, n_q, d}}, of_q, layer.q);
    read("k", kFloats, {{kv_heads, n_k, d}}, of_kv, layer.k);
    read("v", kFloats, {{kv_heads, n_k, dv}}, of_kv, layer.v);
    if (with_golden) read("out", kFloats, {{heads, n_q, dv}}, of_q, layer.out);
    if (group.has_dataset("bias"))
        read("bias", Dtype::float32, {{heads, n_q, n_k}, {1, n_q, n_k}}, of_q, layer.bias);
    if (group.has_dataset("mask")) problems.attempt([&] { read_mask(group, heads, of_q, layer); });
    return layer;
}

double attention_error(const AttentionHead& head) {
    Matrix<float> exact(head.n_q(), head.dv());
    exact_attention(head, exact.view());
    double largest = 0.0;
    double difference = 0.0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(head.valid_q); ++i) {
        for (std::size_t j = 0; j < head.dv(); ++j) {
            const auto golden = static_cast<double>(head.golden(i, j));
            largest = std::max(largest, std::abs(golden));
            difference = std::max(difference, std::abs(golden - static_cast<double>(exact(i, j))));
        }
    }
    if (difference == 0.0) return 0.0;
    return largest > 0.0 ? difference / largest : std::numeric_limits<double>::infinity();
}

}  // namespace attohm
