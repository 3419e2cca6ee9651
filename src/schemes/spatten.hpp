#pragma once

#include <vector>

#include "src/schemes/selection_scheme.hpp"

/// SpAtten: tokens and heads that little attention goes to are pruned, in the closed loop for all
/// layers behind; keys first by their MSBs, rows without a clear winner again with all bits.
/// Source: HPCA 2021, arXiv 2012.09852; github.com/mit-han-lab/spatten.
namespace attohm {

struct SpattenSettings {
    double token_keep = 1.0;  ///< in the last layer, linear from 1 in the first
    double head_keep = 1.0;   ///< the same of heads; closed loop
    int bits = 0;
    int msb_bits = 0;
    double lsb_bound = 0.0;  ///< of a row's largest probability
};
SpattenSettings load_spatten_settings(const Settings& settings);

/// Scores of a head by MSBs of the keys, of all bits where no probability of the row by MSBs
/// reaches the bound.
class ProgressiveScores final : public RowScores {
  public:
    /// Args: alive: [valid_k] keys that are left; empty: all. Outlives it, as the head does.
    ProgressiveScores(const AttentionHead& head, const SpattenSettings& settings,
                      std::span<const std::uint8_t> alive);

    void load(std::size_t first, std::size_t count);
    /// [key_end] final scores of a loaded query; minus infinity where a key may not be used.
    const float* row(std::size_t query) const { return final_.row(query - first_); }
    /// [key_end] softmax of them.
    const float* probability(std::size_t query) const { return probability_.row(query - first_); }
    bool again(std::size_t query) const { return again_[query - first_] != 0; }
    void scores(std::size_t query, std::span<const std::uint32_t> keys, float* out) const override;

  private:
    void score_msb(std::size_t query);
    void score_row(std::size_t query, const float* product, float step);

    const AttentionHead& head_;
    const double lsb_bound_;
    const std::span<const std::uint8_t> alive_;
    Matrix<float> q_msb_, k_msb_, q_, k_;
    float msb_step_ = 0.0F, step_ = 0.0F;
    Matrix<float> msb_, whole_, final_, probability_;
    std::vector<std::uint8_t> again_;
    std::size_t first_ = 0;
};

/// keep[j] = 1 for the `count` largest of allowed[j] != 0, of equal ones the lower; else 0.
void keep_largest(std::span<const double> importance, std::span<const std::uint8_t> allowed,
                  std::size_t count, std::uint8_t* keep);

class SpattenScheme final : public SelectionScheme {
  public:
    SpattenScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "spatten"; }

    /// Starts the cascade of a sample; keeps all rows in the network.
    bool tokens(int layer, MatrixView<const float> x, std::span<const int> ids,
                SampleContext& context, TokenStep& next) const override;
    /// Throws: UserError for a layer with additive bias, by name.
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;
    /// Fraction of tokens (heads) that a layer works on: 1 in the first, `last` in the last.
    double share(int layer, double last) const;

  private:
    void head_attention(const AttentionHead& head, MatrixView<float> out,
                        SampleContext& context) const override;
    void skip_head(const AttentionHead& head, MatrixView<float> out, SampleContext& context) const;

    const SpattenSettings settings_;
};

/// What a head's selection came to.
struct SpattenCounts {
    std::int64_t scored = 0;      ///< pairs scored by MSBs
    std::int64_t again = 0;       ///< of them, scored with all bits
    std::int64_t fetched = 0;     ///< keys whose MSBs are needed
    std::int64_t ranked = 0;      ///< elements through the choice of tokens
    std::int64_t normalised = 0;  ///< pairs through a softmax of final scores
    std::int64_t kept_pairs = 0;
};

/// "q msb", "QK msb", "softmax msb", "bound", "QK all bits", "importance", "top-k", "pack"
/// (Stage::selection), then "softmax" and "A" over kept pairs. Empty for a head without queries or
/// keys.
OpList spatten_ops(const HeadShape& shape, int bits, int msb_bits, const SpattenCounts& counts);

SchemeEntry spatten_entry();

}  // namespace attohm
