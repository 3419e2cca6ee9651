#include "workloads/synth_kernels.hpp"

#include "src/base/error.hpp"
#include "src/base/simd_clones.hpp"

namespace attohm {

namespace synth_kernels {

ATTOHM_SIMD_CLONES std::int32_t count_kept(const float* row, std::int32_t n, float threshold) {
    std::int32_t count = 0;
    for (std::int32_t j = 0; j < n; ++j) count += row[j] >= threshold ? 1 : 0;
    return count;
}

ATTOHM_SIMD_CLONES std::int32_t count_new(const float* row, const float* before, std::int32_t n,
                                          float threshold) {
    std::int32_t count = 0;
    for (std::int32_t j = 0; j < n; ++j)
        count += static_cast<std::int32_t>(row[j] >= threshold) &
                 static_cast<std::int32_t>(before[j] < threshold);
    return count;
}

/// Lane l sums elements l, l + 8, ...
ATTOHM_SIMD_CLONES void squares_by_lane(const float* row, std::int32_t n, double* lanes) {
    double sums[8] = {};
    for (std::int32_t j = 0; j + 8 <= n; j += 8)
        for (std::int32_t l = 0; l < 8; ++l) {
            const auto x = static_cast<double>(row[j + l]);
            sums[l] += x * x;
        }
    for (std::int32_t l = 0; l < 8; ++l) lanes[l] = sums[l];
}

}  // namespace synth_kernels

std::int64_t count_kept(std::span<const float> row, float threshold) {
    return synth_kernels::count_kept(row.data(), static_cast<std::int32_t>(row.size()), threshold);
}

std::int64_t count_new(std::span<const float> row, std::span<const float> before, float threshold) {
    ATTOHM_CHECK_EQ(row.size(), before.size());
    return synth_kernels::count_new(row.data(), before.data(),
                                    static_cast<std::int32_t>(row.size()), threshold);
}

double sum_of_squares(std::span<const float> row) {
    double lanes[8];
    synth_kernels::squares_by_lane(row.data(), static_cast<std::int32_t>(row.size()), lanes);
    double sum = 0.0;
    for (const double lane : lanes) sum += lane;
    for (std::size_t j = row.size() / 8 * 8; j < row.size(); ++j)
        sum += static_cast<double>(row[j]) * static_cast<double>(row[j]);
    return sum;
}

}  // namespace attohm
