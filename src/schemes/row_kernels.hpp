#pragma once

#include <cstddef>
#include <cstdint>

namespace attohm {

/// keep[j] = score[j] >= threshold.
void compare_row(const float* score, float threshold, std::uint8_t* keep, std::size_t n);

/// counts[j] += score[j] >= threshold.
void count_row(const float* score, float threshold, std::uint8_t* counts, std::size_t n);

/// Sum of counts[j], of those with mask[j] != 0 where there is a mask (may be null).
std::int64_t sum_counts(const std::uint8_t* counts, const std::uint8_t* mask, std::size_t n);

/// Of integer codes, magnitudes without their `rest` lowest bits, twice, plus what those can add:
/// out = sign (2 seen + 2^rest - 1); 0 counts as positive.
void bound_codes(const float* codes, int rest, float* out, std::size_t n);

/// keep[j] = clip(z[j]) >= n_th: threshold-q's decision, clipped at +-n_fs like the sense output.
void decide_codes(const float* z, float n_th, float n_fs, std::uint8_t* keep, std::size_t n);

/// Numbers of ones in three byte rows and their pairwise products.
struct ByteSums {
    std::int64_t r = 0, q = 0, h = 0, rq = 0, rh = 0, qh = 0;
};
ByteSums sum_bytes(const std::uint8_t* r, const std::uint8_t* q, const std::uint8_t* h,
                   std::size_t n);

/// Sums over one row of P(prune) where kept by the reference, P(keep) where pruned, and p(1-p) of
/// all and of those that the reference keeps.
struct ExpectedSums {
    double false_prune = 0.0, false_keep = 0.0, variance = 0.0, prune_variance = 0.0;
};
ExpectedSums sum_expected(const float* p_keep, const std::uint8_t* reference, std::size_t n);

/// Tallies of n keys, one more query: kept, falsely pruned and falsely kept; and, where the
/// reference keeps, the sums of P(prune), p(1-p) and its fourth cumulant p(1-p)(1 - 6p(1-p))
/// (p_keep may be null: none).
struct KeyTallies {
    std::int32_t* kept;
    std::int32_t* false_prune;
    std::int32_t* false_keep;
    double* expected;
    double* variance;
    double* fourth;
};
void add_key_row(const std::uint8_t* reference, const std::uint8_t* hw, const float* p_keep,
                 const KeyTallies& keys, std::size_t n);

/// bins[j] = bin of (score - threshold) / sigma among `count` equal bins over [-range, range].
void bin_row(const float* score, float threshold, float inverse_sigma, float range, int count,
             std::int32_t* bins, std::size_t n);

/// How many scores lie within limit * key_norm[j] of the threshold.
std::int64_t count_borderline(const float* score, float threshold, float limit,
                              const float* key_norm, std::size_t n);

/// acc[c] = sum_k weights[k] values[keys[k], c] for c < dv; `stride` floats between rows.
void weighted_rows(const float* weights, const std::uint32_t* keys, std::size_t count,
                   const float* values, std::size_t stride, std::size_t dv, float* acc);

/// Ones among the bits of `mask` over all codes, two's complement (floats hold integers).
std::int64_t count_code_ones(const std::int16_t* codes, std::size_t n, std::uint16_t mask);
std::int64_t count_code_ones(const float* codes, std::size_t n, std::uint16_t mask);

}  // namespace attohm
