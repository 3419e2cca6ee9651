#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "workloads/graph.hpp"
#include "workloads/trace.hpp"

/// Small graph networks of random weights on random graphs, and traces of them written by hand.
namespace attohm::testing {

struct RandomGraph {
    ModelInfo model;
    std::shared_ptr<Weights> weights;
    GraphInput input;
    Matrix<double> edges;  ///< [nodes, nodes], 1 where there is one; no self-loops
    Matrix<float> logits;  ///< to be stored; empty = none
};

struct GraphOptions {
    int nodes = 37;
    int layers = 2;
    std::string activation = "relu";
    bool bias = true;
    bool directed = false;
    double edge_share = 0.1;  ///< of all pairs
    std::uint64_t seed = 1;
};

/// 9 features, 6 hidden units, 4 classes; every third node counts. Node 0 has no edge.
RandomGraph random_graph(const GraphOptions& options);

struct GraphFileOptions {
    int samples = 1;
    bool shared = true;  ///< layers point to the adjacency of the first; else each has its own
    bool labels = true;
};

/// A trace of it; every sample is the same graph.
void write_graph_trace(const std::string& path, const RandomGraph& graph,
                       const GraphFileOptions& options = {});

}  // namespace attohm::testing
