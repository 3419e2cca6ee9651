#include "tests/reference/adc_reference.hpp"

#include <cmath>

namespace attohm {

std::vector<double> reference_capacitors(int bits, double unit_sigma, const Stream& statics) {
    std::vector<double> capacitors;
    for (int b = 0; b < bits; ++b) {
        const double units = std::pow(2.0, b);
        const double z = statics.normal(4294967296ULL + static_cast<std::uint64_t>(b));
        capacitors.push_back(units * (1.0 + unit_sigma * z / std::sqrt(units)));
    }
    capacitors.push_back(1.0 + unit_sigma * statics.normal(4294967296ULL + 63));
    return capacitors;
}

double reference_level(const std::vector<double>& capacitors, std::uint32_t code) {
    double charged = 0.0, all = 0.0;
    for (std::size_t b = 0; b < capacitors.size(); ++b) {
        all += capacitors[b];
        if (b + 1 < capacitors.size() && (code & (1U << b)) != 0) charged += capacitors[b];
    }
    return charged / all * std::pow(2.0, static_cast<double>(capacitors.size() - 1));
}

std::uint32_t reference_sar(const std::vector<double>& capacitors, double steps) {
    std::uint32_t code = 0;
    for (auto b = static_cast<int>(capacitors.size()) - 2; b >= 0; --b) {
        const std::uint32_t tried = code | (1U << b);
        if (steps >= reference_level(capacitors, tried) - 0.5) code = tried;
    }
    return code;
}

std::vector<double> reference_offsets(std::int32_t lowest, std::int32_t largest, double sigma_steps,
                                      const Stream& statics) {
    std::vector<double> offsets;
    for (std::int32_t c = lowest + 1; c <= largest; ++c) {
        const std::int64_t index = 8589934592LL + c;
        offsets.push_back(sigma_steps * statics.normal(static_cast<std::uint64_t>(index)));
    }
    return offsets;
}

std::int32_t reference_flash(std::int32_t lowest, const std::vector<double>& offsets,
                             double steps) {
    std::int32_t fired = 0;
    for (std::size_t k = 0; k < offsets.size(); ++k) {
        const double edge = lowest + 0.5 + static_cast<double>(k) + offsets[k];
        if (steps >= edge) ++fired;
    }
    return lowest + fired;
}

std::int32_t reference_ramp(std::int32_t lowest, std::int32_t largest, double steps) {
    std::int32_t code = lowest;
    for (double ramp = lowest + 0.5; code < largest && steps >= ramp; ramp += 1.0) ++code;
    return code;
}

double reference_switching_energy(int bits, std::uint32_t code) {
    const double units = std::pow(2.0, bits);
    std::vector<bool> high(static_cast<std::size_t>(bits) + 1, false);
    const auto capacitor = [&](std::size_t b) {
        return b < static_cast<std::size_t>(bits) ? std::pow(2.0, static_cast<double>(b)) : 1.0;
    };
    const auto top = [&](const std::vector<bool>& bottom) {
        double charged = 0.0;
        for (std::size_t b = 0; b < bottom.size(); ++b) charged += bottom[b] ? capacitor(b) : 0.0;
        return charged / units;
    };
    // The reference delivers the charge that flows into the plates at V_ref after the switch.
    const auto step_to = [&](const std::vector<bool>& next) {
        double charge = 0.0;
        for (std::size_t b = 0; b < next.size(); ++b) {
            if (!next[b]) continue;
            const double before = (high[b] ? 1.0 : 0.0) - top(high);
            charge += capacitor(b) * (1.0 - top(next) - before);
        }
        high = next;
        return charge;
    };
    double energy = 0.0;
    for (int b = bits - 1; b >= 0; --b) {
        const auto bit = static_cast<std::size_t>(b);
        std::vector<bool> next = high;
        // The bit above goes back in the same clock where it was too much.
        if (b + 1 < bits && (code >> (b + 1) & 1U) == 0) next[bit + 1] = false;
        next[bit] = true;
        energy += step_to(next);
    }
    return energy;
}

}  // namespace attohm
