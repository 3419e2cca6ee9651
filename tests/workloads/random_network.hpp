#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "workloads/scheme.hpp"
#include "workloads/trace.hpp"

/// Small networks of random weights for tests.
namespace attohm::testing {

struct RandomNetwork {
    ModelInfo model;
    std::shared_ptr<Weights> weights;
    Sample sample;  ///< patches or tokens, no x0
};

/// What a test varies; the rest is 3 layers, 4 heads of 6 (values of 5), 11 tokens, 7 classes.
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
    std::string family = "vit";
    float rope_theta = 0.0F;
    std::string rope_style = "half";
    int rope_dim = 6;
    bool tokens = false;  ///< a vocabulary of 13 in place of patches
    float embed_scale = 1.0F;
    bool positions = true;
    bool segments = false;  ///< of 3 types
    bool embed_norm = false;
    bool tied_head = false;  ///< 13 classes
    std::string task = "classify";
    std::uint64_t seed = 20221;
};

/// Any family and any mixture of options that the forward pass computes.
NetworkOptions random_options(std::uint64_t seed);
std::string describe(const NetworkOptions& options);

RandomNetwork random_network(const NetworkOptions& options);

/// A scheme that changes nothing.
class ExactScheme : public Scheme {
  public:
    std::string_view name() const override { return "exact"; }
};

/// Largest |a - b|; the shapes must agree.
double largest_difference(const Matrix<float>& a, const Matrix<double>& b);

}  // namespace attohm::testing
