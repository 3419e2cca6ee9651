#pragma once

#include "src/schemes/calibrated_scheme.hpp"
#include "src/schemes/symmetric_codes.hpp"

/// LeOPArd: learned thresholds, and keys bit by bit until a score can no longer reach them.
/// Source: ISCA 2022, arXiv 2204.03227.
namespace attohm {

/// Scores of a head with the keys' codes taken bit by bit: the sign, then the magnitude from its
/// largest bit on. Queries are loaded a block at a time.
class SerialScores {
  public:
    /// Args: limit: a pair is kept where its integer score is at least this; codes outlive it.
    SerialScores(const CodedHead& codes, int bits, double limit);

    void load(std::size_t first, std::size_t count);
    /// [valid_k] whole integer scores.
    const float* row(std::size_t query) const { return whole_.row(query - first_); }
    /// [valid_k] bits that are looked at until the pair is decided.
    std::uint8_t* steps(std::size_t query) { return steps_.row(query - first_); }

  private:
    const CodedHead& codes_;
    int bits_;
    float limit_;
    std::vector<Matrix<float>> bound_keys_;  ///< after so many bits of the magnitude
    Matrix<float> whole_, bound_;
    Matrix<std::uint8_t> steps_;
    std::vector<float> q_sums_;  ///< sum |q|
    std::size_t first_ = 0;
};

/// Smallest integer score that `threshold` keeps, in steps of `score_step`.
double integer_limit(double threshold, double score_step);

class LeopardScheme final : public CalibratedScheme {
  public:
    LeopardScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "leopard"; }

  protected:
    void head_attention(const AttentionHead& head, MatrixView<float> out,
                        SampleContext& context) const override;

  private:
    /// Throws: UserError where sums of codes would be rounded.
    void check_exact(const AttentionHead& head) const;

    const KeepSettings keep_settings_;
    const int bits_;
};

/// "|q|", "QK bits", "stop", "pack" (Stage::selection), then "softmax" and "A" over kept pairs. A
/// multiplication of `bits` holds as many steps of one bit: `nonzeros` of "QK bits" are bit steps
/// over bits, times d. Empty for a head without queries or keys.
OpList leopard_ops(const HeadShape& shape, int bits, std::int64_t bit_steps,
                   std::int64_t kept_pairs);

SchemeEntry leopard_entry();

}  // namespace attohm
