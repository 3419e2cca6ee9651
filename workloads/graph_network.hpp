#pragma once

#include <memory>

#include "workloads/forward_math.hpp"
#include "workloads/graph.hpp"
#include "workloads/scheme.hpp"
#include "workloads/trace.hpp"

/// The forward pass of family gcn in float32: y = A (x W^T) + b per layer, the activation between
/// layers, none after the last; the cost grows with nodes and stored elements of A, never with
/// their product. A is what the trace stores: normalised, with self-loops, or not.
/// Source: Kipf and Welling, ICLR 2017, arXiv 1609.02907. Not modelled: dropout (training alone),
/// attention over edges, pooling of a graph to one answer.
namespace attohm {

class GraphNetwork {
  public:
    /// Throws: UserError for another family, task or activation, and for layers that are no chain,
    /// naming it.
    GraphNetwork(ModelInfo model, std::shared_ptr<const Weights> weights);

    const ModelInfo& model() const { return model_; }

    /// Logits [nodes, classes]. The scheme's hooks `linear` (x W^T, under the name "graph") and
    /// `graph` (A x) are called for every layer. Same bytes for any number of threads.
    /// Throws: UserError where the features do not fit the first layer.
    Matrix<float> run(const Scheme& scheme, const GraphInput& input, SampleContext& context) const;

  private:
    Matrix<float> combine(const Scheme& scheme, int layer, const Matrix<float>& x,
                          SampleContext& context) const;

    ModelInfo model_;
    std::shared_ptr<const Weights> weights_;
    Activation activation_ = Activation::relu;
};

}  // namespace attohm
