#include "src/schemes/length_adaptive.hpp"

#include <algorithm>
#include <bit>
#include <functional>

#include "src/base/blas.hpp"
#include "src/schemes/calibrated_scheme.hpp"

namespace attohm {

namespace {

/// The k allowed keys of largest product, of equal ones the lower.
class TopKeysDecider final : public RowDecider {
  public:
    TopKeysDecider(const AttentionHead& head, const CodedHead& codes, int k)
        : head_(head),
          codes_(codes),
          k_(static_cast<std::size_t>(k)),
          products_(kQueryBlock, codes.k.rows()) {}
    void load(std::size_t first, std::size_t count, const FloatRowScores&) override {
        first_ = first;
        sgemm_nt(codes_.q.view().rows_from(first, count), codes_.k.view(),
                 products_.view().top(count));
    }
    void decide(std::size_t query, std::uint8_t* keep) override {
        const std::size_t n = head_.key_end(query);
        const float* product = products_.row(query - first_);
        values_.clear();
        for (std::size_t j = 0; j < n; ++j)
            if (head_.mask.empty() || head_.mask(query, j) != 0) values_.push_back(product[j]);
        std::fill_n(keep, n, std::uint8_t{1});
        clear_masked(head_, query, keep);
        if (k_ >= values_.size()) return;
        // All above the k-th largest product, then of those that equal it the first.
        const auto last = values_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
        std::nth_element(values_.begin(), last, values_.end(), std::greater<>());
        const float least = *last;
        std::size_t left = k_;
        for (std::size_t j = 0; j < n; ++j) {
            keep[j] = keep[j] != 0 && product[j] > least ? 1 : 0;
            left -= keep[j];
        }
        for (std::size_t j = 0; j < n && left > 0; ++j) {
            if (product[j] != least || !head_.allowed(query, j)) continue;
            keep[j] = 1;
            --left;
        }
    }

  private:
    const AttentionHead& head_;
    const CodedHead& codes_;
    std::size_t k_;
    Matrix<float> products_;
    std::vector<float> values_;
    std::size_t first_ = 0;
};

}  // namespace

LengthAdaptiveSettings load_length_adaptive_settings(const Settings& settings) {
    LengthAdaptiveSettings own;
    own.k = static_cast<int>(settings.integer("length_adaptive.k", {1.0, 1e6}));
    own.bits = static_cast<int>(settings.integer("length_adaptive.bits", {2.0, 8.0}));
    own.operand_bits = load_operand_bits(settings, "length_adaptive.operand_bits");
    return own;
}

LengthAdaptiveScheme::LengthAdaptiveScheme(const SchemeInputs& inputs, const Settings& settings)
    : SelectionScheme(inputs, settings), settings_(load_length_adaptive_settings(settings)) {}

void LengthAdaptiveScheme::head_attention(const AttentionHead& head, MatrixView<float> out,
                                          SampleContext& context) const {
    const CodedHead codes = code_head(head, largest_scales({&head, 1}), settings_.bits);
    FloatRowScores scores(head);
    KeptAttention kept(head, keep_settings_, scores, head.v, 1.0F);
    TopKeysDecider decider(head, codes, settings_.k);
    HeadReport report;
    attend(head, decider, scores, kept, out, report);
    OpList ops = length_adaptive_ops(head_shape(head), settings_.bits, settings_.operand_bits,
                                     kept.kept_pairs());
    file(head, kept, std::move(report), std::move(ops), settings_.operand_bits, context);
}

OpList length_adaptive_ops(const HeadShape& shape, int bits, int operand_bits,
                           std::int64_t kept_pairs) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, d = shape.d, dv = shape.dv;
    const std::int64_t pairs = shape.allowed_pairs;
    if (m == 0 || n == 0) return {};
    OpBuilder build(Stage::selection, operand_bits);
    const TensorId q = build.input(TensorRole::q, m * d);
    const TensorId k = build.input(TensorRole::k, n * d);
    const TensorId v = build.input(TensorRole::v, n * dv);
    const TensorId products = narrow_score_ops(build, shape, q, k, bits, operand_bits);
    // Ranked by a network of as many stages as a tree over the keys has levels.
    const auto stages =
        std::max<std::int64_t>(1, std::bit_width(static_cast<std::uint64_t>(n - 1)));
    const TensorId mask = build.step(OpKind::top_k, "top-k", {m, n * stages}, {products},
                                     dense_tensor(TensorRole::mask, m * n, 1), pairs * stages);
    const TensorId packed =
        build.step(OpKind::pack, "pack", {m, n}, {mask}, kept_list(shape, kept_pairs), kept_pairs);
    return kept_attention_ops(build, shape, {q, k, v, packed, kept_pairs});
}

SchemeEntry length_adaptive_entry() {
    SchemeEntry entry;
    entry.name = "length-adaptive";
    entry.help = "4-bit products rank the keys of a query, exact attention over the first k";
    entry.source = "Length-adaptive Transformer accelerator, DAC 2022, arXiv 2208.03646";
    entry.equations = {
        "q4 = clamp(round(q L / max|q|), -L, L), k4 alike, one scale a tensor,  "
        "L = 2^(bits-1) - 1",
        "keep_ij  iff  q4_i.k4_j is among the k largest over the allowed j; of equal ones the "
        "lower j",
        "out_i = sum_kept softmax(scale q_i.k) v"};
    entry.not_modelled = {
        "the table of products: a narrow product costs what the machine's array asks for it",
        "operands of the kept pairs narrower than float32 in the numbers",
        "sequences of a batch in a pipeline at their true length, and the padding this removes"};
    entry.keys = {"length_adaptive", "empty_row", "always_keep"};
    entry.preset = "presets/length_adaptive.yaml";
    entry.plan = "kept-pairs";
    entry.baselines = {"dense", "allowed-pairs"};
    entry.machine = "equal-512";
    entry.make = [](const SchemeInputs& inputs, const Settings& settings) {
        return std::make_unique<LengthAdaptiveScheme>(inputs, settings);
    };
    return entry;
}

}  // namespace attohm
