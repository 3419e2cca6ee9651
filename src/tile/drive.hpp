#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "src/base/matrix.hpp"
#include "src/base/units.hpp"

/// How a query's code reaches the word lines: which voltages, how often, and what the sums of the
/// steps weigh. The product is the same for all; noise, energy and time are not.
namespace attohm {

enum class InputCoding {
    amplitude,    ///< V_i = V_read nq_i / L, one step
    bit_serial,   ///< one step a bit at V_read, accumulated with weights 2^b
    pulse_width,  ///< |nq_i| unit pulses of V_read
};

/// What makes the sign of a code.
enum class DriveSigns {
    bipolar,          ///< +-V about the virtual ground
    two_phase,        ///< positive and negative codes in two reads, subtracted
    twos_complement,  ///< bit-serial only: unipolar bits, the most significant one weighs negative
};

enum class Accumulation {
    analog,   ///< bits add on a capacitor before the comparator
    digital,  ///< every bit is converted on its own and added digitally (needs an ADC)
};

struct DriveSettings {
    InputCoding coding = InputCoding::amplitude;
    DriveSigns signs = DriveSigns::bipolar;
    Accumulation accumulation = Accumulation::analog;
    Volt v_read = {};
    Volt v_supply = {};
    /// Time of one amplitude read, one bit cycle or one unit pulse.
    Second step_time = {};
    std::optional<int> q_bits;  ///< nothing: ideal, codes are real numbers
    double q_levels = 0.0;      ///< L: code of the full voltage (amplitude)
    int repeats = 1;            ///< reads of one query that are averaged before the decision
};

/// Numbers that a code stands for on the word lines. With c a code:
///   value(c)     what the product takes for it, in codes (c itself where the cell is linear)
///   square(c)    sum over its steps of weight^2 (V / V_one)^2: what white cell noise takes for it:
///                amplitude c^2, bit-serial sum_b 4^b c_b, pulse width |c|; over the repeats n of a
///                read that are averaged, 1/n of it
///   cell(c)      V^2 s, summed over its steps, per siemens of cell (energy, physics.md section 6)
///   driver(c)    V_supply |V| s, the same
/// Source: physics.md sections 2, 4, 6. Not modelled: rise and fall times of the steps.
class WordLineDrive {
  public:
    /// Args: curve: I / G of a cell at a voltage, odd; none: linear.
    /// Throws: InvariantError for bit-serial input without a bit count, two's complement without
    ///   bits.
    WordLineDrive(DriveSettings settings, std::function<double(double)> curve = {});

    const DriveSettings& settings() const { return settings_; }
    /// Steps of one query, in time order.
    std::size_t steps() const { return weights_.size(); }
    Second read_time() const;
    /// A step's weight in the accumulated output (codes).
    double weight(std::size_t step) const { return weights_[step]; }

    /// x [d] of one step: what the product takes, so that sum over steps of weight * x is value(c).
    void step_row(std::size_t step, const float* codes, float* x, std::size_t d) const;
    /// What is asked of the word lines in one step, in codes [d].
    void line_row(std::size_t step, const float* codes, float* line, std::size_t d) const;
    /// What the product takes for a word line at `code` codes; real-valued under amplitude input.
    double value(double code) const;
    /// Parts of a step in which a line's current does not change: the unit pulses of pulse-width
    /// input, else the step itself.
    std::size_t pulses() const;
    /// x [d] of one of them: the sum over all is that of the step. A real-valued code ends with a
    /// share of a pulse.
    void pulse_row(std::size_t step, std::size_t pulse, const float* codes, float* x,
                   std::size_t d) const;
    /// squares [d]: what the white variance of one step takes for its x.
    void step_squares(const float* x, float* squares, std::size_t d) const;
    void value_row(const float* codes, float* values, std::size_t d) const;
    void square_row(const float* codes, float* squares, std::size_t d) const;
    double cell_energy(double code) const;
    double driver_energy(double code) const;
    /// cell[i] += cell(codes[i]), driver[i] += driver(codes[i]).
    void add_energies(const float* codes, double* cell, double* driver, std::size_t d) const;
    /// Whether value(c) is not c.
    bool curved() const { return static_cast<bool>(curve_); }

  private:
    double bit(std::size_t step, double code) const;
    double square(double code) const;
    double unit_steps(double code) const;
    void tabulate();

    DriveSettings settings_;
    std::function<double(double)> curve_;
    double unit_gain_ = 1.0;  ///< I / (G V) of a cell at V_read
    std::vector<double> weights_;
    int largest_ = 0;            ///< codes -largest_..largest_ are tabulated; 0: not
    std::vector<float> values_;  ///< by code + largest_
    std::vector<float> squares_;
    std::vector<double> cell_, driver_;
};

}  // namespace attohm
