#pragma once

#include <cstdint>
#include <vector>

#include "src/base/random.hpp"

/// The slow twin of the ADC architectures: every capacitor, comparator and clock one by one.
namespace attohm {

/// Capacitors of a SAR ADC in units, by bit from the lowest on, the dummy last.
std::vector<double> reference_capacitors(int bits, double unit_sigma, const Stream& statics);

/// Voltage of the array with the ones of `code` at the reference, in steps: what is charged over
/// all there is.
double reference_level(const std::vector<double>& capacitors, std::uint32_t code);

/// Args: steps: input, in steps above the lowest code.
std::uint32_t reference_sar(const std::vector<double>& capacitors, double steps);

/// Offsets of the comparators at the edges below codes lowest + 1 .. largest, in steps.
std::vector<double> reference_offsets(std::int32_t lowest, std::int32_t largest, double sigma_steps,
                                      const Stream& statics);
/// lowest + the comparators that fire.
std::int32_t reference_flash(std::int32_t lowest, const std::vector<double>& offsets, double steps);

/// lowest + the clocks whose ramp the input has reached; the ramp is half a step under a code.
std::int32_t reference_ramp(std::int32_t lowest, std::int32_t largest, double steps);

/// Energy that one conversion of a single-ended array draws from its reference, in C V_ref^2: all
/// capacitors sampled, then a bit a clock, set and taken back where it was too much. The charge of
/// every bottom plate is followed.
double reference_switching_energy(int bits, std::uint32_t code);

}  // namespace attohm
