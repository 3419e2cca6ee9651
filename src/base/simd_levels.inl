// Compiles the kernel bodies in the file ATTOHM_KERNEL_BODY once per SIMD level, each in a
// namespace of its own (baseline, v3, v4). Include after simd_targets.hpp, in a kernel file.

#ifdef __FAST_MATH__
#error "kernels must give the same bytes everywhere: build this file without -ffast-math"
#endif

// The same bodies, compiled once per instruction set. They are written as plain loops and a few
// vector types; nothing in them depends on the level but the width of the vectors.

#define ATTOHM_VECTOR_BITS 128
namespace attohm::baseline {
#include ATTOHM_KERNEL_BODY
}  // namespace attohm::baseline
#undef ATTOHM_VECTOR_BITS

#if ATTOHM_X86_LEVELS
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#define ATTOHM_VECTOR_BITS 256
namespace attohm::v3 {
#include ATTOHM_KERNEL_BODY
}  // namespace attohm::v3
#undef ATTOHM_VECTOR_BITS
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
#define ATTOHM_VECTOR_BITS 512
namespace attohm::v4 {
#include ATTOHM_KERNEL_BODY
}  // namespace attohm::v4
#undef ATTOHM_VECTOR_BITS
#pragma GCC pop_options
#endif
