#pragma once

#include "workloads/graph.hpp"
#include "workloads/trace.hpp"

/// Slow, obvious twin in double of a graph network: dense matrices, naive loops, written from the
/// trace format and from Kipf and Welling (ICLR 2017, arXiv 1609.02907) alone.
namespace attohm::reference {

/// D^-1/2 (G + I) D^-1/2 with D the row sums of G + I. Args: edges: [nodes, nodes], 1 where there
/// is one.
Matrix<double> normalised_adjacency(const Matrix<double>& edges);

/// A stored matrix with its zeros; elements that are stored twice add up.
Matrix<double> dense(const SparseMatrix& a);

/// Logits [nodes, classes] from features x [nodes, features] and the dense adjacency of every
/// layer: y = A (x W^T) + b, the activation between layers.
Matrix<double> graph_forward(const Weights& weights, const Matrix<float>& x,
                             const std::vector<Matrix<double>>& adjacency);

}  // namespace attohm::reference
