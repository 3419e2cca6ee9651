#pragma once

#include "src/schemes/kept_attention.hpp"

/// Scaled scores in float32, a block of queries at a time.
namespace attohm {

class FloatRowScores final : public RowScores {
  public:
    /// `head` must outlive it.
    explicit FloatRowScores(const AttentionHead& head);

    /// Scores of queries first .. first + count - 1, count <= kQueryBlock, against all valid keys.
    void load(std::size_t first, std::size_t count);
    /// [valid_k] scores of a query that is loaded; masked keys have one too.
    const float* row(std::size_t query) const { return block_.row(query - first_); }
    void scores(std::size_t query, std::span<const std::uint32_t> keys, float* out) const override;

  private:
    const AttentionHead& head_;
    Matrix<float> block_;
    std::size_t first_ = 0;
};

}  // namespace attohm
