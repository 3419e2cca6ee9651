#include "src/base/vmath_kernels.hpp"

#include <cstring>
#include <limits>

#include "src/base/simd_targets.hpp"

#ifdef __FAST_MATH__
#error "kernels must give the same bytes everywhere: build this file without -ffast-math"
#endif

// The same bodies, compiled once per instruction set. They are written as plain loops and a few
// vector types; nothing in them depends on the level but the width of the vectors.

#define ATTOHM_VECTOR_BITS 128
namespace attohm::baseline {
#include "src/base/vmath_kernels.inl"
}  // namespace attohm::baseline
#undef ATTOHM_VECTOR_BITS

#if ATTOHM_X86_LEVELS
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#define ATTOHM_VECTOR_BITS 256
namespace attohm::v3 {
#include "src/base/vmath_kernels.inl"
}  // namespace attohm::v3
#undef ATTOHM_VECTOR_BITS
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
#define ATTOHM_VECTOR_BITS 512
namespace attohm::v4 {
#include "src/base/vmath_kernels.inl"
}  // namespace attohm::v4
#undef ATTOHM_VECTOR_BITS
#pragma GCC pop_options
#endif

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
