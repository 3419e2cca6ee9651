#include "src/tile/drive.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// Steps of the coding with their weights, in time order: phases, and bits within them.
std::vector<double> step_weights(const DriveSettings& settings) {
    std::vector<double> bits = {1.0};
    if (settings.coding == InputCoding::bit_serial) {
        const bool signed_bit = settings.signs == DriveSigns::twos_complement;
        const int count = *settings.q_bits - (signed_bit ? 0 : 1);
        bits.clear();
        for (int b = 0; b < count; ++b) bits.push_back(std::ldexp(1.0, b));
        if (signed_bit) bits.back() = -bits.back();
    }
    std::vector<double> phases = bits;
    if (settings.signs == DriveSigns::two_phase) {
        for (const double weight : bits) phases.push_back(-weight);
    }
    std::vector<double> steps;
    for (int repeat = 0; repeat < settings.repeats; ++repeat) {
        for (const double weight : phases) {
            steps.push_back(weight / static_cast<double>(settings.repeats));
        }
    }
    return steps;
}

}  // namespace

WordLineDrive::WordLineDrive(DriveSettings settings, std::function<double(double)> curve)
    : settings_(settings), curve_(std::move(curve)) {
    const bool bits = settings_.coding == InputCoding::bit_serial;
    ATTOHM_CHECK(!bits || settings_.q_bits);
    ATTOHM_CHECK(bits || settings_.signs != DriveSigns::twos_complement);
    weights_ = step_weights(settings_);
    const double v = settings_.v_read.value();
    if (curve_) unit_gain_ = curve_(v) / v;
    if (settings_.q_bits) tabulate();
}

Second WordLineDrive::read_time() const {
    const double unit_pulses =
        settings_.coding == InputCoding::pulse_width ? settings_.q_levels : 1.0;
    return settings_.step_time * (unit_pulses * static_cast<double>(steps()));
}

void WordLineDrive::tabulate() {
    largest_ = 1 << (*settings_.q_bits - 1);
    for (int c = -largest_; c <= largest_; ++c) {
        values_.push_back(static_cast<float>(value(c)));
        squares_.push_back(static_cast<float>(square(c)));
        cell_.push_back(cell_energy(c));
        driver_.push_back(driver_energy(c));
    }
}

/// What one step applies for a code, in units of the step's full voltage; -1..1.
double WordLineDrive::bit(std::size_t step, double code) const {
    const std::size_t once = steps() / static_cast<std::size_t>(settings_.repeats);
    const std::size_t half = once / 2;
    step %= once;
    double c = code;
    if (settings_.signs == DriveSigns::two_phase) {
        c = step < half ? std::max(code, 0.0) : std::max(-code, 0.0);
        if (step >= half) step -= half;
    }
    if (settings_.coding != InputCoding::bit_serial) return c;
    const auto whole = static_cast<int>(c);
    if (settings_.signs == DriveSigns::twos_complement) return (whole >> step) & 1;
    const int digit = (std::abs(whole) >> step) & 1;
    return whole < 0 ? -digit : digit;
}

double WordLineDrive::value(double code) const {
    if (!curve_) return code;
    if (settings_.coding != InputCoding::amplitude) return code * unit_gain_;
    const double volt_per_code = settings_.v_read.value() / settings_.q_levels;
    return curve_(code * volt_per_code) / volt_per_code;
}

double WordLineDrive::square(double code) const {
    const auto repeats = static_cast<double>(settings_.repeats);
    if (settings_.coding == InputCoding::amplitude) return value(code) * value(code) / repeats;
    if (settings_.coding == InputCoding::pulse_width) {
        return std::abs(code) * unit_gain_ * unit_gain_ / repeats;
    }
    double sum = 0.0;
    for (std::size_t step = 0; step < steps(); ++step) {
        const double x = bit(step, code) * weights_[step] * unit_gain_;
        sum += x * x;
    }
    return sum;
}

void WordLineDrive::step_row(std::size_t step, const float* codes, float* x, std::size_t d) const {
    for (std::size_t i = 0; i < d; ++i) {
        x[i] = static_cast<float>(value(bit(step, static_cast<double>(codes[i]))));
    }
}

void WordLineDrive::line_row(std::size_t step, const float* codes, float* line,
                             std::size_t d) const {
    for (std::size_t i = 0; i < d; ++i) {
        line[i] = static_cast<float>(bit(step, static_cast<double>(codes[i])));
    }
}

std::size_t WordLineDrive::pulses() const {
    if (settings_.coding != InputCoding::pulse_width) return 1;
    return static_cast<std::size_t>(std::ceil(settings_.q_levels));
}

void WordLineDrive::pulse_row(std::size_t step, std::size_t pulse, const float* codes, float* x,
                              std::size_t d) const {
    if (pulses() == 1) {
        step_row(step, codes, x, d);
        return;
    }
    // A code beyond the scale stays on in the last pulse for what is left.
    const double longest = pulse + 1 == pulses() ? HUGE_VAL : 1.0;
    for (std::size_t i = 0; i < d; ++i) {
        const double code = bit(step, static_cast<double>(codes[i]));
        const double left = std::abs(code) - static_cast<double>(pulse);
        x[i] = static_cast<float>(std::copysign(value(std::clamp(left, 0.0, longest)), code));
    }
}

void WordLineDrive::step_squares(const float* x, float* squares, std::size_t d) const {
    const bool pulses = settings_.coding == InputCoding::pulse_width;
    const auto gain = static_cast<float>(unit_gain_);
    for (std::size_t i = 0; i < d; ++i) {
        squares[i] = pulses ? std::abs(x[i]) * gain : x[i] * x[i];
    }
}

void WordLineDrive::value_row(const float* codes, float* values, std::size_t d) const {
    if (!curve_) {
        std::copy_n(codes, d, values);
        return;
    }
    for (std::size_t i = 0; i < d; ++i) {
        values[i] = largest_ > 0
                        ? values_[static_cast<std::size_t>(static_cast<int>(codes[i]) + largest_)]
                        : static_cast<float>(value(static_cast<double>(codes[i])));
    }
}

void WordLineDrive::square_row(const float* codes, float* squares, std::size_t d) const {
    for (std::size_t i = 0; i < d; ++i) {
        squares[i] = largest_ > 0
                         ? squares_[static_cast<std::size_t>(static_cast<int>(codes[i]) + largest_)]
                         : static_cast<float>(square(static_cast<double>(codes[i])));
    }
}

void WordLineDrive::add_energies(const float* codes, double* cell, double* driver,
                                 std::size_t d) const {
    for (std::size_t i = 0; i < d; ++i) {
        const auto code = static_cast<double>(codes[i]);
        if (largest_ == 0) {
            cell[i] += cell_energy(code);
            driver[i] += driver_energy(code);
            continue;
        }
        const auto at = static_cast<std::size_t>(static_cast<int>(codes[i]) + largest_);
        cell[i] += cell_[at];
        driver[i] += driver_[at];
    }
}

/// Steps at full voltage that a code takes (bits set, or unit pulses).
double WordLineDrive::unit_steps(double code) const {
    if (settings_.coding == InputCoding::pulse_width) return std::abs(code) * settings_.repeats;
    double count = 0.0;
    for (std::size_t step = 0; step < steps(); ++step) count += std::abs(bit(step, code));
    return count;
}

double WordLineDrive::cell_energy(double code) const {
    const double v = settings_.v_read.value(), t = settings_.step_time.value();
    if (settings_.coding == InputCoding::amplitude) {
        const double v_code = v / settings_.q_levels * code;
        return v_code * v_code * t * settings_.repeats;
    }
    return v * v * t * unit_steps(code);
}

double WordLineDrive::driver_energy(double code) const {
    const double v = settings_.v_read.value(), t = settings_.step_time.value();
    const double supply = settings_.v_supply.value();
    if (settings_.coding == InputCoding::amplitude) {
        return supply * v / settings_.q_levels * std::abs(code) * t * settings_.repeats;
    }
    return supply * v * t * unit_steps(code);
}

}  // namespace attohm
