#pragma once

#include <memory>

#include "workloads/scheme.hpp"
#include "workloads/trace.hpp"

/// Small networks of random weights for tests.
namespace attohm::testing {

struct RandomNetwork {
    ModelInfo model;
    std::shared_ptr<Weights> weights;
    Sample sample;  ///< patches, no x0
};

/// What a test varies; the rest is 3 layers, 4 heads of 6 (values of 5), 2 kv heads, 11 tokens.
struct NetworkOptions {
    std::string norm = "layernorm";
    std::string norm_position = "pre";
    std::string activation = "gelu";
    std::string qk_norm = "none";
    std::string pool = "first";
    bool gated = false;
    bool layer_scale = false;
    bool causal = false;
    int kv_heads = 2;
};

RandomNetwork random_network(const NetworkOptions& options);

/// A scheme that changes nothing.
class ExactScheme : public Scheme {
  public:
    std::string_view name() const override { return "exact"; }
};

/// Largest |a - b|; the shapes must agree.
double largest_difference(const Matrix<float>& a, const Matrix<double>& b);

}  // namespace attohm::testing
