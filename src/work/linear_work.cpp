#include "src/work/linear_work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/work/op_builder.hpp"

namespace attohm {

namespace {

struct LinearKind {
    std::string_view name;
    Stage stage;
    bool norm_before = false;
    bool activation_after = false;
    bool residual_after = false;
    bool to_memory = true;
};

constexpr LinearKind kLinears[] = {
    {"q", Stage::projection, true, false, false, true},
    {"k", Stage::projection, false, false, false, true},
    {"v", Stage::projection, false, false, false, true},
    {"o", Stage::projection, false, false, true, true},
    {"up", Stage::feed_forward, true, true, false, false},
    {"gate", Stage::feed_forward, false, true, false, false},
    {"down", Stage::feed_forward, false, false, true, true},
    {"patch", Stage::embedding, false, false, false, true},
    {"head", Stage::head, true, false, false, true},
};

const LinearKind& linear_kind(const std::string& name) {
    for (const LinearKind& kind : kLinears)
        if (kind.name == name) return kind;
    throw InvariantError(fmt::format("no linear operator is called `{}`", name));
}

/// Adds the operators of one layer after each other.
class LayerBuilder {
  public:
    /// Args: gated: a gate follows `up`, which then has no activation of its own.
    LayerBuilder(int bits, bool gated) : build_(Stage::projection, bits), gated_(gated) {}

    void add(const LinearShape& shape) {
        const LinearKind& kind = linear_kind(shape.name);
        build_.set_stage(kind.stage);
        TensorId x = input(shape);
        if (kind.norm_before)
            x = normed_ = build_.step(OpKind::normalise, "norm", {shape.m, shape.k}, {x},
                                      build_.tensor(TensorRole::activation, shape.m * shape.k));
        TensorId y = product(kind, shape, x);
        if (kind.activation_after) y = hidden(shape, y);
        if (kind.residual_after) {
            const TensorId before = build_.input(TensorRole::activation, shape.m * shape.n);
            y = build_.step(OpKind::add, "residual", {shape.m, shape.n}, {y, before},
                            build_.tensor(TensorRole::activation, shape.m * shape.n));
        }
        if (kind.to_memory) build_.store(y);
    }
    OpList finish() {
        OpList list = build_.finish();
        for (TensorInfo& tensor : list.tensors) tensor.shared = tensor.role == TensorRole::weight;
        return list;
    }

  private:
    TensorId product(const LinearKind& kind, const LinearShape& shape, TensorId x) {
        const TensorInfo out = build_.tensor(TensorRole::activation, shape.m * shape.n);
        if (shape.butterfly == 0) {
            const TensorId w = build_.input(TensorRole::weight, shape.k * shape.n);
            return build_.step(OpKind::matmul, kind.name, {shape.m, shape.n, shape.k}, {x, w}, out);
        }
        const std::int64_t length = shape.butterfly, copies = ceil_div(shape.n, length);
        const std::int64_t stages = std::bit_width(static_cast<std::uint64_t>(length)) - 1;
        ATTOHM_CHECK(length >= shape.k && length == std::int64_t{1} << stages);
        const TensorId w = build_.input(TensorRole::weight, copies * stages * length * 2);
        return build_.step(OpKind::transform, kind.name, {shape.m * copies, length, stages}, {x, w},
                           out);
    }
    /// What the operator reads: from memory, once for the operators that share it.
    TensorId input(const LinearShape& shape) {
        if (shape.name == "down" && hidden_ != kNoTensor) return hidden_;
        const bool shares = shape.name == "k" || shape.name == "v" || shape.name == "gate";
        if (shares && normed_ != kNoTensor) return normed_;
        return build_.input(TensorRole::activation, shape.m * shape.k);
    }
    /// What `down` reads: activation(up), or up * activation(gate).
    TensorId hidden(const LinearShape& shape, TensorId y) {
        const TensorInfo out = build_.tensor(TensorRole::activation, shape.m * shape.n);
        if (gated_ && shape.name == "up") return hidden_ = y;
        const TensorId up = hidden_;
        hidden_ = build_.step(OpKind::activation, "activation", {shape.m, shape.n}, {y}, out);
        if (shape.name == "gate" && up != kNoTensor)
            hidden_ =
                build_.step(OpKind::multiply, "gated", {shape.m, shape.n}, {up, hidden_}, out);
        return hidden_;
    }

    OpBuilder build_;
    bool gated_;
    TensorId normed_ = kNoTensor;
    TensorId hidden_ = kNoTensor;
};

}  // namespace

LayerWork linear_layer_work(int layer, std::span<const LinearShape> shapes, int bits) {
    LayerWork work;
    work.layer = layer;
    LayerBuilder builder(bits, std::any_of(shapes.begin(), shapes.end(),
                                           [](const LinearShape& s) { return s.name == "gate"; }));
    for (const LinearShape& shape : shapes) builder.add(shape);
    if (!shapes.empty()) work.ops = builder.finish();
    return work;
}

OpList batched_rows(const OpList& list, std::int64_t batch) {
    OpList all = list;
    for (Operator& op : all.ops) {
        op.m *= batch;
        op.nonzeros *= batch;
    }
    for (TensorInfo& tensor : all.tensors) {
        if (tensor.shared) continue;
        tensor.elements *= batch;
        tensor.stored *= batch;
        tensor.index_bits *= batch;
    }
    return all;
}

std::vector<LinearShape> block_shapes(const BlockWidths& widths, std::int64_t tokens) {
    const BlockWidths& w = widths;
    std::vector<LinearShape> shapes = {{"q", tokens, w.model, w.q},
                                       {"k", tokens, w.model, w.k},
                                       {"v", tokens, w.model, w.v},
                                       {"o", tokens, w.attended, w.model},
                                       {"up", tokens, w.model, w.hidden}};
    if (w.gated) shapes.push_back({"gate", tokens, w.model, w.hidden});
    shapes.push_back({"down", tokens, w.hidden, w.model});
    return shapes;
}

}  // namespace attohm
