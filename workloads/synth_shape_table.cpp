#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "workloads/synth_shapes.hpp"

namespace attohm {

namespace {

/// "3", or "3..24" where layers differ, or "-" where there is none.
std::string range_text(const std::set<std::int64_t>& values) {
    if (values.empty()) return "-";
    if (values.size() == 1) return std::to_string(*values.begin());
    return fmt::format("{}..{}", *values.begin(), *values.rbegin());
}

std::string layers_text(const NamedShape& shape) {
    std::map<LayerKind, int> counts;
    for (const LayerShape& layer : shape.layers) ++counts[layer.kind];
    std::string text;
    for (const auto& [kind, count] : counts)
        text += fmt::format("{}{} {}", text.empty() ? "" : " + ", count, layer_kind_name(kind));
    return text;
}

std::string macs_text(std::int64_t macs) {
    const auto value = static_cast<double>(macs);
    if (macs == 0) return "-";
    if (value < 999.5e6) return fmt::format("{:.4g} M", value / 1e6);
    if (value < 999.5e9) return fmt::format("{:.4g} G", value / 1e9);
    return fmt::format("{:.4g} T", value / 1e12);
}

struct Sizes {
    std::set<std::int64_t> tokens, heads, dims;
};

Sizes sizes_of(const NamedShape& shape) {
    Sizes sizes;
    for (const LayerShape& layer : shape.layers) {
        const AttentionSize& size = layer.attention;
        if (layer.kind == LayerKind::graph) sizes.tokens.insert(layer.graph.nodes);
        if (layer.kind != LayerKind::attention) continue;
        sizes.tokens.insert(std::int64_t{size.n_q} * size.windows);
        sizes.heads.insert(size.heads);
        sizes.dims.insert(size.head_dim);
    }
    return sizes;
}

}  // namespace

std::string shape_table() {
    std::string text =
        fmt::format("{:<16}{:<26}{:>10}{:>8}{:>9}{:>12}{:>12}  {:<8}{}\n", "shape", "layers",
                    "tokens", "heads", "d", "MAC", "around", "mark", "source");
    for (const NamedShape& shape : named_shapes()) {
        const Sizes sizes = sizes_of(shape);
        text += fmt::format("{:<16}{:<26}{:>10}{:>8}{:>9}{:>12}{:>12}  {:<8}{}: {}\n", shape.name,
                            layers_text(shape), range_text(sizes.tokens), range_text(sizes.heads),
                            range_text(sizes.dims), macs_text(shape.macs()),
                            macs_text(shape.surrounding_macs()), mark_name(shape.mark), shape.model,
                            shape.source);
    }
    return text +
           "MAC: of the layers listed (attention: q.k and p.v over the pairs its pattern allows); "
           "around: projections and\nMLPs around attention. tokens: nodes for graphs. A length may "
           "follow the name where all layers have as many\ntokens: bert-base-4096, "
           "flat-bert-64k.\n";
}

std::string shape_json() {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const NamedShape& shape : named_shapes()) {
        const Sizes sizes = sizes_of(shape);
        json.push_back({{"name", shape.name},
                        {"model", shape.model},
                        {"family", shape.family},
                        {"layers", shape.layers.size()},
                        {"tokens", sizes.tokens},
                        {"heads", sizes.heads},
                        {"head_dims", sizes.dims},
                        {"macs", shape.macs()},
                        {"surrounding_macs", shape.surrounding_macs()},
                        {"mark", mark_name(shape.mark)},
                        {"source", shape.source}});
    }
    return json.dump(2) + "\n";
}

}  // namespace attohm
