#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "src/schemes/order_statistic.hpp"

/// The value above which weighted floats hold a given weight, where there are too many to hold.
namespace attohm {

namespace detail {

/// Weights in steps of 2^-96, added without rounding: the same sum in any order.
__extension__ using FixedWeight = unsigned __int128;

/// Args: weight: 0 to 2^31; from 2^-72 on nothing of a float is lost. NaN counts as nothing.
inline FixedWeight fixed_weight(double weight) {
    return weight > 0.0 ? static_cast<FixedWeight>(weight * 0x1p96) : 0;
}

/// The smallest number of steps that is at least `weight`.
inline FixedWeight fixed_target(double weight) {
    return weight > 0.0 ? static_cast<FixedWeight>(std::ceil(weight * 0x1p96)) : 0;
}

using HalfWeights = std::vector<FixedWeight>;  ///< of 65536 bins

/// The highest bin with which the bins from the top hold `target`, which they do; `target` becomes
/// what is missing of it above that bin.
inline std::uint32_t bin_of_weight(const HalfWeights& weights, FixedWeight& target) {
    std::uint32_t bin = 0xffffU;
    while (target > weights[bin]) target -= weights[bin--];
    return bin;
}

}  // namespace detail

/// The largest value that, with all values above it, holds a weight of `target`: the smallest value
/// where they all hold less, 0 where there are none.
/// Args: each: calls its argument with every value and its weight (0 to 1), in any order, the same
///   pairs each time it is called, which is twice; target_of: the weight asked for, known after the
///   first time.
template <class Each, class TargetOf>
float mass_statistic(Each&& each, TargetOf&& target_of) {
    constexpr std::size_t kBins = 65536;
    detail::HalfWeights weights(kBins, 0);
    std::uint32_t lowest = 0xffffffffU, highest = 0;
    detail::FixedWeight all = 0;
    bool any = false;
    each([&](float value, float weight) {
        const std::uint32_t key = detail::order_key(value);
        const detail::FixedWeight added = detail::fixed_weight(static_cast<double>(weight));
        weights[key >> 16U] += added;
        all += added;
        lowest = std::min(lowest, key);
        highest = std::max(highest, key);
        any = true;
    });
    if (!any) return 0.0F;
    detail::FixedWeight target = detail::fixed_target(target_of());
    if (target == 0) return detail::from_order_key(highest);
    if (target > all) return detail::from_order_key(lowest);
    const std::uint32_t high = detail::bin_of_weight(weights, target);
    weights.assign(kBins, 0);
    each([&](float value, float weight) {
        const std::uint32_t key = detail::order_key(value);
        if (key >> 16U == high)
            weights[key & 0xffffU] += detail::fixed_weight(static_cast<double>(weight));
    });
    return detail::from_order_key((high << 16U) | detail::bin_of_weight(weights, target));
}

}  // namespace attohm
