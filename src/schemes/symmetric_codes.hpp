#pragma once

#include <cstdint>
#include <span>

#include "src/base/matrix.hpp"
#include "workloads/trace.hpp"

/// Symmetric integer codes with one scale for a whole tensor: round(x L / max|x|), -L..L.
namespace attohm {

/// L of so many bits: 2^(bits-1) - 1.
inline int symmetric_levels(int bits) {
    return (1 << (bits - 1)) - 1;
}

/// max|x| over the first rows; 0 where there are none.
float largest_magnitude(MatrixView<const float> x, std::size_t rows);

/// Codes of the first `codes.rows()` rows; zeros where `scale` is 0. Args: scale: |x| of code L.
/// Returns: how many were clipped.
std::int64_t symmetric_codes(MatrixView<const float> x, float scale, int levels,
                             Matrix<float>& codes);

/// |x| of the largest code, of q and of k.
struct CodeScales {
    float q = 0.0F;
    float k = 0.0F;
};
/// Largest |q| and |k| over the valid rows of all samples.
CodeScales largest_scales(std::span<const AttentionHead> samples);

/// Codes of q and k; scores are score_step (q.k), exact integers times one float.
struct CodedHead {
    Matrix<float> q;  ///< [valid_q, d] integers -L..L
    Matrix<float> k;  ///< [valid_k, d]
    float score_step = 0.0F;
    std::int64_t q_clipped = 0;
    std::int64_t k_clipped = 0;
};
CodedHead code_head(const AttentionHead& head, const CodeScales& scales, int bits);

}  // namespace attohm
