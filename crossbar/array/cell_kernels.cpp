#include "crossbar/array/cell_kernels.hpp"

#include <cmath>

#include "src/base/simd_clones.hpp"

namespace attohm {

namespace {

ATTOHM_SIMD_CLONES
void write_normal(const float* __restrict mean, const float* __restrict sigma, float base,
                  const float* __restrict target, const float* __restrict normals,
                  float* __restrict conductance, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        const auto digit = static_cast<std::int32_t>(target[i] - base + 0.5F);
        conductance[i] = mean[digit] + sigma[digit] * normals[i];
    }
}

}  // namespace

void write_levels(const LevelTable& table, float base, const float* target, const float* normals,
                  float* conductance, std::size_t n) {
    bool log_normal = false;
    for (const float s : table.sigma_ln) log_normal = log_normal || s != 0.0F;
    if (!log_normal) {
        write_normal(table.mean.data(), table.sigma.data(), base, target, normals, conductance, n);
        return;
    }
    for (std::size_t i = 0; i < n; ++i) {
        const auto digit = static_cast<std::size_t>(target[i] - base + 0.5F);
        const auto s = static_cast<double>(table.sigma_ln[digit]);
        const double exponent = s * static_cast<double>(normals[i]) - 0.5 * s * s;
        conductance[i] =
            static_cast<float>(static_cast<double>(table.mean[digit]) * std::exp(exponent));
    }
}

ATTOHM_SIMD_CLONES
void pair_targets(float base, float sign, const float* __restrict levels, float* __restrict target,
                  std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        const float m = sign * levels[i];
        target[i] = base + (m > 0.0F ? m : 0.0F);
    }
}

ATTOHM_SIMD_CLONES
void clip_cells(float floor, float ceiling, float* __restrict conductance, std::size_t n,
                std::int64_t& floored, std::int64_t& ceiled) {
    std::int32_t below = 0, above = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const float g = conductance[i];
        below += g < floor ? 1 : 0;
        above += g > ceiling ? 1 : 0;
        const float raised = g < floor ? floor : g;
        conductance[i] = raised > ceiling ? ceiling : raised;
    }
    floored += below;
    ceiled += above;
}

ATTOHM_SIMD_CLONES
void add_deviation(float weight, const float* __restrict conductance,
                   const float* __restrict target, float* __restrict mean, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) mean[i] += weight * (conductance[i] - target[i]);
}

ATTOHM_SIMD_CLONES
void add_variance(float weight, float relative, float absolute, const float* __restrict conductance,
                  const float* __restrict own, float* __restrict variance, std::size_t n) {
    const float scale = weight * weight;
    const float relative_squared = scale * relative * relative;
    const float absolute_squared = scale * absolute * absolute;
    if (own == nullptr) {
        for (std::size_t i = 0; i < n; ++i) {
            variance[i] += relative_squared * (conductance[i] * conductance[i]) + absolute_squared;
        }
        return;
    }
    for (std::size_t i = 0; i < n; ++i) {
        const float s = relative_squared * (conductance[i] * conductance[i]) + absolute_squared;
        variance[i] += own[i] * own[i] * s;
    }
}

ATTOHM_SIMD_CLONES
void add_conductances(const float* __restrict conductance, double* __restrict sums, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) sums[i] += static_cast<double>(conductance[i]);
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
