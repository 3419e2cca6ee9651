#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "src/base/random.hpp"

namespace attohm {

/// What an ADC can tell apart: 0..full_scale, or +-full_scale with a code for 0. It is chosen
/// before anything is converted and never follows from the data. Unit: the caller's (score steps,
/// ampere, volt).
struct AdcRange {
    double full_scale = 0.0;
    bool bipolar = false;

    double low() const { return bipolar ? -full_scale : 0.0; }
    double high() const { return full_scale; }
};

/// Errors of a kind of ADC. Static ones are drawn once per instance and chip, noise once per
/// conversion.
struct AdcErrors {
    double offset_sigma = 0.0;   ///< unit of the range
    double gain_sigma = 0.0;     ///< of the input
    double inl_sigma_lsb = 0.0;  ///< by code, independent
    double noise_sigma = 0.0;    ///< white, at the input, unit of the range
};

struct AdcSpec {
    std::optional<int> bits;  ///< nothing: ideal, the value passes, without clipping
    AdcRange range;
    AdcErrors errors;

    /// Throws: UserError: bits outside 1..16 (bipolar: 2..16), a full scale that is not above 0, a
    /// sigma that is negative or not finite.
    void check(const char* where) const;
};

/// One physical ADC: B bits, uniform, with its own static errors.
///     x' = (x + noise z) (1 + gain) + offset
///     code = clamp(round_half_even(x' / step + INL(c))), c = clamp(round_half_even(x' / step))
/// Codes: 0..2^B - 1 with step = full_scale / (2^B - 1); bipolar +-(2^(B-1) - 1) with step =
/// full_scale / (2^(B-1) - 1). An x' outside the range clips and is counted. INL is a static error
/// of every code's own, so a large one may make the characteristic fall in places.
///
/// Source: physics.md section 2; definitions of offset, gain and INL as in IEEE Std 1241.
/// Not modelled: time and memory effects (settling, aperture, missing decisions), INL that follows
/// from the weights of a capacitor array, noise that grows with the signal.
class Adc {
  public:
    /// An instance without static errors.
    explicit Adc(const AdcSpec& spec);
    /// Args: statics: this instance's own stream (adc_static_stream): offset normal(0), gain
    ///   normal(1), INL of code c normal(kInlBase + c). The same stream is the same instance.
    Adc(const AdcSpec& spec, const Stream& statics);

    /// Draw index of the INL of code 0.
    static constexpr std::uint64_t kInlBase = std::uint64_t{1} << 20;

    struct Reading {
        std::int32_t code = 0;
        bool clipped = false;
    };
    /// Args: value: at the input, noise included. Throws: InvariantError when `ideal`.
    Reading code_from_value(double value) const;
    /// What a code stands for, by the ideal characteristic.
    double value_from_code(std::int32_t code) const;
    /// values <- what their conversions stand for. Args: normals: one per conversion, for the
    /// noise; may be empty without noise. Returns: how many clipped.
    std::int64_t convert(std::span<float> values, std::span<const float> normals) const;

    std::int32_t lowest_code() const { return spec_.range.bipolar ? -largest_ : 0; }
    std::int32_t largest_code() const { return largest_; }
    const AdcSpec& spec() const { return spec_; }
    double offset() const { return offset_; }
    double gain_error() const { return gain_; }
    /// In steps. Throws: InvariantError for a code that is none.
    double inl(std::int32_t code) const;

  private:
    double with_errors(double value) const { return value + value * gain_ + offset_; }

    AdcSpec spec_;
    std::int32_t largest_ = 0;
    double offset_ = 0.0;
    double gain_ = 0.0;
    std::vector<double> inl_;  ///< by code from the lowest on; empty: none
};

}  // namespace attohm
