#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/schemes/score_codes.hpp"
#include "src/schemes/threshold_settings.hpp"
#include "src/work/work.hpp"

/// What happens after the decisions: the keys of each row after the empty-row rule, the recompute
/// of their scores, softmax and the weighted sum of V.
namespace attohm {

/// Scores of one query against listed keys, in scaled-score units, for softmax.
class RowScores {
  public:
    virtual ~RowScores() = default;
    virtual void scores(std::size_t query, std::span<const std::uint32_t> keys,
                        float* out) const = 0;
};

/// 8-bit recompute: scale Dq Dk (q8 . k8), exact integers times one float.
class IntegerRowScores final : public RowScores {
  public:
    IntegerRowScores(const ScoreCodes& codes, const Matrix<std::int16_t>& k8)
        : codes_(codes), k8_(k8) {}
    void scores(std::size_t query, std::span<const std::uint32_t> keys, float* out) const override;

  private:
    const ScoreCodes& codes_;
    const Matrix<std::int16_t>& k8_;
};

/// Attention over kept keys of one head, row by row.
class KeptAttention {
  public:
    /// Args: values: [valid_k, dv] rows of V (codes or floats), result = sum p v * value_step.
    KeptAttention(const AttentionHead& head, const KeepSettings& settings, const RowScores& scores,
                  MatrixView<const float> values, float value_step);

    /// Args: keep: [key_end] 1 = kept (mask already applied); out: [dv].
    /// Returns: the keys of the row after always_keep and the empty-row rule, valid until the next
    /// call.
    std::span<const std::uint32_t> row(std::size_t query, const std::uint8_t* keep, float* out);

    /// Rows with an allowed key of which none was kept.
    std::int64_t empty_rows() const { return empty_rows_; }
    std::int64_t kept_pairs() const { return kept_pairs_; }
    /// Kept keys of all rows so far, in query order (rows of padded queries are empty).
    Selection take_selection(const HeadShape& shape);

  private:
    bool has_allowed_key(std::size_t query) const;
    void fill_empty_row(std::size_t query);

    const AttentionHead& head_;
    const KeepSettings& settings_;
    const RowScores& scores_;
    MatrixView<const float> values_;
    float value_step_;
    AlignedVector<float> row_scores_;
    std::vector<std::uint32_t> keys_;
    Selection selection_;
    std::int64_t empty_rows_ = 0;
    std::int64_t kept_pairs_ = 0;
};

/// Shape of a head for Work and Selections.
HeadShape head_shape(const AttentionHead& head);

}  // namespace attohm
