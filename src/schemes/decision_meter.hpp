#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "src/base/matrix.hpp"
#include "workloads/scheme.hpp"

/// Counts what the comparators decided against the two digital references, row by row.
namespace attohm {

/// counts: decisions only. full: also the score eye, expected rates, softmax mass and the top-1
/// key.
enum class MetricsLevel { counts, full };

/// What one row of decisions looked like; keys [0, n) with n = head.key_end(query).
struct DecisionRowBytes {
    const float* score = nullptr;         ///< [n] scaled scores in float
    const std::uint8_t* quant = nullptr;  ///< [n] kept by threshold-q
    const std::uint8_t* hw = nullptr;     ///< [n] kept by the comparators
    const float* p_keep = nullptr;        ///< [n] or null
    const float* p_marginal = nullptr;    ///< [n] over all read noise; null: p_keep
};

class DecisionMeter {
  public:
    /// Args: threshold: in scaled-score units; sigma: of the score eye, > 0; columns: keys per
    ///   array, for the profile over its columns (0: no arrays).
    DecisionMeter(const AttentionHead& head, float threshold, float sigma, MetricsLevel level,
                  std::size_t columns = 0);

    /// Decisions of query `query` by the float threshold; masked keys are 0.
    /// Returns: [key_end] bytes, valid until the next call.
    const std::uint8_t* reference(std::size_t query, const float* score);
    /// Adds one row, after `reference` of the same row.
    void add(std::size_t query, const DecisionRowBytes& row);
    /// Adds the exact softmax mass that `kept` leaves out (full only). `score` as in add.
    void add_mass(std::size_t query, const float* score, std::span<const std::uint32_t> kept);
    /// Clears decisions on keys that the mask forbids.
    void apply_mask(std::size_t query, std::uint8_t* keep) const;

    MetricsLevel level() const { return level_; }
    void finish(HeadReport& report) const;

  private:
    void finish_keys(HeadReport& report) const;
    void add_full(std::size_t query, std::size_t n, const DecisionRowBytes& row);

    const AttentionHead& head_;
    float threshold_;
    float sigma_;
    MetricsLevel level_;
    std::vector<std::uint8_t> reference_;
    AlignedVector<float> exps_;
    std::vector<float> key_norms_;
    std::int64_t sum_r_ = 0, sum_q_ = 0, sum_h_ = 0, sum_rq_ = 0, sum_rh_ = 0, sum_qh_ = 0;
    std::int64_t valid_ = 0, rows_ = 0, top1_lost_ = 0, borderline_ = 0;
    double fp_expected_ = 0.0, fk_expected_ = 0.0, variance_ = 0.0, fp_variance_ = 0.0;
    double mass_dropped_ = 0.0;
    ScoreEye eye_;
    /// What happened to each key over all queries.
    std::vector<std::int32_t> key_kept_, key_false_prune_, key_false_keep_;
    std::vector<double> key_expected_, key_variance_, key_fourth_;
    std::size_t columns_;
};

}  // namespace attohm
