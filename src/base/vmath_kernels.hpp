#pragma once

#include <cstddef>
#include <cstdint>

#include "src/base/simd_level.hpp"
#include "src/base/vmath.hpp"

namespace attohm {

/// The vector mathematics of one SIMD level. All levels give the same bytes; the functions of
/// vmath.hpp use the best level of the processor, tests compare them all.
struct VmathKernels {
    void (*exp)(float* x, std::size_t count);
    void (*log)(float* x, std::size_t count);
    void (*normal_cdf)(const float* x, float* out, std::size_t count);
    double (*normal_cdf_sum)(const float* x, std::size_t count);
    float (*normal_cdf_one)(float x);
    SoftmaxTotals (*exp_row)(float* row, std::size_t count);
    void (*softmax_row)(float* row, std::size_t count);
    std::int64_t (*quantise)(const float* x, float inv_step, float lo, float hi, float* codes,
                             std::size_t count);
    /// Codes already clipped, as small integers; NaN becomes `nan_code`.
    void (*narrow_to_int8)(const float* codes, float nan_code, std::int8_t* out, std::size_t count);
    void (*narrow_to_int16)(const float* codes, float nan_code, std::int16_t* out,
                            std::size_t count);
};

/// The kernels of a level (of the nearest lower one where the compiler cannot build it). A level
/// above the processor's own must not be called.
const VmathKernels& vmath_kernels(SimdLevel level);

}  // namespace attohm
