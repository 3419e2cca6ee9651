#pragma once

#include <span>
#include <string_view>

#include "src/base/matrix.hpp"
#include "workloads/trace.hpp"

/// Row-wise float32 arithmetic of the forward pass. Same bytes at every SIMD level; a row's result
/// depends on that row alone.
namespace attohm {

enum class NormKind { layernorm, rmsnorm };
enum class Activation { gelu, gelu_tanh, relu, silu };

/// y <- (x - mean) / sqrt(variance + eps) * w + b per row (layernorm, variance over the width), or
/// x / sqrt(mean of x^2 + eps) * w + b (rmsnorm). Empty w or b: 1 or 0. y may be x.
/// Args: x, y: [N, W]; weights: w[W], b[W].
void normalise_rows(NormKind kind, const NormWeights& weights, float eps, MatrixView<const float> x,
                    MatrixView<float> y);

/// x <- activation(x). gelu is x Phi(x) with the exact normal distribution function (absolute error
/// below 2e-7 |x|); gelu_tanh is its tanh form; silu is x / (1 + exp(-x)).
/// Source: Hendrycks, Gimpel, "Gaussian error linear units", arXiv 1606.08415, section 2.
void activate(Activation activation, std::span<float> x);

/// y[i, :] += b for every row. An empty b adds nothing.
void add_bias(std::span<const float> b, MatrixView<float> y);

/// x += scale * y, scale one factor per column (layer scale); empty: x += y.
void add_residual(MatrixView<const float> y, std::span<const float> scale, MatrixView<float> x);

/// Pairs (x[i], x[i + pairs]), or (x[2i], x[2i + 1]) where interleaved, turned by the angle whose
/// cosine and sine stand at i: (a, b) <- (a cos - b sin, b cos + a sin).
/// Args: x: 2 * pairs elements; cosines, sines: [pairs].
void turn_pairs(const float* cosines, const float* sines, std::size_t pairs, bool interleaved,
                float* x);

/// x *= y, element by element (gated MLP).
void multiply(MatrixView<const float> y, MatrixView<float> x);

}  // namespace attohm
