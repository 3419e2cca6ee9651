#pragma once

#include <cstdint>
#include <vector>

#include "workloads/graph.hpp"

/// Random graphs whose degrees follow a power law.
namespace attohm {

struct GraphSpec {
    std::int64_t nodes = 0;
    std::int64_t edges = 0;  ///< stored elements: each undirected edge twice
    double exponent = 0.0;   ///< of P(degree) ~ degree^-exponent; above 1
    std::uint64_t seed = 1;
};

/// Degrees of a graph: floor of the quantiles (of equal weight) of a Pareto law from a smallest
/// value to sqrt(edges), the largest degree of a random graph without repeats; the smallest value
/// is solved so that the degrees add up to `edges` exactly. From the first whole number at or above
/// that value on, P(degree >= k) ~ k^(1 - exponent) up to the cut. Largest first.
/// Args: smallest: where not null, takes the smallest value.
/// Throws: UserError for sizes that no such graph has, naming the range of edges.
std::vector<std::int64_t> power_law_degrees(const GraphSpec& spec, double* smallest = nullptr);

/// A graph of these degrees, without self-loops and repeated edges: stubs paired at random, bad
/// pairs repaired by swaps (Molloy and Reed's configuration model). Nodes stand in a random order.
/// Columns ascend in each row; the value at (i, j) is 1 / sqrt(degree_i degree_j).
/// Throws: UserError as above, and for graphs of more than 2^25 edges.
SparseMatrix power_law_graph(const GraphSpec& spec);

}  // namespace attohm
