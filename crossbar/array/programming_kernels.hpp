#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "crossbar/device/device.hpp"

namespace attohm {

/// What a cell kernel needs, all in units of dG.
struct LevelLaw {
    static constexpr std::size_t kTerms = ProgrammingError::kTerms;
    std::array<float, kTerms> sigma{};  ///< programming sigma as a polynomial of the target level
    float base = 0.0F;                  ///< G_min / dG
    float floor = 0.0F;                 ///< G_floor / dG
    float ceiling = 0.0F;               ///< G_ceiling / dG, or infinity
    float read_relative = 0.0F;
    float read_absolute_squared = 0.0F;
};

/// g[i] = clip(target + sigma(target) z[i]) with target = base + max(sign m[i], 0);
/// deviation[i] = g[i] - target. Returns the number of clipped draws.
std::int64_t program_cells(const LevelLaw& law, float sign, const float* levels,
                           const float* normals, float* conductance, float* deviation,
                           std::size_t n);

/// mean = m + (deviation+ - deviation-); variance of one read of the pair.
void combine_pairs(const LevelLaw& law, const float* levels, const float* plus, const float* minus,
                   const float* plus_deviation, const float* minus_deviation, float* mean,
                   float* variance, std::size_t n);

/// sums[i] += plus[i] + minus[i].
void add_conductances(const float* plus, const float* minus, double* sums, std::size_t n);

/// sensed = clamp(round_half_even(mean), low, high); returns how many differ from `levels`.
std::int64_t sense_cells(const float* mean, const float* levels, float low, float high,
                         float* sensed, std::size_t n);

}  // namespace attohm
