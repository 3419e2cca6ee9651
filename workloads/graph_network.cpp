#include "workloads/graph_network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/base/parallel.hpp"

namespace attohm {

namespace {

[[noreturn]] void refuse(const Weights& weights, const std::string& what, const std::string& got,
                         const std::string& allowed) {
    throw UserError(what + " is not what the forward pass of a graph network can compute",
                    weights.where.empty() ? "/model/weights" : weights.where, got, allowed);
}

Activation activation_of(const Weights& weights) {
    const std::pair<const char*, Activation> table[] = {{"gelu", Activation::gelu},
                                                        {"gelu_tanh", Activation::gelu_tanh},
                                                        {"relu", Activation::relu},
                                                        {"silu", Activation::silu}};
    for (const auto& [name, activation] : table)
        if (weights.activation == name) return activation;
    refuse(weights, "activation", weights.activation, "gelu, gelu_tanh, relu, silu");
}

/// Layer by layer from the features to the classes.
void check_chain(const ModelInfo& model, const Weights& weights) {
    if (weights.graph.size() != static_cast<std::size_t>(model.layers))
        refuse(weights, "the number of layers", std::to_string(weights.graph.size()),
               fmt::format("{} (layers of /model)", model.layers));
    for (std::size_t i = 0; i < weights.graph.size(); ++i) {
        const GraphWeights& layer = weights.graph[i];
        const std::size_t outputs = layer.linear.w.rows();
        const bool last = i + 1 == weights.graph.size();
        // A model of no classes says nothing of the last width.
        const std::size_t classes =
            model.classes == 0 ? outputs : static_cast<std::size_t>(model.classes);
        const std::size_t wanted = last ? classes : weights.graph[i + 1].linear.w.cols();
        if (outputs != wanted)
            refuse(weights, fmt::format("layer {} with its outputs", i), std::to_string(outputs),
                   fmt::format("{} ({})", wanted, last ? "classes" : "inputs of the next layer"));
        ATTOHM_CHECK(layer.linear.b.empty());
        ATTOHM_CHECK(layer.b.empty() || layer.b.size() == outputs);
    }
}

}  // namespace

GraphNetwork::GraphNetwork(ModelInfo model, std::shared_ptr<const Weights> weights)
    : model_(std::move(model)), weights_(std::move(weights)) {
    ATTOHM_CHECK(weights_ != nullptr);
    if (model_.family != "gcn") refuse(*weights_, "family", model_.family, "gcn");
    if (model_.task != "node-classify" && model_.task != "none")
        refuse(*weights_, "task", model_.task, "node-classify or none");
    activation_ = activation_of(*weights_);
    check_chain(model_, *weights_);
}

Matrix<float> GraphNetwork::combine(const Scheme& scheme, int layer, const Matrix<float>& x,
                                    SampleContext& context) const {
    const LinearWeights& weights = weights_->graph[static_cast<std::size_t>(layer)].linear;
    Matrix<float> y(x.rows(), weights.w.rows());
    if (scheme.linear(layer, "graph", weights, x.view(), y.view(), context)) return y;
    // Blocks of a fixed size: the bits of a product depend on its shape.
    constexpr std::size_t kRows = 1024;
    parallel_for((x.rows() + kRows - 1) / kRows, [&](std::size_t block) {
        const std::size_t first = block * kRows;
        const std::size_t count = std::min(kRows, x.rows() - first);
        sgemm_nt(x.view().rows_from(first, count), weights.w.view(),
                 y.view().rows_from(first, count));
    });
    return y;
}

Matrix<float> GraphNetwork::run(const Scheme& scheme, const GraphInput& input,
                                SampleContext& context) const {
    ATTOHM_CHECK_EQ(input.adjacency.size(), weights_->graph.size());
    const std::size_t features = weights_->graph.front().linear.w.cols();
    if (input.x.cols() != features)
        refuse(*weights_, "a sample with its features", std::to_string(input.x.cols()),
               fmt::format("{} (inputs of layer_00)", features));
    Matrix<float> x;
    for (int layer = 0; layer < model_.layers; ++layer) {
        const auto l = static_cast<std::size_t>(layer);
        if (layer > 0) activate(activation_, {x.data(), x.size()});
        const Matrix<float> combined = combine(scheme, layer, layer == 0 ? input.x : x, context);
        x.resize(combined.rows(), combined.cols());
        apply_graph(scheme, layer, *input.adjacency[l], combined.view(), x.view(), context);
        add_bias(weights_->graph[l].b, x.view());
    }
    return x;
}

}  // namespace attohm
