#include "src/schemes/vitality.hpp"

#include <algorithm>

#include "src/base/blas.hpp"
#include "src/schemes/kept_attention.hpp"

namespace attohm {

namespace {

/// Khat^T [d, n] of the first n keys.
Matrix<float> centred_keys(MatrixView<const float> k, std::size_t n) {
    std::vector<float> mean;
    for (const double sum : column_sums(k, n))
        mean.push_back(static_cast<float>(sum / static_cast<double>(n)));
    Matrix<float> centred(k.cols, n);
    for (std::size_t j = 0; j < n; ++j) {
        const float* key = k.row(j);
        for (std::size_t i = 0; i < k.cols; ++i) centred(i, j) = key[i] - mean[i];
    }
    return centred;
}

/// Sums over keys of Khat.
std::vector<double> row_sums(const Matrix<float>& x) {
    std::vector<double> sums(x.rows(), 0.0);
    for (std::size_t i = 0; i < x.rows(); ++i)
        for (std::size_t j = 0; j < x.cols(); ++j) sums[i] += static_cast<double>(x(i, j));
    return sums;
}

}  // namespace

void taylor_attention(const AttentionHead& head, MatrixView<float> out) {
    const auto rows = static_cast<std::size_t>(head.valid_q);
    const auto n = static_cast<std::size_t>(head.valid_k);
    clear_padding(head, out);
    if (rows == 0) return;
    if (n == 0) {
        for (std::size_t t = 0; t < rows; ++t) std::fill_n(out.row(t), head.dv(), 0.0F);
        return;
    }
    // Steps 1 to 3: what depends on keys and values alone.
    const Matrix<float> khat = centred_keys(head.k, n);
    Matrix<float> state(head.d(), head.dv());
    sgemm_nn(khat.view(), head.v.top(n), state.view());
    const std::vector<double> khat_sum = row_sums(khat);
    const std::vector<double> v_sum = column_sums(head.v, n);
    // Steps 4 to 6, query by query.
    const double root = 1.0 / static_cast<double>(head.scale);
    std::vector<float> constant(head.dv());
    for (std::size_t c = 0; c < head.dv(); ++c) constant[c] = static_cast<float>(root * v_sum[c]);
    sgemm_nn(head.q.top(rows), state.view(), out.top(rows));
    for (std::size_t t = 0; t < rows; ++t) {
        double denominator = static_cast<double>(n) * root;
        for (std::size_t i = 0; i < head.d(); ++i)
            denominator += static_cast<double>(head.q(t, i)) * khat_sum[i];
        const auto divisor = static_cast<float>(denominator);
        float* z = out.row(t);
        for (std::size_t c = 0; c < head.dv(); ++c) z[c] = (constant[c] + z[c]) / divisor;
    }
}

OpList taylor_attention_ops(const HeadShape& shape, int bits) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, d = shape.d, dv = shape.dv;
    if (m == 0 || n == 0) return {};
    OpBuilder build(Stage::attention, bits);
    const auto statistic = [&](std::int64_t elements) {
        return build.tensor(TensorRole::statistic, elements);
    };
    const TensorId q = build.input(TensorRole::q, m * d);
    const TensorId k = build.input(TensorRole::k, n * d);
    const TensorId v = build.input(TensorRole::v, n * dv);
    // Pre-processing of keys and values.
    const TensorId k_sum = build.step(OpKind::accumulate, "k mean", {d, n}, {k}, statistic(d));
    const TensorId k_mean = build.step(OpKind::divide, "k mean", {1, d}, {k_sum}, statistic(d));
    const TensorId khat =
        build.step(OpKind::add, "khat", {n, d}, {k, k_mean}, build.tensor(TensorRole::k, n * d));
    const TensorId state = build.step(OpKind::matmul, "G", {d, dv, n}, {khat, v},
                                      build.tensor(TensorRole::state, d * dv));
    const TensorId khat_sum =
        build.step(OpKind::accumulate, "khat sum", {d, n}, {khat}, statistic(d));
    const TensorId v_sum = build.step(OpKind::accumulate, "v sum", {dv, n}, {v}, statistic(dv));
    const TensorId v_scaled =
        build.step(OpKind::multiply, "v sum", {1, dv}, {v_sum}, statistic(dv));
    // Queries.
    const TensorId diagonal =
        build.step(OpKind::matmul, "t_D", {m, 1, d}, {q, khat_sum}, statistic(m));
    const TensorId divisor = build.step(OpKind::add, "t_D", {m, 1}, {diagonal}, statistic(m));
    const TensorInfo rows = build.tensor(TensorRole::output, m * dv);
    const TensorId product = build.step(OpKind::matmul, "Q G", {m, dv, d}, {q, state}, rows);
    const TensorId numerator = build.step(OpKind::add, "T_N", {m, dv}, {product, v_scaled}, rows);
    build.step(OpKind::divide, "Z", {m, dv}, {numerator, divisor}, rows);
    return build.finish();
}

VitalityScheme::VitalityScheme(const SchemeInputs& inputs, const Settings& settings)
    : trace_path_(inputs.trace_path),
      operand_bits_(load_operand_bits(settings, "vitality.operand_bits")) {
    rule().require(inputs.model);
}

AllPairsRule VitalityScheme::rule() const {
    return {"vitality", "the linear form that sums over all keys", trace_path_};
}

void VitalityScheme::attention(int layer, std::span<const AttentionHead> heads,
                               MatrixView<float> out, SampleContext& context) const {
    for (std::size_t h = 0; h < heads.size(); ++h) {
        const AttentionHead& head = heads[h];
        rule().require(head);
        if (head.scale <= 0.0F) rule().refuse(layer, "a scale that is not positive");
        taylor_attention(head, out.columns(h * head.dv(), head.dv()));
        // No pair is ever formed.
        const HeadShape shape = head_shape(head);
        file_work(digital_work(shape, taylor_attention_ops(shape, operand_bits_), operand_bits_, 0),
                  context);
    }
}

bool VitalityScheme::shape_work(const HeadShape& shape, SampleContext& context) const {
    rule().require(shape);
    file_work(digital_work(shape, taylor_attention_ops(shape, operand_bits_), operand_bits_, 0),
              context);
    return true;
}

SchemeEntry vitality_entry() {
    SchemeEntry entry;
    entry.name = "vitality";
    entry.help = "linear attention: first-order Taylor expansion around token-centred keys";
    entry.source = "ViTALiTy, HPCA 2023, arXiv 2211.05109, Algorithm 1";
    entry.equations = {
        "kbar = column means of K over the n valid tokens,  Khat = K - 1 kbar",
        "G = Khat^T V,  khat_sum = 1^T Khat,  v_sum = 1^T V",
        "t_D = n sqrt(d) 1 + Q khat_sum^T,  T_N = sqrt(d) 1 v_sum + Q G   (sqrt(d): 1 / scale)",
        "Z = diag(t_D)^-1 T_N",
        "the same: z_i = sum_j w_ij v_j / sum_j w_ij,  w_ij = 1 + scale q_i.khat_j, never clamped",
        "MACs of a head: 2 n d^2 + n d, against 2 n^2 d of softmax attention"};
    entry.not_modelled = {"the sparse term S V of training, which inference drops",
                          "causal, masked or biased attention: refused",
                          "operands narrower than float32 in the numbers (the paper gives none)",
                          "accumulators wider than the operands in the Work"};
    entry.keys = {"vitality"};
    entry.preset = "presets/vitality.yaml";
    entry.plan = "operators";
    entry.baselines = {"dense"};
    entry.machine = "vitality-64x64";
    entry.make = [](const SchemeInputs& inputs, const Settings& settings) {
        return std::make_unique<VitalityScheme>(inputs, settings);
    };
    return entry;
}

}  // namespace attohm
