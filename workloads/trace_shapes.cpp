#include <fmt/format.h>

#include <limits>
#include <optional>
#include <utility>

#include "src/base/error.hpp"
#include "src/base/text.hpp"
#include "workloads/trace_file.hpp"
#include "workloads/trace_parts.hpp"

/// Sizes of layers: from attributes, and for kinds that have tensors from those.
namespace attohm {

namespace {

/// The dataset an attribute points to. Throws: UserError when it is not there.
H5DatasetInfo require_target(const H5Group& root, const H5Group& layer, std::string_view attribute,
                             std::size_t rank) {
    const std::string target = layer.text(attribute);
    if (!root.has_dataset(target))
        throw UserError("attribute names no dataset", layer.where_attribute(attribute),
                        "\"" + target + "\"", "the absolute path of a dataset");
    return require_dataset(root, target, Dtype::float32_or_float16, {H5Shape(rank, kAny)});
}

int side(const H5DatasetInfo& info, std::size_t axis) {
    return static_cast<int>(info.shape.at(axis));
}

std::int64_t extent(const H5DatasetInfo& info, std::size_t axis) {
    return static_cast<std::int64_t>(info.shape.at(axis));
}

ConvSize conv_size(const H5Group& root, const H5Group& layer, bool shape_only) {
    ConvSize size;
    std::optional<std::size_t> inputs_per_group;
    if (shape_only) {
        size.channels = count_attribute(layer, "in_channels", 1);
        size.height = count_attribute(layer, "in_height", 1);
        size.width = count_attribute(layer, "in_width", 1);
        size.outputs = count_attribute(layer, "out_channels", 1);
        size.kernel_h = count_attribute(layer, "kernel_height", 1);
        size.kernel_w = count_attribute(layer, "kernel_width", 1);
    } else {
        const H5DatasetInfo x =
            require_dataset(layer, "x", Dtype::float32_or_float16, {H5Shape(3, kAny)});
        size.channels = side(x, 0);
        size.height = side(x, 1);
        size.width = side(x, 2);
        const H5DatasetInfo w = require_target(root, layer, "weight_path", 4);
        size.outputs = side(w, 0);
        size.kernel_h = side(w, 2);
        size.kernel_w = side(w, 3);
        inputs_per_group = w.shape[1];
    }
    size.stride = count_attribute(layer, "stride", 1);
    size.padding = count_attribute(layer, "padding", 0);
    // Beyond any image, and where sums of sizes would leave the range of int.
    constexpr int kMost = 1 << 24;
    for (const auto& [name, value] : {std::pair{"padding", size.padding},
                                      {"in_height", size.height},
                                      {"in_width", size.width},
                                      {"kernel_height", size.kernel_h},
                                      {"kernel_width", size.kernel_w}})
        if (value > kMost)
            throw UserError("attribute out of range", layer.where_attribute(name),
                            std::to_string(value), fmt::format("at most {}", kMost));
    size.groups = count_attribute(layer, "groups", 1);
    const bool fits = size.out_height() > 0 && size.out_width() > 0 &&
                      size.channels % size.groups == 0 && size.outputs % size.groups == 0;
    if (!fits)
        throw UserError("the sizes of a convolution do not fit together", layer.where(),
                        fmt::format("{} channels of {} x {} to {} by {} x {} in {} groups",
                                    size.channels, size.height, size.width, size.outputs,
                                    size.kernel_h, size.kernel_w, size.groups),
                        "a kernel inside the padded input, groups that divide the channels");
    if (inputs_per_group &&
        *inputs_per_group != static_cast<std::size_t>(size.channels / size.groups))
        throw UserError(
            "wrong number of input channels", root.where(layer.text("weight_path")),
            std::to_string(*inputs_per_group),
            fmt::format("{} on axis 1 (channels of x / groups)", size.channels / size.groups));
    return size;
}

LinearSize linear_size(const H5Group& root, const H5Group& layer, bool shape_only) {
    if (shape_only)
        return {count_attribute(layer, "rows", 1), count_attribute(layer, "inputs", 1),
                count_attribute(layer, "outputs", 1)};
    const H5DatasetInfo x =
        require_dataset(layer, "x", Dtype::float32_or_float16, {H5Shape(2, kAny)});
    const H5DatasetInfo w = require_target(root, layer, "weight_path", 2);
    if (w.shape[1] != x.shape[1])
        throw UserError("wrong shape", root.where(layer.text("weight_path")), shape_text(w.shape),
                        fmt::format("[any, {}] (columns of x)", x.shape[1]));
    return {extent(x, 0), extent(x, 1), extent(w, 0)};
}

GraphSize graph_size(const H5Group& root, const H5Group& layer, bool shape_only) {
    if (shape_only)
        return {count_attribute(layer, "nodes", 1), count_attribute(layer, "edges", 0),
                count_attribute(layer, "inputs", 1), count_attribute(layer, "outputs", 1)};
    const H5DatasetInfo x =
        require_dataset(layer, "x", Dtype::float32_or_float16, {H5Shape(2, kAny)});
    const H5Group adjacency = adjacency_group(root, layer);
    require_dataset(adjacency, "indptr", Dtype::int64, {{x.shape[0] + 1}});
    const H5DatasetInfo indices = require_dataset(adjacency, "indices", Dtype::int32, {{kAny}});
    require_dataset(adjacency, "values", Dtype::float32, {{indices.shape[0]}});
    GraphSize size{extent(x, 0), extent(indices, 0), extent(x, 1), extent(x, 1)};
    if (layer.has_attribute("weight_path")) {
        const H5DatasetInfo w = require_target(root, layer, "weight_path", 2);
        if (w.shape[1] != x.shape[1])
            throw UserError("wrong shape", root.where(layer.text("weight_path")),
                            shape_text(w.shape),
                            fmt::format("[any, {}] (columns of x)", x.shape[1]));
        size.outputs = extent(w, 0);
    }
    return size;
}

}  // namespace

LayerShape other_layer_shape(const H5Group& root, const H5Group& layer, const std::string& kind,
                             bool shape_only) {
    LayerShape shape;
    shape.name = note_attribute(layer, "name");
    if (kind == "linear") {
        shape.kind = LayerKind::linear;
        shape.linear = linear_size(root, layer, shape_only);
    } else if (kind == "conv2d") {
        shape.kind = LayerKind::conv2d;
        shape.conv = conv_size(root, layer, shape_only);
    } else {
        shape.kind = LayerKind::graph;
        shape.graph = graph_size(root, layer, shape_only);
    }
    if (shape_only || !layer.has_attribute("bias_path")) return shape;
    const std::int64_t outputs = kind == "linear"   ? shape.linear.outputs
                                 : kind == "conv2d" ? shape.conv.outputs
                                                    : shape.graph.outputs;
    const H5DatasetInfo bias = require_target(root, layer, "bias_path", 1);
    if (extent(bias, 0) != outputs)
        throw UserError("wrong shape", root.where(layer.text("bias_path")), shape_text(bias.shape),
                        fmt::format("[{}] (outputs of the layer)", outputs));
    return shape;
}

AttentionAttributes TraceFile::attention_attributes(const H5Group& layer) const {
    AttentionAttributes found;
    AttentionSize& size = found;
    size.n_q = count_attribute(layer, "n_q", 1);
    size.n_k = count_attribute(layer, "n_k", 1);
    found.scale = real_attribute(layer, "scale");
    if (!(found.scale > 0.0F))
        throw UserError("attribute out of range", layer.where_attribute("scale"),
                        format_real(static_cast<double>(found.scale)), "a number above 0");
    size.causal = flag_attribute(layer, "causal");
    size.windows = count_attribute(layer, "windows", 1, 1);
    size.heads = count_attribute(layer, "heads", 1, model_.heads);
    size.kv_heads = count_attribute(layer, "kv_heads", 1,
                                    layer.has_attribute("heads") ? size.heads : model_.kv_heads);
    size.head_dim = count_attribute(layer, "head_dim", 1, model_.head_dim);
    size.v_head_dim =
        count_attribute(layer, "v_head_dim", 1,
                        layer.has_attribute("head_dim") ? size.head_dim : model_.v_head_dim);
    size.width = count_attribute(layer, "width", 1, model_.width);
    size.hidden = count_attribute(layer, "hidden", 0, 0);
    size.pattern.reach = count_attribute(layer, "reach", 0, 0);
    size.pattern.grid_w = count_attribute(layer, "grid_w", 0, 0);
    size.pattern.globals = count_attribute(layer, "globals", 0, 0);
    // All heads of all windows are the planes of one tensor.
    if (static_cast<std::int64_t>(size.heads) * size.windows > std::numeric_limits<int>::max())
        throw UserError("attribute out of range", layer.where_attribute("windows"),
                        std::to_string(size.windows), "windows * heads below 2^31");
    // Thresholds have a column for each head of the model.
    if (size.heads > model_.heads || size.heads % size.kv_heads != 0)
        throw UserError(
            "heads of a layer do not fit", layer.where_attribute("heads"),
            fmt::format("{} heads, {} kv heads", size.heads, size.kv_heads),
            fmt::format("at most {} (heads of /model), a multiple of the kv heads", model_.heads));
    if (flag_attribute(layer, "q_prescaled", false))
        throw UserError("unknown attribute value", layer.where_attribute("q_prescaled"), "1",
                        "0 (q is stored before scaling)");
    return found;
}

std::vector<LayerShape> TraceFile::layer_shapes(const SampleEntry& entry) const {
    std::vector<LayerShape> shapes;
    if (entry.layer_names.empty()) return shapes;
    const H5Group layers = sample_group(entry).group("layers");
    for (std::size_t i = 0; i < entry.layer_names.size(); ++i) {
        const H5Group layer = layers.group(entry.layer_names[i]);
        if (entry.layer_kinds[i] != "attention") {
            shapes.push_back(other_layer_shape(root_, layer, entry.layer_kinds[i], shape_only_));
            continue;
        }
        LayerShape shape;
        shape.name = note_attribute(layer, "name");
        shape.attention = attention_attributes(layer);
        shapes.push_back(std::move(shape));
    }
    return shapes;
}

}  // namespace attohm
