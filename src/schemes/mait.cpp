#include "src/schemes/mait.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "src/base/vmath.hpp"
#include "src/schemes/digital_schemes.hpp"
#include "src/schemes/kept_attention.hpp"

namespace attohm {

namespace {

double dot(const AttentionHead& head, std::size_t t, std::size_t j) {
    double sum = 0.0;
    for (std::size_t i = 0; i < head.d(); ++i)
        sum += static_cast<double>(head.q(t, i)) * static_cast<double>(head.k(j, i));
    return sum;
}

/// Scaled scores of the kept pairs of one query.
void score_row(const AttentionHead& head, std::size_t t, std::span<const std::uint32_t> keys,
               std::vector<float>& scores) {
    scores.clear();
    for (const std::uint32_t j : keys)
        scores.push_back(static_cast<float>(static_cast<double>(head.scale) * dot(head, t, j)));
}

/// Pairs whose scores were formed, of those that are allowed.
HeadReport report_of(const AttentionHead& head, int sample, std::int64_t pairs) {
    HeadReport report;
    report.sample = sample;
    report.layer = head.layer;
    report.head = head.head;
    report.rows = head.valid_q;
    report.decisions.valid = std::int64_t{head.valid_q} * head.valid_k;
    report.decisions.hw_kept = report.kept_pairs = pairs;
    report.events.keys = head.valid_k;
    return report;
}

}  // namespace

MaitSettings load_mait_settings(const Settings& settings) {
    MaitSettings mait;
    std::tie(mait.window_rows, mait.window_columns) =
        two_numbers(settings, "mait.window", "[rows, columns], both odd");
    if (mait.window_rows % 2 == 0 || mait.window_columns % 2 == 0)
        throw UserError("a window needs a middle", settings.entry("mait.window").where,
                        fmt::format("[{}, {}]", mait.window_rows, mait.window_columns),
                        "[rows, columns], both odd");
    mait.class_column = settings.boolean("mait.class_column");
    mait.grid = load_token_grid(settings, "mait.grid");
    const SettingsEntry& heads = settings.entry("mait.masked_heads");
    if (!heads.is_list && heads.values[0].starts_with("locality"))
        mait.locality = settings.call("mait.masked_heads", {"locality(x)"}).argument;
    else if (settings.texts("mait.masked_heads") != std::vector<std::string>{"all"})
        mait.masked_heads = whole_numbers(
            settings, "mait.masked_heads", 0,
            "all, locality(x), or how many heads: of all layers, or a list with one per layer");
    mait.operand_bits = load_operand_bits(settings, "mait.operand_bits");
    return mait;
}

MaskedPairs mait_pairs(const TokenGrid& grid, const MaitSettings& settings, int valid) {
    MaskedPairs pairs;
    pairs.dense_rows = std::min(grid.prefix, valid);
    pairs.taps = std::int64_t{settings.window_rows} * settings.window_columns +
                 (settings.class_column ? grid.prefix : 0);
    pairs.row_begin.push_back(0);
    const auto keep = [&](int key) {
        if (key < valid) pairs.keys.push_back(static_cast<std::uint32_t>(key));
    };
    for (int t = 0; t < valid; ++t) {
        const int columns = grid.columns;
        const int y = (t - grid.prefix) / columns, x = (t - grid.prefix) % columns;
        if (t < grid.prefix) {
            for (int j = 0; j < valid; ++j) keep(j);
        } else {
            const int above = settings.window_rows / 2, beside = settings.window_columns / 2;
            for (int j = 0; settings.class_column && j < grid.prefix; ++j) keep(j);
            for (int row = std::max(0, y - above); row <= std::min(grid.rows - 1, y + above); ++row)
                for (int column = std::max(0, x - beside);
                     column <= std::min(columns - 1, x + beside); ++column)
                    keep(grid.prefix + row * columns + column);
        }
        pairs.row_begin.push_back(static_cast<std::uint32_t>(pairs.keys.size()));
    }
    return pairs;
}

void mait_attention(const AttentionHead& head, const MaskedPairs& pairs, MatrixView<float> out) {
    clear_padding(head, out);
    const std::vector<double> v_sum = column_sums(head.v, static_cast<std::size_t>(head.valid_k));
    std::vector<float> weights;
    std::vector<double> sum(head.dv());
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        const std::span<const std::uint32_t> keys = pairs.row(t);
        score_row(head, t, keys, weights);
        // e^(a - top) of the kept pairs, e^-top of all others.
        float top = 0.0F;
        for (const float a : weights) top = std::max(top, a);
        weights.push_back(0.0F);
        for (float& a : weights) a -= top;
        exp_inplace(weights);
        const auto others = static_cast<double>(weights.back());
        double total = others * static_cast<double>(head.valid_k);
        for (std::size_t c = 0; c < head.dv(); ++c) sum[c] = others * v_sum[c];
        for (std::size_t i = 0; i < keys.size(); ++i) {
            const double more = static_cast<double>(weights[i]) - others;
            const float* v = head.v.row(keys[i]);
            total += more;
            for (std::size_t c = 0; c < head.dv(); ++c) sum[c] += more * static_cast<double>(v[c]);
        }
        for (std::size_t c = 0; c < head.dv(); ++c) out(t, c) = static_cast<float>(sum[c] / total);
    }
}

double locality_score(const AttentionHead& head, const MaskedPairs& pairs) {
    const auto rows = static_cast<std::size_t>(head.valid_q);
    if (rows == 0) return 0.0;
    std::vector<std::uint32_t> all(static_cast<std::size_t>(head.valid_k));
    for (std::size_t j = 0; j < all.size(); ++j) all[j] = static_cast<std::uint32_t>(j);
    std::vector<float> row;
    double mass = 0.0;
    for (std::size_t t = 0; t < rows; ++t) {
        score_row(head, t, all, row);
        softmax_row(row);
        for (const std::uint32_t j : pairs.row(t)) mass += static_cast<double>(row[j]);
    }
    return mass / static_cast<double>(rows);
}

MaitScheme::MaitScheme(const SchemeInputs& inputs, const Settings& settings)
    : model_(inputs.model),
      trace_path_(inputs.trace_path),
      settings_(load_mait_settings(settings)) {
    rule().require(model_);
    if (settings_.masked_heads.size() > 1 && model_.layers > 0 &&
        settings_.masked_heads.size() != static_cast<std::size_t>(model_.layers))
        throw UserError("as many numbers of masked heads as the model has layers",
                        settings.entry("mait.masked_heads").where,
                        fmt::format("{} numbers", settings_.masked_heads.size()),
                        fmt::format("1 or {}", model_.layers));
    local_.resize(static_cast<std::size_t>(std::max(0, model_.layers * model_.heads)));
}

AllPairsRule MaitScheme::rule() const {
    return {"mait", "a mask that multiplies scores and leaves every key its weight", trace_path_};
}

TokenGrid MaitScheme::grid_of(int layer, int queries, int keys) const {
    const TokenGrid grid =
        require_token_grid("mait", "mait.grid", settings_.grid, model_, trace_path_, layer);
    if (queries != keys || keys != grid.tokens())
        refuse_token_grid("mait", "mait.grid", grid, trace_path_, layer, queries, keys);
    return grid;
}

bool MaitScheme::is_masked(int layer, int head) const {
    if (settings_.locality)
        return local_.at(static_cast<std::size_t>(layer * model_.heads + head)) != 0;
    const std::vector<int>& counts = settings_.masked_heads;
    if (counts.empty()) return true;
    return head < counts[counts.size() == 1 ? 0 : static_cast<std::size_t>(layer)];
}

void MaitScheme::calibrate(int layer, int head, std::span<const AttentionHead> samples) {
    if (!settings_.locality) return;
    double score = 0.0;
    for (const AttentionHead& one : samples) {
        const TokenGrid grid =
            grid_of(layer, static_cast<int>(one.n_q()), static_cast<int>(one.n_k()));
        score += locality_score(one, mait_pairs(grid, settings_, one.valid_k));
    }
    local_.at(static_cast<std::size_t>(layer * model_.heads + head)) =
        score >= *settings_.locality * static_cast<double>(samples.size()) ? 1 : 0;
}

void MaitScheme::record(const HeadShape& shape, const MaskedPairs& pairs,
                        SampleContext& context) const {
    file_work(digital_work(shape, mait_ops(shape, pairs, settings_.operand_bits),
                           settings_.operand_bits, pairs.pairs()),
              context);
}

void MaitScheme::attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                           SampleContext& context) const {
    std::optional<MaskedPairs> pairs;
    for (std::size_t h = 0; h < heads.size(); ++h) {
        const AttentionHead& head = heads[h];
        rule().require(head);
        if (!is_masked(layer, head.head)) {
            exact_attention(head, out.columns(h * head.dv(), head.dv()));
            record_dense_work({&head, 1}, settings_.operand_bits, context);
            context.reports.push_back(
                report_of(head, context.sample, context.work.heads.back().kept_pairs));
            continue;
        }
        if (!pairs) {
            const TokenGrid grid =
                grid_of(layer, static_cast<int>(head.n_q()), static_cast<int>(head.n_k()));
            if (head.valid_q != head.valid_k) rule().refuse(layer, "other valid queries than keys");
            pairs = mait_pairs(grid, settings_, head.valid_k);
        }
        mait_attention(head, *pairs, out.columns(h * head.dv(), head.dv()));
        record(head_shape(head), *pairs, context);
        context.reports.push_back(report_of(head, context.sample, pairs->pairs()));
    }
}

bool MaitScheme::shape_work(const HeadShape& shape, SampleContext& context) const {
    rule().require(shape);
    // Locality is a matter of values.
    if (settings_.locality) return false;
    if (!is_masked(shape.layer, shape.head)) {
        record_dense_work(shape, settings_.operand_bits, context);
        return true;
    }
    const MaskedPairs pairs =
        mait_pairs(grid_of(shape.layer, shape.n_q, shape.n_k), settings_, shape.valid_k);
    record(shape, pairs, context);
    return true;
}

OpList mait_ops(const HeadShape& shape, const MaskedPairs& pairs, int bits) {
    const std::int64_t n = shape.valid_k, d = shape.d, dv = shape.dv;
    if (n == 0) return {};
    const std::int64_t dense_rows = pairs.dense_rows, taps = pairs.taps;
    const std::int64_t patches = n - dense_rows, kept = pairs.pairs() - dense_rows * n;
    OpBuilder build(Stage::attention, bits);
    const auto statistic = [&](std::int64_t elements) {
        return build.tensor(TensorRole::statistic, elements);
    };
    const TensorId q = build.input(TensorRole::q, n * d);
    const TensorId k = build.input(TensorRole::k, n * d);
    const TensorId v = build.input(TensorRole::v, n * dv);
    if (dense_rows > 0) {
        const TensorInfo score = build.tensor(TensorRole::score, dense_rows * n);
        const TensorId l = build.step(OpKind::matmul, "class L", {dense_rows, n, d}, {q, k}, score);
        const TensorId p = build.step(OpKind::softmax, "class softmax", {dense_rows, n}, {l},
                                      build.tensor(TensorRole::probability, dense_rows * n));
        const TensorId a = build.step(OpKind::matmul, "class A", {dense_rows, dv, n}, {p, v},
                                      build.tensor(TensorRole::output, dense_rows * dv));
        build.store(a);
    }
    if (patches == 0) return build.finish();
    TensorInfo scores = build.tensor(TensorRole::score, patches * taps);
    scores.stored = kept;
    TensorInfo weights = scores;
    weights.role = TensorRole::probability;
    const TensorInfo rows = build.tensor(TensorRole::output, patches * dv);
    const OpShape window{patches, taps};
    const TensorId v_sum =
        build.step(OpKind::accumulate, "V sum", token_sums(dv, n), {v}, statistic(dv));
    const TensorId l =
        build.step(OpKind::convolve, "L", {patches, taps, d}, {q, k}, scores, kept * d);
    const TensorId e = build.step(OpKind::exp, "exp", window, {l}, weights, kept);
    const TensorId w = build.step(OpKind::add, "less one", window, {e}, weights, kept);
    const TensorId sums =
        build.step(OpKind::accumulate, "weight sum", window, {w}, statistic(patches), kept);
    const TensorId divisor =
        build.step(OpKind::add, "add N", {patches, 1}, {sums}, statistic(patches));
    const TensorId near =
        build.step(OpKind::convolve, "A", {patches, dv, taps}, {w, v}, rows, kept * dv);
    const TensorId whole = build.step(OpKind::add, "add V sum", {patches, dv}, {near, v_sum}, rows);
    build.step(OpKind::divide, "Z", {patches, dv}, {whole, divisor}, rows);
    return build.finish();
}

SchemeEntry mait_entry() {
    SchemeEntry entry;
    entry.name = "mait";
    entry.help = "scores of distant patches set to 0 before the softmax, in the exact sparse form";
    entry.source = "MaiT, arXiv 2207.03006, and its ICLR 2022 submission";
    entry.equations = {
        "M_ij = 1 iff patch j lies in the window of patch i on the grid; prefix rows all 1",
        "A = softmax(scale (M * Q K^T)): a masked pair has score 0, weight e^0; out = A V",
        "out_i = (sum_M (e^s_ij - 1) v_j + sum_all v_j) / (sum_M (e^s_ij - 1) + N)",
        "locality score of a head: mean over rows of sum_j M_ij A_ij, A of dense attention"};
    entry.not_modelled = {"training with the masks: a network trained without them loses accuracy",
                          "the row maximum in the Work: the sparse form takes e^s as it is",
                          "operands narrower than float32 in the numbers",
                          "causal, masked or biased attention: refused"};
    entry.keys = {"mait"};
    entry.preset = "presets/mait.yaml";
    entry.needs = "a token grid: /model says grid_h, grid_w and prefix_tokens, or mait.grid does";
    entry.plan = "operators";
    entry.baselines = {"dense"};
    entry.machine = "linear-attention";
    entry.make = [](const SchemeInputs& inputs, const Settings& settings) {
        return std::make_unique<MaitScheme>(inputs, settings);
    };
    return entry;
}

}  // namespace attohm
