#include "tests/workloads/graph_file.hpp"

#include <fmt/format.h>

#include <cmath>
#include <random>

#include "src/base/hdf5.hpp"

namespace attohm::testing {

namespace {

/// D^-1/2 (G + I) D^-1/2 in compressed rows, in float as a trace holds it.
SparseMatrix compressed(const Matrix<double>& edges) {
    SparseMatrix a;
    a.rows = a.cols = edges.rows();
    std::vector<double> degree(edges.rows(), 1.0);
    for (std::size_t i = 0; i < edges.rows(); ++i)
        for (std::size_t j = 0; j < edges.cols(); ++j) degree[i] += edges(i, j);
    a.indptr.push_back(0);
    for (std::size_t i = 0; i < edges.rows(); ++i) {
        for (std::size_t j = 0; j < edges.cols(); ++j) {
            const double value = edges(i, j) + (i == j ? 1.0 : 0.0);
            if (value == 0.0) continue;
            a.indices.push_back(static_cast<std::int32_t>(j));
            a.values.push_back(static_cast<float>(value / std::sqrt(degree[i] * degree[j])));
        }
        a.indptr.push_back(static_cast<std::int64_t>(a.indices.size()));
    }
    return a;
}

void write_matrix(const H5Group& group, const char* name, const Matrix<float>& x) {
    group.write(name, {x.rows(), x.cols()}, std::span(x.data(), x.size()));
}

void write_adjacency(const H5Group& group, const SparseMatrix& a) {
    group.write("indptr", {a.indptr.size()}, std::span<const std::int64_t>(a.indptr));
    group.write("indices", {a.indices.size()}, std::span<const std::int32_t>(a.indices));
    group.write("values", {a.values.size()}, std::span<const float>(a.values));
}

void write_model(const H5Group& root, const ModelInfo& model) {
    const H5Group group = root.create_group("model");
    for (const auto& [name, text] : {std::pair{"name", &model.name},
                                     {"family", &model.family},
                                     {"task", &model.task},
                                     {"pool", &model.pool}})
        group.set_text(name, *text);
    for (const auto& [name, number] : {std::pair{"layers", model.layers},
                                       {"heads", 0},
                                       {"kv_heads", 0},
                                       {"head_dim", 0},
                                       {"width", model.width},
                                       {"prefix_tokens", 0},
                                       {"classes", model.classes}})
        group.set_integer(name, number);
    group.set_flag("causal", false);
}

void write_weights(const H5Group& root, const Weights& weights) {
    const H5Group group = root.create_group("model/weights");
    group.set_text("activation", weights.activation);
    for (std::size_t i = 0; i < weights.graph.size(); ++i) {
        const H5Group layer = group.create_group(fmt::format("layer_{:02}", i));
        write_matrix(layer, "w", weights.graph[i].linear.w);
        const std::vector<float>& b = weights.graph[i].b;
        if (!b.empty()) layer.write("b", {b.size()}, std::span<const float>(b));
    }
}

/// Args: x: of every layer's input only the width matters to a reader.
void write_layers(const H5Group& sample, const RandomGraph& graph,
                  const GraphFileOptions& options) {
    sample.create_group("layers");
    for (std::size_t i = 0; i < graph.weights->graph.size(); ++i) {
        const GraphWeights& weights = graph.weights->graph[i];
        const H5Group layer = sample.create_group(fmt::format("layers/{:02}", i));
        layer.set_text("kind", "graph");
        layer.set_text("weight_path", fmt::format("/model/weights/layer_{:02}/w", i));
        if (!weights.b.empty())
            layer.set_text("bias_path", fmt::format("/model/weights/layer_{:02}/b", i));
        write_matrix(layer, "x",
                     i == 0 ? graph.input.x
                            : Matrix<float>(graph.input.x.rows(), weights.linear.w.cols(), 0.5F));
        if (i == 0 || !options.shared)
            write_adjacency(layer.create_group("adjacency"), *graph.input.adjacency[i]);
        else
            layer.set_text("adjacency_path", sample.path() + "/layers/00/adjacency");
    }
}

}  // namespace

RandomGraph random_graph(const GraphOptions& options) {
    RandomGraph graph;
    std::mt19937_64 words(options.seed);
    const auto uniform = [&] { return std::generate_canonical<double, 53>(words); };
    const auto fill = [&](Matrix<float>& x) {
        for (std::size_t i = 0; i < x.size(); ++i)
            x.data()[i] = static_cast<float>(2.0 * uniform() - 1.0);
    };
    constexpr int kFeatures = 9, kHidden = 6, kClasses = 4;
    ModelInfo& model = graph.model;
    model.name = "random graph";
    model.family = "gcn";
    model.layers = options.layers;
    model.width = kHidden;
    model.task = "node-classify";
    model.classes = kClasses;
    model.pool = "none";
    graph.weights = std::make_shared<Weights>();
    graph.weights->activation = options.activation;
    for (int i = 0; i < options.layers; ++i) {
        GraphWeights layer;
        layer.linear.w = Matrix<float>(i + 1 == options.layers ? kClasses : kHidden,
                                       i == 0 ? kFeatures : kHidden);
        fill(layer.linear.w);
        if (options.bias)
            for (std::size_t o = 0; o < layer.linear.w.rows(); ++o)
                layer.b.push_back(static_cast<float>(uniform() - 0.5));
        graph.weights->graph.push_back(std::move(layer));
    }
    const auto nodes = static_cast<std::size_t>(options.nodes);
    graph.input.x = Matrix<float>(nodes, kFeatures);
    fill(graph.input.x);
    graph.edges = Matrix<double>(nodes, nodes);
    for (std::size_t i = 1; i < nodes; ++i)
        for (std::size_t j = 1; j < i; ++j) {
            if (uniform() < options.edge_share) graph.edges(i, j) = 1.0;
            if (options.directed && uniform() < options.edge_share) graph.edges(j, i) = 1.0;
            if (!options.directed) graph.edges(j, i) = graph.edges(i, j);
        }
    const auto a = std::make_shared<const SparseMatrix>(compressed(graph.edges));
    graph.input.adjacency.assign(static_cast<std::size_t>(options.layers), a);
    for (std::size_t i = 0; i < nodes; ++i) {
        graph.input.labels.push_back(static_cast<std::int64_t>(words() % kClasses));
        if (i % 3 == 2) graph.input.eval_index.push_back(static_cast<std::int64_t>(i));
    }
    return graph;
}

void write_graph_trace(const std::string& path, const RandomGraph& graph,
                       const GraphFileOptions& options) {
    H5File file = H5File::create(path);
    const H5Group root = file.root();
    root.set_text("format", "attohm-trace");
    root.set_text("schema_version", "1.0.0");
    write_model(root, graph.model);
    write_weights(root, *graph.weights);
    root.create_group("samples");
    for (int s = 0; s < options.samples; ++s) {
        const H5Group sample = root.create_group(fmt::format("samples/{:06}", s));
        const GraphInput& input = graph.input;
        if (options.labels) {
            sample.write("labels", {input.labels.size()},
                         std::span<const std::int64_t>(input.labels));
            sample.write("eval_index", {input.eval_index.size()},
                         std::span<const std::int64_t>(input.eval_index));
        }
        if (!graph.logits.empty()) write_matrix(sample, "logits", graph.logits);
        write_layers(sample, graph, options);
    }
    root.set_flag("complete", true);
    file.close();
}

}  // namespace attohm::testing
