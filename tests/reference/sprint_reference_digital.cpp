#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "src/base/error.hpp"
#include "tests/reference/sprint_reference.hpp"

namespace attohm {

namespace {

constexpr int kIdealBits = 4;

std::size_t valid_queries(const AttentionHead& head) {
    return static_cast<std::size_t>(head.valid_q);
}

std::size_t valid_keys(const AttentionHead& head) {
    return static_cast<std::size_t>(head.valid_k);
}

/// 8-bit codes of the first `valid` rows.
Matrix<int> codes8(MatrixView<const float> x, std::size_t valid, double scale,
                   std::int64_t& clipped) {
    const double step = scale / 127.0;
    const float inverse = static_cast<float>(1.0 / step);
    Matrix<int> codes(x.rows, x.cols);
    for (std::size_t row = 0; row < valid; ++row)
        for (std::size_t i = 0; i < x.cols; ++i)
            codes(row, i) = reference_code(x(row, i), inverse, -127, 127, clipped);
    return codes;
}

/// nq of every query, L, and the scaled-score step's share of q (returned).
double fill_lines(const AttentionHead& head, const SprintReferenceSettings& settings,
                  const SprintReferenceScales& scales, SprintReferenceCodes& codes) {
    const int levels = (1 << (settings.q_bits.value_or(kIdealBits) - 1)) - 1;
    const double dq = scales.q / levels;
    const float inverse = static_cast<float>(1.0 / dq);
    codes.line_levels = levels;
    codes.q_line.resize(head.n_q(), head.d());
    for (std::size_t t = 0; t < valid_queries(head); ++t)
        for (std::size_t i = 0; i < head.d(); ++i) {
            const float x = head.q(t, i);
            if (settings.q_bits)
                codes.q_line(t, i) =
                    reference_code(x, inverse, -levels, levels, codes.q_line_clipped);
            else
                codes.q_line(t, i) = static_cast<double>(x) / dq;
        }
    return dq;
}

/// m and l of every key, n_max, and the scaled-score step's share of k (returned).
double fill_levels(const AttentionHead& head, const SprintReferenceSettings& settings,
                   const SprintReferenceScales& scales, SprintReferenceCodes& codes) {
    const int bits = settings.k_bits.value_or(kIdealBits);
    const bool own_code = settings.k_bits && settings.split == ReferenceSplit::round;
    const int own_levels = (1 << (bits - 1)) - 1;
    const double dk = own_code ? scales.k / own_levels : scales.k / 127.0 * (1 << (8 - bits));
    const float inverse = static_cast<float>(1.0 / dk);
    std::int64_t uncounted = 0;
    codes.cell_levels = 1 << (bits - 1);
    codes.k_level.resize(head.n_k(), head.d());
    codes.k_rest.resize(head.n_k(), head.d());
    for (std::size_t j = 0; j < valid_keys(head); ++j)
        for (std::size_t i = 0; i < head.d(); ++i) {
            const float x = head.k(j, i);
            if (!settings.k_bits) {
                codes.k_level(j, i) = static_cast<double>(x) / dk;
            } else if (own_code) {
                codes.k_level(j, i) =
                    reference_code(x, inverse, -own_levels, own_levels, uncounted);
            } else {
                const auto parts = reference_split(codes.k8(j, i), bits, settings.split);
                codes.k_level(j, i) = parts.m;
                codes.k_rest(j, i) = parts.l;
            }
        }
    return dk;
}

/// mu_q: the middle of the truncated bins, seen through this query.
void fill_mu(const AttentionHead& head, const SprintReferenceSettings& settings,
             SprintReferenceCodes& codes) {
    codes.mu.assign(head.n_q(), 0.0);
    const bool truncated = settings.k_bits && settings.split == ReferenceSplit::floor_msb;
    if (!truncated || !settings.midpoint) return;
    const double half_bin = 0.5 - std::exp2(-(9.0 - *settings.k_bits));
    for (std::size_t t = 0; t < head.n_q(); ++t)
        for (std::size_t i = 0; i < head.d(); ++i) codes.mu[t] += half_bin * codes.q_line(t, i);
}

void check_numbers(const AttentionHead& head, const SprintReferenceSettings& settings,
                   const SprintReferenceScales& scales) {
    ATTOHM_CHECK(head.bias.empty());
    ATTOHM_CHECK(scales.q > 0.0 && scales.k > 0.0 && scales.v > 0.0);
    ATTOHM_CHECK_LE(2, settings.q_bits.value_or(kIdealBits));
    ATTOHM_CHECK_LE(settings.q_bits.value_or(kIdealBits), 8);
    ATTOHM_CHECK_LE(settings.split == ReferenceSplit::round ? 2 : 1,
                    settings.k_bits.value_or(kIdealBits));
    ATTOHM_CHECK_LE(settings.k_bits.value_or(kIdealBits), 8);
    // A `round` code of its own holds no bits of the 8-bit code.
    const bool stored = settings.k_msb == ReferenceKMsb::stored;
    const bool own_code = settings.k_bits && settings.split == ReferenceSplit::round;
    ATTOHM_CHECK(!(stored && own_code));
}

int dot8(const SprintReferenceCodes& codes, const Matrix<int>& k8, std::size_t t, std::size_t j) {
    int sum = 0;
    for (std::size_t i = 0; i < k8.cols(); ++i) sum += codes.q8(t, i) * k8(j, i);
    return sum;
}

double norm(const float* x, std::size_t n) {
    double sum = 0.0;
    for (std::size_t i = 0; i < n; ++i)
        sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    return std::sqrt(sum);
}

}  // namespace

int reference_code(float x, float inverse_step, int lo, int hi, std::int64_t& clipped) {
    const float product = x * inverse_step;
    const float rounded = std::nearbyint(product);
    if (rounded < static_cast<float>(lo)) {
        ++clipped;
        return lo;
    }
    if (rounded > static_cast<float>(hi)) {
        ++clipped;
        return hi;
    }
    return static_cast<int>(rounded);
}

ReferenceSplitCode reference_split(int k8, int k_bits, ReferenceSplit split) {
    ATTOHM_CHECK(split != ReferenceSplit::round);
    const int bin = 1 << (8 - k_bits);
    ReferenceSplitCode code;
    if (split == ReferenceSplit::floor_msb)
        code.m = static_cast<int>(std::floor(static_cast<double>(k8) / bin));
    else
        code.m = static_cast<int>(std::trunc(static_cast<double>(k8) / bin));
    code.l = k8 - bin * code.m;
    return code;
}

SprintReferenceCodes sprint_reference_codes(const AttentionHead& head,
                                            const SprintReferenceSettings& settings,
                                            const SprintReferenceScales& scales) {
    check_numbers(head, settings, scales);
    SprintReferenceCodes codes;
    codes.q8 = codes8(head.q, valid_queries(head), scales.q, codes.q_clipped);
    codes.k8 = codes8(head.k, valid_keys(head), scales.k, codes.k_clipped);
    codes.v8 = codes8(head.v, valid_keys(head), scales.v, codes.v_clipped);
    const double scale = static_cast<double>(head.scale);
    const double dq = fill_lines(head, settings, scales, codes);
    const double dk = fill_levels(head, settings, scales, codes);
    codes.step = scale * dq * dk;
    codes.score8_step = scale * (scales.q / 127.0) * (scales.k / 127.0);
    codes.v8_step = scales.v / 127.0;
    fill_mu(head, settings, codes);
    return codes;
}

ReferenceThreshold reference_threshold(double n_th, const SprintReferenceSettings& settings) {
    ATTOHM_CHECK(!std::isnan(n_th));
    if (!settings.threshold_bits) return {static_cast<float>(n_th), false};
    const double range = settings.threshold_range.value_or(settings.n_fs);
    const double levels = (1 << (*settings.threshold_bits - 1)) - 1;
    ATTOHM_CHECK(range > 0.0 && levels >= 1.0);
    const double code = std::clamp(std::nearbyint(n_th / (range / levels)), -levels, levels);
    return {static_cast<float>(code * range / levels), std::abs(n_th) > range};
}

bool reference_always_kept(const SprintReferenceSettings& settings, std::size_t key) {
    return std::find(settings.always_keep.begin(), settings.always_keep.end(), key) !=
           settings.always_keep.end();
}

void reference_digital_decisions(const AttentionHead& head, double threshold,
                                 const SprintReferenceSettings& settings,
                                 SprintReferenceResult& result) {
    const double scale = static_cast<double>(head.scale);
    result.n_th.assign(head.n_q(), 0.0);
    result.threshold.assign(head.n_q(), 0.0F);
    result.allowed = Matrix<std::uint8_t>(head.n_q(), head.n_k());
    result.borderline = result.kept_threshold = result.kept_quant = result.allowed;
    result.score = Matrix<double>(head.n_q(), head.n_k());
    for (std::size_t t = 0; t < valid_queries(head); ++t) {
        result.n_th[t] = threshold / result.codes.step - result.codes.mu[t];
        const auto value = reference_threshold(result.n_th[t], settings);
        result.threshold[t] = value.value;
        result.events.threshold_clamped += value.clamped ? 1 : 0;
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (!head.allowed(t, j)) continue;
            result.allowed(t, j) = 1;

            // `threshold`: the exact score.
            double dot = 0.0;
            for (std::size_t i = 0; i < head.d(); ++i)
                dot += static_cast<double>(head.q(t, i)) * static_cast<double>(head.k(j, i));
            const double score = scale * dot;
            const double size = norm(head.q.row(t), head.d()) * norm(head.k.row(j), head.d());
            const bool always = reference_always_kept(settings, j);
            result.score(t, j) = score;
            result.borderline(t, j) = std::abs(score - threshold) <= 1e-5 * size * std::abs(scale);
            result.kept_threshold(t, j) = always || score >= threshold;

            // `threshold-q`: the integer score, clipped as the sense clips it.
            const double z = result.columns.z(t, j);
            const double clipped = std::clamp(z, -settings.n_fs, settings.n_fs);
            result.quant_sense_clipped += clipped != z;
            result.kept_quant(t, j) = always || clipped >= static_cast<double>(value.value);
        }
    }
}

Matrix<std::uint8_t> reference_empty_rows(const AttentionHead& head,
                                          const SprintReferenceCodes& codes, const Matrix<int>& k8,
                                          const Matrix<std::uint8_t>& kept, ReferenceEmptyRow rule,
                                          std::int64_t& empty_rows) {
    Matrix<std::uint8_t> out = kept;
    for (std::size_t t = 0; t < valid_queries(head); ++t) {
        std::vector<std::size_t> allowed;
        bool any_kept = false;
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (head.allowed(t, j)) allowed.push_back(j);
            any_kept = any_kept || kept(t, j) != 0;
        }
        if (allowed.empty() || any_kept) continue;
        ++empty_rows;
        if (rule == ReferenceEmptyRow::dense) {
            for (const std::size_t j : allowed) out(t, j) = 1;
        } else if (rule == ReferenceEmptyRow::top1_digital) {
            std::size_t best = allowed.front();
            for (const std::size_t j : allowed)
                if (dot8(codes, k8, t, j) > dot8(codes, k8, t, best)) best = j;
            out(t, best) = 1;
        } else if (rule == ReferenceEmptyRow::self) {
            const std::size_t own = t + head.n_k() - head.n_q();
            if (t + head.n_k() >= head.n_q() && head.allowed(t, own)) out(t, own) = 1;
        }
    }
    return out;
}

Matrix<double> reference_recompute(const AttentionHead& head, const SprintReferenceCodes& codes,
                                   const Matrix<int>& k8, const Matrix<std::uint8_t>& kept) {
    Matrix<double> out(head.n_q(), head.dv());
    for (std::size_t t = 0; t < valid_queries(head); ++t) {
        std::vector<std::size_t> keys;
        std::vector<double> scores;
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (kept(t, j) == 0) continue;
            keys.push_back(j);
            scores.push_back(codes.score8_step * dot8(codes, k8, t, j));
        }
        if (keys.empty()) continue;
        const double largest = *std::max_element(scores.begin(), scores.end());
        double total = 0.0;
        for (double& score : scores) {
            score = std::exp(score - largest);
            total += score;
        }
        for (std::size_t n = 0; n < keys.size(); ++n)
            for (std::size_t i = 0; i < head.dv(); ++i)
                out(t, i) += scores[n] / total * codes.v8_step * codes.v8(keys[n], i);
    }
    return out;
}

}  // namespace attohm
