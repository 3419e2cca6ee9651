#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "circuits/adc_architecture.hpp"
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
    // Of the devices inside, by architecture.
    double capacitor_sigma = 0.0;  ///< sar: relative, of a unit capacitor
    double threshold_sigma = 0.0;  ///< flash: offset of a comparator, unit of the range
    double slope_sigma = 0.0;      ///< ramp: relative error of the slope
};

struct AdcSpec {
    std::optional<int> bits;  ///< nothing: ideal, the value passes, without clipping
    AdcRange range;
    AdcErrors errors;
    AdcArchitecture architecture = AdcArchitecture::ideal_uniform;

    /// Throws: UserError: bits outside 1..16 (bipolar: 2..16; flash: to 10), a full scale that is
    /// not above 0, a sigma that is negative or not finite or belongs to another architecture, an
    /// architecture without bits.
    void check(const char* where) const;
};

class AdcHistogram;

/// One physical ADC: B bits, with its own static errors.
///     x' = (x + noise z) (1 + gain) + offset      (ramp: (x + noise z) / (1 + slope) + offset)
/// ideal-uniform:
///     code = clamp(round_half_even(x' / step + INL(c))), c = clamp(round_half_even(x' / step))
/// Codes: 0..2^B - 1 with step = full_scale / (2^B - 1); bipolar +-(2^(B-1) - 1) with step =
/// full_scale / (2^(B-1) - 1). An x' outside the range clips and is counted. INL is a static error
/// of every code's own, so a large one may make the characteristic fall in places.
/// sar, flash: the edges follow from the instance's own capacitors or comparators (CapacitorArray,
/// FlashLadder). ramp: edges stay even, at half steps. An input on an edge belongs to the code
/// above it (ideal-uniform: to the even one). A bipolar SAR is in offset binary: its unsigned code
/// is c + 2^(B-1), 0 is not used.
///
/// Source: physics.md section 2; definitions of offset, gain and INL as in IEEE Std 1241.
/// Not modelled: time and memory effects (settling, aperture, missing decisions), curvature of a
/// ramp, noise that grows with the signal, noise that differs between the comparisons of one
/// conversion.
class Adc {
  public:
    /// An instance without static errors.
    explicit Adc(const AdcSpec& spec);
    /// Args: statics: this instance's own stream (adc_static_stream): offset normal(0), gain
    ///   normal(1), slope normal(2), INL of code c normal(kInlBase + c), capacitors and thresholds
    ///   as CapacitorArray and FlashLadder say. The same stream is the same instance.
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
    /// noise; may be empty without noise; histogram: counts the codes. Returns: how many clipped.
    std::int64_t convert(std::span<float> values, std::span<const float> normals,
                         AdcHistogram* histogram = nullptr) const;

    std::int32_t lowest_code() const { return spec_.range.bipolar ? -largest_ : 0; }
    std::int32_t largest_code() const { return largest_; }
    const AdcSpec& spec() const { return spec_; }
    double offset() const { return offset_; }
    double gain_error() const { return gain_; }
    double slope_error() const { return slope_; }
    /// Nothing but for `sar`, and for `flash`.
    const CapacitorArray* capacitors() const { return std::get_if<CapacitorArray>(&inside_); }
    const FlashLadder* ladder() const { return std::get_if<FlashLadder>(&inside_); }
    /// In steps. Throws: InvariantError for a code that is none.
    double inl(std::int32_t code) const;

  private:
    double with_errors(double value) const {
        if (slope_ != 0.0) return value / (1.0 + slope_) + offset_;
        return value + value * gain_ + offset_;
    }
    std::int32_t uniform_code(double steps) const;
    std::int32_t code_inside(double steps) const;

    AdcSpec spec_;
    std::int32_t largest_ = 0;
    double offset_ = 0.0;
    double gain_ = 0.0;
    double slope_ = 0.0;
    std::variant<std::monostate, CapacitorArray, FlashLadder> inside_;
    std::vector<double> inl_;  ///< by code from the lowest on; empty: none
};

}  // namespace attohm
