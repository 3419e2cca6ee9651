#include "src/base/float16.hpp"

#include <bit>
#include <cstddef>

#include "src/base/error.hpp"

// Both loops are branch-free, so that they vectorise; the HDF5 library's own conversion is the
// bottleneck of reading a trace otherwise.
namespace attohm {

void widen_halves(std::span<const std::uint16_t> in, std::span<float> out) {
    ATTOHM_CHECK_EQ(in.size(), out.size());
    const std::uint16_t* from = in.data();
    float* to = out.data();
    const float rescale = std::bit_cast<float>(std::uint32_t{254 - 15} << 23U);  // 2^112
    const std::size_t n = in.size();
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t half = from[i];
        const std::uint32_t magnitude = (half & 0x7fffU) << 13U;
        // The half's exponent in a float's field is too small by 112; multiplying also normalises
        // subnormal halves. Infinity and NaN need the full exponent instead.
        const auto finite = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * rescale);
        const std::uint32_t special = magnitude | 0x7f800000U;
        const std::uint32_t value = (half & 0x7c00U) == 0x7c00U ? special : finite;
        to[i] = std::bit_cast<float>(value | ((half & 0x8000U) << 16U));
    }
}

void narrow_to_halves(std::span<const float> in, std::span<std::uint16_t> out) {
    ATTOHM_CHECK_EQ(in.size(), out.size());
    const float* from = in.data();
    std::uint16_t* to = out.data();
    const std::size_t n = in.size();
    // Adding 1/2 to a float below 2^-14 leaves the subnormal half, rounded, in its low bits.
    const std::uint32_t half_bits = 126U << 23U;
    for (std::size_t i = 0; i < n; ++i) {
        const auto bits = std::bit_cast<std::uint32_t>(from[i]);
        const std::uint32_t magnitude = bits & 0x7fffffffU;
        const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
        const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(shifted) - half_bits;
        const std::uint32_t odd = (magnitude >> 13U) & 1U;
        const std::uint32_t normal = (magnitude - (112U << 23U) + 0xfffU + odd) >> 13U;
        const std::uint32_t special = magnitude > 0x7f800000U ? 0x7e00U : 0x7c00U;
        std::uint32_t value = magnitude < (113U << 23U) ? subnormal : normal;
        value = magnitude >= (143U << 23U) ? special : value;
        to[i] = static_cast<std::uint16_t>(value | ((bits >> 16U) & 0x8000U));
    }
}

}  // namespace attohm
