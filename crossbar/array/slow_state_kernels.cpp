#include "crossbar/array/slow_state_kernels.hpp"

#include "src/base/simd_clones.hpp"

namespace attohm {

namespace {

/// Two components in one sweep over y: u + u' is what the read sees of them.
[[gnu::always_inline]] inline void step_two(const float* __restrict step,
                                            const float* __restrict decay,
                                            const float* __restrict e, float* __restrict u0,
                                            float* __restrict u1, float* __restrict y,
                                            std::size_t count) {
    const float d0 = decay[0], d1 = decay[1], s0 = step[0], s1 = step[1];
    for (std::size_t i = 0; i < count; ++i) {
        y[i] += u0[i] + u1[i];
        u0[i] = d0 * u0[i] + s0 * e[i];
        u1[i] = d1 * u1[i] + s1 * e[i];
    }
}

}  // namespace

ATTOHM_SIMD_CLONES
void step_components(const float* gains, const float* decay, std::size_t components,
                     const float* __restrict e, float* __restrict u, std::size_t stride,
                     float* __restrict y, std::size_t count) {
    const float gain = gains[0];
    const float* step = gains + 1;
    std::size_t m = 0;
    for (; m + 2 <= components; m += 2) {
        step_two(step + m, decay + m, e, u + m * stride, u + (m + 1) * stride, y, count);
    }
    if (m < components) {
        float* __restrict last = u + m * stride;
        for (std::size_t i = 0; i < count; ++i) {
            y[i] += last[i];
            last[i] = decay[m] * last[i] + step[m] * e[i];
        }
    }
    for (std::size_t i = 0; i < count; ++i) y[i] += gain * e[i];
}

ATTOHM_SIMD_CLONES
void add_weighted_sums(const float* __restrict q, const float* __restrict a, std::size_t a_stride,
                       const float* __restrict y, std::size_t d, std::size_t keys,
                       float* __restrict out) {
    constexpr std::size_t kLanes = 16;
    for (std::size_t k = 0; k < keys; ++k, a += a_stride, y += d) {
        float sums[kLanes] = {};
        std::size_t i = 0;
        for (; i + kLanes <= d; i += kLanes) {
            for (std::size_t l = 0; l < kLanes; ++l) sums[l] += q[i + l] * (a[i + l] * y[i + l]);
        }
        for (std::size_t l = 0; i + l < d; ++l) sums[l] += q[i + l] * (a[i + l] * y[i + l]);
        for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
            for (std::size_t l = 0; l < half; ++l) sums[l] += sums[l + half];
        }
        out[k] += sums[0];
    }
}

}  // namespace attohm
