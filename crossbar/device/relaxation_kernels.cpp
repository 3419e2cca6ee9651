#include "crossbar/device/relaxation_kernels.hpp"

#include <cmath>

#include "src/base/simd_clones.hpp"

namespace attohm {

namespace {

inline float cubic(const float* c, float x) {
    return ((c[3] * x + c[2]) * x + c[1]) * x + c[0];
}

inline float clamp(float x, float low, float high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

}  // namespace

ATTOHM_SIMD_CLONES
void relax_log_time(const RelaxationCell& law, const float* __restrict z, float* __restrict g,
                    std::size_t n) {
    const RelaxationCell c = law;
    for (std::size_t i = 0; i < n; ++i) {
        const float at = clamp(g[i], c.low, c.high);
        const float s0 = cubic(c.spread.data(), at);
        const float more = cubic(c.spread_l.data(), at);
        // (s0 + more)^2 - s0^2, without the cancellation.
        float variance = more * (2.0F * s0 + more);
        variance = variance > 0.0F ? variance : 0.0F;
        g[i] += cubic(c.mean.data(), at) + std::sqrt(variance) * z[i];
    }
}

ATTOHM_SIMD_CLONES
void power_exponents(const RelaxationCell& law, const float* __restrict g,
                     const float* __restrict z, float* __restrict exponent, std::size_t n) {
    const RelaxationCell c = law;
    for (std::size_t i = 0; i < n; ++i) {
        const float at = clamp(g[i], c.low, c.high);
        float spread = cubic(c.spread.data(), at);
        spread = spread > 0.0F ? spread : 0.0F;
        exponent[i] = cubic(c.mean.data(), at) - spread * z[i];
    }
}

}  // namespace attohm
