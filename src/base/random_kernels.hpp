#pragma once

#include <cstddef>
#include <cstdint>

#include "src/base/simd_level.hpp"

namespace attohm {

/// What a stream's kernels need to know of it.
struct StreamIdentity {
    std::uint64_t key;   ///< Philox key, low half first
    std::uint64_t high;  ///< counter words 2 and 3, low half first
};

/// The random-number kernels of one SIMD level. All levels give the same bytes; `Stream` uses the
/// best level of the processor, tests compare them all. Meaning of each entry: see `Stream`.
struct RandomKernels {
    void (*words)(StreamIdentity id, std::uint64_t first, std::uint32_t* out, std::size_t count);
    void (*uniforms)(StreamIdentity id, std::uint64_t first, float* out, std::size_t count);
    void (*normals)(StreamIdentity id, std::uint64_t first, float* out, std::size_t count);
    /// out[k] = normal at indices[k].
    void (*normals_at)(StreamIdentity id, const std::uint64_t* indices, float* out,
                       std::size_t count);
    /// values += sigma * normals.
    void (*add_normals)(StreamIdentity id, std::uint64_t first, float sigma, float* values,
                        std::size_t count);
    /// values += sigmas * normals, element by element.
    void (*add_scaled_normals)(StreamIdentity id, std::uint64_t first, const float* sigmas,
                               float* values, std::size_t count);
    /// out = word < threshold, threshold at most 2^32.
    void (*events)(StreamIdentity id, std::uint64_t first, std::uint64_t threshold,
                   std::uint8_t* out, std::size_t count);
    /// `groups` times eight whole Philox blocks (32 words) from any block number on.
    void (*blocks)(StreamIdentity id, std::uint64_t first_block, std::size_t groups,
                   std::uint32_t* out);
    /// out = the normal variates of given words; count a multiple of 64.
    void (*normals_from_words)(const std::uint32_t* words, float* out, std::size_t count);
    float (*normal_from_word)(std::uint32_t word);
    float (*uniform_from_word)(std::uint32_t word);
};

/// The kernels of a level (of the nearest lower one where the compiler cannot build it). A level
/// above the processor's own must not be called.
const RandomKernels& random_kernels(SimdLevel level);

}  // namespace attohm
