#include "src/schemes/sanger.hpp"

#include <algorithm>
#include <limits>

#include "src/base/blas.hpp"
#include "src/base/vmath.hpp"
#include "src/schemes/calibrated_scheme.hpp"

namespace attohm {

namespace {

/// keep[j] = probability > threshold over the pairs that are allowed. `row`: integer
/// scores of keys [0, key_end) in units of `step`, replaced by probabilities.
void keep_probable(const AttentionHead& head, std::size_t query, float step, double threshold,
                   std::span<float> row, std::uint8_t* keep) {
    for (float& score : row) score *= step;
    if (!head.mask.empty()) {
        const std::uint8_t* mask = head.mask.row(query);
        for (std::size_t j = 0; j < row.size(); ++j)
            row[j] = mask[j] != 0 ? row[j] : -std::numeric_limits<float>::infinity();
    }
    softmax_row(row);
    const auto limit = static_cast<float>(threshold);
    for (std::size_t j = 0; j < row.size(); ++j) keep[j] = row[j] > limit ? 1 : 0;
}

/// Predicted probabilities above the threshold.
class SangerDecider final : public RowDecider {
  public:
    SangerDecider(const AttentionHead& head, const CodedHead& codes, double threshold)
        : head_(head),
          codes_(codes),
          threshold_(threshold),
          predicted_(kQueryBlock, codes.k.rows()) {}
    void load(std::size_t first, std::size_t count, const FloatRowScores&) override {
        first_ = first;
        const MatrixView<const float> q = codes_.q.view();
        sgemm_nt(q.rows_from(first, count), codes_.k.view(), predicted_.view().top(count));
    }
    void decide(std::size_t query, std::uint8_t* keep) override {
        keep_probable(head_, query, codes_.score_step, threshold_,
                      {predicted_.row(query - first_), head_.key_end(query)}, keep);
    }

  private:
    const AttentionHead& head_;
    const CodedHead& codes_;
    double threshold_;
    Matrix<float> predicted_;
    std::size_t first_ = 0;
};

}  // namespace

SangerSettings load_sanger_settings(const Settings& settings) {
    SangerSettings sanger;
    sanger.bits = static_cast<int>(settings.integer("sanger.bits", {2.0, 8.0}));
    sanger.threshold = settings.real("sanger.threshold", {0.0, 1.0});
    sanger.range = pick<SangerRange, 2>(
        settings, "sanger.range",
        {{{"dynamic", SangerRange::dynamic}, {"calibrated", SangerRange::calibrated}}});
    sanger.operand_bits = load_operand_bits(settings, "sanger.operand_bits");
    return sanger;
}

SangerScheme::SangerScheme(const SchemeInputs& inputs, const Settings& settings)
    : SelectionScheme(inputs, settings), settings_(load_sanger_settings(settings)) {
    scales_.resize(static_cast<std::size_t>(inputs_.model.layers * inputs_.model.heads));
}

void SangerScheme::calibrate(int layer, int head, std::span<const AttentionHead> samples) {
    scales_.at(static_cast<std::size_t>(layer * inputs_.model.heads + head)) =
        largest_scales(samples);
}

void SangerScheme::head_attention(const AttentionHead& head, MatrixView<float> out,
                                  SampleContext& context) const {
    const CodeScales scales =
        settings_.range == SangerRange::dynamic
            ? largest_scales({&head, 1})
            : scales_.at(static_cast<std::size_t>(head.layer * inputs_.model.heads + head.head));
    const CodedHead codes = code_head(head, scales, settings_.bits);
    FloatRowScores scores(head);
    KeptAttention kept(head, keep_settings_, scores, head.v, 1.0F);
    SangerDecider decider(head, codes, settings_.threshold);
    HeadReport report;
    attend(head, decider, scores, kept, out, report);
    report.events.q_clipped = codes.q_clipped;
    report.events.k_clipped = codes.k_clipped;
    OpList ops =
        sanger_ops(head_shape(head), settings_.bits, settings_.operand_bits, kept.kept_pairs());
    file(head, kept, std::move(report), std::move(ops), settings_.operand_bits, context);
}

OpList sanger_ops(const HeadShape& shape, int prediction_bits, int operand_bits,
                  std::int64_t kept_pairs) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, d = shape.d, dv = shape.dv;
    const std::int64_t pairs = shape.allowed_pairs;
    if (m == 0 || n == 0) return {};
    OpBuilder build(Stage::selection, operand_bits);
    const TensorId q = build.input(TensorRole::q, m * d);
    const TensorId k = build.input(TensorRole::k, n * d);
    const TensorId v = build.input(TensorRole::v, n * dv);
    // Prediction: every pair, few bits.
    const TensorId l4 = narrow_score_ops(build, shape, q, k, prediction_bits, operand_bits);
    const TensorId p4 = build.step(OpKind::softmax, "softmax4", {m, n}, {l4},
                                   build.tensor(TensorRole::probability, m * n), pairs);
    const TensorId mask = build.step(OpKind::compare, "mask", {m, n}, {p4},
                                     dense_tensor(TensorRole::mask, m * n, 1), pairs);
    const TensorId packed =
        build.step(OpKind::pack, "pack", {m, n}, {mask}, kept_list(shape, kept_pairs), kept_pairs);
    return kept_attention_ops(build, shape, {q, k, v, packed, kept_pairs});
}

SchemeEntry sanger_entry() {
    SchemeEntry entry;
    entry.name = "sanger";
    entry.help = "low-precision prediction of probabilities, exact attention over the larger ones";
    entry.source = "Sanger, MICRO 2021; github.com/hatsu3/Sanger bench_sanger.py, configs/";
    entry.equations = {
        "q4 = clamp(round(q L / max|q|), -L, L), k4 alike,  L = 2^(bits-1) - 1",
        "p4 = softmax(scale (max|q| / L) (max|k| / L) q4.k4)",
        "keep_ij  iff  p4_ij > threshold, among the pairs that mask, causality and padding allow",
        "out_i = sum_kept softmax(scale q_i.k) v",
        "kept_fraction = kept pairs / valid pairs  (what Sanger's papers call sparsity)"};
    entry.not_modelled = {"operands of the kept pairs narrower than float32 in the numbers",
                          "the model fine-tuned for the mask: use a trace of one",
                          "ranges followed by a moving average during training",
                          "how packed rows fill the array: a plan's"};
    entry.keys = {"sanger", "empty_row", "always_keep"};
    entry.preset = "presets/sanger.yaml";
    entry.plan = "sanger";
    entry.baselines = {"dense"};
    entry.machine = "sanger-64x16";
    entry.make = [](const SchemeInputs& inputs, const Settings& settings) {
        return std::make_unique<SangerScheme>(inputs, settings);
    };
    return entry;
}

}  // namespace attohm
