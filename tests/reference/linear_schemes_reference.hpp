#pragma once

#include <cstdint>
#include <vector>

#include "workloads/trace.hpp"

/// Slow, obvious twins in double of attention that forms no softmax over all pairs, one element at
/// a time from the equations of the papers.
namespace attohm::reference {

/// SimA: every pair's score from normalised queries and keys, then the weighted sum of V.
/// Padded rows, and rows without a valid key, are 0.
Matrix<double> sima_scores(const AttentionHead& head, double epsilon);  ///< [valid_q, valid_k]
Matrix<double> sima_attention(const AttentionHead& head, double epsilon);

/// MaiT, the dense form: every pair's score times its mask, then the softmax over all valid keys.
/// Args: grid_rows, grid_columns: patches behind `prefix` tokens; window_rows, window_columns: odd.
struct MaitReference {
    Matrix<double> out;         ///< [n_q, dv]
    Matrix<std::uint8_t> mask;  ///< [n_q, n_k], among valid tokens
    double locality = 0.0;      ///< mean over valid rows of the dense softmax mass under the mask
};
MaitReference mait_attention(const AttentionHead& head, int prefix, int grid_rows, int grid_columns,
                             int window_rows, int window_columns, bool class_column);

/// EcoFormer: the hash of one head, anchors [m, d], mean [m], a [b, m].
struct EcoformerCodes {
    Matrix<double> codes;   ///< [valid, b]: -1, 0, 1
    double nearest = 1e30;  ///< smallest |projection|: how close a sign was
};
EcoformerCodes ecoformer_codes(MatrixView<const float> x, int valid, const Matrix<float>& anchors,
                               const std::vector<float>& mean, const Matrix<float>& a);
/// Attention over codes, pair by pair: similarity of i and j is beta + B_i.B_j, beta = b + 1.
/// Args: released: the numerator adds beta v_i, not beta times the sum over all v_j.
Matrix<double> ecoformer_attention(const AttentionHead& head, const Matrix<double>& q_codes,
                                   const Matrix<double>& k_codes, bool released);

/// QnA as a windowed softmax: for every output and learned query the softmax of c + b over the
/// tokens of its window that lie on the grid, times w, times v.
/// Args: queries [Lq, d]; bias, weight [k k, Lq]; head without prefix tokens.
Matrix<double> qna_attention(const AttentionHead& head, const Matrix<float>& queries,
                             const Matrix<float>& bias, const Matrix<float>& weight, int window,
                             int grid_rows, int grid_columns, int stride, double epsilon);

}  // namespace attohm::reference
