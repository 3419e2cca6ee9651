#include "circuits/adc_architecture.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

std::string_view adc_architecture_name(AdcArchitecture architecture) {
    switch (architecture) {
        case AdcArchitecture::ideal_uniform:
            return "ideal-uniform";
        case AdcArchitecture::sar:
            return "sar";
        case AdcArchitecture::flash:
            return "flash";
        case AdcArchitecture::ramp:
            return "ramp";
    }
    throw InvariantError("unknown ADC architecture");
}

namespace {

int checked(int bits) {
    ATTOHM_CHECK_LE(1, bits);
    ATTOHM_CHECK_LE(bits, 16);
    return bits;
}

std::int64_t codes(int bits) {
    return std::int64_t{1} << checked(bits);
}

[[noreturn]] void no_circuit() {
    throw InvariantError("ADC `ideal-uniform` is a characteristic, not a circuit");
}

}  // namespace

std::int64_t adc_clocks(AdcArchitecture architecture, int bits) {
    switch (architecture) {
        case AdcArchitecture::sar:
            return codes(bits) > 0 ? bits + 1 : 0;
        case AdcArchitecture::flash:
            return 1;
        case AdcArchitecture::ramp:
            return codes(bits);
        case AdcArchitecture::ideal_uniform:
            break;
    }
    no_circuit();
}

std::int64_t adc_comparators(AdcArchitecture architecture, int bits) {
    if (architecture == AdcArchitecture::ideal_uniform) no_circuit();
    return architecture == AdcArchitecture::flash ? codes(bits) - 1 : 1;
}

std::int64_t adc_decisions(AdcArchitecture architecture, int bits) {
    switch (architecture) {
        case AdcArchitecture::sar:
            return codes(bits) > 0 ? bits : 0;
        case AdcArchitecture::flash:
            return codes(bits) - 1;
        case AdcArchitecture::ramp:
            return codes(bits);
        case AdcArchitecture::ideal_uniform:
            break;
    }
    no_circuit();
}

CapacitorArray::CapacitorArray(int bits, double unit_sigma, const Stream& statics) {
    ATTOHM_CHECK_LE(unit_sigma, kMaxSigma);
    double total = 1.0 + unit_sigma * statics.normal(kDraws + kDummy);
    for (int b = 0; b < bits; ++b) {
        const double units = std::ldexp(1.0, b);
        const double z = statics.normal(kDraws + static_cast<std::uint64_t>(b));
        weights_.push_back(units + std::sqrt(units) * unit_sigma * z);
        total += weights_.back();
    }
    for (double& weight : weights_) weight *= static_cast<double>(codes(bits)) / total;
}

double CapacitorArray::level(std::int32_t code) const {
    double sum = 0.0;
    for (std::size_t b = weights_.size(); b-- > 0;) {
        if ((code >> b & 1) != 0) sum += weights_[b];
    }
    return sum;
}

std::int32_t CapacitorArray::search(double steps) const {
    std::int32_t code = 0;
    double level = 0.0;
    for (std::size_t b = weights_.size(); b-- > 0;) {
        if (steps < level + weights_[b] - 0.5) continue;
        level += weights_[b];
        code |= std::int32_t{1} << b;
    }
    return code;
}

FlashLadder::FlashLadder(std::int32_t lowest, std::int32_t largest, double sigma_steps,
                         const Stream& statics)
    : lowest_(lowest) {
    for (std::int32_t c = lowest + 1; c <= largest; ++c) {
        // Codes may be negative: unsigned addition wraps to the index below the base.
        const std::uint64_t index = kDraws + static_cast<std::uint64_t>(std::int64_t{c});
        const double error = sigma_steps == 0.0 ? 0.0 : sigma_steps * statics.normal(index);
        drawn_.push_back(c - 0.5 + error);
    }
    sorted_ = drawn_;
    std::sort(sorted_.begin(), sorted_.end());
}

double FlashLadder::edge(std::int32_t code) const {
    return drawn_.at(static_cast<std::size_t>(code - lowest_ - 1));
}

std::int32_t FlashLadder::code(double steps) const {
    const auto fired = std::upper_bound(sorted_.begin(), sorted_.end(), steps) - sorted_.begin();
    return lowest_ + static_cast<std::int32_t>(fired);
}

}  // namespace attohm
