#include "src/schemes/ecoformer.hpp"

/// The operators of EcoFormer.
namespace attohm {

namespace {

/// -1, 0, 1: a code of signs may hold a zero.
constexpr int kCodeBits = 2;

/// Codes by the learned hash of n tokens.
TensorId learned_codes(OpBuilder& build, TensorId x, std::int64_t n, std::int64_t d,
                       const EcoformerSettings& settings) {
    const std::int64_t m = settings.anchors, b = settings.code_bits;
    const TensorInfo row = build.tensor(TensorRole::statistic, n);
    const TensorInfo tokens = build.tensor(TensorRole::q, n * d);
    const TensorInfo kernel = build.tensor(TensorRole::score, n * m);
    const TensorId anchors = build.input(TensorRole::weight, m * d);
    const TensorId a = build.input(TensorRole::weight, b * m);
    // Unit length: squares, their sum, its inverse root, the scaling.
    const TensorId squares = build.step(OpKind::multiply, "norm", {n, d}, {x}, tokens);
    const TensorId length = build.step(OpKind::accumulate, "norm", {n, d}, {squares}, row);
    const TensorId inverse = build.step(OpKind::reciprocal, "norm", {n, 1}, {length}, row);
    const TensorId unit = build.step(OpKind::multiply, "norm", {n, d}, {x, inverse}, tokens);
    // |x|^2 + |a|^2 - 2 x.a, the constants of the anchors stored.
    const TensorId product = build.step(OpKind::matmul, "D2", {n, m, d}, {unit, anchors}, kernel);
    const TensorId distance = build.step(OpKind::add, "D2 constant", {n, m}, {product}, kernel);
    const TensorInfo one = build.tensor(TensorRole::statistic, 1);
    const TensorId total = build.step(OpKind::accumulate, "sigma", {1, n * m}, {distance}, one);
    const TensorId rate = build.step(OpKind::divide, "sigma", {1, 1}, {total}, one);
    const TensorId scaled =
        build.step(OpKind::multiply, "kappa scale", {n, m}, {distance, rate}, kernel);
    const TensorId e = build.step(OpKind::exp, "kappa exp", {n, m}, {scaled}, kernel);
    const TensorId kappa = build.step(OpKind::add, "kappa centre", {n, m}, {e}, kernel);
    const TensorId sums = build.step(OpKind::matmul, "project", {n, b, m}, {kappa, a},
                                     build.tensor(TensorRole::score, n * b));
    return build.step(OpKind::compare, "sign", {n, b}, {sums},
                      dense_tensor(TensorRole::q, n * b, kCodeBits));
}

/// Codes by random projections of n tokens.
TensorId projected_codes(OpBuilder& build, TensorRole role, TensorId x, TensorId projections,
                         std::int64_t n, std::int64_t d, std::int64_t b) {
    const TensorId sums = build.step(OpKind::matmul, "project", {n, b, d}, {x, projections},
                                     build.tensor(TensorRole::score, n * b));
    return build.step(OpKind::compare, "sign", {n, b}, {sums},
                      dense_tensor(role, n * b, kCodeBits));
}

}  // namespace

OpList ecoformer_ops(const HeadShape& shape, const EcoformerSettings& settings) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, d = shape.d, dv = shape.dv;
    const std::int64_t b = settings.code_bits;
    if (m == 0 || n == 0) return {};
    OpBuilder build(Stage::selection, settings.operand_bits);
    const TensorId q = build.input(TensorRole::q, m * d);
    TensorId q_codes = kNoTensor, k_codes = kNoTensor;
    if (settings.shared()) {
        q_codes = k_codes = learned_codes(build, q, m, d, settings);
    } else {
        const TensorId k = build.input(TensorRole::k, n * d);
        const TensorId projections = build.input(TensorRole::weight, d * b);
        q_codes = projected_codes(build, TensorRole::q, q, projections, m, d, b);
        k_codes = projected_codes(build, TensorRole::k, k, projections, n, d, b);
    }
    build.set_stage(Stage::attention);
    const TensorId v = build.input(TensorRole::v, n * dv);
    const TensorInfo rows = build.tensor(TensorRole::output, m * dv);
    const TensorInfo row = build.tensor(TensorRole::statistic, m);
    const bool exact = settings.bias == EcoformerBias::exact;
    // Signs decide whether a value is added or subtracted.
    const TensorId state = build.step(OpKind::accumulate, "B V", token_sums(b * dv, n),
                                      {k_codes, v}, build.tensor(TensorRole::state, b * dv));
    const TensorId code_sum = build.step(OpKind::accumulate, "B sum", token_sums(b, n), {k_codes},
                                         build.tensor(TensorRole::statistic, b));
    const TensorId product =
        build.step(OpKind::accumulate, "B B V", {m, b * dv}, {q_codes, state}, rows);
    TensorId added = v;
    if (exact)
        added = build.step(OpKind::accumulate, "V sum", token_sums(dv, n), {v},
                           build.tensor(TensorRole::statistic, dv));
    const std::int64_t biases = exact ? 1 : n;
    added = build.step(OpKind::multiply, "beta v", {biases, dv}, {added},
                       build.tensor(TensorRole::output, biases * dv));
    const TensorId numerator = build.step(OpKind::add, "add bias", {m, dv}, {product, added}, rows);
    const TensorId similarity =
        build.step(OpKind::accumulate, "B B sum", {m, b}, {q_codes, code_sum}, row);
    const TensorId divisor = build.step(OpKind::add, "add N", {m, 1}, {similarity}, row);
    const TensorId inverse = build.step(OpKind::reciprocal, "Z", {m, 1}, {divisor}, row);
    build.step(OpKind::multiply, "Z", {m, dv}, {numerator, inverse}, rows);
    OpList list = build.finish();
    for (TensorInfo& tensor : list.tensors) tensor.shared = tensor.role == TensorRole::weight;
    return list;
}

}  // namespace attohm
