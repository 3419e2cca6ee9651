#pragma once

#include <span>
#include <string_view>

namespace attohm {

/// Instruction sets for which every vector kernel is built. All levels give the same bytes, so the
/// level is a matter of speed only and never part of an experiment.
enum class SimdLevel {
    baseline,  ///< x86-64 with SSE2, or whatever the compiler targets elsewhere
    v3,        ///< x86-64-v3: AVX2
    v4,        ///< x86-64-v4: AVX-512 F, BW, CD, DQ, VL
};

/// The levels that this processor can run, slowest first; `baseline` is always among them.
std::span<const SimdLevel> available_simd_levels();

/// The fastest level of this processor.
SimdLevel best_simd_level();

/// Name of a level as in GCC's `-march`: "x86-64", "x86-64-v3", "x86-64-v4".
std::string_view simd_level_name(SimdLevel level);

}  // namespace attohm
