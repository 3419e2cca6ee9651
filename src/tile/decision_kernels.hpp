#pragma once

#include <cstddef>
#include <cstdint>

namespace attohm {

/// One query against n keys; everything in integer score steps.
struct DecisionRow {
    const float* analog = nullptr;    ///< output without read noise
    const float* variance = nullptr;  ///< of the columns' white noise
    const float* normals = nullptr;   ///< one standard normal per decision
    const float* offset = nullptr;    ///< comparator offset minus threshold noise
    float threshold = 0.0F;
    float comparator_variance = 0.0F;
    float full_scale = 0.0F;
    std::size_t n = 0;
};

/// keep[j] = analog + sqrt(var_read + var_comparator) z + offset >= threshold.
/// risky[j] = 1 where the read could reach the full scale (|analog| + 6.4 sigma_read > full scale):
/// there the two noises must be told apart. Returns the number of risky decisions.
std::int64_t decide_row(const DecisionRow& row, std::uint8_t* keep, std::uint8_t* risky);

/// margin[j] = (analog + offset - threshold) / sqrt(var_read + var_comparator); +-infinity without
/// noise (a tie: +infinity).
void margin_row(const DecisionRow& row, float* margin);

/// Sum in a fixed order of 16 lanes.
double sum_row(const float* x, std::size_t n);

/// squares[i] = x[i]^2.
void square_row(const float* x, float* squares, std::size_t n);

}  // namespace attohm
