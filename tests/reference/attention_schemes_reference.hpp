#pragma once

#include <cstdint>

#include "workloads/trace.hpp"

/// Slow, obvious twins in double of the attention of near-memory schemes, one element at a time
/// from the equations of their papers.
namespace attohm::reference {

/// ViTALiTy, Algorithm 1, steps 1 to 6 in order. Padded rows, and rows without a valid key, are 0.
struct TaylorReference {
    Matrix<double> z;         ///< [n_q, dv]
    std::vector<double> t_d;  ///< [valid_q]
};
TaylorReference taylor_attention(const AttentionHead& head);

/// The same function, pair by pair: sum_j w_ij v_j / sum_j w_ij with w_ij = 1 + scale q_i.khat_j.
struct WeightedReference {
    Matrix<double> z;  ///< [n_q, dv]
    std::int64_t negative_weights = 0;
};
WeightedReference taylor_weighted(const AttentionHead& head);

/// Sanger: what it keeps, and attention over that. Rows that keep nothing are computed over every
/// allowed key where `empty_rows_dense`, else they are 0.
struct SangerReference {
    Matrix<double> out;         ///< [n_q, dv]
    Matrix<std::uint8_t> kept;  ///< [n_q, n_k] decisions, before the rule for empty rows
    std::int64_t kept_pairs = 0;
    std::int64_t empty_rows = 0;
    double nearest = 1.0;  ///< smallest |p - threshold| / threshold of an allowed pair
};
/// Args: shift: added to every predicted score; largest_q, largest_k: |x| of the largest code, 0:
///   of this head.
SangerReference sanger_attention(const AttentionHead& head, int bits, double threshold,
                                 bool empty_rows_dense, double shift = 0.0, double largest_q = 0.0,
                                 double largest_k = 0.0);

}  // namespace attohm::reference
