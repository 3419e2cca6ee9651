#pragma once

#include <cstdint>
#include <span>

namespace attohm {

/// IEEE 754 half precision to float, exact; NaN and infinities stay what they are.
/// Args: in, out: equally long.
void widen_halves(std::span<const std::uint16_t> in, std::span<float> out);

/// Float to half precision, ties to even; beyond 65504 + 16 to infinity, NaN to NaN.
/// Args: in, out: equally long.
void narrow_to_halves(std::span<const float> in, std::span<std::uint16_t> out);

}  // namespace attohm
