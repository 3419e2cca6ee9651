#include "workloads/graph_network.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "src/base/error.hpp"
#include "src/base/hdf5.hpp"
#include "src/base/parallel.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/reference/graph_reference.hpp"
#include "tests/workloads/graph_file.hpp"
#include "tests/workloads/random_network.hpp"
#include "workloads/trace_reader.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Matchers::Contains;

namespace {

constexpr const char* kCora = "workloads/zoo/cora_gcn/cora_gcn.h5";

Matrix<float> logits_of(const RandomGraph& graph) {
    SampleContext context;
    return GraphNetwork(graph.model, graph.weights).run(ExactScheme(), graph.input, context);
}

/// Of the graph itself, normalised here: nothing of the stored matrix is used.
Matrix<double> twin_of(const RandomGraph& graph) {
    const std::vector<Matrix<double>> all(graph.weights->graph.size(),
                                          reference::normalised_adjacency(graph.edges));
    return reference::graph_forward(*graph.weights, graph.input.x, all);
}

std::string refusal(const RandomGraph& graph) {
    try {
        (void)logits_of(graph);
    } catch (const UserError& error) {
        return error.what();
    }
    return "accepted";
}

/// Nodes in another order.
RandomGraph renamed(const RandomGraph& graph, const std::vector<std::size_t>& old_of_new) {
    RandomGraph other = graph;
    const std::size_t nodes = old_of_new.size();
    std::vector<std::int32_t> new_of_old(nodes);
    for (std::size_t i = 0; i < nodes; ++i)
        new_of_old[old_of_new[i]] = static_cast<std::int32_t>(i);
    SparseMatrix a;
    a.rows = a.cols = nodes;
    a.indptr.push_back(0);
    const SparseMatrix& old = *graph.input.adjacency.front();
    for (std::size_t i = 0; i < nodes; ++i) {
        std::copy_n(graph.input.x.row(old_of_new[i]), graph.input.x.cols(), other.input.x.row(i));
        for (auto e = static_cast<std::size_t>(old.indptr[old_of_new[i]]);
             e < static_cast<std::size_t>(old.indptr[old_of_new[i] + 1]); ++e) {
            a.indices.push_back(new_of_old[static_cast<std::size_t>(old.indices[e])]);
            a.values.push_back(old.values[e]);
        }
        a.indptr.push_back(static_cast<std::int64_t>(a.indices.size()));
    }
    other.input.adjacency.assign(graph.input.adjacency.size(),
                                 std::make_shared<const SparseMatrix>(a));
    return other;
}

}  // namespace

TEST_CASE("a graph network has the logits of the dense twin", "[property]") {
    int cases = 0;
    for (std::uint64_t seed = 1; seed <= 24; ++seed) {
        GraphOptions options;
        options.seed = seed;
        options.nodes = 5 + static_cast<int>(seed * 17 % 90);
        options.layers = 1 + static_cast<int>(seed % 4);
        options.activation =
            std::vector<std::string>{"relu", "gelu", "gelu_tanh", "silu"}[seed / 2 % 4];
        options.bias = seed % 3 != 0;
        options.directed = seed % 5 == 0;
        options.edge_share = seed % 7 == 0 ? 0.9 : 0.08;
        const RandomGraph graph = random_graph(options);
        const Matrix<float> logits = logits_of(graph);
        const Matrix<double> twin = twin_of(graph);
        double size = 0.0;
        for (std::size_t i = 0; i < twin.size(); ++i)
            size = std::max(size, std::abs(twin.data()[i]));
        INFO("seed " << seed);
        CHECK(size > 0.05);
        CHECK(largest_difference(logits, twin) < 2e-6 * std::max(size, 1.0));
        ++cases;
    }
    CHECK(cases == 24);
}

TEST_CASE("layers may differ in their matrix, and rows may be empty or repeat a column",
          "[property]") {
    GraphOptions options;
    options.layers = 3;
    RandomGraph graph = random_graph(options);
    SparseMatrix odd = *graph.input.adjacency[1];
    // Row 3 is emptied: its elements go to row 2, beside equal columns.
    odd.indptr[3] = odd.indptr[4];
    odd.indices[static_cast<std::size_t>(odd.indptr[2])] =
        odd.indices[static_cast<std::size_t>(odd.indptr[2]) + 1];
    graph.input.adjacency[1] = std::make_shared<const SparseMatrix>(odd);
    std::vector<Matrix<double>> all;
    for (const auto& a : graph.input.adjacency) all.push_back(reference::dense(*a));
    const Matrix<double> twin = reference::graph_forward(*graph.weights, graph.input.x, all);
    CHECK(largest_difference(logits_of(graph), twin) < 2e-6);
    CHECK(largest_difference(logits_of(random_graph(options)), twin) > 1e-3);
}

TEST_CASE("logits follow their nodes whatever the nodes are called", "[property]") {
    const RandomGraph graph = random_graph({.nodes = 61, .layers = 3});
    std::vector<std::size_t> order(61);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::rotate(order.begin(), order.begin() + 23, order.end());
    std::swap(order[5], order[40]);
    const Matrix<float> straight = logits_of(graph), turned = logits_of(renamed(graph, order));
    double worst = 0.0;
    for (std::size_t i = 0; i < order.size(); ++i)
        for (std::size_t c = 0; c < straight.cols(); ++c)
            worst = std::max(worst, std::abs(static_cast<double>(turned(i, c)) -
                                             static_cast<double>(straight(order[i], c))));
    CHECK(worst < 1e-6);
}

TEST_CASE("a graph network gives the same bytes for any number of threads", "[property]") {
    // More rows than a block of any product.
    const RandomGraph graph = random_graph({.nodes = 2300, .layers = 2, .edge_share = 0.002});
    const int before = threads();
    set_threads(1);
    const Matrix<float> one = logits_of(graph);
    set_threads(4);
    const Matrix<float> four = logits_of(graph);
    set_threads(before);
    REQUIRE(one.size() == four.size());
    CHECK(std::equal(one.data(), one.data() + one.size(), four.data()));
}

TEST_CASE("Cora's logits are the trace's and the twin's", "[golden]") {
    const TraceReader reader(kCora);
    const auto weights = reader.weights();
    REQUIRE(weights->graph.size() == 2);
    const Sample sample = reader.sample(0);
    const GraphInput input = reader.graph_input(sample);
    CHECK(input.x.rows() == 2708);
    CHECK(input.eval_index.size() == 1000);
    CHECK(input.adjacency[0] == input.adjacency[1]);
    SampleContext context;
    const Matrix<float> logits =
        GraphNetwork(reader.model(), weights).run(ExactScheme(), input, context);
    REQUIRE(sample.logits.rows() == logits.rows());
    double worst = 0.0;
    for (std::size_t i = 0; i < logits.size(); ++i)
        worst = std::max(worst, std::abs(static_cast<double>(logits.data()[i]) -
                                         static_cast<double>(sample.logits.data()[i])));
    CHECK(worst < 1e-5);
    // The twin starts from the citations of workloads/data and normalises them itself.
    const H5Group citations = H5File::open("workloads/data/cora.h5").root();
    const H5Group raw = citations.group("adjacency");
    SparseMatrix edges;
    edges.rows = edges.cols = 2708;
    edges.indptr.resize(2709);
    raw.read("indptr", std::span(edges.indptr));
    edges.indices.resize(raw.info("indices").elements());
    raw.read("indices", std::span(edges.indices));
    edges.values.assign(edges.indices.size(), 1.0F);
    const Matrix<double> twin = reference::graph_forward(
        *weights, input.x,
        std::vector<Matrix<double>>(2, reference::normalised_adjacency(reference::dense(edges))));
    CHECK(largest_difference(logits, twin) < 1e-5);
}

TEST_CASE("graph networks that cannot be run are refused by name", "[unit]") {
    RandomGraph graph = random_graph({});
    CHECK(refusal(graph) == "accepted");
    graph.model.family = "vit";
    CHECK_THAT(refusal(graph), Contains("family") && Contains("vit") && Contains("gcn"));
    graph = random_graph({});
    graph.model.task = "classify";
    CHECK_THAT(refusal(graph), Contains("task") && Contains("node-classify"));
    graph = random_graph({});
    graph.weights->activation = "tanh";
    CHECK_THAT(refusal(graph), Contains("activation") && Contains("tanh") && Contains("relu"));
    graph = random_graph({});
    graph.model.classes = 5;
    CHECK_THAT(refusal(graph), Contains("layer 1") && Contains("classes"));
    graph = random_graph({});
    graph.model.layers = 3;
    CHECK_THAT(refusal(graph), Contains("number of layers") && Contains("3"));
    graph = random_graph({});
    graph.input.x = Matrix<float>(graph.input.x.rows(), 8);
    CHECK_THAT(refusal(graph), Contains("features") && Contains("8"));
}

TEST_CASE("a graph trace is read as it was written", "[unit]") {
    const TemporaryDirectory directory;
    const RandomGraph graph = random_graph({});
    for (const bool shared : {true, false}) {
        const std::string path = directory.file(shared ? "shared.h5" : "own.h5");
        write_graph_trace(path, graph, {.samples = 2, .shared = shared});
        const TraceReader reader(path);
        CHECK(reader.samples() == 2);
        const GraphInput input = reader.graph_input(reader.sample(1));
        CHECK(input.labels == graph.input.labels);
        CHECK(input.eval_index == graph.input.eval_index);
        CHECK((input.adjacency[0] == input.adjacency[1]) == shared);
        SampleContext context;
        const Matrix<float> logits =
            GraphNetwork(reader.model(), reader.weights()).run(ExactScheme(), input, context);
        const Matrix<float> wanted = logits_of(graph);
        CHECK(std::equal(wanted.data(), wanted.data() + wanted.size(), logits.data()));
    }
}

TEST_CASE("what a graph network cannot be read from is refused by its path", "[unit]") {
    const TemporaryDirectory directory;
    const RandomGraph graph = random_graph({});
    const auto message = [&](const auto& change) -> std::string {
        RandomGraph other = random_graph({});
        GraphFileOptions options;
        change(other, options);
        const std::string path = directory.file("bad.h5");
        write_graph_trace(path, other, options);
        try {
            const TraceReader reader(path);
            (void)reader.weights();
            (void)reader.graph_input(reader.sample(0));
        } catch (const UserError& error) {
            return error.what();
        }
        return "accepted";
    };
    CHECK(message([](RandomGraph&, GraphFileOptions&) {}) == "accepted");
    CHECK_THAT(message([](RandomGraph&, GraphFileOptions& options) { options.labels = false; }),
               Contains("/samples/000000/labels") && Contains("37 (nodes)"));
    CHECK_THAT(message([](RandomGraph& g, GraphFileOptions&) { g.input.labels.pop_back(); }),
               Contains("/samples/000000/labels") && Contains("36"));
    CHECK_THAT(message([](RandomGraph& g, GraphFileOptions&) { g.input.eval_index[1] = 2; }),
               Contains("/samples/000000/eval_index") && Contains("twice"));
    CHECK_THAT(message([](RandomGraph& g, GraphFileOptions&) { g.input.eval_index.clear(); }),
               Contains("/samples/000000/eval_index") && Contains("no node counts"));
    CHECK_THAT(
        message([](RandomGraph& g, GraphFileOptions&) { g.weights->graph[1].b.push_back(1); }),
        Contains("/model/weights/layer_01/b") && Contains("[5]"));
    CHECK_THAT(message([](RandomGraph& g, GraphFileOptions&) { g.model.classes = 7; }),
               Contains("/model/weights/layer_01/w") && Contains("[7, 6]"));
    CHECK_THAT(message([](RandomGraph& g, GraphFileOptions&) {
                   SparseMatrix a = *g.input.adjacency[0];
                   a.indices[3] = 37;
                   g.input.adjacency[0] = std::make_shared<const SparseMatrix>(a);
               }),
               Contains("adjacency/indices") && Contains("37 at [3]"));
    CHECK_THAT(message([](RandomGraph& g, GraphFileOptions&) { g.weights->activation = "tanh"; }),
               Contains("@activation") && Contains("tanh"));
}
