#pragma once

#include "src/schemes/digital_work.hpp"
#include "src/schemes/float_row_scores.hpp"
#include "src/schemes/registry.hpp"
#include "src/schemes/symmetric_codes.hpp"

/// What schemes share that choose pairs first and then compute exact attention over them.
namespace attohm {

/// Decides row by row which allowed keys a query keeps.
class RowDecider {
  public:
    virtual ~RowDecider() = default;
    /// Makes ready queries first .. first + count - 1, count <= kQueryBlock. Args: scores: their
    /// exact scaled scores.
    virtual void load(std::size_t /*first*/, std::size_t /*count*/, const FloatRowScores&) {}
    /// keep[j] of keys [0, key_end); every one is written, masked keys with 0.
    virtual void decide(std::size_t query, std::uint8_t* keep) = 0;
};

class SelectionScheme : public Scheme {
  public:
    SelectionScheme(const SchemeInputs& inputs, const Settings& settings);
    /// Throws: UserError for a layer with additive bias, by name.
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;

  protected:
    /// One head; out [n_q, dv], padded rows are already 0.
    virtual void head_attention(const AttentionHead& head, MatrixView<float> out,
                                SampleContext& context) const = 0;

    /// Attention over what `decider` keeps, scores in float. Adds its counts to `report`.
    void attend(const AttentionHead& head, RowDecider& decider, FloatRowScores& scores,
                KeptAttention& kept, MatrixView<float> out, HeadReport& report) const;
    /// Hands the Selection on and files report and Work. Args: bits: of the operands.
    void file(const AttentionHead& head, KeptAttention& kept, HeadReport report, OpList ops,
              int bits, SampleContext& context) const;

    const SchemeInputs inputs_;
    const KeepSettings keep_settings_;
};

/// Clears decisions on keys that the mask forbids.
void clear_masked(const AttentionHead& head, std::size_t query, std::uint8_t* keep);

/// Scores of all pairs by narrow codes of q and k: "q4", "k4", "L4" (whatever their width).
TensorId narrow_score_ops(OpBuilder& build, const HeadShape& shape, TensorId q, TensorId k,
                          int narrow_bits, int operand_bits);

/// Attention over the kept pairs, behind the selection of a list: "L" (where the scores are not
/// known from the selection), "softmax", "A". Args: index: list of kept keys.
struct KeptOps {
    TensorId q = kNoTensor, k = kNoTensor, v = kNoTensor, index = kNoTensor;
    std::int64_t kept_pairs = 0;
};
OpList kept_attention_ops(OpBuilder& build, const HeadShape& shape, const KeptOps& kept);
/// "softmax" and "A" alone, from scores that exist.
OpList kept_value_ops(OpBuilder& build, const HeadShape& shape, TensorId scores,
                      const KeptOps& kept);

/// List of kept keys as a packed tensor.
TensorInfo kept_list(const HeadShape& shape, std::int64_t kept_pairs);
/// Scores of which the kept pairs are stored.
TensorInfo kept_scores(const OpBuilder& build, TensorRole role, const HeadShape& shape,
                       std::int64_t kept_pairs);

}  // namespace attohm
