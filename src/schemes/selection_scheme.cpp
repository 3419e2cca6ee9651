#include "src/schemes/selection_scheme.hpp"

#include <fmt/format.h>

#include <bit>

#include "src/base/error.hpp"
#include "src/schemes/calibrated_scheme.hpp"
#include "src/schemes/row_kernels.hpp"

namespace attohm {

SelectionScheme::SelectionScheme(const SchemeInputs& inputs, const Settings& settings)
    : inputs_(inputs), keep_settings_(load_keep_settings(settings, false)) {}

void SelectionScheme::attention(int layer, std::span<const AttentionHead> heads,
                                MatrixView<float> out, SampleContext& context) const {
    for (std::size_t h = 0; h < heads.size(); ++h) {
        const AttentionHead& head = heads[h];
        if (!head.bias.empty()) {
            throw UserError(
                fmt::format("scheme {} cannot take the additive bias of layer {}", name(), layer),
                fmt::format("{}:/samples/*/layers/{:02d}/bias", inputs_.trace_path, layer),
                "a bias tensor", "layers without bias (mask and causality are fine)");
        }
        const MatrixView<float> columns = out.columns(h * head.dv(), head.dv());
        clear_padding(head, columns);
        head_attention(head, columns, context);
    }
}

void SelectionScheme::attend(const AttentionHead& head, RowDecider& decider, FloatRowScores& scores,
                             KeptAttention& kept, MatrixView<float> out, HeadReport& report) const {
    std::vector<std::uint8_t> keep(static_cast<std::size_t>(head.valid_k));
    const auto rows = static_cast<std::size_t>(head.valid_q);
    for (std::size_t first = 0; first < rows; first += kQueryBlock) {
        const std::size_t count = std::min(kQueryBlock, rows - first);
        scores.load(first, count);
        decider.load(first, count, scores);
        for (std::size_t t = first; t < first + count; ++t) {
            decider.decide(t, keep.data());
            report.decisions.hw_kept += sum_counts(keep.data(), nullptr, head.key_end(t));
            kept.row(t, keep.data(), out.row(t));
        }
    }
}

void SelectionScheme::file(const AttentionHead& head, KeptAttention& kept, HeadReport report,
                           OpList ops, int bits, SampleContext& context) const {
    const HeadShape shape = head_shape(head);
    report.sample = context.sample;
    report.layer = head.layer;
    report.head = head.head;
    report.rows = head.valid_q;
    report.decisions.valid = shape.allowed_pairs;
    report.empty_rows = kept.empty_rows();
    report.kept_pairs = kept.kept_pairs();
    report.events.keys = head.valid_k;
    const HeadWork work = digital_work(shape, std::move(ops), bits, kept.kept_pairs());
    if (context.selections != nullptr)
        context.selections->consume(work, kept.take_selection(shape));
    context.reports.push_back(std::move(report));
    context.work.heads.push_back(work);
}

void clear_masked(const AttentionHead& head, std::size_t query, std::uint8_t* keep) {
    if (head.mask.empty()) return;
    const std::uint8_t* mask = head.mask.row(query);
    for (std::size_t j = 0; j < head.key_end(query); ++j) keep[j] = mask[j] != 0 ? keep[j] : 0;
}

TensorInfo kept_list(const HeadShape& shape, std::int64_t kept_pairs) {
    const auto last = static_cast<std::uint64_t>(shape.valid_k - 1);
    TensorInfo list =
        dense_tensor(TensorRole::index, static_cast<std::int64_t>(shape.valid_q) * shape.valid_k,
                     std::max<int>(1, std::bit_width(last)));
    list.stored = kept_pairs;
    return list;
}

TensorInfo kept_scores(const OpBuilder& build, TensorRole role, const HeadShape& shape,
                       std::int64_t kept_pairs) {
    TensorInfo scores =
        build.tensor(role, static_cast<std::int64_t>(shape.valid_q) * shape.valid_k);
    scores.stored = kept_pairs;
    return scores;
}

TensorId narrow_score_ops(OpBuilder& build, const HeadShape& shape, TensorId q, TensorId k,
                          int narrow_bits, int operand_bits) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, d = shape.d;
    const TensorId q4 = build.step(OpKind::quantise, "q4", {m, d}, {q},
                                   dense_tensor(TensorRole::q, m * d, narrow_bits));
    const TensorId k4 = build.step(OpKind::quantise, "k4", {n, d}, {k},
                                   dense_tensor(TensorRole::k, n * d, narrow_bits));
    build.set_bits(narrow_bits);
    const TensorId scores =
        build.step(OpKind::matmul, "L4", {m, n, d}, {q4, k4},
                   dense_tensor(TensorRole::score, m * n, operand_bits), shape.allowed_pairs * d);
    build.set_bits(operand_bits);
    return scores;
}

OpList kept_attention_ops(OpBuilder& build, const HeadShape& shape, const KeptOps& kept) {
    build.set_stage(Stage::attention);
    const TensorId scores = build.step(
        OpKind::matmul, "L", {shape.valid_q, shape.valid_k, shape.d}, {kept.q, kept.k, kept.index},
        kept_scores(build, TensorRole::score, shape, kept.kept_pairs), kept.kept_pairs * shape.d);
    return kept_value_ops(build, shape, scores, kept);
}

OpList kept_value_ops(OpBuilder& build, const HeadShape& shape, TensorId scores,
                      const KeptOps& kept) {
    build.set_stage(Stage::attention);
    const std::int64_t m = shape.valid_q, n = shape.valid_k, dv = shape.dv;
    const TensorId p = build.step(
        OpKind::softmax, "softmax", {m, n}, {scores},
        kept_scores(build, TensorRole::probability, shape, kept.kept_pairs), kept.kept_pairs);
    build.step(OpKind::matmul, "A", {m, dv, n}, {p, kept.v, kept.index},
               build.tensor(TensorRole::output, m * dv), kept.kept_pairs * dv);
    return build.finish();
}

}  // namespace attohm
