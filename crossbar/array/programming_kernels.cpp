#include "crossbar/array/programming_kernels.hpp"

#include "src/base/simd_clones.hpp"

namespace attohm {

ATTOHM_SIMD_CLONES
std::int64_t program_cells(const LevelLaw& law, float sign, const float* __restrict levels,
                           const float* __restrict normals, float* __restrict conductance,
                           float* __restrict deviation, std::size_t n) {
    const float c0 = law.sigma[0], c1 = law.sigma[1], c2 = law.sigma[2], c3 = law.sigma[3];
    const float base = law.base, floor = law.floor, ceiling = law.ceiling;
    std::int32_t clipped = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const float m = sign * levels[i];
        const float target = base + (m > 0.0F ? m : 0.0F);
        float sigma = ((c3 * target + c2) * target + c1) * target + c0;
        sigma = sigma > 0.0F ? sigma : 0.0F;
        const float drawn = target + sigma * normals[i];
        float kept = drawn < floor ? floor : drawn;
        kept = kept > ceiling ? ceiling : kept;
        clipped += kept != drawn ? 1 : 0;
        conductance[i] = kept;
        deviation[i] = kept != drawn ? kept - target : sigma * normals[i];
    }
    return clipped;
}

ATTOHM_SIMD_CLONES
void combine_pairs(const LevelLaw& law, const float* __restrict levels,
                   const float* __restrict plus, const float* __restrict minus,
                   const float* __restrict plus_deviation, const float* __restrict minus_deviation,
                   float* __restrict mean, float* __restrict variance, std::size_t n) {
    const float relative_squared = law.read_relative * law.read_relative;
    const float absolute = 2.0F * law.read_absolute_squared;
    for (std::size_t i = 0; i < n; ++i) {
        mean[i] = levels[i] + (plus_deviation[i] - minus_deviation[i]);
        variance[i] = relative_squared * (plus[i] * plus[i] + minus[i] * minus[i]) + absolute;
    }
}

ATTOHM_SIMD_CLONES
void add_conductances(const float* __restrict plus, const float* __restrict minus,
                      double* __restrict sums, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        sums[i] += static_cast<double>(plus[i]) + static_cast<double>(minus[i]);
    }
}

ATTOHM_SIMD_CLONES
std::int64_t sense_cells(const float* __restrict mean, const float* __restrict levels, float low,
                         float high, float* __restrict sensed, std::size_t n) {
    // Adding and taking away 1.5 * 2^23 rounds half to even, as |mean| stays far below 2^22.
    constexpr float kRound = 12582912.0F;
    std::int32_t wrong = 0;
    for (std::size_t i = 0; i < n; ++i) {
        float m = (mean[i] + kRound) - kRound;
        m = m < low ? low : m;
        m = m > high ? high : m;
        sensed[i] = m;
        wrong += m != levels[i] ? 1 : 0;
    }
    return wrong;
}

}  // namespace attohm
