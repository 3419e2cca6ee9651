#include "src/work/op_builder.hpp"

#include <algorithm>

#include "src/base/error.hpp"

namespace attohm {

TensorId OpBuilder::input(TensorRole role, std::int64_t elements) {
    TensorInfo info = tensor(role, elements);
    info.from_memory = true;
    return list_.add(info);
}

TensorId OpBuilder::step(OpKind kind, std::string_view name, OpShape shape,
                         std::initializer_list<TensorId> inputs, const TensorInfo& output,
                         std::optional<std::int64_t> nonzeros) {
    Operator op;
    op.kind = kind;
    op.stage = stage_;
    op.name = name;
    op.m = shape.m;
    op.n = shape.n;
    op.k = shape.k;
    op.bits = bits_;
    op.nonzeros = nonzeros.value_or(op.dense_count());
    ATTOHM_CHECK_LE(inputs.size(), op.inputs.size());
    std::copy(inputs.begin(), inputs.end(), op.inputs.begin());
    op.output = list_.add(output);
    list_.ops.push_back(op);
    return op.output;
}

void OpBuilder::store(TensorId tensor) {
    list_.tensors.at(static_cast<std::size_t>(tensor)).to_memory = true;
}

OpList OpBuilder::finish() {
    ATTOHM_CHECK(!list_.ops.empty());
    list_.tensors[static_cast<std::size_t>(list_.ops.back().output)].to_memory = true;
    return std::move(list_);
}

OpList dense_attention_ops(const HeadShape& shape, int bits, bool bias) {
    const std::int64_t m = shape.valid_q, n = shape.valid_k, d = shape.d, dv = shape.dv;
    const std::int64_t pairs = shape.allowed_pairs;
    if (m == 0 || n == 0) return {};
    OpBuilder build(Stage::attention, bits);
    const TensorId q = build.input(TensorRole::q, m * d);
    const TensorId k = build.input(TensorRole::k, n * d);
    const TensorId v = build.input(TensorRole::v, n * dv);
    const TensorInfo scores = build.tensor(TensorRole::score, m * n);
    TensorId score = build.step(OpKind::matmul, "L", {m, n, d}, {q, k}, scores, pairs * d);
    if (bias) {
        const TensorId table = build.input(TensorRole::weight, m * n);
        score = build.step(OpKind::add, "bias", {m, n}, {score, table}, scores, pairs);
    }
    const TensorId p = build.step(OpKind::softmax, "softmax", {m, n}, {score},
                                  build.tensor(TensorRole::probability, m * n), pairs);
    build.step(OpKind::matmul, "A", {m, dv, n}, {p, v}, build.tensor(TensorRole::output, m * dv),
               pairs * dv);
    return build.finish();
}

}  // namespace attohm
