#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

/// One value of an ordered set of floats that may be too many to hold.
namespace attohm {

/// Values that are held and sorted out in place; more are counted in two passes.
constexpr std::uint64_t kHeldValues = std::uint64_t{1} << 24U;

namespace detail {

/// Whole numbers in the order of the floats; finite values only.
inline std::uint32_t order_key(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}

inline float from_order_key(std::uint32_t key) {
    return std::bit_cast<float>((key & 0x80000000U) != 0 ? key & 0x7fffffffU : ~key);
}

using HalfCounts = std::array<std::uint64_t, 65536>;

/// The bin that holds the value of that rank; `rank` becomes its rank within the bin.
inline std::uint32_t bin_of_rank(const HalfCounts& counts, std::uint64_t& rank) {
    std::uint32_t bin = 0;
    while (rank >= counts[bin]) rank -= counts[bin++];
    return bin;
}

}  // namespace detail

/// The value at a rank (0 is the smallest), exactly; 0 where there are no values.
/// Args: expected: at least as many values as there are; each: calls its argument with every value
///   in any order, the same values each time it is called; rank_of: rank from the number of values.
template <class Each, class RankOf>
float order_statistic(std::uint64_t expected, Each&& each, RankOf&& rank_of) {
    if (expected <= kHeldValues) {
        std::vector<float> values;
        each([&](float value) { values.push_back(value); });
        if (values.empty()) return 0.0F;
        const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank_of(values.size()));
        std::nth_element(values.begin(), at, values.end());
        return *at;
    }
    std::vector<detail::HalfCounts> counts(2);
    std::uint64_t all = 0;
    each([&](float value) {
        ++counts[0][detail::order_key(value) >> 16U];
        ++all;
    });
    if (all == 0) return 0.0F;
    std::uint64_t rank = rank_of(all);
    const std::uint32_t high = detail::bin_of_rank(counts[0], rank);
    each([&](float value) {
        const std::uint32_t key = detail::order_key(value);
        if (key >> 16U == high) ++counts[1][key & 0xffffU];
    });
    return detail::from_order_key((high << 16U) | detail::bin_of_rank(counts[1], rank));
}

}  // namespace attohm
