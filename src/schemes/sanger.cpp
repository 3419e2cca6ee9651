#include "src/schemes/sanger.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/base/vmath.hpp"
#include "src/schemes/calibrated_scheme.hpp"
#include "src/schemes/digital_work.hpp"
#include "src/schemes/float_row_scores.hpp"

namespace attohm {

namespace {

float largest(MatrixView<const float> x, std::size_t rows) {
    float high = 0.0F;
    for (std::size_t t = 0; t < rows; ++t)
        for (std::size_t i = 0; i < x.cols; ++i) high = std::max(high, std::abs(x(t, i)));
    return high;
}

/// Symmetric codes of the first rows. Returns: how many were clipped.
std::int64_t quantise(MatrixView<const float> x, float scale, int levels, Matrix<float>& codes) {
    std::int64_t clipped = 0;
    const float per_unit = scale > 0.0F ? static_cast<float>(levels) / scale : 0.0F;
    for (std::size_t t = 0; t < codes.rows(); ++t)
        clipped += quantise_codes({x.row(t), x.cols}, per_unit, -levels, levels,
                                  {codes.row(t), codes.cols()});
    return clipped;
}

/// keep[j] = probability > threshold over the pairs that are allowed. `row`: integer
/// scores of keys [0, key_end) in units of `step`, replaced by probabilities.
void decide(const AttentionHead& head, std::size_t query, float step, double threshold,
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

}  // namespace

SangerSettings load_sanger_settings(const Settings& settings) {
    SangerSettings sanger;
    sanger.bits = static_cast<int>(settings.integer("sanger.bits", {2.0, 8.0}));
    sanger.threshold = settings.real("sanger.threshold", {0.0, 1.0});
    sanger.range = pick<SangerRange, 2>(
        settings, "sanger.range",
        {{{"dynamic", SangerRange::dynamic}, {"calibrated", SangerRange::calibrated}}});
    sanger.operand_bits = load_operand_bits(settings, "sanger.operand_bits");
    sanger.keep = load_keep_settings(settings, false);
    return sanger;
}

SangerScales sanger_scales(std::span<const AttentionHead> samples) {
    SangerScales scales;
    for (const AttentionHead& head : samples) {
        scales.q = std::max(scales.q, largest(head.q, static_cast<std::size_t>(head.valid_q)));
        scales.k = std::max(scales.k, largest(head.k, static_cast<std::size_t>(head.valid_k)));
    }
    return scales;
}

SangerCodes sanger_codes(const AttentionHead& head, const SangerScales& scales, int bits) {
    const int levels = (1 << (bits - 1)) - 1;
    SangerCodes codes;
    codes.q.resize(static_cast<std::size_t>(head.valid_q), head.d());
    codes.k.resize(static_cast<std::size_t>(head.valid_k), head.d());
    codes.q_clipped = quantise(head.q, scales.q, levels, codes.q);
    codes.k_clipped = quantise(head.k, scales.k, levels, codes.k);
    const auto step = static_cast<float>(levels);
    codes.score_step = head.scale * (scales.q / step) * (scales.k / step);
    return codes;
}

SangerScheme::SangerScheme(const SchemeInputs& inputs, const Settings& settings)
    : inputs_(inputs), settings_(load_sanger_settings(settings)) {
    scales_.resize(static_cast<std::size_t>(inputs_.model.layers * inputs_.model.heads));
}

void SangerScheme::calibrate(int layer, int head, std::span<const AttentionHead> samples) {
    scales_.at(static_cast<std::size_t>(layer * inputs_.model.heads + head)) =
        sanger_scales(samples);
}

void SangerScheme::attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                             SampleContext& context) const {
    for (std::size_t h = 0; h < heads.size(); ++h) {
        const AttentionHead& head = heads[h];
        if (!head.bias.empty()) {
            throw UserError(
                fmt::format("scheme sanger cannot take the additive bias of layer {}", layer),
                fmt::format("{}:/samples/*/layers/{:02d}/bias", inputs_.trace_path, layer),
                "a bias tensor", "layers without bias (mask and causality are fine)");
        }
        const MatrixView<float> columns = out.columns(h * head.dv(), head.dv());
        clear_padding(head, columns);
        head_attention(head, columns, context);
    }
}

void SangerScheme::head_attention(const AttentionHead& head, MatrixView<float> out,
                                  SampleContext& context) const {
    const SangerScales scales =
        settings_.range == SangerRange::dynamic
            ? sanger_scales({&head, 1})
            : scales_.at(static_cast<std::size_t>(head.layer * inputs_.model.heads + head.head));
    const SangerCodes codes = sanger_codes(head, scales, settings_.bits);
    FloatRowScores scores(head);
    KeptAttention kept(head, settings_.keep, scores, head.v, 1.0F);
    Matrix<float> predicted(kQueryBlock, codes.k.rows());
    std::vector<std::uint8_t> keep(codes.k.rows());
    HeadReport report;
    for (std::size_t first = 0; first < codes.q.rows(); first += kQueryBlock) {
        const std::size_t count = std::min(kQueryBlock, codes.q.rows() - first);
        const MatrixView<const float> q = codes.q.view();
        sgemm_nt(q.rows_from(first, count), codes.k.view(), predicted.view().top(count));
        scores.load(first, count);
        for (std::size_t t = first; t < first + count; ++t) {
            const std::size_t end = head.key_end(t);
            decide(head, t, codes.score_step, settings_.threshold, {predicted.row(t - first), end},
                   keep.data());
            for (std::size_t j = 0; j < end; ++j) report.decisions.hw_kept += keep[j];
            kept.row(t, keep.data(), out.row(t));
        }
    }
    // What was kept, and what that leaves to compute.
    const HeadShape shape = head_shape(head);
    report.sample = context.sample;
    report.layer = head.layer;
    report.head = head.head;
    report.rows = head.valid_q;
    report.decisions.valid = shape.allowed_pairs;
    report.empty_rows = kept.empty_rows();
    report.kept_pairs = kept.kept_pairs();
    report.events.keys = head.valid_k;
    report.events.q_clipped = codes.q_clipped;
    report.events.k_clipped = codes.k_clipped;
    const HeadWork work = digital_work(
        shape, sanger_ops(shape, settings_.bits, settings_.operand_bits, kept.kept_pairs()),
        settings_.operand_bits, kept.kept_pairs());
    if (context.selections != nullptr)
        context.selections->consume(work, kept.take_selection(shape));
    context.reports.push_back(std::move(report));
    context.work.heads.push_back(work);
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
    const TensorId q4 = build.step(OpKind::quantise, "q4", {m, d}, {q},
                                   dense_tensor(TensorRole::q, m * d, prediction_bits));
    const TensorId k4 = build.step(OpKind::quantise, "k4", {n, d}, {k},
                                   dense_tensor(TensorRole::k, n * d, prediction_bits));
    build.set_bits(prediction_bits);
    const TensorInfo score4 = dense_tensor(TensorRole::score, m * n, operand_bits);
    const TensorId l4 = build.step(OpKind::matmul, "L4", {m, n, d}, {q4, k4}, score4, pairs * d);
    build.set_bits(operand_bits);
    const TensorId p4 = build.step(OpKind::softmax, "softmax4", {m, n}, {l4},
                                   build.tensor(TensorRole::probability, m * n), pairs);
    const TensorId mask = build.step(OpKind::compare, "mask", {m, n}, {p4},
                                     dense_tensor(TensorRole::mask, m * n, 1), pairs);
    const int index_bits = std::max<int>(1, std::bit_width(static_cast<std::uint64_t>(n - 1)));
    TensorInfo list = dense_tensor(TensorRole::index, m * n, index_bits);
    list.stored = kept_pairs;
    const TensorId packed = build.step(OpKind::pack, "pack", {m, n}, {mask}, list, kept_pairs);
    // Attention over what was kept.
    build.set_stage(Stage::attention);
    TensorInfo kept = build.tensor(TensorRole::score, m * n);
    kept.stored = kept_pairs;
    const TensorId l =
        build.step(OpKind::matmul, "L", {m, n, d}, {q, k, packed}, kept, kept_pairs * d);
    kept.role = TensorRole::probability;
    const TensorId p = build.step(OpKind::softmax, "softmax", {m, n}, {l}, kept, kept_pairs);
    build.step(OpKind::matmul, "A", {m, dv, n}, {p, v, packed},
               build.tensor(TensorRole::output, m * dv), kept_pairs * dv);
    return build.finish();
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
