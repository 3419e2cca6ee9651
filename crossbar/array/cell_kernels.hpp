#pragma once

#include <cstddef>
#include <cstdint>

#include "src/base/matrix.hpp"

/// Loops over cells, all in units of dG.
namespace attohm {

/// A programming law at every digit of a cell: G_w = mean + sigma z, or, where sigma_ln is not 0,
/// mean exp(sigma_ln z - sigma_ln^2 / 2).
struct LevelTable {
    AlignedVector<float> mean;
    AlignedVector<float> sigma;
    AlignedVector<float> sigma_ln;
};

/// target[i] = base + max(sign levels[i], 0): a column of a pair.
void pair_targets(float base, float sign, const float* levels, float* target, std::size_t n);

/// conductance[i] = G_w of the digit target[i] - base with normals[i].
void write_levels(const LevelTable& table, float base, const float* target, const float* normals,
                  float* conductance, std::size_t n);

/// Clips to [floor, ceiling] and adds to the counts.
void clip_cells(float floor, float ceiling, float* conductance, std::size_t n,
                std::int64_t& floored, std::int64_t& ceiled);

/// mean[i] += weight (conductance[i] - target[i]).
void add_deviation(float weight, const float* conductance, const float* target, float* mean,
                   std::size_t n);

/// variance[i] += weight^2 own[i]^2 (relative^2 conductance[i]^2 + absolute^2); own may be null: 1.
void add_variance(float weight, float relative, float absolute, const float* conductance,
                  const float* own, float* variance, std::size_t n);

/// sums[i] += conductance[i].
void add_conductances(const float* conductance, double* sums, std::size_t n);

/// sensed = clamp(round_half_even(mean), low, high); returns how many differ from `levels`.
std::int64_t sense_cells(const float* mean, const float* levels, float low, float high,
                         float* sensed, std::size_t n);

}  // namespace attohm
