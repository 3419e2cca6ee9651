#include "src/schemes/vitcod.hpp"

#include <algorithm>
#include <bit>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/base/vmath.hpp"
#include "src/schemes/calibrated_scheme.hpp"
#include "src/schemes/digital_work.hpp"
#include "src/schemes/float_row_scores.hpp"

namespace attohm {

namespace {

/// Adds the softmax map of a head to `sum`.
void add_map(const AttentionHead& head, Matrix<double>& sum) {
    FloatRowScores scores(head);
    std::vector<std::uint32_t> keys;
    AlignedVector<float> row(static_cast<std::size_t>(head.valid_k));
    const auto queries = static_cast<std::size_t>(head.valid_q);
    for (std::size_t first = 0; first < queries; first += kQueryBlock) {
        const std::size_t count = std::min(kQueryBlock, queries - first);
        scores.load(first, count);
        for (std::size_t t = first; t < first + count; ++t) {
            keys.clear();
            for (std::size_t j = 0; j < head.key_end(t); ++j)
                if (head.allowed(t, j)) keys.push_back(static_cast<std::uint32_t>(j));
            if (keys.empty()) continue;
            scores.scores(t, keys, row.data());
            softmax_row({row.data(), keys.size()});
            for (std::size_t i = 0; i < keys.size(); ++i)
                sum(t, keys[i]) += static_cast<double>(row[i]);
        }
    }
}

/// The kept pairs of a head of which only the shape is known.
Selection masked_pairs(const HeadShape& shape, MatrixView<const std::uint8_t> mask) {
    Selection kept;
    kept.shape = shape;
    kept.row_begin = {0};
    const int shift = shape.n_k - shape.n_q;
    for (int t = 0; t < shape.n_q; ++t) {
        const int end = shape.causal ? std::min(shape.valid_k, t + 1 + shift) : shape.valid_k;
        for (int j = 0; t < shape.valid_q && j < end; ++j)
            if (mask(static_cast<std::size_t>(t), static_cast<std::size_t>(j)) != 0)
                kept.keys.push_back(static_cast<std::uint32_t>(j));
        kept.row_begin.push_back(static_cast<std::uint32_t>(kept.keys.size()));
    }
    return kept;
}

}  // namespace

VitcodSettings load_vitcod_settings(const Settings& settings) {
    VitcodSettings vitcod;
    const auto call = settings.call("vitcod.masks", {"trace", "average(x)"});
    vitcod.masks_of_trace = call.name == "trace";
    if (!vitcod.masks_of_trace) {
        vitcod.mass = *call.argument;
        if (!(vitcod.mass > 0.0) || vitcod.mass > 1.0)
            throw UserError("average takes a fraction of the attention",
                            settings.entry("vitcod.masks").where,
                            fmt::format("average({})", vitcod.mass), "0 < x <= 1");
    }
    vitcod.global_share = settings.real("vitcod.global_share", {0.0, 1.0});
    vitcod.codec =
        pick<VitcodCodec, 2>(settings, "vitcod.auto_encoder",
                             {{{"none", VitcodCodec::none}, {"lossless", VitcodCodec::lossless}}});
    vitcod.operand_bits = load_operand_bits(settings, "vitcod.operand_bits");
    vitcod.keep = load_keep_settings(settings, false);
    return vitcod;
}

VitcodScheme::VitcodScheme(const SchemeInputs& inputs, const Settings& settings)
    : inputs_(inputs), settings_(load_vitcod_settings(settings)) {
    if (settings_.masks_of_trace && inputs_.masks == nullptr)
        throw UserError(
            "scheme vitcod needs a mask for every layer and head",
            inputs_.trace_path + ":/model/masks/vitcod", "no such dataset",
            "a trace with it (attohm trace mask TRACE --from FILE --name vitcod -o OUT), or masks "
            "from the trace's own average attention: --set \"vitcod.masks=average(0.9)\"");
    derived_.resize(static_cast<std::size_t>(inputs_.model.layers * inputs_.model.heads));
}

void VitcodScheme::calibrate(int layer, int head, std::span<const AttentionHead> samples) {
    if (settings_.masks_of_trace || samples.empty()) return;
    const std::size_t tokens = samples.front().n_k();
    Matrix<double> sum(tokens, tokens);
    for (const AttentionHead& sample : samples) {
        require_tokens(layer, head_shape(sample), tokens);
        add_map(sample, sum);
    }
    derived_.at(ordinal(layer, head)) = pruned_mask(
        sum.view(), settings_.mass, static_cast<std::size_t>(inputs_.model.prefix_tokens));
}

std::size_t VitcodScheme::ordinal(int layer, int head) const {
    return static_cast<std::size_t>(layer * inputs_.model.heads + head);
}

MatrixView<const std::uint8_t> VitcodScheme::mask_of(int layer, int head) const {
    return settings_.masks_of_trace ? inputs_.masks->of(layer, head)
                                    : derived_.at(ordinal(layer, head)).view();
}

void VitcodScheme::require_tokens(int layer, const HeadShape& shape, std::size_t tokens) const {
    const auto of_mask = static_cast<int>(tokens);
    if (shape.n_q == of_mask && shape.n_k == of_mask) return;
    throw UserError(
        fmt::format("scheme vitcod cannot compute layer {}: its mask is for other tokens", layer),
        fmt::format("{}:/samples/*/layers/{:02d}", inputs_.trace_path, layer),
        fmt::format("{} queries and {} keys", shape.n_q, shape.n_k),
        fmt::format("{} of both (one mask serves all samples)", tokens));
}

void VitcodScheme::attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                             SampleContext& context) const {
    for (std::size_t h = 0; h < heads.size(); ++h) {
        const AttentionHead& head = heads[h];
        if (!head.bias.empty())
            throw UserError(
                fmt::format("scheme vitcod cannot take the additive bias of layer {}", layer),
                fmt::format("{}:/samples/*/layers/{:02d}/bias", inputs_.trace_path, layer),
                "a bias tensor", "layers without bias (mask and causality are fine)");
        require_tokens(layer, head_shape(head), mask_of(layer, head.head).rows);
        const MatrixView<float> columns = out.columns(h * head.dv(), head.dv());
        clear_padding(head, columns);
        head_attention(head, columns, context);
    }
}

void VitcodScheme::head_attention(const AttentionHead& head, MatrixView<float> out,
                                  SampleContext& context) const {
    const MatrixView<const std::uint8_t> mask = mask_of(head.layer, head.head);
    FloatRowScores scores(head);
    KeptAttention kept(head, settings_.keep, scores, head.v, 1.0F);
    std::vector<std::uint8_t> keep(head.n_k());
    HeadReport report;
    const auto queries = static_cast<std::size_t>(head.valid_q);
    for (std::size_t first = 0; first < queries; first += kQueryBlock) {
        const std::size_t count = std::min(kQueryBlock, queries - first);
        scores.load(first, count);
        for (std::size_t t = first; t < first + count; ++t) {
            for (std::size_t j = 0; j < head.key_end(t); ++j) {
                keep[j] = mask(t, j) != 0 && head.allowed(t, j) ? 1 : 0;
                report.decisions.hw_kept += keep[j];
            }
            kept.row(t, keep.data(), out.row(t));
        }
    }
    const HeadShape shape = head_shape(head);
    report.sample = context.sample;
    report.layer = head.layer;
    report.head = head.head;
    report.rows = head.valid_q;
    report.decisions.valid = shape.allowed_pairs;
    report.empty_rows = kept.empty_rows();
    report.kept_pairs = kept.kept_pairs();
    report.events.keys = head.valid_k;
    const Selection selection = kept.take_selection(shape);
    HeadWork work = work_of(shape, selection, mask);
    if (context.selections != nullptr) context.selections->consume(work, selection);
    context.reports.push_back(std::move(report));
    context.work.heads.push_back(std::move(work));
}

HeadWork VitcodScheme::work_of(const HeadShape& shape, const Selection& kept,
                               MatrixView<const std::uint8_t> mask) const {
    const PolarisedMask parts = polarised(mask, settings_.global_share);
    VitcodPattern pattern;
    for (const std::uint32_t key : parts.globals)
        pattern.globals += key < static_cast<std::uint32_t>(shape.valid_k) ? 1 : 0;
    for (const std::uint32_t key : kept.keys) pattern.rest_pairs += parts.is_global[key] == 0;
    const int code_heads =
        settings_.codec == VitcodCodec::none ? 0 : vitcod_code_heads(inputs_.model.heads);
    return digital_work(
        shape, vitcod_ops(shape, pattern, code_heads, inputs_.model.heads, settings_.operand_bits),
        settings_.operand_bits, static_cast<std::int64_t>(kept.keys.size()));
}

bool VitcodScheme::shape_work(const HeadShape& shape, SampleContext& context) const {
    if (!settings_.masks_of_trace) return false;
    const MatrixView<const std::uint8_t> mask = mask_of(shape.layer, shape.head);
    require_tokens(shape.layer, shape, mask.rows);
    const Selection kept = masked_pairs(shape, mask);
    HeadWork work = work_of(shape, kept, mask);
    if (context.selections != nullptr) context.selections->consume(work, kept);
    context.work.heads.push_back(std::move(work));
    return true;
}

namespace {

/// A tensor that travels compressed across the heads, and how it becomes itself again.
TensorId decoded(OpBuilder& build, TensorRole role, std::string_view name, std::int64_t rows,
                 std::int64_t width, int code_heads, int heads) {
    if (code_heads == 0) return build.input(role, rows * width);
    const TensorId code =
        build.input(role, ceil_div(rows * width * code_heads, std::int64_t{heads}));
    const TensorId weight = build.input(TensorRole::weight, code_heads);
    return build.step(OpKind::matmul, name, {rows * width, 1, code_heads}, {code, weight},
                      build.tensor(role, rows * width));
}

}  // namespace

OpList vitcod_ops(const HeadShape& shape, const VitcodPattern& pattern, int code_heads, int heads,
                  int bits) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, d = shape.d, dv = shape.dv;
    if (m == 0 || n == 0) return {};
    const std::int64_t global_pairs = m * pattern.globals;
    OpBuilder build(Stage::attention, bits);
    const TensorId q = decoded(build, TensorRole::q, "decode q", m, d, code_heads, heads);
    const TensorId k = decoded(build, TensorRole::k, "decode k", n, d, code_heads, heads);
    const TensorId v = build.input(TensorRole::v, n * dv);
    // Global keys: whole columns, whatever the mask leaves out of them.
    TensorId global = kNoTensor, rest = kNoTensor, index = kNoTensor;
    if (pattern.globals > 0)
        global = build.step(OpKind::matmul, "L global", {m, pattern.globals, d}, {q, k},
                            build.tensor(TensorRole::score, global_pairs));
    if (pattern.rest_pairs > 0) {
        build.set_bits(std::max<int>(1, std::bit_width(static_cast<std::uint64_t>(m - 1))));
        index = build.input(TensorRole::index, pattern.rest_pairs);
        build.set_bits(bits);
        TensorInfo listed = build.tensor(TensorRole::score, m * (n - pattern.globals));
        listed.stored = pattern.rest_pairs;
        rest = build.step(OpKind::matmul, "L rest", {m, n - pattern.globals, d}, {q, k, index},
                          listed, pattern.rest_pairs * d);
    }
    const std::int64_t pairs = global_pairs + pattern.rest_pairs;
    if (pairs == 0) return {};
    TensorInfo weights = build.tensor(TensorRole::probability, m * n);
    weights.stored = pairs;
    const TensorId p =
        build.step(OpKind::softmax, "softmax", {m, n},
                   {global == kNoTensor ? rest : global, global == kNoTensor ? kNoTensor : rest},
                   weights, pairs);
    build.step(OpKind::matmul, "A", {m, dv, n}, {p, v, index},
               build.tensor(TensorRole::output, m * dv), pairs * dv);
    return build.finish();
}

SchemeEntry vitcod_entry() {
    SchemeEntry entry;
    entry.name = "vitcod";
    entry.help = "softmax over a fixed mask per head, global keys apart, q and k compressed";
    entry.source = "ViTCoD, HPCA 2023, arXiv 2210.09573; github.com/GATECH-EIC/ViTCoD";
    entry.equations = {
        "out_i = softmax over j with mask_ij = 1 of (scale q_i.k_j) v_j   (masked before softmax)",
        "masks: average(x): the fewest largest entries of a row of the mean attention that hold x "
        "of it, and one more; rows and columns of class tokens whole",
        "global keys: kept by more than global_share of the queries, computed as whole columns",
        "auto-encoder: q and k travel as h' = ceil(h / 2) of h heads, "
        "decoded before use: N d h' MACs a head each"};
    entry.not_modelled = {
        "what the auto-encoder loses: masks and auto-encoder belong to a model fine-tuned for them",
        "the encoder (N d h h' MACs a layer for q and k each): it runs behind the projections",
        "operands narrower than float32 in the numbers"};
    entry.needs = "masks in /model/masks/vitcod, or vitcod.masks: average(x)";
    entry.keys = {"vitcod", "empty_row", "always_keep"};
    entry.preset = "presets/vitcod.yaml";
    entry.plan = "vitcod";
    entry.baselines = {"dense", "vitcod-released"};
    entry.machine = "vitcod-512";
    entry.notes = [](const Settings& settings) -> std::vector<std::string> {
        const VitcodSettings vitcod = load_vitcod_settings(settings);
        if (vitcod.masks_of_trace) return {};
        return {
            fmt::format("vitcod: masks from the mean attention of the calibration samples "
                        "(average({})), not from a model fine-tuned for them",
                        vitcod.mass)};
    };
    entry.make = [](const SchemeInputs& inputs, const Settings& settings) {
        return std::make_unique<VitcodScheme>(inputs, settings);
    };
    return entry;
}

}  // namespace attohm
