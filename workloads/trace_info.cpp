#include "workloads/trace_info.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "workloads/trace_file.hpp"

namespace attohm {

namespace {

std::string flags_of(const H5Group& layer) {
    std::vector<std::string> flags;
    if (layer.has_attribute("causal") && layer.integer("causal") == 1) flags.push_back("causal");
    if (layer.has_dataset("mask")) flags.push_back("mask");
    if (layer.has_dataset("bias")) flags.push_back("bias");
    if (layer.has_attribute("windows") && layer.integer("windows") > 1)
        flags.push_back(fmt::format("{} windows", layer.integer("windows")));
    return fmt::format("{}", fmt::join(flags, ", "));
}

TraceInfo::Layer layer_info(const H5Group& group, const std::string& name,
                            const std::string& kind) {
    TraceInfo::Layer layer;
    layer.name = name;
    layer.kind = kind;
    for (const std::string& dataset : group.datasets())
        layer.bytes += group.info(dataset).stored_bytes;
    const char* main = kind == "attention" ? "q" : "x";
    if (group.has_dataset(main)) {
        const H5DatasetInfo info = group.info(main);
        layer.shape = fmt::format("{}{}", main, shape_text(info.shape));
        layer.dtype = info.dtype;
    }
    layer.flags = flags_of(group);
    layer.mask = group.has_dataset("mask");
    return layer;
}

/// Of a layer that holds no tensors.
std::string shape_text_of(const LayerShape& shape) {
    const AttentionSize& a = shape.attention;
    const ConvSize& c = shape.conv;
    switch (shape.kind) {
        case LayerKind::attention:
            return fmt::format("{} x {} x {}, {}", a.heads, a.n_q, a.n_k, a.head_dim);
        case LayerKind::linear:
            return fmt::format("{} x {} to {}", shape.linear.rows, shape.linear.inputs,
                               shape.linear.outputs);
        case LayerKind::conv2d:
            return fmt::format("{}x{}x{} to {}", c.channels, c.height, c.width, c.outputs);
        case LayerKind::graph:
            return fmt::format("{} x {} to {}", shape.graph.nodes, shape.graph.features,
                               shape.graph.outputs);
    }
    return "";
}

void describe_layers(const TraceFile& file, TraceInfo& info) {
    for (const auto* entries : {&file.samples(), &file.calibration()}) {
        for (const SampleEntry& entry : *entries) {
            if (entry.layer_names.empty()) continue;
            const H5Group group = file.sample_group(entry);
            info.layers_of = group.path();
            for (std::size_t i = 0; i < entry.layer_names.size(); ++i)
                info.layers.push_back(layer_info(group.group("layers/" + entry.layer_names[i]),
                                                 entry.layer_names[i], entry.layer_kinds[i]));
            if (!file.shape_only()) return;
            const std::vector<LayerShape> shapes = file.layer_shapes(entry);
            for (std::size_t i = 0; i < shapes.size(); ++i)
                info.layers[i].shape = shape_text_of(shapes[i]);
            return;
        }
    }
}

std::string size_text(std::uint64_t bytes) {
    const auto size = static_cast<double>(bytes);
    if (bytes < 10000) return fmt::format("{} B", bytes);
    if (bytes < 10000000) return fmt::format("{:.1f} kB", size / 1e3);
    if (bytes < 10000000000) return fmt::format("{:.1f} MB", size / 1e6);
    return fmt::format("{:.1f} GB", size / 1e9);
}

/// What the answer of a sample is held to: "class", "targets", "nodes", or "".
std::string labels_of(const H5Group& sample) {
    if (sample.has_attribute("label") && sample.integer("label") >= 0) return "class";
    if (sample.has_dataset("targets")) return "targets";
    if (sample.has_dataset("labels")) return "nodes";
    return "";
}

void describe_labels(const TraceFile& file, TraceInfo& info) {
    for (const SampleEntry& entry : file.samples()) {
        const std::string kind = labels_of(file.sample_group(entry));
        if (kind.empty()) continue;
        if (info.labels.empty()) info.labels = kind;
        ++info.samples_with_labels;
    }
}

std::string labels_text(const TraceInfo& info) {
    if (info.labels.empty()) return "none (no accuracy)";
    const char* what = info.labels == "class"     ? "a class"
                       : info.labels == "targets" ? "the next tokens"
                                                  : "a class of every node";
    const std::string of =
        info.samples_with_labels == info.samples
            ? (info.samples == 1 ? "in the sample" : "in every sample")
            : fmt::format("in {} of {} samples", info.samples_with_labels, info.samples);
    return fmt::format("{}, {}", what, of);
}

std::string masks_text(const TraceInfo& info) {
    const std::string named = fmt::format("{}", fmt::join(info.masks, ", "));
    if (!info.mask_in_layers) return named.empty() ? "none" : named;
    return named.empty() ? "in layers" : named + "; in layers";
}

using Rows = std::vector<std::pair<std::string, std::string>>;

Rows summary_rows(const TraceInfo& info) {
    const ModelInfo& model = info.model;
    const std::string grid =
        model.grid_h > 0 ? fmt::format(", grid {} x {}", model.grid_h, model.grid_w) : "";
    return {
        {"trace id", info.trace_id},
        {"format", info.schema_version},
        {"producer", info.producer + " " + info.producer_version},
        {"created", info.created_utc},
        {"capture", info.capture_dtype + ", " + info.capture_method},
        {"file size", size_text(info.file_bytes)},
        {"model", fmt::format("{} ({})", model.name, model.family)},
        {"task", fmt::format("{}, {} classes, pool {}", model.task, model.classes, model.pool)},
        {"size", fmt::format("{} layers, {} heads ({} kv heads) of {} (values {}), width {}{}",
                             model.layers, model.heads, model.kv_heads, model.head_dim,
                             model.v_head_dim, model.width, model.causal ? ", causal" : "")},
        {"tokens", fmt::format("{} prefix{}", model.prefix_tokens, grid)},
        {"samples", fmt::format("{} ({} with layers), {} for calibration", info.samples,
                                info.samples_with_layers, info.calibration_samples)},
        {"labels", labels_text(info)},
        {"thresholds", info.thresholds == "none"
                           ? "none (sprint and threshold need --set \"threshold.source=mass(0.9)\")"
                           : info.thresholds},
        {"masks", masks_text(info)},
        {"weights", info.has_weights ? "yes (closed loop possible)" : "no (open loop)"},
        {"tensors", info.shape_only ? "none (shapes only)" : "yes"},
    };
}

nlohmann::ordered_json model_json(const ModelInfo& model) {
    return {{"name", model.name},
            {"family", model.family},
            {"layers", model.layers},
            {"heads", model.heads},
            {"kv_heads", model.kv_heads},
            {"head_dim", model.head_dim},
            {"v_head_dim", model.v_head_dim},
            {"width", model.width},
            {"causal", model.causal},
            {"prefix_tokens", model.prefix_tokens},
            {"grid_h", model.grid_h},
            {"grid_w", model.grid_w},
            {"task", model.task},
            {"classes", model.classes},
            {"pool", model.pool},
            {"pad_token", model.pad_token}};
}

}  // namespace

TraceInfo trace_info(const std::string& path) {
    Problems problems(Problems::On::throw_first);
    const TraceFile file(path, problems);
    TraceInfo info;
    std::error_code ignored;
    info.path = path;
    info.file_bytes = std::filesystem::file_size(path, ignored);
    const TraceOrigin& origin = file.origin();
    info.schema_version = origin.schema_version;
    info.producer = origin.producer;
    info.producer_version = origin.producer_version;
    info.created_utc = origin.created_utc;
    info.capture_dtype = origin.capture_dtype;
    info.capture_method = origin.capture_method;
    info.trace_id = file.trace_id();
    info.model = file.model();
    info.samples = static_cast<std::int64_t>(file.samples().size());
    info.calibration_samples = static_cast<std::int64_t>(file.calibration().size());
    info.samples_with_layers =
        std::count_if(file.samples().begin(), file.samples().end(),
                      [](const SampleEntry& entry) { return !entry.layer_names.empty(); });
    info.thresholds = !file.thresholds()                      ? "none"
                      : file.thresholds()->values.cols() == 1 ? "per layer"
                                                              : "per layer and head";
    if (file.root().has_group("model/masks"))
        info.masks = file.root().group("model/masks").datasets();
    info.has_weights = file.has_weights();
    info.shape_only = file.shape_only();
    describe_labels(file, info);
    describe_layers(file, info);
    for (const TraceInfo::Layer& layer : info.layers)
        info.mask_in_layers = info.mask_in_layers || layer.mask;
    return info;
}

std::string to_text(const TraceInfo& info) {
    std::string text = info.path + "\n";
    for (const auto& [name, value] : summary_rows(info))
        text += fmt::format("  {:<12}{}\n", name, value);
    if (info.layers.empty()) return text;
    text += fmt::format("  layers of {}\n    {:<7}{:<11}{:<20}{:<9}{:>10}  {}\n", info.layers_of,
                        "layer", "kind", "shape", "type", "stored", "");
    for (const TraceInfo::Layer& layer : info.layers) {
        std::string line =
            fmt::format("    {:<7}{:<11}{:<20}{:<9}{:>10}  {}", layer.name, layer.kind, layer.shape,
                        layer.dtype, size_text(layer.bytes), layer.flags);
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

std::string to_json(const TraceInfo& info) {
    nlohmann::ordered_json layers = nlohmann::ordered_json::array();
    for (const TraceInfo::Layer& layer : info.layers)
        layers.push_back({{"name", layer.name},
                          {"kind", layer.kind},
                          {"shape", layer.shape},
                          {"dtype", layer.dtype},
                          {"stored_bytes", layer.bytes},
                          {"flags", layer.flags}});
    const nlohmann::ordered_json json = {{"path", info.path},
                                         {"trace_id", info.trace_id},
                                         {"schema_version", info.schema_version},
                                         {"producer", info.producer},
                                         {"producer_version", info.producer_version},
                                         {"created_utc", info.created_utc},
                                         {"capture_dtype", info.capture_dtype},
                                         {"capture_method", info.capture_method},
                                         {"file_bytes", info.file_bytes},
                                         {"model", model_json(info.model)},
                                         {"samples", info.samples},
                                         {"samples_with_layers", info.samples_with_layers},
                                         {"calibration_samples", info.calibration_samples},
                                         {"labels", info.labels.empty() ? "none" : info.labels},
                                         {"samples_with_labels", info.samples_with_labels},
                                         {"thresholds", info.thresholds},
                                         {"masks", info.masks},
                                         {"mask_in_layers", info.mask_in_layers},
                                         {"weights", info.has_weights},
                                         {"shape_only", info.shape_only},
                                         {"layers_of", info.layers_of},
                                         {"layers", layers}};
    return json.dump(2) + "\n";
}

}  // namespace attohm
