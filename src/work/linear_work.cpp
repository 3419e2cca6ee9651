#include "src/work/linear_work.hpp"

#include <fmt/format.h>

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
    explicit LayerBuilder(int bits) : build_(Stage::projection, bits) {}

    void add(const LinearShape& shape) {
        const LinearKind& kind = linear_kind(shape.name);
        build_.set_stage(kind.stage);
        TensorId x = kind.name == "down" && hidden_ != kNoTensor ? hidden_ : input(shape);
        if (kind.norm_before) {
            x = build_.step(OpKind::normalise, "norm", {shape.m, shape.k}, {x},
                            build_.tensor(TensorRole::activation, shape.m * shape.k));
            normed_ = x;
        } else if (kind.name == "k" || kind.name == "v" || kind.name == "gate") {
            // They share the normalised input of q or up.
            if (normed_ != kNoTensor) x = normed_;
        }
        const TensorId w = build_.input(TensorRole::weight, shape.k * shape.n);
        TensorId y = build_.step(OpKind::matmul, kind.name, {shape.m, shape.n, shape.k}, {x, w},
                                 build_.tensor(TensorRole::activation, shape.m * shape.n));
        if (kind.activation_after)
            y = hidden_ = build_.step(OpKind::activation, "activation", {shape.m, shape.n}, {y},
                                      build_.tensor(TensorRole::activation, shape.m * shape.n));
        if (kind.residual_after) {
            const TensorId before = build_.input(TensorRole::activation, shape.m * shape.n);
            y = build_.step(OpKind::add, "residual", {shape.m, shape.n}, {y, before},
                            build_.tensor(TensorRole::activation, shape.m * shape.n));
        }
        if (kind.to_memory) build_.store(y);
    }
    OpList finish() { return build_.finish(); }

  private:
    /// What comes from memory: once for the operators that share it.
    TensorId input(const LinearShape& shape) {
        const bool shares = (shape.name == "k" || shape.name == "v" || shape.name == "gate") &&
                            normed_ != kNoTensor;
        return shares ? normed_ : build_.input(TensorRole::activation, shape.m * shape.k);
    }

    OpBuilder build_;
    TensorId normed_ = kNoTensor;
    TensorId hidden_ = kNoTensor;
};

}  // namespace

LayerWork linear_layer_work(int layer, std::span<const LinearShape> shapes, int bits) {
    LayerWork work;
    work.layer = layer;
    LayerBuilder builder(bits);
    for (const LinearShape& shape : shapes) builder.add(shape);
    if (!shapes.empty()) work.ops = builder.finish();
    return work;
}

std::vector<LinearShape> block_shapes(std::int64_t tokens, std::int64_t width,
                                      std::int64_t qkv_width, std::int64_t kv_width,
                                      std::int64_t hidden) {
    return {{"q", tokens, width, qkv_width}, {"k", tokens, width, kv_width},
            {"v", tokens, width, kv_width},  {"o", tokens, qkv_width, width},
            {"up", tokens, width, hidden},   {"down", tokens, hidden, width}};
}

}  // namespace attohm
