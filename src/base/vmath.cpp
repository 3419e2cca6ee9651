#include "src/base/vmath.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "src/base/error.hpp"
#include "src/base/vmath_kernels.hpp"

namespace attohm {
namespace {

constexpr int kWidestCode = 1 << 21;

const VmathKernels& kernels() {
    static const VmathKernels& best = vmath_kernels(best_simd_level());
    return best;
}

/// Quantises block by block into a float buffer and narrows each block.
template <typename Code, typename Narrow>
std::int64_t quantise_and_narrow(std::span<const float> x, float inv_step, int lo, int hi,
                                 std::span<Code> codes, Narrow narrow) {
    ATTOHM_CHECK_EQ(x.size(), codes.size());
    ATTOHM_CHECK_LE(static_cast<int>(std::numeric_limits<Code>::min()), lo);
    ATTOHM_CHECK_LE(hi, static_cast<int>(std::numeric_limits<Code>::max()));
    std::array<float, 1024> buffer;
    std::int64_t clipped = 0;
    while (!x.empty()) {
        const std::size_t size = std::min(buffer.size(), x.size());
        const std::span block = std::span(buffer).first(size);
        clipped += quantise_codes(x.first(size), inv_step, lo, hi, block);
        narrow(block.data(), static_cast<float>(lo), codes.data(), size);
        x = x.subspan(size);
        codes = codes.subspan(size);
    }
    return clipped;
}

}  // namespace

void exp_inplace(std::span<float> x) {
    kernels().exp(x.data(), x.size());
}

void log_inplace(std::span<float> x) {
    kernels().log(x.data(), x.size());
}

void normal_cdf(std::span<const float> x, std::span<float> out) {
    ATTOHM_CHECK_EQ(x.size(), out.size());
    kernels().normal_cdf(x.data(), out.data(), x.size());
}

double normal_cdf_sum(std::span<const float> x) {
    return kernels().normal_cdf_sum(x.data(), x.size());
}

float normal_cdf(float x) {
    return kernels().normal_cdf_one(x);
}

SoftmaxTotals exp_row(std::span<float> row) {
    return kernels().exp_row(row.data(), row.size());
}

void softmax_row(std::span<float> row) {
    kernels().softmax_row(row.data(), row.size());
}

std::int64_t quantise_codes(std::span<const float> x, float inv_step, int lo, int hi,
                            std::span<float> codes_as_float) {
    ATTOHM_CHECK_EQ(x.size(), codes_as_float.size());
    ATTOHM_CHECK_LE(lo, hi);
    ATTOHM_CHECK_LE(-kWidestCode, lo);
    ATTOHM_CHECK_LE(hi, kWidestCode);
    return kernels().quantise(x.data(), inv_step, static_cast<float>(lo), static_cast<float>(hi),
                              codes_as_float.data(), x.size());
}

std::int64_t quantise_codes(std::span<const float> x, float inv_step, int lo, int hi,
                            std::span<std::int8_t> codes) {
    return quantise_and_narrow(x, inv_step, lo, hi, codes, kernels().narrow_to_int8);
}

std::int64_t quantise_codes(std::span<const float> x, float inv_step, int lo, int hi,
                            std::span<std::int16_t> codes) {
    return quantise_and_narrow(x, inv_step, lo, hi, codes, kernels().narrow_to_int16);
}

}  // namespace attohm
