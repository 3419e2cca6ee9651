#include "src/schemes/row_kernels.hpp"

#include <algorithm>
#include <cstring>

#include "src/base/simd_clones.hpp"

namespace attohm {

ATTOHM_SIMD_CLONES
void compare_row(const float* __restrict score, float threshold, std::uint8_t* __restrict keep,
                 std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) keep[j] = score[j] >= threshold ? 1 : 0;
}

ATTOHM_SIMD_CLONES
void count_row(const float* __restrict score, float threshold, std::uint8_t* __restrict counts,
               std::size_t n) {
    for (std::size_t j = 0; j < n; ++j)
        counts[j] = static_cast<std::uint8_t>(counts[j] + (score[j] >= threshold ? 1 : 0));
}

ATTOHM_SIMD_CLONES
std::int64_t sum_counts(const std::uint8_t* counts, const std::uint8_t* mask, std::size_t n) {
    std::int64_t sum = 0;
    if (mask == nullptr) {
        for (std::size_t j = 0; j < n; ++j) sum += counts[j];
        return sum;
    }
    for (std::size_t j = 0; j < n; ++j) sum += mask[j] != 0 ? counts[j] : 0;
    return sum;
}

ATTOHM_SIMD_CLONES
void bound_codes(const float* __restrict codes, int rest, float* __restrict out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        const int code = static_cast<int>(codes[i]);
        const int magnitude = code < 0 ? -code : code;
        const int bound = 2 * ((magnitude >> rest) << rest) + (1 << rest) - 1;
        out[i] = static_cast<float>(code < 0 ? -bound : bound);
    }
}

ATTOHM_SIMD_CLONES
void decide_codes(const float* __restrict z, float n_th, float n_fs, std::uint8_t* __restrict keep,
                  std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) {
        float clipped = z[j] < -n_fs ? -n_fs : z[j];
        clipped = clipped > n_fs ? n_fs : clipped;
        keep[j] = clipped >= n_th ? 1 : 0;
    }
}

ATTOHM_SIMD_CLONES
ByteSums sum_bytes(const std::uint8_t* __restrict r, const std::uint8_t* __restrict q,
                   const std::uint8_t* __restrict h, std::size_t n) {
    // Byte lanes hold up to 255 ones, so they are emptied after 255 steps.
    constexpr std::size_t kLanes = 64;
    constexpr std::size_t kSteps = 255;
    ByteSums sums;
    std::size_t j = 0;
    while (j + kLanes <= n) {
        std::uint8_t lanes[6][kLanes] = {};
        for (std::size_t step = 0; step < kSteps && j + kLanes <= n; ++step, j += kLanes) {
            for (std::size_t l = 0; l < kLanes; ++l) {
                const std::uint8_t a = r[j + l], b = q[j + l], c = h[j + l];
                lanes[0][l] = static_cast<std::uint8_t>(lanes[0][l] + a);
                lanes[1][l] = static_cast<std::uint8_t>(lanes[1][l] + b);
                lanes[2][l] = static_cast<std::uint8_t>(lanes[2][l] + c);
                lanes[3][l] = static_cast<std::uint8_t>(lanes[3][l] + (a & b));
                lanes[4][l] = static_cast<std::uint8_t>(lanes[4][l] + (a & c));
                lanes[5][l] = static_cast<std::uint8_t>(lanes[5][l] + (b & c));
            }
        }
        std::int64_t* const totals[6] = {&sums.r, &sums.q, &sums.h, &sums.rq, &sums.rh, &sums.qh};
        for (std::size_t k = 0; k < 6; ++k) {
            std::int32_t sum = 0;
            for (std::size_t l = 0; l < kLanes; ++l) sum += lanes[k][l];
            *totals[k] += sum;
        }
    }
    for (; j < n; ++j) {
        sums.r += r[j];
        sums.q += q[j];
        sums.h += h[j];
        sums.rq += r[j] & q[j];
        sums.rh += r[j] & h[j];
        sums.qh += q[j] & h[j];
    }
    return sums;
}

ATTOHM_SIMD_CLONES
ExpectedSums sum_expected(const float* __restrict p_keep, const std::uint8_t* __restrict reference,
                          std::size_t n) {
    constexpr std::size_t kLanes = 16;
    float prune[kLanes] = {}, keep[kLanes] = {}, variance[kLanes] = {};
    float prune_variance[kLanes] = {};
    const auto add = [&](std::size_t l, float p, std::uint8_t ref) {
        const float q = 1.0F - p;
        prune[l] += ref != 0 ? q : 0.0F;
        keep[l] += ref != 0 ? 0.0F : p;
        variance[l] += p * q;
        prune_variance[l] += ref != 0 ? p * q : 0.0F;
    };
    std::size_t j = 0;
    for (; j + kLanes <= n; j += kLanes) {
        for (std::size_t l = 0; l < kLanes; ++l) add(l, p_keep[j + l], reference[j + l]);
    }
    for (std::size_t l = 0; j < n; ++j, ++l) add(l, p_keep[j], reference[j]);
    ExpectedSums sums;
    for (std::size_t l = 0; l < kLanes; ++l) {
        sums.false_prune += static_cast<double>(prune[l]);
        sums.false_keep += static_cast<double>(keep[l]);
        sums.variance += static_cast<double>(variance[l]);
        sums.prune_variance += static_cast<double>(prune_variance[l]);
    }
    return sums;
}

namespace {

ATTOHM_SIMD_CLONES
void count_keys(const std::uint8_t* __restrict reference, const std::uint8_t* __restrict hw,
                std::int32_t* __restrict kept, std::int32_t* __restrict false_prune,
                std::int32_t* __restrict false_keep, std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) {
        const std::int32_t r = reference[j], h = hw[j];
        kept[j] += r;
        false_prune[j] += r & (h ^ 1);
        false_keep[j] += h & (r ^ 1);
    }
}

ATTOHM_SIMD_CLONES
void expect_keys(const std::uint8_t* __restrict reference, const float* __restrict p_keep,
                 double* __restrict expected, double* __restrict variance,
                 double* __restrict fourth, std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) {
        const double p = static_cast<double>(p_keep[j]);
        const double q = reference[j] != 0 ? 1.0 - p : 0.0;
        expected[j] += q;
        variance[j] += p * q;
        fourth[j] += p * q * (1.0 - 6.0 * p * q);
    }
}

}  // namespace

void add_key_row(const std::uint8_t* reference, const std::uint8_t* hw, const float* p_keep,
                 const KeyTallies& keys, std::size_t n) {
    count_keys(reference, hw, keys.kept, keys.false_prune, keys.false_keep, n);
    if (p_keep != nullptr)
        expect_keys(reference, p_keep, keys.expected, keys.variance, keys.fourth, n);
}

ATTOHM_SIMD_CLONES
void bin_row(const float* __restrict score, float threshold, float inverse_sigma, float range,
             int count, std::int32_t* __restrict bins, std::size_t n) {
    const float per_bin = static_cast<float>(count) / (2.0F * range);
    const float last = static_cast<float>(count) - 1.0F;
    for (std::size_t j = 0; j < n; ++j) {
        float x = ((score[j] - threshold) * inverse_sigma + range) * per_bin;
        x = x > 0.0F ? x : 0.0F;
        x = x < last ? x : last;
        bins[j] = static_cast<std::int32_t>(x);
    }
}

ATTOHM_SIMD_CLONES
std::int64_t count_borderline(const float* __restrict score, float threshold, float limit,
                              const float* __restrict key_norm, std::size_t n) {
    std::int32_t count = 0;
    for (std::size_t j = 0; j < n; ++j) {
        count += __builtin_fabsf(score[j] - threshold) <= limit * key_norm[j] ? 1 : 0;
    }
    return count;
}

namespace {

constexpr std::size_t kColumns = 64;

using Lanes = float __attribute__((vector_size(64)));
constexpr std::size_t kLanes = sizeof(Lanes) / sizeof(float);
constexpr std::size_t kVectors = kColumns / kLanes;

/// One block of columns: named accumulators, so that the sums stay in registers over all keys.
ATTOHM_SIMD_CLONES
void weighted_block(const float* weights, const std::uint32_t* keys, std::size_t count,
                    const float* values, std::size_t stride, float* acc) {
    static_assert(kVectors == 4);
    Lanes sum0 = {}, sum1 = {}, sum2 = {}, sum3 = {};
    for (std::size_t k = 0; k < count; ++k) {
        const float w = weights[k];
        const float* row = values + keys[k] * stride;
        Lanes row0, row1, row2, row3;
        std::memcpy(&row0, row, sizeof(row0));
        std::memcpy(&row1, row + kLanes, sizeof(row1));
        std::memcpy(&row2, row + 2 * kLanes, sizeof(row2));
        std::memcpy(&row3, row + 3 * kLanes, sizeof(row3));
        sum0 += w * row0;
        sum1 += w * row1;
        sum2 += w * row2;
        sum3 += w * row3;
    }
    const Lanes sums[kVectors] = {sum0, sum1, sum2, sum3};
    std::memcpy(acc, sums, sizeof(sums));
}

}  // namespace

ATTOHM_SIMD_CLONES
void weighted_rows(const float* weights, const std::uint32_t* keys, std::size_t count,
                   const float* values, std::size_t stride, std::size_t dv, float* acc) {
    std::size_t c = 0;
    for (; c + kColumns <= dv; c += kColumns) {
        weighted_block(weights, keys, count, values + c, stride, acc + c);
    }
    for (; c < dv; ++c) {
        float sum = 0.0F;
        for (std::size_t k = 0; k < count; ++k) sum += weights[k] * values[keys[k] * stride + c];
        acc[c] = sum;
    }
}

ATTOHM_SIMD_CLONES
std::int64_t count_code_ones(const std::int16_t* codes, std::size_t n, std::uint16_t mask) {
    std::int64_t ones = 0;
    for (std::size_t i = 0; i < n; ++i) {
        // Bits side by side, then pairs, nibbles, bytes.
        std::uint16_t x = static_cast<std::uint16_t>(codes[i]) & mask;
        x = static_cast<std::uint16_t>(x - ((x >> 1) & 0x5555U));
        x = static_cast<std::uint16_t>((x & 0x3333U) + ((x >> 2) & 0x3333U));
        x = static_cast<std::uint16_t>((x + (x >> 4)) & 0x0F0FU);
        ones += (x + (x >> 8)) & 0x1F;
    }
    return ones;
}

ATTOHM_SIMD_CLONES
std::int64_t count_code_ones(const float* codes, std::size_t n, std::uint16_t mask) {
    constexpr std::size_t kBlock = 64;
    std::int16_t block[kBlock];
    std::int64_t ones = 0;
    for (std::size_t first = 0; first < n; first += kBlock) {
        const std::size_t count = std::min(kBlock, n - first);
        for (std::size_t i = 0; i < count; ++i) {
            block[i] = static_cast<std::int16_t>(codes[first + i]);
        }
        ones += count_code_ones(block, count, mask);
    }
    return ones;
}

}  // namespace attohm
