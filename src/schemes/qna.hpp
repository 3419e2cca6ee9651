#pragma once

#include <optional>

#include "src/schemes/digital_work.hpp"
#include "src/schemes/registry.hpp"
#include "src/schemes/token_grid.hpp"

/// QnA: local attention with learned queries that all windows share. Exponentials are formed once
/// per token; a window is two depthwise correlations, so memory does not grow with its size.
/// Source: CVPR 2022, arXiv 2112.11435; moabarar/qna layers/qna.py.
namespace attohm {

struct QnaSettings {
    int window = 0;        ///< k: patches a side, odd
    int queries = 0;       ///< learned queries of a head
    double epsilon = 0.0;  ///< added to the norm of a query
    std::optional<TokenGrid> grid;
    int operand_bits = 0;
};
QnaSettings load_qna_settings(const Settings& settings);

/// Learned parameters of one head.
struct QnaHead {
    Matrix<float> queries;  ///< [Lq, d], before normalisation
    Matrix<float> bias;     ///< [k k, Lq], of the offset inside the window, row by row
    Matrix<float> weight;   ///< [k k, Lq], in the numerator only
    int window = 0;
};

/// c_jl = k_j . q_l / (|q_l| + epsilon) / sqrt(d), and for the window of an output
///     out = sum_l (sum_D w_Dl e^(b_Dl) e^(c_jl) v_j) / (sum_D e^(b_Dl) e^(c_jl))
/// over the offsets D whose token j lies on the grid and is valid; without a maximum. In double,
/// one pass over the tokens: time O(n k^2 (Lq + dv)), memory O(n Lq).
/// Args: head: its q is not used; stride: of the outputs, which stand in out's rows; outputs from
///   `valid_q` on become 0.
void qna_attention(const AttentionHead& head, const QnaHead& own, const TokenGrid& grid, int stride,
                   double epsilon, MatrixView<float> out);

class QnaScheme final : public Scheme {
  public:
    /// Throws: UserError for a causal model.
    QnaScheme(const SchemeInputs& inputs, const Settings& settings);
    std::string_view name() const override { return "qna"; }

    /// Throws: UserError for causal, masked or biased heads, for prefix tokens, where the grid is
    /// not known or does not fit, and where the trace lacks the learned queries of this layer.
    void attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                   SampleContext& context) const override;
    bool shape_work(const HeadShape& shape, SampleContext& context) const override;
    /// Queries are not projected; keys only onto the learned queries ("q", Lq columns a head: the
    /// projection of keys folded into them once per model).
    void linear_shapes(int layer, int heads, std::vector<LinearShape>& shapes) const override;

  private:
    AllPairsRule rule() const;
    void require_patches(int layer) const;
    /// The outputs' stride on a layer's grid. Throws: UserError.
    int stride_of(int layer, const TokenGrid& grid, int queries, int keys) const;
    QnaHead parameters(int layer, int head, std::size_t d) const;

    const ModelInfo model_;
    const std::string trace_path_;
    const ExtraWeights extra_;
    const QnaSettings settings_;
};

/// What the hardware does for a head whose scores lie in memory: "exp", "e V" once per token;
/// "numerator", "denominator" over the window; "Z", "sum". Empty for a head without tokens.
OpList qna_ops(const HeadShape& shape, const QnaSettings& settings);

SchemeEntry qna_entry();

}  // namespace attohm
