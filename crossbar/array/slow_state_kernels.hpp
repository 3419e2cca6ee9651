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

/// sum_i q[i] (a[i] y[i]) by 16 partial sums, then a fixed tree: the bits depend on d alone.
float weighted_sum(const float* q, const float* a, const float* y, std::size_t d);

}  // namespace attohm
