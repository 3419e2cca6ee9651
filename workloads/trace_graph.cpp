#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "src/base/error.hpp"
#include "workloads/trace_file.hpp"
#include "workloads/trace_parts.hpp"

/// Graphs of a trace: the matrices of its layers, and the input of a graph network.
namespace attohm {

namespace {

/// Row i of a matrix in compressed rows is indices[indptr[i] .. indptr[i + 1]).
void check_rows(const SparseMatrix& a, const H5Group& csr) {
    const auto stored = static_cast<std::int64_t>(a.indices.size());
    for (std::size_t i = 0; i < a.indptr.size(); ++i) {
        const std::int64_t low = i == 0 ? 0 : a.indptr[i - 1];
        const bool ends = i == 0 || i + 1 == a.indptr.size();
        const std::int64_t wanted = i == 0 ? 0 : stored;
        if (a.indptr[i] < low || a.indptr[i] > stored || (ends && a.indptr[i] != wanted))
            throw UserError("rows of the graph do not fit", csr.where("indptr"),
                            fmt::format("{} at [{}]", a.indptr[i], i),
                            fmt::format("from 0, never falling, to {} (indices)", stored));
    }
    const auto nodes = static_cast<std::int64_t>(a.rows);
    for (std::size_t i = 0; i < a.indices.size(); ++i)
        if (a.indices[i] < 0 || a.indices[i] >= nodes)
            throw UserError("index out of range", csr.where("indices"),
                            fmt::format("{} at [{}]", a.indices[i], i),
                            fmt::format("0 to {}", nodes - 1));
}

std::vector<std::int64_t> read_list(const H5Group& group, const char* name) {
    const H5DatasetInfo info = require_dataset(group, name, Dtype::int64, {{kAny}});
    std::vector<std::int64_t> values(info.elements());
    group.read(name, std::span(values));
    return values;
}

/// The class of every node and the nodes that count; their ranges have been checked.
void read_nodes(const H5Group& sample, const ModelInfo& model, GraphInput& input) {
    const std::size_t nodes = input.x.rows();
    if (sample.has_dataset("labels")) input.labels = read_list(sample, "labels");
    if (model.task == "node-classify" && input.labels.size() != nodes)
        throw UserError("wrong number of labels", sample.where("labels"),
                        std::to_string(input.labels.size()), fmt::format("{} (nodes)", nodes));
    if (!sample.has_dataset("eval_index")) {
        for (std::size_t i = 0; i < nodes; ++i)
            input.eval_index.push_back(static_cast<std::int64_t>(i));
        return;
    }
    input.eval_index = read_list(sample, "eval_index");
    std::vector<bool> seen(nodes, false);
    for (const std::int64_t node : input.eval_index) {
        if (node < 0 || static_cast<std::size_t>(node) >= nodes)
            throw UserError("index out of range", sample.where("eval_index"), std::to_string(node),
                            fmt::format("0 to {}", nodes - 1));
        if (seen[static_cast<std::size_t>(node)])
            throw UserError("a node is counted twice", sample.where("eval_index"),
                            std::to_string(node), "each node once");
        seen[static_cast<std::size_t>(node)] = true;
    }
    if (input.eval_index.empty())
        throw UserError("no node counts", sample.where("eval_index"), "an empty list",
                        "one node and more, or no eval_index (all nodes)");
}

/// The network runs from /model/weights: a layer that used others would be another network.
void require_own_weights(const H5Group& layer, std::size_t index) {
    for (const auto& [attribute, name] : {std::pair{"weight_path", "w"}, {"bias_path", "b"}}) {
        const std::string own = fmt::format("/model/weights/layer_{:02}/{}", index, name);
        const std::string found = note_attribute(layer, attribute);
        if (!found.empty() && found != own)
            throw UserError("the layer has other weights than the network",
                            layer.where_attribute(attribute), found, own);
    }
}

Matrix<float> read_features(const H5Group& layer) {
    const H5DatasetInfo info =
        require_dataset(layer, "x", Dtype::float32_or_float16, {H5Shape(2, kAny)});
    Matrix<float> x(info.shape[0], info.shape[1]);
    read_finite(layer, "x", info.shape, {x.data(), x.size()});
    return x;
}

}  // namespace

H5Group adjacency_group(const H5Group& root, const H5Group& layer) {
    if (!layer.has_attribute("adjacency_path")) return layer.group("adjacency");
    const std::string path = layer.text("adjacency_path");
    if (!root.has_group(path))
        throw UserError("attribute names no group", layer.where_attribute("adjacency_path"), path,
                        "the absolute path of a CSR group");
    return root.group(path);
}

SparseMatrix read_sparse(const H5Group& csr) {
    SparseMatrix a;
    a.indptr.resize(csr.info("indptr").elements());
    csr.read("indptr", std::span(a.indptr));
    a.rows = a.cols = a.indptr.size() - 1;
    a.indices.resize(csr.info("indices").elements());
    csr.read("indices", std::span(a.indices));
    check_rows(a, csr);
    const H5DatasetInfo info = csr.info("values");
    a.values.resize(info.elements());
    read_finite(csr, "values", info.shape, a.values);
    return a;
}

GraphInput TraceFile::read_graph(const SampleEntry& entry) const {
    const H5Group sample = sample_group(entry);
    const auto wanted = static_cast<std::size_t>(model_.layers);
    const auto& kinds = entry.layer_kinds;
    const auto graphs =
        static_cast<std::size_t>(std::count(kinds.begin(), kinds.end(), std::string("graph")));
    if (kinds.size() != wanted || graphs != wanted)
        throw UserError("a graph network runs on a sample with all its layers",
                        sample.where("layers"),
                        fmt::format("{} layers, {} of kind graph", kinds.size(), graphs),
                        fmt::format("{} of kind graph (layers of /model)", wanted));
    GraphInput input;
    std::map<std::string, std::shared_ptr<const SparseMatrix>> known;
    const H5Group layers = sample.group("layers");
    for (std::size_t i = 0; i < wanted; ++i) {
        const H5Group layer = layers.group(entry.layer_names[i]);
        require_own_weights(layer, i);
        // Shapes once more: a file may be opened with its faults collected.
        (void)other_layer_shape(root_, layer, "graph", false);
        if (i == 0) input.x = read_features(layer);
        const H5Group csr = adjacency_group(root_, layer);
        std::shared_ptr<const SparseMatrix>& matrix = known[csr.path()];
        if (!matrix) matrix = std::make_shared<const SparseMatrix>(read_sparse(csr));
        if (matrix->rows != input.x.rows())
            throw UserError("another number of nodes", csr.where(), std::to_string(matrix->rows),
                            fmt::format("{} (rows of x)", input.x.rows()));
        input.adjacency.push_back(matrix);
    }
    read_nodes(sample, model_, input);
    return input;
}

}  // namespace attohm
