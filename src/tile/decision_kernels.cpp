#include "src/tile/decision_kernels.hpp"

#include <limits>

#include "src/base/simd_clones.hpp"

namespace attohm {

namespace {
constexpr float kLargestNormal = 6.4F;
}

bool reaches_full_scale(const DecisionRow& row, std::size_t j) {
    const float reach =
        __builtin_fabsf(row.analog[j]) + kLargestNormal * __builtin_sqrtf(row.variance[j]);
    return reach > row.full_scale;
}

ATTOHM_SIMD_CLONES
std::int64_t flag_full_scale(const DecisionRow& row, std::uint8_t* __restrict flags) {
    const float* __restrict analog = row.analog;
    const float* __restrict variance = row.variance;
    const float full_scale = row.full_scale;
    std::int32_t count = 0;
    for (std::size_t j = 0; j < row.n; ++j) {
        const float reach =
            __builtin_fabsf(analog[j]) + kLargestNormal * __builtin_sqrtf(variance[j]);
        const std::uint8_t clips = reach > full_scale ? 1 : 0;
        flags[j] = clips;
        count += clips;
    }
    return count;
}

ATTOHM_SIMD_CLONES
void decide_row(const DecisionRow& row, std::uint8_t* __restrict keep) {
    const float* __restrict analog = row.analog;
    const float* __restrict variance = row.variance;
    const float* __restrict normals = row.normals;
    const float* __restrict offset = row.offset;
    const float threshold = row.threshold, comparator = row.comparator_variance;
    for (std::size_t j = 0; j < row.n; ++j) {
        const float sigma = __builtin_sqrtf(variance[j] + comparator);
        const float value = analog[j] + sigma * normals[j] + offset[j];
        keep[j] = value >= threshold ? 1 : 0;
    }
}

ATTOHM_SIMD_CLONES
std::int64_t screen_row(const DecisionRow& row, float most_variance, float slack,
                        std::uint8_t* __restrict keep, std::uint8_t* __restrict open) {
    const float* __restrict analog = row.analog;
    const float* __restrict offset = row.offset;
    const float threshold = row.threshold, full_scale = row.full_scale;
    const float noise =
        kLargestNormal * __builtin_sqrtf(most_variance + row.comparator_variance) + slack;
    const float read_noise = kLargestNormal * __builtin_sqrtf(most_variance);
    // More than the rounding of decide_row's three additions.
    constexpr float kRounding = 1e-6F;
    std::int32_t count = 0;
    for (std::size_t j = 0; j < row.n; ++j) {
        const float size = __builtin_fabsf(analog[j]);
        const float distance = (analog[j] + offset[j]) - threshold;
        const float rounding =
            kRounding * (size + __builtin_fabsf(offset[j]) + __builtin_fabsf(threshold));
        keep[j] = distance >= 0.0F ? 1 : 0;
        const std::uint8_t undecided =
            (__builtin_fabsf(distance) <= noise + rounding) | (size + read_noise > full_scale) ? 1
                                                                                               : 0;
        open[j] = undecided;
        count += undecided;
    }
    return count;
}

ATTOHM_SIMD_CLONES
void variances_of(const float* __restrict squares, const float* __restrict variance,
                  std::size_t depth, const std::uint32_t* __restrict keys, std::size_t count,
                  float* __restrict out) {
    constexpr std::size_t kLanes = 16;
    for (std::size_t k = 0; k < count; ++k) {
        const float* __restrict cells = variance + keys[k] * depth;
        float lanes[kLanes] = {};
        std::size_t i = 0;
        for (; i + kLanes <= depth; i += kLanes) {
            for (std::size_t l = 0; l < kLanes; ++l) lanes[l] += squares[i + l] * cells[i + l];
        }
        for (std::size_t l = 0; i < depth; ++i, ++l) lanes[l] += squares[i] * cells[i];
        for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
            for (std::size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
        }
        out[keys[k]] = lanes[0];
    }
}

ATTOHM_SIMD_CLONES
void margin_row(const DecisionRow& row, float* __restrict margin) {
    const float* __restrict analog = row.analog;
    const float* __restrict variance = row.variance;
    const float* __restrict offset = row.offset;
    const float threshold = row.threshold, comparator = row.comparator_variance;
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    for (std::size_t j = 0; j < row.n; ++j) {
        const float sigma = __builtin_sqrtf(variance[j] + comparator);
        const float distance = (analog[j] + offset[j]) - threshold;
        const float certain = distance >= 0.0F ? kInfinity : -kInfinity;
        margin[j] = sigma > 0.0F ? distance / sigma : certain;
    }
}

ATTOHM_SIMD_CLONES
double sum_row(const float* x, std::size_t n) {
    constexpr std::size_t kLanes = 16;
    float lanes[kLanes] = {};
    std::size_t j = 0;
    for (; j + kLanes <= n; j += kLanes) {
        for (std::size_t l = 0; l < kLanes; ++l) lanes[l] += x[j + l];
    }
    double sum = 0.0;
    for (std::size_t l = 0; l < kLanes; ++l) sum += static_cast<double>(lanes[l]);
    for (; j < n; ++j) sum += static_cast<double>(x[j]);
    return sum;
}

ATTOHM_SIMD_CLONES
void add_row(const float* __restrict x, double* __restrict sums, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) sums[i] += static_cast<double>(x[i]);
}

ATTOHM_SIMD_CLONES
void add_sizes(const float* __restrict x, double* __restrict sizes, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) sizes[i] += static_cast<double>(__builtin_fabsf(x[i]));
}

ATTOHM_SIMD_CLONES
void square_row(const float* __restrict x, float* __restrict squares, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) squares[i] = x[i] * x[i];
}

}  // namespace attohm
