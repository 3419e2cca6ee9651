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

}  // namespace synth_kernels

std::int64_t count_kept(std::span<const float> row, float threshold) {
    return synth_kernels::count_kept(row.data(), static_cast<std::int32_t>(row.size()), threshold);
}

std::int64_t count_new(std::span<const float> row, std::span<const float> before, float threshold) {
    ATTOHM_CHECK_EQ(row.size(), before.size());
    return synth_kernels::count_new(row.data(), before.data(),
                                    static_cast<std::int32_t>(row.size()), threshold);
}

}  // namespace attohm
