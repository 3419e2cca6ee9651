#include "crossbar/array/noisy_product_kernels.hpp"

#include <cstring>

#include "src/base/simd_targets.hpp"

#define ATTOHM_KERNEL_BODY "crossbar/array/noisy_product_kernels.inl"
#include "src/base/simd_levels.inl"

namespace attohm {

const NoisyProductKernels& noisy_product_kernels(SimdLevel level) {
#if ATTOHM_X86_LEVELS
    if (level == SimdLevel::v4) return v4::kNoisyProductKernels;
    if (level == SimdLevel::v3) return v3::kNoisyProductKernels;
#endif
    static_cast<void>(level);
    return baseline::kNoisyProductKernels;
}

}  // namespace attohm
