#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace attohm::reference {

// Random streams straight from their definition: one Random123 call per word, Boost's inverse
// normal in double. Slow, and nothing else.

/// Identity {key, high} of a stream, from the text above `Stream` in src/base/random.hpp.
std::array<std::uint64_t, 2> stream_identity(std::uint64_t seed, std::uint32_t purpose,
                                             const std::vector<std::uint64_t>& ids);

/// Output word `index` % 4 of the Philox4x32-10 block with counter (index / 4, high) and key `key`.
std::uint32_t stream_word(const std::array<std::uint64_t, 2>& identity, std::uint64_t index);

/// Inverse normal distribution function at (word + 1/2) 2^-32, in double.
double normal_of_word(std::uint32_t word);

/// (2 (word >> 9) + 1) 2^-24.
double uniform_of_word(std::uint32_t word);

}  // namespace attohm::reference
