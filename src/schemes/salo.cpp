#include "src/schemes/salo.hpp"

#include <algorithm>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/base/vmath.hpp"
#include "src/schemes/digital_work.hpp"
#include "src/schemes/kept_attention.hpp"
#include "src/schemes/row_kernels.hpp"
#include "src/schemes/salo_element.hpp"
#include "src/schemes/threshold_settings.hpp"

namespace attohm {

namespace {

/// Rows of codes.
std::vector<std::vector<std::int32_t>> codes_of(MatrixView<const float> x, std::size_t rows) {
    std::vector<std::vector<std::int32_t>> codes(rows);
    for (std::size_t t = 0; t < rows; ++t)
        for (std::size_t c = 0; c < x.cols; ++c) codes[t].push_back(salo::input_code(x(t, c)));
    return codes;
}

/// One head in fixed point, `columns` keys a pass, passes merged in order.
class FixedRows {
  public:
    FixedRows(const AttentionHead& head, std::size_t columns)
        : q_(codes_of(head.q, static_cast<std::size_t>(head.valid_q))),
          k_(codes_of(head.k, static_cast<std::size_t>(head.valid_k))),
          v_(codes_of(head.v, static_cast<std::size_t>(head.valid_k))),
          columns_(columns),
          dv_(head.dv()) {}

    void row(std::size_t query, std::span<const std::uint32_t> keys, float* out) const {
        salo::WindowResult all;
        all.out.assign(dv_, 0);
        for (std::size_t first = 0; first < keys.size(); first += columns_) {
            std::vector<std::span<const std::int32_t>> k, v;
            for (const std::uint32_t key :
                 keys.subspan(first, std::min(columns_, keys.size() - first))) {
                k.push_back(k_[key]);
                v.push_back(v_[key]);
            }
            all = salo::merge(all, salo::attend(q_[query], k, v, dv_));
        }
        constexpr float kStep = 1.0F / static_cast<float>(1 << salo::kSumFraction);
        for (std::size_t c = 0; c < dv_; ++c) out[c] = kStep * static_cast<float>(all.out[c]);
    }

  private:
    std::vector<std::vector<std::int32_t>> q_, k_, v_;
    std::size_t columns_;
    std::size_t dv_;
};

/// Softmax over listed keys in float32. Args: row: as long as the keys.
void real_row(const AttentionHead& head, std::size_t query, std::span<const std::uint32_t> keys,
              std::vector<float>& row, float* out) {
    std::fill_n(out, head.dv(), 0.0F);
    if (keys.empty()) return;
    row.resize(keys.size());
    const float* q = head.q.row(query);
    for (std::size_t j = 0; j < keys.size(); ++j) {
        const float* k = head.k.row(keys[j]);
        double score = 0.0;
        for (std::size_t c = 0; c < head.d(); ++c)
            score += static_cast<double>(q[c]) * static_cast<double>(k[c]);
        row[j] = static_cast<float>(score * static_cast<double>(head.scale));
    }
    softmax_row({row.data(), row.size()});
    weighted_rows(row.data(), keys.data(), keys.size(), head.v.data, head.v.stride, head.dv(), out);
}

}  // namespace

SaloSettings load_salo_settings(const Settings& settings) {
    SaloSettings salo;
    const auto whole = [&](const char* key, double least) {
        return static_cast<int>(settings.integer(key, {least, 1e6}));
    };
    salo.pattern = {whole("salo.window", 1), whole("salo.dilated_window", 0),
                    whole("salo.dilation", 1), whole("salo.global_tokens", 0)};
    salo.arithmetic = pick<SaloArithmetic, 2>(
        settings, "salo.arithmetic",
        {{{"float", SaloArithmetic::real}, {"fixed", SaloArithmetic::fixed}}});
    salo.columns = whole("salo.columns", 1);
    salo.operand_bits = load_operand_bits(settings, "salo.operand_bits");
    return salo;
}

SaloScheme::SaloScheme(const SchemeInputs& inputs, const Settings& settings)
    : trace_path_(inputs.trace_path), settings_(load_salo_settings(settings)) {}

void SaloScheme::require_head(const AttentionHead& head) const {
    const std::string where = fmt::format("{}:/samples/*/layers/{:02d}", trace_path_, head.layer);
    if (!head.bias.empty())
        throw UserError(
            fmt::format("scheme salo cannot take the additive bias of layer {}", head.layer),
            where + "/bias", "a bias tensor", "layers without bias (mask and causality are fine)");
    if (settings_.arithmetic == SaloArithmetic::fixed && (head.d() != 64 || head.scale != 0.125F))
        throw UserError(
            fmt::format("salo.arithmetic: fixed scales scores by a shift of three bits, which is "
                        "not what layer {} asks for",
                        head.layer),
            where, fmt::format("width {}, scale {}", head.d(), head.scale),
            "width 64 and scale 0.125, or --set salo.arithmetic=float");
}

void SaloScheme::attention(int, std::span<const AttentionHead> heads, MatrixView<float> out,
                           SampleContext& context) const {
    for (std::size_t h = 0; h < heads.size(); ++h) {
        require_head(heads[h]);
        const MatrixView<float> columns = out.columns(h * heads[h].dv(), heads[h].dv());
        clear_padding(heads[h], columns);
        head_attention(heads[h], columns, context);
    }
}

void SaloScheme::head_attention(const AttentionHead& head, MatrixView<float> out,
                                SampleContext& context) const {
    const bool fixed = settings_.arithmetic == SaloArithmetic::fixed;
    const FixedRows codes(fixed ? head : AttentionHead{},
                          static_cast<std::size_t>(settings_.columns));
    const int shift = static_cast<int>(head.n_k()) - static_cast<int>(head.n_q());
    Selection kept;
    kept.row_begin = {0};
    std::vector<std::uint32_t> keys;
    std::vector<float> row;
    for (std::size_t t = 0; t < head.n_q(); ++t) {
        if (t < static_cast<std::size_t>(head.valid_q)) {
            settings_.pattern.keys(static_cast<int>(t), static_cast<int>(head.key_end(t)), shift,
                                   head.causal, keys);
            std::erase_if(keys, [&](std::uint32_t j) { return !head.allowed(t, j); });
            if (fixed)
                codes.row(t, keys, out.row(t));
            else
                real_row(head, t, keys, row, out.row(t));
            kept.keys.insert(kept.keys.end(), keys.begin(), keys.end());
        }
        kept.row_begin.push_back(static_cast<std::uint32_t>(kept.keys.size()));
    }
    kept.shape = head_shape(head);
    HeadReport report;
    report.sample = context.sample;
    report.layer = head.layer;
    report.head = head.head;
    report.rows = head.valid_q;
    report.decisions.valid = kept.shape.allowed_pairs;
    report.kept_pairs = static_cast<std::int64_t>(kept.keys.size());
    report.decisions.hw_kept = report.kept_pairs;
    report.events.keys = head.valid_k;
    HeadWork work = digital_work(kept.shape, salo_ops(settings_, kept.shape),
                                 settings_.operand_bits, report.kept_pairs);
    if (context.selections != nullptr) context.selections->consume(work, kept);
    context.reports.push_back(std::move(report));
    context.work.heads.push_back(std::move(work));
}

bool SaloScheme::shape_work(const HeadShape& shape, SampleContext& context) const {
    const std::int64_t pairs = salo_pairs(settings_.pattern, shape).all();
    if (pairs > shape.allowed_pairs)
        throw UserError(
            fmt::format("the pattern of layer {} leaves fewer pairs than the windows of scheme "
                        "salo ask for",
                        shape.layer),
            fmt::format("{}:/samples/*/layers/{:02d}", trace_path_, shape.layer),
            fmt::format("{} of {} pairs", shape.allowed_pairs, pairs),
            "salo.window and salo.global_tokens within the trace's pattern");
    file_work(digital_work(shape, salo_ops(settings_, shape), settings_.operand_bits, pairs),
              context);
    return true;
}

namespace {

/// Scores, softmax and weighted sum of some pairs of a head.
struct PairsOps {
    std::string_view scores, softmax, sums;
    std::int64_t rows = 0;     ///< queries
    std::int64_t keys = 0;     ///< at most, of one query
    std::int64_t nonzero = 0;  ///< pairs
};

TensorId add_pairs(OpBuilder& build, const PairsOps& ops, const HeadShape& shape,
                   const std::array<TensorId, 3>& qkv) {
    const std::int64_t m = ops.rows, n = ops.keys;
    TensorInfo scores = build.tensor(TensorRole::score, m * n);
    scores.stored = ops.nonzero;
    const TensorId l = build.step(OpKind::matmul, ops.scores, {m, n, shape.d}, {qkv[0], qkv[1]},
                                  scores, ops.nonzero * shape.d);
    TensorInfo weights = scores;
    weights.role = TensorRole::probability;
    const TensorId p = build.step(OpKind::softmax, ops.softmax, {m, n}, {l}, weights, ops.nonzero);
    return build.step(OpKind::matmul, ops.sums, {m, shape.dv, n}, {p, qkv[2]},
                      build.tensor(TensorRole::partial_output, m * shape.dv),
                      ops.nonzero * shape.dv);
}

}  // namespace

OpList salo_ops(const SaloSettings& settings, const HeadShape& shape) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, dv = shape.dv;
    if (m == 0 || n == 0) return {};
    const SaloPairs pairs = salo_pairs(settings.pattern, shape);
    const std::int64_t wide = std::min<std::int64_t>(
        n, settings.pattern.window + ceil_div(settings.pattern.dilated, settings.pattern.dilation));
    const std::int64_t globals = std::min<std::int64_t>(settings.pattern.globals, n);
    OpBuilder build(Stage::attention, settings.operand_bits);
    const std::array<TensorId, 3> qkv = {build.input(TensorRole::q, m * shape.d),
                                         build.input(TensorRole::k, n * shape.d),
                                         build.input(TensorRole::v, n * dv)};
    TensorId parts[3] = {kNoTensor, kNoTensor, kNoTensor};
    std::size_t count = 0;
    if (pairs.window > 0)
        parts[count++] = add_pairs(
            build,
            {"L window", "softmax window", "A window", m, wide, std::min(pairs.window, m * wide)},
            shape, qkv);
    if (pairs.global_keys > 0)
        parts[count++] = add_pairs(build,
                                   {"L global keys", "softmax global keys", "A global keys", m,
                                    globals, pairs.global_keys},
                                   shape, qkv);
    if (pairs.global_queries > 0) {
        const std::int64_t shift = std::int64_t{shape.n_k} - shape.n_q;
        const std::int64_t rows = std::clamp<std::int64_t>(globals - shift, 1, m);
        parts[count++] = add_pairs(build,
                                   {"L global queries", "softmax global queries",
                                    "A global queries", rows, n, pairs.global_queries},
                                   shape, qkv);
    }
    if (count == 0) return {};
    // Every pass of a row but the first is merged into it: two products an element.
    const std::int64_t passes = ceil_div(wide, std::int64_t{settings.columns}) + (globals > 0);
    build.step(OpKind::multiply, "merge", {m * std::max<std::int64_t>(1, 2 * (passes - 1)), dv},
               {parts[0], parts[1], parts[2]}, build.tensor(TensorRole::output, m * dv));
    return build.finish();
}

SchemeEntry salo_entry() {
    SchemeEntry entry;
    entry.name = "salo";
    entry.help = "sliding and dilated windows with global tokens, on elements that keep offsets";
    entry.source = "SALO, DAC 2022, arXiv 2206.14550; github.com/sjtu-zhao-lab/SALO at 07252a8";
    entry.equations = {
        "keys of query i: j with a <= j - i <= b of `window` keys around i (causal: up to i), of "
        "the dilated window those with j - i divisible by dilation, and the global tokens",
        "global tokens see all keys and are seen by all queries",
        "windows longer than the array in passes: out = (W1 out1 + W2 out2) / (W1 + W2), "
        "W = sum of exponentials of a pass",
        "fixed: 9-bit inputs (4 fraction), 18-bit sums (8), 2^f by four line segments, one "
        "reciprocal a row; base 2, not e"};
    entry.not_modelled = {"windows in two dimensions: a window is a run of tokens",
                          "how the elements round where the source does not say: bits are dropped, "
                          "overflow wraps"};
    entry.keys = {"salo"};
    entry.preset = "presets/salo.yaml";
    entry.plan = "salo";
    entry.baselines = {"dense", "salo-released"};
    entry.machine = "salo-32x32";
    entry.make = [](const SchemeInputs& inputs, const Settings& settings) {
        return std::make_unique<SaloScheme>(inputs, settings);
    };
    return entry;
}

}  // namespace attohm
