#include "src/schemes/score_codes.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/base/vmath.hpp"

namespace attohm {

namespace {

constexpr int kLargest8 = 127;

/// Codes per unit of x where `scale` maps to the code `largest`.
float inverse_step(float scale, int largest) {
    return static_cast<float>(1.0 / (static_cast<double>(scale) / largest));
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

/// Word-line codes of one query and what its integer score stands for.
void make_query(const CodeSettings& settings, const HeadScales& scales, const AttentionHead& head,
                float q_scale, std::size_t t, ScoreCodes& codes) {
    const int levels = settings.q_levels();
    const double dq = static_cast<double>(q_scale) / levels;
    const std::span<const float> q(head.q.row(t), head.d());
    const std::span<float> nq(codes.nq.row(t), head.d());
    if (settings.q_bits) {
        codes.q_low_clipped +=
            quantise_codes(q, inverse_step(q_scale, levels), -levels, levels, nq);
    } else {
        const float inverse = inverse_step(q_scale, levels);
        for (std::size_t i = 0; i < q.size(); ++i) nq[i] = q[i] * inverse;
    }
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

float absolute_quantile(std::vector<float>& values, double p) {
    ATTOHM_CHECK(!values.empty());
    const double rank = std::ceil(p * static_cast<double>(values.size())) - 1.0;
    const auto index =
        static_cast<std::ptrdiff_t>(std::clamp(rank, 0.0, static_cast<double>(values.size() - 1)));
    std::nth_element(values.begin(), values.begin() + index, values.end());
    return values[static_cast<std::size_t>(index)];
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
    const std::size_t depth = padded_depth(head.d());
    ScoreCodes codes;
    codes.nq.resize(nq, head.d());
    codes.q8 = Matrix<std::int16_t>(nq, depth, 0);
    codes.k8 = Matrix<std::int16_t>(nk, depth, 0);
    codes.v8.resize(nk, head.dv());
    codes.score_step.resize(nq);
    codes.u.resize(nq);
    codes.mu.resize(nq);
    const float k_step = scales.k / kLargest8;
    codes.v_step = scales.v / kLargest8;
    const float k_inverse = inverse_step(scales.k, kLargest8);
    const float v_inverse = inverse_step(scales.v, kLargest8);
    for (std::size_t j = 0; j < nk; ++j) {
        codes.k_clipped += quantise_codes({head.k.row(j), head.d()}, k_inverse, -kLargest8,
                                          kLargest8, std::span(codes.k8.row(j), head.d()));
        codes.v_clipped += quantise_codes({head.v.row(j), head.dv()}, v_inverse, -kLargest8,
                                          kLargest8, std::span<float>(codes.v8.row(j), head.dv()));
    }
    for (std::size_t t = 0; t < nq; ++t) {
        const float q_scale = query_scale(settings, scales, head, t);
        const float q_step = q_scale / kLargest8;
        codes.q_clipped +=
            quantise_codes({head.q.row(t), head.d()}, inverse_step(q_scale, kLargest8), -kLargest8,
                           kLargest8, std::span(codes.q8.row(t), head.d()));
        codes.score_step[t] = head.scale * q_step * k_step;
        make_query(settings, scales, head, q_scale, t, codes);
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
