#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "workloads/trace.hpp"

/// Slow, obvious twins of schemes that choose pairs first, one element at a time from the equations
/// of their papers.
namespace attohm::reference {

/// What was kept, and attention over that.
struct KeptReference {
    Matrix<double> out;         ///< [n_q, dv]
    Matrix<std::uint8_t> kept;  ///< [n_q, n_k] decisions, before the rule for empty rows
    std::int64_t kept_pairs = 0;
    std::int64_t empty_rows = 0;
    std::int64_t steps = 0;  ///< what the selection counts: bit steps, search steps, rows
    double nearest = 1.0;    ///< distance of the nearest decision from its threshold
};

/// Scaled score scale q.k in double.
double scaled_score(const AttentionHead& head, std::size_t query, std::size_t key);

/// Softmax over kept pairs and the weighted sum of v. Rows that keep nothing are computed over
/// every allowed key where `dense`, else they are 0. Args: score: of a pair.
void attend_kept(const AttentionHead& head, bool dense,
                 const std::function<double(std::size_t, std::size_t)>& score,
                 KeptReference& result);

/// Symmetric codes of the first rows, rounded in single precision as the converter does.
Matrix<int> codes_of(MatrixView<const float> x, int rows, int bits);
/// Largest |x| of the first rows.
float largest_of(MatrixView<const float> x, int rows);

/// LeOPArd: every pair bit by bit. `steps` are bit steps. Args: threshold: in scaled-score units.
KeptReference leopard_attention(const AttentionHead& head, int bits, double threshold, bool dense);

/// ELSA: hashes bit by bit. Args: projection: [bits, d]; cut: on |k| cos(angle) / max|k|.
KeptReference elsa_attention(const AttentionHead& head, const Matrix<float>& projection,
                             double angle_bias, double cut, bool dense);

/// A3: all products of a query sorted, as many taken from both ends as there are iterations.
/// `steps` are candidates. Args: iterations: of one query; 0: every key is a candidate.
KeptReference a3_attention(const AttentionHead& head, int iterations, double smallest_weight,
                           bool dense);

}  // namespace attohm::reference
