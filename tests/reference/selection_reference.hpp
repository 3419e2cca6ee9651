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
/// every allowed key where `dense`, else they are 0. Args: score: of a pair; skipped: queries that
/// are not computed at all.
void attend_kept(const AttentionHead& head, bool dense,
                 const std::function<double(std::size_t, std::size_t)>& score,
                 KeptReference& result, const std::vector<bool>& skipped = {});

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

/// Length-adaptive: all products of 4-bit codes sorted, the first k kept.
KeptReference length_adaptive_attention(const AttentionHead& head, int bits, int k);

/// SpAtten, one head of one layer.
struct SpattenReference : KeptReference {
    std::vector<double> importance;  ///< [valid_k] column sums of the probabilities
    double output_sum = 0.0;         ///< sum |out|
    std::int64_t scored = 0;         ///< pairs by MSBs
    std::int64_t again = 0;          ///< of them, with all bits
};
/// What decides.
struct SpattenRules {
    int bits = 8;
    int msb_bits = 4;
    double lsb_bound = 0.1;
    double share = 1.0;       ///< of keys kept where no layer before has chosen
    std::vector<bool> alive;  ///< tokens that layers before have left; empty: none has chosen
    bool dense = true;
};
SpattenReference spatten_attention(const AttentionHead& head, const SpattenRules& rules);

/// The `count` largest of those allowed, of equal ones the first. Args: gap: set to the relative
/// distance between the last that is in and the first that is out, where it is smaller.
std::vector<bool> largest_tokens(const std::vector<double>& importance,
                                 const std::vector<bool>& allowed, std::size_t count, double& gap);

}  // namespace attohm::reference
