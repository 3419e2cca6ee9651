#pragma once

#include <cstdint>
#include <span>

#include "src/base/units.hpp"

namespace attohm {

/// Offset calibration of comparators (`comparator.calibration: trim(bits)`): each has a trim DAC
/// with 2^bits codes that lie evenly over +-range, set once per chip so that what is left of its
/// offset is least,
///     code = clamp(round((o + range) / step), 0, 2^bits - 1),  step = 2 range / (2^bits - 1),
///     residual = o - (code step - range).
/// Within the range the residual is at most half a step; no code stands for an offset of 0. Beyond
/// it the code clamps at its end, which is counted. The code is found by binary search: one
/// comparison with the input at the threshold per bit (half a step is built into it).
/// Not modelled: noise of those comparisons, INL of the trim DAC, offset that drifts afterwards.
class OffsetTrim {
  public:
    static constexpr int kMaxBits = 16;
    /// Throws: UserError unless bits lie in 1..16 and the range is above 0.
    OffsetTrim(int bits, Volt range);

    struct Trimmed {
        Volt residual = {};
        std::int32_t code = 0;
        bool clamped = false;  ///< the offset lies outside +-range
    };
    Trimmed trim(Volt offset) const;
    /// Replaces offsets by what is left of them. Args: volts_per_unit: unit of the offsets.
    /// Returns: how many were clamped.
    std::int64_t trim(std::span<float> offsets, Volt volts_per_unit) const;

    Volt step() const { return range_ * 2.0 / (codes_ - 1.0); }
    Volt range() const { return range_; }
    int bits() const { return bits_; }
    /// Comparisons that finding the code of one comparator takes, once per chip.
    std::int64_t measurements_per_comparator() const { return bits_; }

  private:
    int bits_;
    double codes_;
    Volt range_;
};

}  // namespace attohm
