#include "src/schemes/sima.hpp"

#include <algorithm>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/schemes/calibrated_scheme.hpp"
#include "src/schemes/kept_attention.hpp"
#include "src/schemes/threshold_settings.hpp"

namespace attohm {

namespace {

/// 1 / max(l1 norm over tokens, epsilon) of every channel.
std::vector<double> inverse_norms(MatrixView<const float> x, std::size_t tokens, double epsilon) {
    std::vector<double> inverse = column_sums(x, tokens, true);
    for (double& norm : inverse) norm = 1.0 / std::max(norm, epsilon);
    return inverse;
}

/// x diag(factor), the first rows. Args: factor: [cols], or empty: as it is.
Matrix<float> scaled(MatrixView<const float> x, std::size_t rows,
                     const std::vector<double>& factor) {
    Matrix<float> out(rows, x.cols);
    for (std::size_t t = 0; t < rows; ++t)
        for (std::size_t c = 0; c < x.cols; ++c)
            out(t, c) = factor.empty()
                            ? x(t, c)
                            : static_cast<float>(static_cast<double>(x(t, c)) * factor[c]);
    return out;
}

/// diag(factor) x^T [cols, rows], of the first rows. Args: factor: as above.
Matrix<float> scaled_transpose(MatrixView<const float> x, std::size_t rows,
                               const std::vector<double>& factor) {
    Matrix<float> out(x.cols, rows);
    for (std::size_t t = 0; t < rows; ++t)
        for (std::size_t c = 0; c < x.cols; ++c)
            out(c, t) = factor.empty()
                            ? x(t, c)
                            : static_cast<float>(static_cast<double>(x(t, c)) * factor[c]);
    return out;
}

void linear_order(const AttentionHead& head, bool by_channel, const std::vector<double>& q_inverse,
                  const std::vector<double>& k_inverse, MatrixView<float> out) {
    const auto rows = static_cast<std::size_t>(head.valid_q);
    const auto keys = static_cast<std::size_t>(head.valid_k);
    const std::vector<double> none;
    const Matrix<float> kt = scaled_transpose(head.k, keys, by_channel ? none : k_inverse);
    Matrix<float> state(head.d(), head.dv());
    sgemm_nn(kt.view(), head.v.top(keys), state.view());
    for (std::size_t c = 0; by_channel && c < head.d(); ++c)
        for (std::size_t i = 0; i < head.dv(); ++i)
            state(c, i) = static_cast<float>(static_cast<double>(state(c, i)) *
                                             (q_inverse[c] * k_inverse[c]));
    const Matrix<float> q = scaled(head.q, rows, by_channel ? none : q_inverse);
    sgemm_nn(q.view(), state.view(), out.top(rows));
}

void quadratic_order(const AttentionHead& head, bool by_channel,
                     const std::vector<double>& q_inverse, const std::vector<double>& k_inverse,
                     MatrixView<float> out) {
    const auto rows = static_cast<std::size_t>(head.valid_q);
    const auto keys = static_cast<std::size_t>(head.valid_k);
    std::vector<double> k_factor = k_inverse;
    for (std::size_t c = 0; by_channel && c < head.d(); ++c) k_factor[c] *= q_inverse[c];
    const Matrix<float> k = scaled(head.k, keys, k_factor);
    const Matrix<float> q = scaled(head.q, rows, by_channel ? std::vector<double>{} : q_inverse);
    // Blocks of queries: no N x N matrix.
    Matrix<float> scores(std::min(kQueryBlock, rows), keys);
    for (std::size_t first = 0; first < rows; first += kQueryBlock) {
        const std::size_t count = std::min(kQueryBlock, rows - first);
        sgemm_nt(q.view().rows_from(first, count), k.view(), scores.view().top(count));
        sgemm_nn(scores.view().top(count), head.v.top(keys), out.rows_from(first, count));
    }
}

/// Norms of `tokens` rows of d channels: sums of |x|, the clamp, reciprocals.
TensorId norm_ops(OpBuilder& build, std::string_view name, TensorId x, std::int64_t tokens,
                  std::int64_t d) {
    const TensorInfo row = build.tensor(TensorRole::statistic, d);
    const TensorId sums = build.step(OpKind::accumulate, name, token_sums(d, tokens), {x}, row);
    const TensorId clamped = build.step(OpKind::add, name, {1, d}, {sums}, row);
    return build.step(OpKind::reciprocal, name, {1, d}, {clamped}, row);
}

}  // namespace

SimaSettings load_sima_settings(const Settings& settings) {
    SimaSettings sima;
    sima.order = pick<SimaOrder, 3>(settings, "sima.order",
                                    {{{"cheaper", SimaOrder::cheaper},
                                      {"quadratic", SimaOrder::quadratic},
                                      {"linear", SimaOrder::linear}}});
    sima.scaling = pick<SimaScaling, 2>(
        settings, "sima.scaling",
        {{{"tokens", SimaScaling::tokens}, {"channels", SimaScaling::channels}}});
    sima.epsilon = settings.real("sima.epsilon", {1e-30, 1.0});
    sima.operand_bits = load_operand_bits(settings, "sima.operand_bits");
    return sima;
}

void sima_attention(const AttentionHead& head, const SimaSettings& settings,
                    MatrixView<float> out) {
    const auto rows = static_cast<std::size_t>(head.valid_q);
    clear_padding(head, out);
    if (rows == 0) return;
    if (head.valid_k == 0) {
        for (std::size_t t = 0; t < rows; ++t) std::fill_n(out.row(t), head.dv(), 0.0F);
        return;
    }
    const std::vector<double> q_inverse = inverse_norms(head.q, rows, settings.epsilon);
    const std::vector<double> k_inverse =
        inverse_norms(head.k, static_cast<std::size_t>(head.valid_k), settings.epsilon);
    const bool by_channel = settings.scaling == SimaScaling::channels;
    const bool linear = settings.is_linear(head.valid_k, static_cast<std::int64_t>(head.d()));
    (linear ? linear_order : quadratic_order)(head, by_channel, q_inverse, k_inverse, out);
}

OpList sima_ops(const HeadShape& shape, const SimaSettings& settings) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, d = shape.d, dv = shape.dv;
    if (m == 0 || n == 0) return {};
    OpBuilder build(Stage::attention, settings.operand_bits);
    const bool by_channel = settings.scaling == SimaScaling::channels;
    const TensorInfo row = build.tensor(TensorRole::statistic, d);
    TensorId q = build.input(TensorRole::q, m * d);
    TensorId k = build.input(TensorRole::k, n * d);
    const TensorId v = build.input(TensorRole::v, n * dv);
    const TensorId q_inverse = norm_ops(build, "q norm", q, m, d);
    const TensorId k_inverse = norm_ops(build, "k norm", k, n, d);
    TensorId factor = k_inverse;
    if (by_channel)
        factor = build.step(OpKind::multiply, "D", {1, d}, {q_inverse, k_inverse}, row);
    else
        q = build.step(OpKind::multiply, "q scale", {m, d}, {q, q_inverse},
                       build.tensor(TensorRole::q, m * d));
    const bool linear = settings.is_linear(n, d);
    if (!by_channel || !linear)
        k = build.step(OpKind::multiply, "k scale", {n, d}, {k, factor},
                       build.tensor(TensorRole::k, n * d));
    const TensorInfo output = build.tensor(TensorRole::output, m * dv);
    if (!linear) {
        const TensorId scores = build.step(OpKind::matmul, "Q K", {m, n, d}, {q, k},
                                           build.tensor(TensorRole::score, m * n));
        build.step(OpKind::matmul, "Q K V", {m, dv, n}, {scores, v}, output);
        return build.finish();
    }
    const TensorInfo held = build.tensor(TensorRole::state, d * dv);
    TensorId state = build.step(OpKind::matmul, "K V", {d, dv, n}, {k, v}, held);
    if (by_channel) state = build.step(OpKind::multiply, "D K V", {d, dv}, {state, factor}, held);
    build.step(OpKind::matmul, "Q K V", {m, dv, d}, {q, state}, output);
    return build.finish();
}

SimaScheme::SimaScheme(const SchemeInputs& inputs, const Settings& settings)
    : trace_path_(inputs.trace_path), settings_(load_sima_settings(settings)) {
    rule().require(inputs.model);
}

AllPairsRule SimaScheme::rule() const {
    return {"sima", "the norm over all tokens", trace_path_};
}

void SimaScheme::require_all_queries(int layer, int queries, int keys) const {
    if (queries >= keys) return;
    throw UserError(
        fmt::format("scheme sima cannot compute layer {}: its norms run over the queries of all "
                    "tokens, and some are not here",
                    layer),
        fmt::format("{}:/samples/*/layers/{:02d}@n_q", trace_path_, layer),
        fmt::format("{} queries of {} tokens", queries, keys),
        "a trace that captures the queries of every token, also where only some of the outputs are "
        "used (class attention)");
}

void SimaScheme::record(const HeadShape& shape, SampleContext& context) const {
    // No pair is kept or dropped.
    file_work(digital_work(shape, sima_ops(shape, settings_), settings_.operand_bits, 0), context);
}

void SimaScheme::attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                           SampleContext& context) const {
    for (std::size_t h = 0; h < heads.size(); ++h) {
        const AttentionHead& head = heads[h];
        rule().require(head);
        require_all_queries(layer, head.valid_q, head.valid_k);
        sima_attention(head, settings_, out.columns(h * head.dv(), head.dv()));
        record(head_shape(head), context);
    }
}

bool SimaScheme::shape_work(const HeadShape& shape, SampleContext& context) const {
    rule().require(shape);
    require_all_queries(shape.layer, shape.valid_q, shape.valid_k);
    record(shape, context);
    return true;
}

SchemeEntry sima_entry() {
    SchemeEntry entry;
    entry.name = "sima";
    entry.help = "softmax-free attention: l1 norms over tokens, products in the cheaper order";
    entry.source = "SimA, WACV 2024, arXiv 2206.08898; github.com/UCDvision/sima sima.py";
    entry.equations = {
        "q^_nc = Q_nc / max(sum over tokens of |Q_nc|, epsilon),  k^ alike; no 1/sqrt(d)",
        "out = (q^ k^^T) V where N < d, else q^ (k^^T V);  N keys, d channels of a head",
        "the same: out = Q D (K^T V),  D = diag(1 / (|Q_c|_1 |K_c|_1))",
        "MACs of a head: 2 N^2 d (quadratic) or 2 N d^2 (linear); they cross at N = d"};
    entry.not_modelled = {"the depthwise 3 x 3 module of XCiT blocks beside attention",
                          "operands narrower than float32 in the numbers: scores of about 1/N need "
                          "a scale of their own then",
                          "accumulators wider than the operands in the Work",
                          "causal, masked or biased attention: refused"};
    entry.keys = {"sima"};
    entry.preset = "presets/sima.yaml";
    entry.plan = "operators";
    entry.baselines = {"dense"};
    entry.machine = "linear-attention";
    entry.make = [](const SchemeInputs& inputs, const Settings& settings) {
        return std::make_unique<SimaScheme>(inputs, settings);
    };
    return entry;
}

}  // namespace attohm
