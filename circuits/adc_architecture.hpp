#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "src/base/random.hpp"

/// What is inside an ADC: how its own devices' mismatch bends its characteristic, and how many
/// clocks and comparisons one conversion takes.
namespace attohm {

enum class AdcArchitecture : std::uint8_t {
    ideal_uniform,  ///< evenly spaced edges, errors by code from AdcErrors; not a circuit
    sar,            ///< successive approximation on a binary capacitor array
    flash,          ///< one comparator an edge
    ramp,           ///< one comparator against a ramp that a counter times
};
std::string_view adc_architecture_name(AdcArchitecture architecture);

/// Clocks from sample to code: B + 1 (sample, then a bit a clock), 1, or 2^B.
/// Throws: InvariantError for `ideal_uniform`, which is no circuit.
std::int64_t adc_clocks(AdcArchitecture architecture, int bits);
/// Comparators of one converter: 1, 2^B - 1, 1.
std::int64_t adc_comparators(AdcArchitecture architecture, int bits);
/// Comparisons that one conversion pays for: B, 2^B - 1, 2^B (a clocked comparator that is not
/// stopped when the ramp has passed).
std::int64_t adc_decisions(AdcArchitecture architecture, int bits);

/// Binary-weighted capacitor array of a SAR ADC. Capacitor b consists of 2^b units, each off by a
/// relative sigma of its own, so
///     C_b = 2^b + sqrt(2^b) sigma z_b,  C_dummy = 1 + sigma z_d,
///     level(u) = 2^B (sum of C_b over the ones of u) / (sum of all),   in ideal steps,
/// and the search keeps bit b, from the largest down, where the input is not below
/// level(tried code) - 1/2. To first order in sigma
///     sd(level(u) - u) = sigma sqrt(2^B p (1 - p)), p = u / 2^B;  at the middle sigma sqrt(2^B)/2,
///     sd(DNL at the middle) = sigma sqrt(2^B - 1).
/// The code never falls with the input; where a level falls from one code to the next, codes are
/// missing.
/// Source: R. van de Plassche, CMOS Integrated ADCs and DACs, 2003; the algebra is ours.
/// Not modelled: parasitics, split arrays, settling of a bit, ripple of the reference, redundancy.
class CapacitorArray {
  public:
    /// Above it a unit capacitor could be drawn at or below 0 (a draw reaches 6.34 sigma).
    static constexpr double kMaxSigma = 0.15;
    /// Draw indices: capacitor b at kDraws + b, the dummy at kDraws + kDummy.
    static constexpr std::uint64_t kDraws = std::uint64_t{1} << 32;
    static constexpr std::uint64_t kDummy = 63;

    CapacitorArray(int bits, double unit_sigma, const Stream& statics);

    /// In steps, of an unsigned code.
    double level(std::int32_t code) const;
    /// Args: steps: input, in steps above code 0. Returns: 0 .. 2^B - 1.
    std::int32_t search(double steps) const;
    int bits() const { return static_cast<int>(weights_.size()); }
    double weight(int bit) const { return weights_[static_cast<std::size_t>(bit)]; }

  private:
    std::vector<double> weights_;  ///< in steps, by bit from the lowest on
};

/// The comparators of a flash ADC: the edge below code c lies at c - 1/2 + sigma z_c, z_c static.
/// The code is the number of comparators that fire (ones are counted, so a misplaced one costs one
/// code and the characteristic never falls). sd(INL of an edge) = sigma, sd(DNL) = sigma sqrt(2).
/// Not modelled: error of the ladder, kick-back, bubbles of an encoder that does not count.
class FlashLadder {
  public:
    static constexpr int kMaxBits = 10;
    /// Draw index of the edge below code 0; that of code c is this + c.
    static constexpr std::uint64_t kDraws = std::uint64_t{1} << 33;

    /// Args: sigma_steps: of the comparators' offsets, in steps.
    FlashLadder(std::int32_t lowest, std::int32_t largest, double sigma_steps,
                const Stream& statics);

    /// The edge below code c as it was drawn, in steps.
    double edge(std::int32_t code) const;
    /// Args: steps: input, in steps from code 0.
    std::int32_t code(double steps) const;

  private:
    std::int32_t lowest_;
    std::vector<double> drawn_;   ///< by code, from lowest + 1 on
    std::vector<double> sorted_;  ///< the same, rising
};

}  // namespace attohm
