#pragma once

#include <array>
#include <cstdint>
#include <vector>

/// The write-verify loop straight from its definition: one cell after the other, one draw at a
/// time, in double.
namespace attohm::reference {

/// Plain numbers, siemens.
struct VerifyLoop {
    double g_min = 0.0;
    double floor = 0.0;
    double ceiling = 0.0;
    double window = 0.0;
    double step = 0.0;
    double sigma = 0.0;
    double read_sigma = 0.0;
    int pulses_max = 0;
};

struct VerifiedCell {
    double conductance = 0.0;
    double sum = 0.0;  ///< of the conductances after each pulse
    int pulses = 0;
    bool failed = false;
    std::vector<double> readings;  ///< of each verify read
};

/// Args: ids: identity of the write event's stream (seed, purpose and ids as given).
VerifiedCell verify_cell(const VerifyLoop& loop, double target, std::uint64_t seed,
                         std::uint32_t purpose, const std::vector<std::uint64_t>& ids,
                         std::uint64_t cell);

}  // namespace attohm::reference
