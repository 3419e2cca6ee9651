#include "src/work/operators.hpp"

#include <fmt/format.h>

#include "src/base/error.hpp"
#include "src/base/settings.hpp"

namespace attohm {

namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Stage::count_)> kStages = {
    "embedding", "projection", "selection", "attention", "feed_forward", "head"};

constexpr std::array<std::string_view, static_cast<std::size_t>(TensorRole::count_)> kRoles = {
    "q",      "k",    "v",     "score",     "probability", "output",         "activation",
    "weight", "mask", "index", "statistic", "state",       "pruning_vector", "partial_output"};

constexpr std::array<OpKindInfo, static_cast<std::size_t>(OpKind::count_)> kKinds = {{
    {"matmul", "MAC", "multiply-accumulates of a matrix product"},
    {"add", "element", "additions, subtractions or comparisons against a constant"},
    {"multiply", "element", "multiplications element by element"},
    {"accumulate", "element", "additions into column sums"},
    {"exp", "element", "exponentials"},
    {"divide", "element", "divisions"},
    {"reciprocal", "element", "reciprocals"},
    {"softmax", "element", "scores through maximum, exponential, sum and normalisation"},
    {"normalise", "element", "elements through a layer norm or rms norm"},
    {"activation", "element", "evaluations of an activation function"},
    {"quantise", "element", "conversions to a narrower format"},
    {"compare", "element", "comparisons that give a mask bit"},
    {"top_k", "element", "elements through a selection of the largest"},
    {"sort", "element", "elements through a sort"},
    {"gather", "element", "elements moved by index"},
    {"pack", "element", "mask bits packed into work lists"},
    {"transform", "element", "elements through a butterfly or FFT stage"},
    {"convolve", "MAC", "multiply-accumulates of a convolution"},
}};

void check_inputs(const OpList& list, const Operator& op, const std::vector<bool>& ready,
                  std::vector<bool>& used) {
    for (const TensorId input : op.inputs) {
        if (input == kNoTensor) continue;
        ATTOHM_CHECK_LT(static_cast<std::size_t>(input), list.tensors.size());
        if (!ready[static_cast<std::size_t>(input)])
            throw InvariantError(fmt::format("`{}` reads a tensor before it exists", op.name));
        used[static_cast<std::size_t>(input)] = true;
    }
}

}  // namespace

std::string_view stage_name(Stage stage) {
    return kStages.at(static_cast<std::size_t>(stage));
}

std::string_view tensor_role_name(TensorRole role) {
    return kRoles.at(static_cast<std::size_t>(role));
}

TensorRole tensor_role(std::string_view name, const std::string& where) {
    for (std::size_t i = 0; i < kRoles.size(); ++i)
        if (kRoles[i] == name) return static_cast<TensorRole>(i);
    throw UserError("unknown role of a tensor", where, std::string(name),
                    fmt::format("{}", fmt::join(kRoles, ", ")));
}

const OpKindInfo& op_kind_info(OpKind kind) {
    return kKinds.at(static_cast<std::size_t>(kind));
}

OpKind op_kind(std::string_view name, const std::string& where) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < kKinds.size(); ++i) {
        if (kKinds[i].name == name) return static_cast<OpKind>(i);
        names.emplace_back(kKinds[i].name);
    }
    throw UserError("unknown kind of operator", where, std::string(name),
                    fmt::format("{}", fmt::join(names, ", ")));
}

std::int64_t Operator::dense_count() const {
    const bool has_depth =
        kind == OpKind::matmul || kind == OpKind::convolve || kind == OpKind::transform;
    return m * n * (has_depth ? k : 1);
}

TensorInfo dense_tensor(TensorRole role, std::int64_t elements, int bits) {
    TensorInfo tensor;
    tensor.role = role;
    tensor.elements = elements;
    tensor.stored = elements;
    tensor.bits = bits;
    return tensor;
}

void check_op_list(const OpList& list) {
    std::vector<bool> ready;
    std::vector<bool> used(list.tensors.size(), false);
    for (const TensorInfo& tensor : list.tensors) {
        ready.push_back(tensor.from_memory);
        ATTOHM_CHECK_LE(0, tensor.stored);
        ATTOHM_CHECK_LE(tensor.stored, tensor.elements);
        ATTOHM_CHECK_LT(0, tensor.bits);
        ATTOHM_CHECK_LE(0, tensor.index_bits);
    }
    for (const Operator& op : list.ops) {
        ATTOHM_CHECK(!op.name.empty());
        ATTOHM_CHECK(op.m > 0 && op.n > 0 && op.k > 0 && op.bits > 0);
        ATTOHM_CHECK_LE(0, op.nonzeros);
        ATTOHM_CHECK_LE(op.nonzeros, op.dense_count());
        check_inputs(list, op, ready, used);
        ATTOHM_CHECK_LT(static_cast<std::size_t>(op.output), list.tensors.size());
        const auto output = static_cast<std::size_t>(op.output);
        if (ready[output])
            throw InvariantError(fmt::format("`{}` writes a tensor that exists", op.name));
        ready[output] = true;
        used[output] = true;
    }
    for (std::size_t i = 0; i < used.size(); ++i)
        if (!used[i])
            throw InvariantError(fmt::format("tensor {} ({}) belongs to no operator", i,
                                             tensor_role_name(list.tensors[i].role)));
}

}  // namespace attohm
