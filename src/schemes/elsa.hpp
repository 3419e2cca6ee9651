#pragma once

#include <optional>
#include <vector>

#include "src/schemes/selection_scheme.hpp"

/// ELSA: signs of random projections say how large an angle is; keys whose approximate score is
/// large enough are computed exactly.
/// Source: ISCA 2021 (mechanism recalled).
namespace attohm {

struct ElsaSettings {
    int hash_bits = 0;
    double angle_bias = 0.0;     ///< radian, taken off the estimated angle
    std::optional<double> mass;  ///< the cut that keeps so much softmax mass on calibration samples
    double cut = 0.0;            ///< where `mass` is nothing
    int operand_bits = 0;
};
ElsaSettings load_elsa_settings(const Settings& settings);

/// Approximate scores of a head, of queries of length 1: |k_j| cos(angle_ij) / max|k|.
class HashedScores {
  public:
    /// Args: projection: [bits, d].
    HashedScores(const AttentionHead& head, const Matrix<float>& projection, double angle_bias);

    void load(std::size_t first, std::size_t count);
    /// [n] scores of keys [0, n), in -1..1.
    void scores(std::size_t query, std::size_t n, float* out) const;

  private:
    Matrix<float> q_;                ///< signs
    Matrix<float> k_;                ///< signs
    AlignedVector<float> cosine_;    ///< by Hamming distance
    AlignedVector<float> relative_;  ///< |k_j| / max|k|
    Matrix<float> agreement_;        ///< equal signs less different ones
    std::size_t first_ = 0;
};

/// Normal entries, one draw for each layer of an experiment.
Matrix<float> hash_projection(std::uint64_t seed, int layer, int bits, std::size_t d);

class ElsaScheme final : public SelectionScheme {
  public:
    ElsaScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "elsa"; }

    void calibrate(int layer, int head, std::span<const AttentionHead> samples) override;
    /// The cut of a layer and head.
    double cut(int layer, int head) const;

  private:
    void head_attention(const AttentionHead& head, MatrixView<float> out,
                        SampleContext& context) const override;

    const ElsaSettings settings_;
    std::vector<double> cuts_;  ///< by layer and head
};

/// "hash q", "hash k", "k squares", "k norm", "Hamming", "cos", "cut", "pack" (Stage::selection),
/// then "L", "softmax", "A" over kept pairs. Empty for a head without queries or keys.
OpList elsa_ops(const HeadShape& shape, int hash_bits, int operand_bits, std::int64_t kept_pairs);

SchemeEntry elsa_entry();

}  // namespace attohm
