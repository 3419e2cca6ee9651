#include "tests/reference/write_verify_reference.hpp"

#include <cmath>

#include "tests/reference/random_reference.hpp"

namespace attohm::reference {

VerifiedCell verify_cell(const VerifyLoop& loop, double target, std::uint64_t seed,
                         std::uint32_t purpose, const std::vector<std::uint64_t>& ids,
                         std::uint64_t cell) {
    const auto draw = [&](std::uint64_t part) {
        std::vector<std::uint64_t> whole = ids;
        whole.push_back(part);
        return normal_of_word(stream_word(stream_identity(seed, purpose, whole), cell));
    };
    VerifiedCell result;
    double reading = 0.0;
    for (int pulse = 0; pulse < loop.pulses_max; ++pulse) {
        double g = 0.0;
        if (pulse == 0) {
            g = loop.g_min;
        } else if (reading < target) {
            g = result.conductance + loop.step;
        } else {
            g = result.conductance - loop.step;
        }
        g += loop.sigma * draw(2 * static_cast<std::uint64_t>(pulse));
        if (g < loop.floor) g = loop.floor;
        if (g > loop.ceiling) g = loop.ceiling;
        result.conductance = g;
        result.sum += g;
        result.pulses += 1;
        reading = g * (1.0 + loop.read_sigma * draw(2 * static_cast<std::uint64_t>(pulse) + 1));
        result.readings.push_back(reading);
        if (std::fabs(reading - target) <= loop.window) return result;
    }
    result.failed = true;
    return result;
}

}  // namespace attohm::reference
