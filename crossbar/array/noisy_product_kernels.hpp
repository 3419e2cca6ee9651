#pragma once

#include <cstddef>

#include "src/base/simd_level.hpp"

namespace attohm {

/// Columns that lie side by side in memory: panels of this width, the last one filled with zeros.
constexpr std::size_t kPanelColumns = 32;

/// Rows of inputs for one panel.
struct PanelInputs {
    const float* v = nullptr;        ///< [queries, rows]
    std::size_t v_stride = 0;        ///< elements between two queries
    const float* squares = nullptr;  ///< [queries, rows] v^2, `rows` apart; for two products only
    std::size_t queries = 0;
    std::size_t rows = 0;
};

/// The products of one SIMD level. Every output is one chain of fused multiply-adds over the rows,
/// in their order and from 0, so that its bits depend on its own row of inputs and its own column
/// only: never on the SIMD level, the batch, or where in it the query stands.
struct NoisyProductKernels {
    /// mean[q, c] = sum_r v[q, r] panel[r, c] for the panel's columns; outputs `stride` apart.
    void (*one_product)(const PanelInputs& in, const float* panel, float* mean, std::size_t stride);
    /// The same, and sigma[q, c] = sqrt(sum_r v[q, r]^2 s[r, c]^2). A row of the panel holds
    /// kPanelColumns conductances, then as many variances.
    void (*two_products)(const PanelInputs& in, const float* panel, float* mean,
                         std::size_t mean_stride, float* sigma, std::size_t sigma_stride);
    /// out[k] = x[k]^2.
    void (*squares)(const float* x, float* out, std::size_t n);
    /// sigma[q, c] = s sqrt(sum_r v[q, r]^2) for all `columns`: 16 fixed lanes of fused
    /// multiply-adds, then halves onto halves.
    void (*one_sigma)(const PanelInputs& in, float s, std::size_t columns, float* sigma,
                      std::size_t stride);
};

/// The kernels of a level (of the nearest lower one where the compiler cannot build it). A level
/// above the processor's own must not be called. The lowest has no fused multiply-add of its own
/// and is slow.
const NoisyProductKernels& noisy_product_kernels(SimdLevel level);

}  // namespace attohm
