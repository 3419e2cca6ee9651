#include "workloads/trace_writer_layers.hpp"

#include <cmath>

#include "src/base/error.hpp"

namespace attohm::trace_layers {

AttentionSize size_of(const ModelInfo& model, const AttentionLayer& layer,
                      const AttentionSize* said) {
    const auto count = [](std::size_t n) { return static_cast<int>(n); };
    AttentionSize size;
    size.heads = count(layer.q.planes) / layer.windows;
    size.kv_heads = count(layer.k.planes) / layer.windows;
    size.head_dim = count(layer.q.cols);
    size.v_head_dim = count(layer.v.cols);
    size.n_q = layer.n_q;
    size.n_k = layer.n_k;
    size.windows = layer.windows;
    size.causal = layer.causal;
    size.width = said != nullptr && said->width > 0 ? said->width : model.width;
    size.hidden = said != nullptr ? said->hidden : 0;
    return size;
}

Attributes attention_attributes(const ModelInfo& model, const AttentionSize& size, double scale) {
    ATTOHM_CHECK(size.heads <= model.heads);
    Attributes attributes = {{"kind", std::string("attention")},
                             {"n_q", wide(size.n_q)},
                             {"n_k", wide(size.n_k)},
                             {"scale", scale},
                             ContentWriter::flag("causal", size.causal),
                             ContentWriter::flag("q_prescaled", false)};
    const auto add = [&](const char* name, int value, int otherwise) {
        if (value != otherwise) attributes.push_back({name, wide(value)});
    };
    add("windows", size.windows, 1);
    add("heads", size.heads, model.heads);
    add("kv_heads", size.kv_heads, size.heads == model.heads ? model.kv_heads : size.heads);
    add("head_dim", size.head_dim, model.head_dim);
    add("v_head_dim", size.v_head_dim,
        size.head_dim == model.head_dim ? model.v_head_dim : size.head_dim);
    add("width", size.width, model.width);
    add("hidden", size.hidden, 0);
    add("reach", size.pattern.reach, 0);
    add("grid_w", size.pattern.grid_w, 0);
    add("globals", size.pattern.globals, 0);
    return attributes;
}

Attributes shape_attributes(const ModelInfo& model, const LayerShape& shape) {
    const LinearSize& l = shape.linear;
    const ConvSize& c = shape.conv;
    const GraphSize& g = shape.graph;
    switch (shape.kind) {
        case LayerKind::attention:
            return attention_attributes(
                model, shape.attention,
                1.0 / std::sqrt(static_cast<double>(shape.attention.head_dim)));
        case LayerKind::linear:
            return {{"rows", l.rows}, {"inputs", l.inputs}, {"outputs", l.outputs}};
        case LayerKind::conv2d:
            return {{"in_channels", wide(c.channels)},   {"in_height", wide(c.height)},
                    {"in_width", wide(c.width)},         {"out_channels", wide(c.outputs)},
                    {"kernel_height", wide(c.kernel_h)}, {"kernel_width", wide(c.kernel_w)}};
        case LayerKind::graph:
            return {{"nodes", g.nodes},
                    {"edges", g.edges},
                    {"inputs", g.features},
                    {"outputs", g.outputs}};
    }
    throw InvariantError("a layer of no kind");
}

void add_other_attributes(const LayerShape& shape, Attributes& attributes) {
    attributes.push_back({"kind", std::string(layer_kind_name(shape.kind))});
    if (!shape.name.empty()) attributes.push_back({"name", shape.name});
    if (shape.kind != LayerKind::conv2d) return;
    attributes.push_back({"stride", wide(shape.conv.stride)});
    attributes.push_back({"padding", wide(shape.conv.padding)});
    attributes.push_back({"groups", wide(shape.conv.groups)});
}

H5Shape x_shape(const LayerShape& shape) {
    const auto extent = [](std::int64_t n) { return static_cast<std::size_t>(n); };
    if (shape.kind == LayerKind::conv2d)
        return {extent(shape.conv.channels), extent(shape.conv.height), extent(shape.conv.width)};
    if (shape.kind == LayerKind::graph)
        return {extent(shape.graph.nodes), extent(shape.graph.features)};
    return {extent(shape.linear.rows), extent(shape.linear.inputs)};
}

}  // namespace attohm::trace_layers
