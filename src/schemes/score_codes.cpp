#include "src/schemes/score_codes.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/base/vmath.hpp"

namespace attohm {

namespace {

/// p-quantile of values that are held.
float absolute_quantile(std::vector<float>& values, double p) {
    ATTOHM_CHECK(!values.empty());
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(quantile_rank(values.size(), p));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

constexpr int kLargest8 = 127;

/// Codes per unit of x where `scale` maps to the code `largest`.
float inverse_step(float scale, int largest) {
    return static_cast<float>(1.0 / (static_cast<double>(scale) / largest));
}

/// Room for codes, zeros behind the depth.
Matrix<std::int16_t> padded_codes(std::size_t rows, std::size_t d) {
    const std::size_t depth = padded_depth(d);
    Matrix<std::int16_t> codes;
    codes.resize(rows, depth);
    for (std::size_t i = 0; i < rows && depth > d; ++i) {
        std::fill(codes.row(i) + d, codes.row(i) + depth, std::int16_t{0});
    }
    return codes;
}

/// Codes of the first rows of x, in one call where both lie in one piece. Returns how many were
/// clipped.
template <class Code>
std::int64_t quantise_rows(MatrixView<const float> x, float inverse, int largest,
                           MatrixView<Code> codes) {
    if (x.stride == x.cols && codes.stride == x.cols) {
        const std::size_t n = codes.rows * x.cols;
        return quantise_codes({x.data, n}, inverse, -largest, largest,
                              std::span<Code>(codes.data, n));
    }
    std::int64_t clipped = 0;
    for (std::size_t i = 0; i < codes.rows; ++i) {
        clipped += quantise_codes({x.row(i), x.cols}, inverse, -largest, largest,
                                  std::span<Code>(codes.row(i), x.cols));
    }
    return clipped;
}

/// Appends |x| of the first `rows` rows.
void append_absolute(MatrixView<const float> x, int rows, std::vector<float>& values) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
        for (std::size_t j = 0; j < x.cols; ++j) values.push_back(std::abs(x(i, j)));
    }
}

float scale_of(const CodeSettings& settings, std::vector<float>& values) {
    const bool percentile = settings.scale == ScaleMethod::percentile;
    const float scale = absolute_quantile(values, percentile ? settings.percentile : 1.0);
    // All zeros: any step gives the right codes.
    return scale > 0.0F ? scale : 1.0F;
}

int level_of(SplitMode mode, int k8, int shift) {
    if (mode == SplitMode::sign_magnitude) {
        return k8 >= 0 ? k8 >> shift : -((-k8) >> shift);
    }
    return k8 >> shift;
}

/// Stored levels and the largest of them.
void make_levels(const CodeSettings& settings, float k_scale, const AttentionHead& head,
                 ScoreCodes& codes) {
    const auto n = static_cast<std::size_t>(head.valid_k);
    codes.m.resize(n, head.d());
    if (!settings.k_bits) {
        const float inverse = inverse_step(k_scale, kLargest8) / 16.0F;
        for (std::size_t j = 0; j < n; ++j) {
            for (std::size_t i = 0; i < head.d(); ++i) codes.m(j, i) = head.k(j, i) * inverse;
        }
        return;
    }
    const int bits = *settings.k_bits;
    codes.largest_m = 1 << (bits - 1);
    if (settings.split == SplitMode::round) {
        const int largest = codes.largest_m - 1;
        const float inverse = inverse_step(k_scale, largest);
        for (std::size_t j = 0; j < n; ++j) {
            quantise_codes({head.k.row(j), head.d()}, inverse, -largest, largest,
                           std::span<float>(codes.m.row(j), head.d()));
        }
        return;
    }
    const int shift = 8 - bits;
    for (std::size_t j = 0; j < n; ++j) {
        const std::int16_t* k8 = codes.k8.row(j);
        float* m = codes.m.row(j);
        for (std::size_t i = 0; i < head.d(); ++i) {
            m[i] = static_cast<float>(level_of(settings.split, k8[i], shift));
        }
    }
}

/// 8-bit and word-line codes of queries first .. first + count - 1, all with one scale.
void quantise_queries(const CodeSettings& settings, float q_scale, MatrixView<const float> q,
                      std::size_t first, std::size_t count, ScoreCodes& codes) {
    const MatrixView<const float> rows{q.row(first), count, q.cols, q.stride};
    codes.q_clipped +=
        quantise_rows(rows, inverse_step(q_scale, kLargest8), kLargest8,
                      MatrixView<std::int16_t>(codes.q8.row(first), count, codes.q8.cols()));
    const int levels = settings.q_levels();
    const float inverse = inverse_step(q_scale, levels);
    const MatrixView<float> nq(codes.nq.row(first), count, codes.nq.cols());
    if (settings.q_bits) {
        codes.q_low_clipped += quantise_rows(rows, inverse, levels, nq);
        return;
    }
    for (std::size_t t = 0; t < count; ++t) {
        for (std::size_t i = 0; i < q.cols; ++i) nq(t, i) = rows(t, i) * inverse;
    }
}

/// What the integer score of one query stands for.
void interpret_query(const CodeSettings& settings, const HeadScales& scales,
                     const AttentionHead& head, float q_scale, std::size_t t, ScoreCodes& codes) {
    const double dq = static_cast<double>(q_scale) / settings.q_levels();
    const std::span<const float> nq(codes.nq.row(t), head.d());
    const int bits = settings.k_bits.value_or(4);
    const double Dk = static_cast<double>(scales.k) / kLargest8;
    double k_step = Dk * std::ldexp(1.0, 8 - bits);
    if (settings.k_bits && settings.split == SplitMode::round) {
        k_step = static_cast<double>(scales.k) / ((1 << (bits - 1)) - 1);
    }
    codes.u[t] = static_cast<double>(head.scale) * dq * k_step;
    codes.mu[t] = 0.0;
    if (settings.k_bits && settings.split == SplitMode::msb && settings.midpoint) {
        double sum = 0.0;
        for (const float code : nq) sum += static_cast<double>(code);
        codes.mu[t] = (0.5 - std::ldexp(1.0, -(9 - bits))) * sum;
    }
}

float query_scale(const CodeSettings& settings, const HeadScales& scales, const AttentionHead& head,
                  std::size_t t) {
    if (settings.scale != ScaleMethod::dynamic_per_query) return scales.q;
    float largest = 0.0F;
    for (std::size_t i = 0; i < head.d(); ++i) largest = std::max(largest, std::abs(head.q(t, i)));
    return largest > 0.0F ? largest : 1.0F;
}

}  // namespace

std::size_t padded_depth(std::size_t d) {
    return (d + 31) / 32 * 32;
}

std::uint64_t quantile_rank(std::uint64_t count, double p) {
    ATTOHM_CHECK_LT(std::uint64_t{0}, count);
    const auto all = static_cast<double>(count);
    return static_cast<std::uint64_t>(std::clamp(std::ceil(p * all) - 1.0, 0.0, all - 1.0));
}

HeadScales head_scales(const CodeSettings& settings, std::span<const AttentionHead> samples) {
    std::vector<float> q, k, v;
    for (const AttentionHead& head : samples) {
        append_absolute(head.q, head.valid_q, q);
        append_absolute(head.k, head.valid_k, k);
        append_absolute(head.v, head.valid_k, v);
    }
    if (q.empty() || k.empty()) return {1.0F, 1.0F, 1.0F};
    return {scale_of(settings, q), scale_of(settings, k), scale_of(settings, v)};
}

ScoreCodes make_codes(const CodeSettings& settings, const HeadScales& scales,
                      const AttentionHead& head) {
    const auto nq = static_cast<std::size_t>(head.valid_q);
    const auto nk = static_cast<std::size_t>(head.valid_k);
    ScoreCodes codes;
    codes.nq.resize(nq, head.d());
    codes.q8 = padded_codes(nq, head.d());
    codes.k8 = padded_codes(nk, head.d());
    codes.v8.resize(nk, head.dv());
    codes.score_step.resize(nq);
    codes.u.resize(nq);
    codes.mu.resize(nq);
    const float k_step = scales.k / kLargest8;
    codes.v_step = scales.v / kLargest8;
    const float k_inverse = inverse_step(scales.k, kLargest8);
    const float v_inverse = inverse_step(scales.v, kLargest8);
    codes.k_clipped = quantise_rows(head.k, k_inverse, kLargest8, codes.k8.view());
    codes.v_clipped = quantise_rows(head.v, v_inverse, kLargest8, codes.v8.view());
    const bool one_scale = settings.scale != ScaleMethod::dynamic_per_query;
    if (one_scale) quantise_queries(settings, scales.q, head.q, 0, nq, codes);
    for (std::size_t t = 0; t < nq; ++t) {
        const float q_scale = query_scale(settings, scales, head, t);
        if (!one_scale) quantise_queries(settings, q_scale, head.q, t, 1, codes);
        codes.score_step[t] = head.scale * (q_scale / kLargest8) * k_step;
        interpret_query(settings, scales, head, q_scale, t, codes);
    }
    make_levels(settings, scales.k, head, codes);
    return codes;
}

void integer_scores(const CodeSettings& settings, const ScoreCodes& codes, const IntegerKeys& keys,
                    std::size_t first, std::size_t rows, MatrixView<float> z) {
    const MatrixView<const float> queries{codes.nq.row(first), rows, codes.nq.cols()};
    if (settings.k_bits && settings.q_bits) {
        integer_product(queries, settings.q_levels(), keys, z);
    } else {
        sgemm_nt(queries, codes.m.view(), z);
    }
}

Matrix<std::int16_t> rejoin_msb(const CodeSettings& settings, const ScoreCodes& codes,
                                const Matrix<float>& sensed) {
    const int shift = 8 - settings.k_bits.value();
    const int weight = 1 << shift;
    Matrix<std::int16_t> joined = codes.k8;
    for (std::size_t j = 0; j < sensed.rows(); ++j) {
        const float* written = codes.m.row(j);
        const float* read = sensed.row(j);
        std::int16_t* k8 = joined.row(j);
        for (std::size_t i = 0; i < sensed.cols(); ++i) {
            k8[i] =
                static_cast<std::int16_t>(k8[i] + weight * static_cast<int>(read[i] - written[i]));
        }
    }
    return joined;
}

}  // namespace attohm
