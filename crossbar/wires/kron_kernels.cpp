#include "crossbar/wires/kron_kernels.hpp"

#include <cmath>

#include "src/base/simd_targets.hpp"

#define ATTOHM_KERNEL_BODY "crossbar/wires/kron_kernels.inl"
#include "src/base/simd_levels.inl"

namespace attohm {

const KronKernels& kron_kernels(SimdLevel level) {
#if ATTOHM_X86_LEVELS
    if (level == SimdLevel::v4) return v4::kKronKernels;
    if (level == SimdLevel::v3) return v3::kKronKernels;
#endif
    static_cast<void>(level);
    return baseline::kKronKernels;
}

}  // namespace attohm
