#include "src/work/linear_work.hpp"

#include <catch2/catch.hpp>

#include <map>

#include "src/base/error.hpp"

using namespace attohm;

namespace {

constexpr BlockWidths kSmall{12, 12, 6, 4, 8, 20, false};

std::vector<std::string> names_of(const OpList& list) {
    std::vector<std::string> names;
    for (const Operator& op : list.ops) names.emplace_back(op.name);
    return names;
}

const Operator& named(const OpList& list, std::string_view name) {
    for (const Operator& op : list.ops)
        if (op.name == name) return op;
    throw InvariantError("no such operator");
}

const TensorInfo& tensor(const OpList& list, TensorId id) {
    return list.tensors.at(static_cast<std::size_t>(id));
}

std::int64_t macs(const OpList& list) {
    std::int64_t count = 0;
    for (const Operator& op : list.ops)
        if (op.kind == OpKind::matmul) count += op.dense_count();
    return count;
}

/// Bytes times eight that must pass between memory and chip at least.
std::int64_t memory_bits(const OpList& list, bool write) {
    std::int64_t bits = 0;
    for (const TensorInfo& t : list.tensors)
        if (write ? t.to_memory : t.from_memory) bits += t.total_bits();
    return bits;
}

}  // namespace

TEST_CASE("a block is its linear operators with norms, activation and residuals around them",
          "[unit]") {
    const LayerWork work = linear_layer_work(3, block_shapes(kSmall, 5), 8);
    CHECK(work.layer == 3);
    const OpList& list = work.ops;
    CHECK_NOTHROW(check_op_list(list));
    CHECK(names_of(list) == std::vector<std::string>{"norm", "q", "k", "v", "o", "residual", "norm",
                                                     "up", "activation", "down", "residual"});
    const std::map<std::string, std::array<std::int64_t, 3>> extents = {
        {"q", {5, 12, 12}}, {"k", {5, 6, 12}},   {"v", {5, 4, 12}},
        {"o", {5, 12, 8}},  {"up", {5, 20, 12}}, {"down", {5, 12, 20}}};
    for (const auto& [name, extent] : extents) {
        const Operator& op = named(list, name);
        CHECK(op.kind == OpKind::matmul);
        CHECK(std::array{op.m, op.n, op.k} == extent);
        CHECK(op.nonzeros == op.dense_count());
        CHECK(tensor(list, op.inputs[1]).role == TensorRole::weight);
        CHECK(tensor(list, op.inputs[1]).elements == op.n * op.k);
        CHECK(tensor(list, op.inputs[1]).shared);
        const bool mlp = name == "up" || name == "down";
        CHECK(op.stage == (mlp ? Stage::feed_forward : Stage::projection));
    }
    // q, k and v read one normalised tensor; only o and down add a residual.
    const TensorId normed = list.ops[0].output;
    for (const char* name : {"q", "k", "v"}) CHECK(named(list, name).inputs[0] == normed);
    CHECK(tensor(list, named(list, "o").inputs[0]).from_memory);
    CHECK(list.ops[5].inputs[0] == named(list, "o").output);
    CHECK(named(list, "up").inputs[0] == list.ops[6].output);
    CHECK(list.ops[8].inputs[0] == named(list, "up").output);
    CHECK(named(list, "down").inputs[0] == list.ops[8].output);
    // What attention and the next block read lies in memory, the hidden tensor does not.
    for (const char* name : {"q", "k", "v"})
        CHECK(tensor(list, named(list, name).output).to_memory);
    CHECK(tensor(list, list.ops[5].output).to_memory);
    CHECK(tensor(list, list.ops[10].output).to_memory);
    CHECK_FALSE(tensor(list, list.ops[8].output).to_memory);
}

TEST_CASE("a gated MLP multiplies up by the activated gate", "[unit]") {
    BlockWidths widths = kSmall;
    widths.gated = true;
    const OpList list = linear_layer_work(0, block_shapes(widths, 5), 8).ops;
    CHECK_NOTHROW(check_op_list(list));
    CHECK(names_of(list) == std::vector<std::string>{"norm", "q", "k", "v", "o", "residual", "norm",
                                                     "up", "gate", "activation", "gated", "down",
                                                     "residual"});
    const Operator& up = named(list, "up");
    const Operator& gate = named(list, "gate");
    const Operator& gated = named(list, "gated");
    CHECK(gate.inputs[0] == up.inputs[0]);
    CHECK(named(list, "activation").inputs[0] == gate.output);
    CHECK(gated.kind == OpKind::multiply);
    CHECK(gated.inputs[0] == up.output);
    CHECK(gated.inputs[1] == named(list, "activation").output);
    CHECK(named(list, "down").inputs[0] == gated.output);
}

TEST_CASE("embedding and classifier are lists of their own", "[unit]") {
    const std::vector<LinearShape> patch = {{"patch", 16, 4, 12}};
    const OpList embed = linear_layer_work(-1, patch, 8).ops;
    CHECK(names_of(embed) == std::vector<std::string>{"patch"});
    CHECK(embed.ops[0].stage == Stage::embedding);
    const std::vector<LinearShape> head = {{"head", 1, 12, 10}};
    const OpList classify = linear_layer_work(4, head, 8).ops;
    CHECK(names_of(classify) == std::vector<std::string>{"norm", "head"});
    CHECK(classify.ops[1].stage == Stage::head);
    for (const OpList& list : {embed, classify}) {
        CHECK_NOTHROW(check_op_list(list));
        CHECK(tensor(list, list.ops.back().output).to_memory);
    }
    CHECK(linear_layer_work(0, {}, 8).ops.empty());
    const std::vector<LinearShape> unknown = {{"router", 1, 12, 10}};
    CHECK_THROWS_AS(linear_layer_work(0, unknown, 8), InvariantError);
}

TEST_CASE("MACs of DeiT blocks are 12 n w^2", "[property]") {
    // q, k, v, o: 4 n w^2; MLP of ratio 4: 8 n w^2; 12 layers of 197 tokens.
    for (const std::int64_t w : {192, 384, 768}) {
        const BlockWidths widths{w, w, w, w, w, 4 * w, false};
        std::int64_t sum = 0;
        for (int layer = 0; layer < 12; ++layer)
            sum += macs(linear_layer_work(layer, block_shapes(widths, 197), 8).ops);
        CHECK(sum == 12 * 12 * 197 * w * w);
    }
}

TEST_CASE("a batch multiplies everything but the weights", "[property]") {
    const OpList one = linear_layer_work(0, block_shapes(kSmall, 5), 8).ops;
    CHECK(batched_rows(one, 1) == one);
    std::int64_t weights = 0;
    for (const TensorInfo& t : one.tensors)
        if (t.role == TensorRole::weight) weights += t.total_bits();
    // q, k, v, o, up, down of 8 bits.
    CHECK(weights == 8 * (12 * 12 + 12 * 6 + 12 * 4 + 8 * 12 + 12 * 20 + 20 * 12));
    for (const std::int64_t batch : {2, 64}) {
        const OpList many = batched_rows(one, batch);
        CHECK_NOTHROW(check_op_list(many));
        CHECK(macs(many) == batch * macs(one));
        CHECK(memory_bits(many, true) == batch * memory_bits(one, true));
        CHECK(memory_bits(many, false) - weights == batch * (memory_bits(one, false) - weights));
        // The rows of all samples in one operator are the operator over as many tokens.
        CHECK(many == linear_layer_work(0, block_shapes(kSmall, 5 * batch), 8).ops);
    }
}
