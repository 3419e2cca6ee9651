#pragma once

#include <optional>

#include "src/schemes/digital_work.hpp"
#include "src/schemes/registry.hpp"
#include "src/schemes/token_grid.hpp"

/// MaiT: scores are multiplied by a mask of neighbouring patches before the softmax, so that what
/// is masked has score 0 and weight e^0, not none. Exact sparse form: a sum over neighbours and one
/// sum over all values.
/// Source: arXiv 2207.03006 and its ICLR 2022 submission.
namespace attohm {

struct MaitSettings {
    int window_rows = 0;     ///< odd
    int window_columns = 0;  ///< odd
    bool class_column = false;
    std::optional<TokenGrid> grid;   ///< the user's, without its prefix; else the trace's
    std::vector<int> masked_heads;   ///< the first so many heads; of all layers, or one per layer
    std::optional<double> locality;  ///< instead: heads whose locality score is at least this
    int operand_bits = 0;
};
MaitSettings load_mait_settings(const Settings& settings);

/// The keys whose scores a query keeps, in compressed rows.
struct MaskedPairs {
    std::vector<std::uint32_t> row_begin;  ///< [queries + 1]
    std::vector<std::uint32_t> keys;       ///< ascending in each row
    std::int64_t dense_rows = 0;           ///< of the prefix: they see all keys
    std::int64_t taps = 0;                 ///< of a patch whose window lies on the grid

    std::span<const std::uint32_t> row(std::size_t query) const {
        return {keys.data() + row_begin[query], keys.data() + row_begin[query + 1]};
    }
    std::int64_t pairs() const { return static_cast<std::int64_t>(keys.size()); }
};

/// M: a patch keeps the patches of its window that lie on the grid (itself among them), and the
/// prefix where `class_column` says so; the prefix keeps all. Tokens from `valid` on are padding.
MaskedPairs mait_pairs(const TokenGrid& grid, const MaitSettings& settings, int valid);

/// One head in the sparse form, with a_ij = scale q_i.k_j over the pairs of M:
///     out_i = (sum_M (e^a - 1) v_j + sum_all v_j) / (sum_M (e^a - 1) + N)
/// numerator and denominator divided by e^max(0, a_i) so that nothing overflows.
/// Args: head: without mask, causality or bias, as many queries as keys; out: [n_q, dv], padded
///   rows become 0.
void mait_attention(const AttentionHead& head, const MaskedPairs& pairs, MatrixView<float> out);

/// ALS: mean over rows of the softmax mass (of dense attention) that M covers.
double locality_score(const AttentionHead& head, const MaskedPairs& pairs);

class MaitScheme final : public Scheme {
  public:
    /// Throws: UserError for a causal model.
    MaitScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "mait"; }

    void calibrate(int layer, int head, std::span<const AttentionHead> samples) override;
    /// Throws: UserError where the grid is not known or does not fit the tokens, and for causal,
    /// masked or biased heads.
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;
    bool shape_work(const HeadShape& shape, SampleContext& context) const override;

  private:
    AllPairsRule rule() const;
    /// The grid of a layer of so many tokens. Throws: UserError.
    TokenGrid grid_of(int layer, int queries, int keys) const;
    bool is_masked(int layer, int head) const;
    void record(const HeadShape& shape, const MaskedPairs& pairs, SampleContext& context) const;

    const ModelInfo model_;
    const std::string trace_path_;
    const MaitSettings settings_;
    std::vector<char> local_;  ///< by layer and head, where locality decides
};

/// What the hardware does for a masked head. Rows of the prefix are dense: "class L", "class
/// softmax", "class A". Of the patches, window by window: "L", "exp", "less one", "weight sum",
/// "A", of which the pairs of M count as not zero (a window at the border is computed whole);
/// "V sum" once; "add V sum", "add N", "Z". Empty for a head without tokens.
OpList mait_ops(const HeadShape& shape, const MaskedPairs& pairs, int bits);

SchemeEntry mait_entry();

}  // namespace attohm
