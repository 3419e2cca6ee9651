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

/// Whether a read of at most 6.4 sigma could take the output of key j beyond the full scale.
bool reaches_full_scale(const DecisionRow& row, std::size_t j);

/// The same for a row: flags[j] = 1 where it could. Returns how many could.
std::int64_t flag_full_scale(const DecisionRow& row, std::uint8_t* flags);

/// keep[j] = analog + sqrt(var_read + var_comparator) z + offset >= threshold. Where the read could
/// reach the full scale (flag_full_scale) the two noises must be told apart instead.
void decide_row(const DecisionRow& row, std::uint8_t* keep);

/// Decides what no noise can change: keep[j] = analog + offset >= threshold, and open[j] = 1 where
/// a draw of at most 6.4 sigma could turn it (or reach the full scale), sigma by `most_variance`,
/// an upper bound for all keys (row.variance is not read), or within `slack` steps of it. Returns
/// the number of open ones.
std::int64_t screen_row(const DecisionRow& row, float most_variance, float slack,
                        std::uint8_t* keep, std::uint8_t* open);

/// out[keys[k]] = sum_i squares[i] variance[keys[k], i]: variances of listed keys alone.
void variances_of(const float* squares, const float* variance, std::size_t depth,
                  const std::uint32_t* keys, std::size_t count, float* out);

/// margin[j] = (analog + offset - threshold) / sqrt(var_read + var_comparator); +-infinity without
/// noise (a tie: +infinity).
void margin_row(const DecisionRow& row, float* margin);

/// Sum in a fixed order of 16 lanes.
double sum_row(const float* x, std::size_t n);

/// sums[i] += x[i], sizes[i] += |x[i]|.
void add_row(const float* x, double* sums, std::size_t n);
void add_sizes(const float* x, double* sizes, std::size_t n);

/// squares[i] = x[i]^2.
void square_row(const float* x, float* squares, std::size_t n);

}  // namespace attohm
