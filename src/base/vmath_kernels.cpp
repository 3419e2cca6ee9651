#include "src/base/vmath_kernels.hpp"

#include <cstring>
#include <limits>

#include "src/base/simd_targets.hpp"

#define ATTOHM_KERNEL_BODY "src/base/vmath_kernels.inl"
#include "src/base/simd_levels.inl"

namespace attohm {

const VmathKernels& vmath_kernels(SimdLevel level) {
#if ATTOHM_X86_LEVELS
    if (level == SimdLevel::v4) return v4::kVmathKernels;
    if (level == SimdLevel::v3) return v3::kVmathKernels;
#endif
    static_cast<void>(level);
    return baseline::kVmathKernels;
}

}  // namespace attohm
