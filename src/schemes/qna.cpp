#include "src/schemes/qna.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "src/schemes/kept_attention.hpp"

namespace attohm {

namespace {

const std::string kHow =
    "the parameters of a trained QnA layer (moabarar/qna), written to this path; or another scheme";

/// e^c of every valid token and query.
Matrix<double> exponentials(const AttentionHead& head, const QnaHead& own, double epsilon) {
    const std::size_t queries = own.queries.rows(), d = head.d();
    Matrix<double> unit(queries, d);
    for (std::size_t l = 0; l < queries; ++l) {
        double square = 0.0;
        for (std::size_t c = 0; c < d; ++c)
            square +=
                static_cast<double>(own.queries(l, c)) * static_cast<double>(own.queries(l, c));
        const double length = (std::sqrt(square) + epsilon) * std::sqrt(static_cast<double>(d));
        for (std::size_t c = 0; c < d; ++c)
            unit(l, c) = static_cast<double>(own.queries(l, c)) / length;
    }
    Matrix<double> e(static_cast<std::size_t>(head.valid_k), queries);
    for (std::size_t j = 0; j < e.rows(); ++j)
        for (std::size_t l = 0; l < queries; ++l) {
            double score = 0.0;
            for (std::size_t c = 0; c < d; ++c)
                score += static_cast<double>(head.k(j, c)) * unit(l, c);
            e(j, l) = std::exp(score);
        }
    return e;
}

/// Tokens of the window around a place of the grid, with their offsets.
struct WindowToken {
    std::size_t token = 0;
    std::size_t offset = 0;
};
void window_tokens(const TokenGrid& grid, int window, int row, int column, int valid,
                   std::vector<WindowToken>& found) {
    const int reach = window / 2;
    found.clear();
    for (int y = std::max(0, row - reach); y <= std::min(grid.rows - 1, row + reach); ++y)
        for (int x = std::max(0, column - reach); x <= std::min(grid.columns - 1, column + reach);
             ++x) {
            const int token = y * grid.columns + x;
            const int offset = (y - row + reach) * window + x - column + reach;
            if (token < valid)
                found.push_back(
                    {static_cast<std::size_t>(token), static_cast<std::size_t>(offset)});
        }
}

/// [rows, columns] of a tensor [rows.., queries, heads], of one head.
Matrix<float> columns_of(const ExtraTensor& tensor, std::size_t rows, std::size_t queries,
                         std::size_t heads, std::size_t head) {
    Matrix<float> out(rows, queries);
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t l = 0; l < queries; ++l)
            out(r, l) = tensor.values[(r * queries + l) * heads + head];
    return out;
}

}  // namespace

QnaSettings load_qna_settings(const Settings& settings) {
    QnaSettings qna;
    qna.window = static_cast<int>(settings.integer("qna.window", {1.0, 255.0}));
    if (qna.window % 2 == 0)
        throw UserError("a window needs a middle", settings.entry("qna.window").where,
                        std::to_string(qna.window), "an odd number");
    qna.queries = static_cast<int>(settings.integer("qna.queries", {1.0, 256.0}));
    qna.epsilon = settings.real("qna.epsilon", {1e-30, 1.0});
    qna.grid = load_token_grid(settings, "qna.grid");
    qna.operand_bits = load_operand_bits(settings, "qna.operand_bits");
    return qna;
}

void qna_attention(const AttentionHead& head, const QnaHead& own, const TokenGrid& grid, int stride,
                   double epsilon, MatrixView<float> out) {
    const std::size_t queries = own.queries.rows(), dv = head.dv();
    const Matrix<double> e = exponentials(head, own, epsilon);
    const int columns = (grid.columns + stride - 1) / stride;
    clear_padding(head, out);
    Matrix<double> kernel(own.bias.rows(), queries);
    for (std::size_t i = 0; i < kernel.size(); ++i)
        kernel.data()[i] = std::exp(static_cast<double>(own.bias.data()[i]));
    std::vector<WindowToken> window;
    std::vector<double> share, sum(dv);
    for (int t = 0; t < head.valid_q; ++t) {
        const int row = t / columns * stride, column = t % columns * stride;
        window_tokens(grid, own.window, row, column, head.valid_k, window);
        // What each token of the window gives, summed over the learned queries.
        share.assign(window.size(), 0.0);
        for (std::size_t l = 0; l < queries; ++l) {
            double total = 0.0;
            for (const WindowToken& w : window) total += kernel(w.offset, l) * e(w.token, l);
            for (std::size_t i = 0; i < window.size(); ++i) {
                const WindowToken& w = window[i];
                const auto weight = static_cast<double>(own.weight(w.offset, l));
                share[i] += weight * kernel(w.offset, l) * e(w.token, l) / total;
            }
        }
        std::fill(sum.begin(), sum.end(), 0.0);
        for (std::size_t i = 0; i < window.size(); ++i)
            for (std::size_t c = 0; c < dv; ++c)
                sum[c] += share[i] * static_cast<double>(head.v(window[i].token, c));
        for (std::size_t c = 0; c < dv; ++c)
            out(static_cast<std::size_t>(t), c) = static_cast<float>(sum[c]);
    }
}

QnaScheme::QnaScheme(const SchemeInputs& inputs, const Settings& settings)
    : model_(inputs.model),
      trace_path_(inputs.trace_path),
      extra_(inputs.extra),
      settings_(load_qna_settings(settings)) {
    rule().require(model_);
}

AllPairsRule QnaScheme::rule() const {
    return {"qna", "a window whose queries are learned", trace_path_};
}

void QnaScheme::require_patches(int layer) const {
    if (model_.prefix_tokens == 0) return;
    throw UserError(
        fmt::format("scheme qna cannot compute layer {}: its windows hold patches, and the model "
                    "has tokens in front of them",
                    layer),
        trace_path_ + ":/model@prefix_tokens", std::to_string(model_.prefix_tokens),
        "a model without class token (pool: mean), trained with QnA layers; or another scheme");
}

int QnaScheme::stride_of(int layer, const TokenGrid& grid, int queries, int keys) const {
    for (const int stride : {1, 2}) {
        const int rows = (grid.rows + stride - 1) / stride;
        const int columns = (grid.columns + stride - 1) / stride;
        if (keys == grid.tokens() && queries == rows * columns) return stride;
    }
    refuse_token_grid("qna", "qna.grid", grid, trace_path_, layer, queries, keys);
}

QnaHead QnaScheme::parameters(int layer, int head, std::size_t d) const {
    const auto heads = static_cast<std::size_t>(model_.heads);
    const auto queries = static_cast<std::size_t>(settings_.queries);
    const auto k = static_cast<std::size_t>(settings_.window);
    const auto h = static_cast<std::size_t>(head);
    const auto tensor = [&](const char* name,
                            const std::vector<std::size_t>& shape) -> const ExtraTensor& {
        return extra_.layer_tensor("qna", layer, name, shape, kHow);
    };
    const ExtraTensor& q = tensor("query", {queries, heads, d});
    QnaHead own;
    own.window = settings_.window;
    own.bias = columns_of(tensor("bias", {k, k, queries, heads}), k * k, queries, heads, h);
    own.weight = columns_of(tensor("weight", {k, k, queries, heads}), k * k, queries, heads, h);
    own.queries = Matrix<float>(queries, d);
    for (std::size_t l = 0; l < queries; ++l)
        std::copy_n(q.values.data() + (l * heads + h) * d, d, own.queries.row(l));
    return own;
}

void QnaScheme::attention(int layer, std::span<const AttentionHead> heads, MatrixView<float> out,
                          SampleContext& context) const {
    require_patches(layer);
    for (std::size_t h = 0; h < heads.size(); ++h) {
        const AttentionHead& head = heads[h];
        rule().require(head);
        const QnaHead own = parameters(layer, head.head, head.d());
        const TokenGrid grid =
            require_token_grid("qna", "qna.grid", settings_.grid, model_, trace_path_, layer);
        const int stride =
            stride_of(layer, grid, static_cast<int>(head.n_q()), static_cast<int>(head.n_k()));
        qna_attention(head, own, grid, stride, settings_.epsilon,
                      out.columns(h * head.dv(), head.dv()));
        const HeadShape shape = head_shape(head);
        file_work(digital_work(shape, qna_ops(shape, settings_), settings_.operand_bits, 0),
                  context);
    }
}

bool QnaScheme::shape_work(const HeadShape& shape, SampleContext& context) const {
    require_patches(shape.layer);
    rule().require(shape);
    file_work(digital_work(shape, qna_ops(shape, settings_), settings_.operand_bits, 0), context);
    return true;
}

void QnaScheme::linear_shapes(int /*layer*/, int heads, std::vector<LinearShape>& shapes) const {
    const auto key = std::find_if(shapes.begin(), shapes.end(),
                                  [](const LinearShape& shape) { return shape.name == "k"; });
    if (key == shapes.end()) return;
    const LinearShape scores{"q", key->m, key->k, std::int64_t{settings_.queries} * heads};
    shapes.erase(key);
    for (LinearShape& shape : shapes)
        if (shape.name == "q") shape = scores;
}

OpList qna_ops(const HeadShape& shape, const QnaSettings& settings) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, dv = shape.dv;
    const std::int64_t queries = settings.queries;
    const std::int64_t taps = std::int64_t{settings.window} * settings.window;
    if (m == 0 || n == 0) return {};
    OpBuilder build(Stage::attention, settings.operand_bits);
    const TensorId scores = build.input(TensorRole::score, n * queries);
    const TensorId v = build.input(TensorRole::v, n * dv);
    const TensorId numerator_kernel = build.input(TensorRole::weight, taps * queries);
    const TensorId denominator_kernel = build.input(TensorRole::weight, taps * queries);
    const TensorInfo rows = build.tensor(TensorRole::output, m * queries * dv);
    const TensorId e = build.step(OpKind::exp, "exp", {n, queries}, {scores},
                                  build.tensor(TensorRole::probability, n * queries));
    const TensorId ev = build.step(OpKind::multiply, "e V", {n, queries * dv}, {e, v},
                                   build.tensor(TensorRole::state, n * queries * dv));
    const TensorId above = build.step(OpKind::convolve, "numerator", {m, queries * dv, taps},
                                      {ev, numerator_kernel}, rows);
    const TensorId below =
        build.step(OpKind::convolve, "denominator", {m, queries, taps}, {e, denominator_kernel},
                   build.tensor(TensorRole::statistic, m * queries));
    const TensorId parts = build.step(OpKind::divide, "Z", {m, queries * dv}, {above, below}, rows);
    if (queries > 1)
        build.step(OpKind::add, "sum", {m, (queries - 1) * dv}, {parts},
                   build.tensor(TensorRole::output, m * dv));
    OpList list = build.finish();
    for (TensorInfo& tensor : list.tensors) tensor.shared = tensor.role == TensorRole::weight;
    return list;
}

SchemeEntry qna_entry() {
    SchemeEntry entry;
    entry.name = "qna";
    entry.help = "local attention with learned queries: two depthwise correlations per layer";
    entry.source = "QnA, CVPR 2022, arXiv 2112.11435; github.com/moabarar/qna layers/qna.py";
    entry.equations = {
        "q = q~ / (|q~| + 1e-6) per query and head,  c_jl = k_j.q_l / sqrt(d): no maximum taken",
        "out_i = sum_l (sum_D w_Dl e^(b_Dl) e^(c_jl) v_j) / (sum_D e^(b_Dl) e^(c_jl)),  j = i + D",
        "D: the k x k window, clipped at the border; w in the numerator only",
        "scores from the input: X (Wk^T q), C Lq h MACs a token; keys themselves are not formed",
        "live elements n Lq (C + h), whatever k"};
    entry.not_modelled = {"folding Wk into the learned queries, C^2 Lq MACs once per model",
                          "queries that are not normalised",
                          "the 1 x 1 convolution of the skip of a down-sampling block",
                          "operands narrower than float32 in the numbers",
                          "a class token, causal, masked or biased attention: refused"};
    entry.keys = {"qna"};
    entry.preset = "presets/qna.yaml";
    entry.needs =
        "/model/weights/extra/qna/layer_XX: query [Lq, heads, d], bias and weight [k, k, Lq, "
        "heads]; a token grid without class token";
    entry.plan = "operators";
    entry.baselines = {"dense"};
    entry.machine = "linear-attention";
    entry.make = [](const SchemeInputs& inputs, const Settings& settings) {
        return std::make_unique<QnaScheme>(inputs, settings);
    };
    return entry;
}

}  // namespace attohm
