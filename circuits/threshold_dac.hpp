#pragma once

#include <optional>

#include "src/base/units.hpp"

namespace attohm {

/// The DAC that sets the threshold of one query, in integer score steps.
/// Codes are symmetric, c = clamp(round_half_even(n (2^(b-1) - 1) / range), +-(2^(b-1) - 1)); a
/// threshold outside +-range is clamped. Without a bit count the real number passes, unclamped. Not
/// modelled here: INL by code; `noise_sigma` is one Gaussian draw per array and read.
class ThresholdDac {
  public:
    ThresholdDac(std::optional<int> bits, double range, Volt noise_sigma)
        : bits_(bits), range_(range), noise_sigma_(noise_sigma) {}

    struct Setting {
        float steps = 0.0F;    ///< what the comparator sees, integer score steps
        bool clamped = false;  ///< asked outside the range
    };
    Setting set(double n_th) const;

    double range() const { return range_; }
    Volt noise_sigma() const { return noise_sigma_; }
    std::optional<int> bits() const { return bits_; }

  private:
    std::optional<int> bits_;
    double range_;
    Volt noise_sigma_;
};

}  // namespace attohm
