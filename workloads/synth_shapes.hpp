#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/base/settings.hpp"
#include "workloads/layer_shape.hpp"

/// Sizes of published models, from the tables in shapes/*.yaml.
namespace attohm {

/// Power law of a graph's degrees, and how much of its features is not zero.
struct GraphStyle {
    double exponent = 0.0;
    double feature_density = 1.0;
};

struct NamedShape {
    std::string name;    ///< "bert-base"; with a length: "bert-base-4096"
    std::string model;   ///< "BERT-base"
    std::string family;  ///< as ModelInfo::family
    std::string source;
    Mark mark = Mark::assumed;
    int prefix_tokens = 0;
    int tokens = 0;  ///< of every attention layer that says no number of its own; 0: all do
    std::optional<GraphStyle> graph;
    std::vector<LayerShape> layers;

    /// Whether every layer is attention of the same size.
    bool uniform() const;
    std::int64_t macs() const;              ///< of the layers themselves
    std::int64_t surrounding_macs() const;  ///< of projections and MLPs around attention
};

/// Every shape at its own length, in the order of the tables.
std::vector<NamedShape> named_shapes();
std::vector<std::string> synth_shape_names();

/// A shape by name; where it takes a length, one may follow: "flat-bert-65536", "flat-bert-64k".
/// Throws: UserError naming the nearest.
NamedShape named_shape(const std::string& name);

/// The shape with another number of tokens. Throws: UserError where its layers have their own.
NamedShape with_tokens(NamedShape shape, int tokens);

/// A table: name, kinds of layers, tokens, heads, dims, MACs, mark and source.
std::string shape_table();
std::string shape_json();

}  // namespace attohm
