#include "workloads/forward_math.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "src/base/error.hpp"
#include "src/base/simd_clones.hpp"
#include "src/base/vmath.hpp"

#ifdef __FAST_MATH__
#error "kernels must give the same bytes everywhere: build this file without -ffast-math"
#endif

namespace attohm {

namespace forward_kernels {

/// Reductions run in this many lanes at every SIMD level, so that the order of sums is fixed.
constexpr std::size_t kLanes = 16;

/// Sum of x[j] - shift (power 1) or of its square.
template <bool kSquare>
[[gnu::always_inline]] inline float lane_sum(const float* x, std::size_t n, float shift) {
    std::array<float, kLanes> lanes{};
    std::size_t j = 0;
    for (; j + kLanes <= n; j += kLanes) {
        for (std::size_t l = 0; l < kLanes; ++l) {
            const float value = x[j + l] - shift;
            lanes[l] += kSquare ? value * value : value;
        }
    }
    for (std::size_t l = 0; j + l < n; ++l) {
        const float value = x[j + l] - shift;
        lanes[l] += kSquare ? value * value : value;
    }
    for (std::size_t half = kLanes / 2; half > 0; half /= 2)
        for (std::size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
    return lanes[0];
}

ATTOHM_SIMD_CLONES void normalise_row(bool centred, const float* w, const float* b, float eps,
                                      const float* x, float* y, std::size_t n) {
    const auto width = static_cast<float>(n);
    const float mean = centred ? lane_sum<false>(x, n, 0.0F) / width : 0.0F;
    const float variance = lane_sum<true>(x, n, mean) / width;
    const float inverse = 1.0F / std::sqrt(variance + eps);
    for (std::size_t j = 0; j < n; ++j) y[j] = (x[j] - mean) * inverse;
    if (w != nullptr)
        for (std::size_t j = 0; j < n; ++j) y[j] *= w[j];
    if (b != nullptr)
        for (std::size_t j = 0; j < n; ++j) y[j] += b[j];
}

ATTOHM_SIMD_CLONES void add(const float* y, float* x, std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) x[j] += y[j];
}

ATTOHM_SIMD_CLONES void add_product(const float* y, const float* scale, float* x, std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) x[j] += y[j] * scale[j];
}

ATTOHM_SIMD_CLONES void multiply(const float* y, float* x, std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) x[j] *= y[j];
}

ATTOHM_SIMD_CLONES void relu(float* x, std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) x[j] = x[j] > 0.0F ? x[j] : 0.0F;
}

/// t <- -2 sqrt(2/pi) (x + 0.044715 x^3): gelu_tanh is x / (1 + exp(t)).
ATTOHM_SIMD_CLONES void gelu_tanh_exponent(const float* x, float* t, std::size_t n) {
    constexpr float kFactor = -1.5957691216F;
    for (std::size_t j = 0; j < n; ++j) t[j] = kFactor * (x[j] + 0.044715F * (x[j] * x[j] * x[j]));
}

ATTOHM_SIMD_CLONES void negate(const float* x, float* t, std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) t[j] = -x[j];
}

/// x <- x / (1 + e). e = infinity gives 0, as it should.
ATTOHM_SIMD_CLONES void divide_by_one_plus(const float* e, float* x, std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) x[j] = x[j] / (1.0F + e[j]);
}

/// Both members of a pair from their old values.
ATTOHM_SIMD_CLONES void turn_halves(const float* cosines, const float* sines, float* a, float* b,
                                    std::size_t pairs) {
    for (std::size_t i = 0; i < pairs; ++i) {
        const float first = a[i] * cosines[i] - b[i] * sines[i];
        b[i] = b[i] * cosines[i] + a[i] * sines[i];
        a[i] = first;
    }
}

ATTOHM_SIMD_CLONES void turn_neighbours(const float* cosines, const float* sines, float* x,
                                        std::size_t pairs) {
    for (std::size_t i = 0; i < pairs; ++i) {
        const float first = x[2 * i] * cosines[i] - x[2 * i + 1] * sines[i];
        x[2 * i + 1] = x[2 * i + 1] * cosines[i] + x[2 * i] * sines[i];
        x[2 * i] = first;
    }
}

}  // namespace forward_kernels

namespace {

/// Elements per pass of an activation: small enough for the first-level cache.
constexpr std::size_t kChunk = 512;

void activate_chunk(Activation activation, std::span<float> x) {
    std::array<float, kChunk> buffer;
    const std::span<float> t(buffer.data(), x.size());
    switch (activation) {
        case Activation::relu:
            forward_kernels::relu(x.data(), x.size());
            return;
        case Activation::gelu:
            normal_cdf(x, t);
            forward_kernels::multiply(t.data(), x.data(), x.size());
            return;
        case Activation::gelu_tanh:
            forward_kernels::gelu_tanh_exponent(x.data(), t.data(), x.size());
            break;
        case Activation::silu:
            forward_kernels::negate(x.data(), t.data(), x.size());
            break;
    }
    exp_inplace(t);
    forward_kernels::divide_by_one_plus(t.data(), x.data(), x.size());
}

const float* data_or_null(const std::vector<float>& values, std::size_t width) {
    if (values.empty()) return nullptr;
    ATTOHM_CHECK_EQ(values.size(), width);
    return values.data();
}

}  // namespace

void normalise_rows(NormKind kind, const NormWeights& weights, float eps, MatrixView<const float> x,
                    MatrixView<float> y) {
    ATTOHM_CHECK_EQ(x.rows, y.rows);
    ATTOHM_CHECK_EQ(x.cols, y.cols);
    const float* w = data_or_null(weights.w, x.cols);
    const float* b = data_or_null(weights.b, x.cols);
    for (std::size_t i = 0; i < x.rows; ++i)
        forward_kernels::normalise_row(kind == NormKind::layernorm, w, b, eps, x.row(i), y.row(i),
                                       x.cols);
}

void activate(Activation activation, std::span<float> x) {
    for (std::size_t first = 0; first < x.size(); first += kChunk)
        activate_chunk(activation, x.subspan(first, std::min(kChunk, x.size() - first)));
}

void add_bias(std::span<const float> b, MatrixView<float> y) {
    if (b.empty()) return;
    ATTOHM_CHECK_EQ(b.size(), y.cols);
    for (std::size_t i = 0; i < y.rows; ++i) forward_kernels::add(b.data(), y.row(i), y.cols);
}

void add_residual(MatrixView<const float> y, std::span<const float> scale, MatrixView<float> x) {
    ATTOHM_CHECK_EQ(x.rows, y.rows);
    ATTOHM_CHECK_EQ(x.cols, y.cols);
    ATTOHM_CHECK(scale.empty() || scale.size() == x.cols);
    for (std::size_t i = 0; i < x.rows; ++i) {
        if (scale.empty())
            forward_kernels::add(y.row(i), x.row(i), x.cols);
        else
            forward_kernels::add_product(y.row(i), scale.data(), x.row(i), x.cols);
    }
}

void turn_pairs(const float* cosines, const float* sines, std::size_t pairs, bool interleaved,
                float* x) {
    if (interleaved)
        forward_kernels::turn_neighbours(cosines, sines, x, pairs);
    else
        forward_kernels::turn_halves(cosines, sines, x, x + pairs, pairs);
}

void multiply(MatrixView<const float> y, MatrixView<float> x) {
    ATTOHM_CHECK_EQ(x.rows, y.rows);
    ATTOHM_CHECK_EQ(x.cols, y.cols);
    for (std::size_t i = 0; i < x.rows; ++i) forward_kernels::multiply(y.row(i), x.row(i), x.cols);
}

}  // namespace attohm
