#include "src/base/random_kernels.hpp"

#include <cstring>
#include <iterator>

#include "src/base/simd_targets.hpp"

#define ATTOHM_KERNEL_BODY "src/base/random_kernels.inl"
#include "src/base/simd_levels.inl"

namespace attohm {

const RandomKernels& random_kernels(SimdLevel level) {
#if ATTOHM_X86_LEVELS
    if (level == SimdLevel::v4) return v4::kRandomKernels;
    if (level == SimdLevel::v3) return v3::kRandomKernels;
#endif
    static_cast<void>(level);
    return baseline::kRandomKernels;
}

}  // namespace attohm
