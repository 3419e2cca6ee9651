#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/base/integer_product.hpp"
#include "src/base/matrix.hpp"
#include "src/schemes/threshold_settings.hpp"
#include "workloads/trace.hpp"

/// From q, k, v to integer codes, and from integer scores back to scaled scores.
///     score  s = scale q.k       stands for  s~ = u (z + mu_q),  z = sum_i nq_i m_i
///     keep   iff  z >= n_th = Th / u - mu_q
/// Source: physics.md section 1.
namespace attohm {

/// Static full-scale values of one layer and head (q, k, v: |x| that maps to the largest code).
struct HeadScales {
    float q = 0.0F;
    float k = 0.0F;
    float v = 0.0F;
};

/// Codes of the valid queries and keys of one head.
struct ScoreCodes {
    Matrix<float> nq;               ///< [valid_q, d] word-line codes (ideal: real)
    Matrix<float> m;                ///< [valid_k, d] stored levels (ideal: real)
    Matrix<std::int16_t> q8;        ///< [valid_q, padded d] 8-bit codes, zeros behind d
    Matrix<std::int16_t> k8;        ///< [valid_k, padded d]
    Matrix<float> v8;               ///< [valid_k, dv] 8-bit codes
    std::vector<float> score_step;  ///< [valid_q] scale Dq Dk: one step of the 8-bit score
    std::vector<double> u;          ///< [valid_q] score that one integer step stands for
    std::vector<double> mu;         ///< [valid_q] shift in steps of the middle of the bins
    float v_step = 0.0F;            ///< Dv
    int largest_m = 0;              ///< largest |m| there can be
    std::int64_t q_clipped = 0, k_clipped = 0, v_clipped = 0, q_low_clipped = 0;
};

/// Depth of the 8-bit codes in memory: d rounded up to the vector length of `integer_dots`.
std::size_t padded_depth(std::size_t d);

/// Full-scale values by the method of the settings, from the samples given (valid rows only).
/// Dynamic methods: from the head itself, called with that head alone.
HeadScales head_scales(const CodeSettings& settings, std::span<const AttentionHead> samples);

/// Codes of one head. For `dynamic-per-query` the scale of q is each query's own largest |q|.
ScoreCodes make_codes(const CodeSettings& settings, const HeadScales& scales,
                      const AttentionHead& head);

/// Levels m of 8-bit codes (or of k itself for `round` and `ideal`), as make_codes stores them.
/// Integer scores z = nq m^T of all valid pairs [valid_q, valid_k]; exact (ideal: single
/// precision).
void integer_scores(const CodeSettings& settings, const ScoreCodes& codes, const IntegerKeys& keys,
                    std::size_t first, std::size_t rows, MatrixView<float> z);

/// Rank (0 is the smallest) of the smallest of `count` values that at least a fraction p of them
/// does not exceed.
std::uint64_t quantile_rank(std::uint64_t count, double p);

/// K codes with the MSBs replaced by sensed levels: 2^(8-B) m^ + l, l from the stored codes.
Matrix<std::int16_t> rejoin_msb(const CodeSettings& settings, const ScoreCodes& codes,
                                const Matrix<float>& sensed);

}  // namespace attohm
