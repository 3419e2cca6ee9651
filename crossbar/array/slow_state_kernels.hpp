#pragma once

#include <cstddef>

namespace attohm {

/// One read of slow components for `count` cells:
///     y += sum_m u_m + gain e,  u_m = decay_m u_m + step_m e.
/// Args:
///   gains: gain, then one step per component
///   decay: [components]
///   u:     [components, stride], the first `count` of each row used
void step_components(const float* gains, const float* decay, std::size_t components, const float* e,
                     float* u, std::size_t stride, float* y, std::size_t count);

/// out[k] += sum_i q[i] (a[k, i] y[k, i]), i below d, for `keys` rows: 16 partial sums, then a
/// fixed tree, so the bits depend on d alone. Args: a: rows a_stride apart; y: rows d apart.
void add_weighted_sums(const float* q, const float* a, std::size_t a_stride, const float* y,
                       std::size_t d, std::size_t keys, float* out);

}  // namespace attohm
