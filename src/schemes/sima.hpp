#pragma once

#include "src/schemes/digital_work.hpp"
#include "src/schemes/registry.hpp"

/// SimA: attention without softmax. Queries and keys are divided, channel by channel, by their l1
/// norm over the tokens; the two products are then taken in the cheaper order.
/// Source: WACV 2024, arXiv 2206.08898; UCDvision/sima, sima.py.
namespace attohm {

/// Which product comes first.
enum class SimaOrder : std::uint8_t {
    cheaper,    ///< (q k^T) v where there are fewer keys than channels of a head, else q (k^T v)
    quadratic,  ///< (q k^T) v
    linear      ///< q (k^T v)
};
/// What the norms multiply.
enum class SimaScaling : std::uint8_t {
    tokens,   ///< every element of Q and K
    channels  ///< D = diag(1 / (|Q_c| |K_c|)) on k^T v, or on K in the quadratic order
};

struct SimaSettings {
    SimaOrder order = SimaOrder::cheaper;
    SimaScaling scaling = SimaScaling::tokens;
    double epsilon = 0.0;  ///< norms are at least this: a clamp, not an addend
    int operand_bits = 0;

    /// Args: keys: valid ones of a head; d: channels of a head.
    bool is_linear(std::int64_t keys, std::int64_t d) const {
        return order == SimaOrder::linear || (order == SimaOrder::cheaper && keys >= d);
    }
};
SimaSettings load_sima_settings(const Settings& settings);

class SimaScheme final : public Scheme {
  public:
    /// Throws: UserError for a causal model.
    SimaScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "sima"; }

    /// Throws: UserError for a causal, masked or biased head, and where there are fewer queries
    /// than keys: the norms run over the queries of all tokens, before some of them are taken.
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;
    bool shape_work(const HeadShape& shape, SampleContext& context) const override;

  private:
    AllPairsRule rule() const;
    void require_all_queries(int layer, int queries, int keys) const;
    void record(const HeadShape& shape, SampleContext& context) const;

    const std::string trace_path_;
    const SimaSettings settings_;
};

/// One head over its valid tokens:
///     q^_c = Q_c / max(sum_n |Q_nc|, epsilon),  k^_c alike,  out = q^ k^^T V
/// without 1/sqrt(d) and without softmax. Time O(n d dv) and memory O(n d) in the linear order.
/// Norms are summed in double, all else is float32.
/// Args: head: without mask, causality or bias; out: [n_q, dv], padded rows become 0.
void sima_attention(const AttentionHead& head, const SimaSettings& settings, MatrixView<float> out);

/// What the hardware does for it, serial and small steps included: "q norm", "k norm" (sums of
/// |x|, the clamp, reciprocals), then "q scale", "k scale" or "D"; then "K V", "Q K V" or "Q K",
/// "Q K V". Empty for a head without queries or keys.
OpList sima_ops(const HeadShape& shape, const SimaSettings& settings);

SchemeEntry sima_entry();

}  // namespace attohm
