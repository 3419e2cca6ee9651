#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "src/base/random.hpp"
#include "src/base/units.hpp"

namespace attohm {

/// The DAC that sets the threshold of one query, in integer score steps.
/// Codes are symmetric, c = clamp(round_half_even(n (2^(b-1) - 1) / range), +-(2^(b-1) - 1)); a
/// threshold outside +-range is clamped. Without a bit count the real number passes, unclamped. The
/// static error by code belongs to the DAC of one array (ThresholdInl); `noise_sigma` is one
/// Gaussian draw per array and read.
class ThresholdDac {
  public:
    ThresholdDac(std::optional<int> bits, double range, Volt noise_sigma)
        : bits_(bits), range_(range), noise_sigma_(noise_sigma) {}

    struct Setting {
        float steps = 0.0F;     ///< what the comparator sees, integer score steps
        bool clamped = false;   ///< asked outside the range
        std::int32_t code = 0;  ///< 0 without a bit count
    };
    Setting set(double n_th) const;

    double range() const { return range_; }
    /// One code in integer score steps; 0 without a bit count.
    double step() const;
    Volt noise_sigma() const { return noise_sigma_; }
    std::optional<int> bits() const { return bits_; }

  private:
    std::optional<int> bits_;
    double range_;
    Volt noise_sigma_;
};

/// Static error by code of the threshold DAC of one array, one Gaussian draw per code and chip.
/// Source: physics.md section 2. Not modelled: codes that share errors (segments, binary weights).
class ThresholdInl {
  public:
    /// No error.
    ThresholdInl() = default;
    /// Args: sigma_lsb: in codes of `dac`, which needs a bit count unless it is 0;
    ///   statics: the array's own stream (threshold_inl_stream): code c draws normal(kBase + c), so
    ///   the error of a code, in codes, does not move with the bits.
    /// Throws: UserError for a sigma that is negative or not finite, or an ideal DAC with one.
    ThresholdInl(const ThresholdDac& dac, double sigma_lsb, const Stream& statics);

    static constexpr std::uint64_t kBase = std::uint64_t{1} << 20;

    /// Added to what the comparators of the array see, integer score steps.
    float steps(std::int32_t code) const;

  private:
    std::vector<float> errors_;  ///< from the lowest code on; empty: none
};

}  // namespace attohm
