#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

/// The compression function of SHA-256, in portable form and with the processor's instructions.
namespace attohm {

using Sha256State = std::array<std::uint32_t, 8>;

/// Takes `count` blocks of 64 bytes into the state, the fastest way that this processor has.
void sha256_blocks(Sha256State& state, const std::uint8_t* data, std::size_t count);

/// The same in portable code.
void sha256_blocks_portable(Sha256State& state, const std::uint8_t* data, std::size_t count);

/// Whether `sha256_blocks` uses instructions for it (x86 SHA extensions).
bool has_sha256_instructions();

}  // namespace attohm
