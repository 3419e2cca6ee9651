#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Operators and the tensors between them: what a scheme computes on digital units, with shapes,
/// operand widths and dependencies. It names no buffer, unit, tile or cycle: a plan decides those.
namespace attohm {

/// Which part of the network an operator belongs to. Attention-only figures cover `selection` and
/// `attention`; whole-model figures cover all.
enum class Stage : std::uint8_t {
    embedding,     ///< patches or token vectors
    projection,    ///< q, k, v and the output projection
    selection,     ///< what decides which scores count: prediction, hashing, top-k, packing
    attention,     ///< scores, softmax or its replacement, weighted sum of v
    feed_forward,  ///< MLP
    head,          ///< classifier or vocabulary
    count_
};
std::string_view stage_name(Stage stage);

/// What is computed. A unit of a machine says which of these it does.
enum class OpKind : std::uint8_t {
    matmul,      ///< out[m, n] = a[m, k] b[k, n]
    add,         ///< m n additions, subtractions or comparisons against a constant
    multiply,    ///< m n multiplications by a scalar, a vector or another tensor
    accumulate,  ///< m columns of n elements each summed (or their absolute values): m n additions
    exp,         ///< m n exponentials
    divide,      ///< m n divisions
    reciprocal,  ///< m n reciprocals
    softmax,     ///< m rows of n: maximum, exponentials, sum, normalisation
    normalise,   ///< m rows of n: layer norm or rms norm
    activation,  ///< m n evaluations of gelu, silu, sigmoid, ...
    quantise,    ///< m n conversions to a narrower format
    compare,     ///< m n comparisons that give a mask bit each
    top_k,       ///< m rows of n: the k largest with their indices
    sort,        ///< m rows of n in order
    gather,      ///< m rows of n elements moved by index
    pack,        ///< m rows of n mask bits packed into work lists; `nonzeros` are listed
    transform,   ///< m rows of length n through k butterfly or FFT stages
    convolve,    ///< m output positions, n output channels, k taps times input channels
    count_
};
struct OpKindInfo {
    std::string_view name;
    std::string_view unit;  ///< of counting: "MAC", "element", "row"
    std::string_view help;
};
const OpKindInfo& op_kind_info(OpKind kind);
/// Throws: UserError that names the nearest kind.
OpKind op_kind(std::string_view name, const std::string& where);

/// What a tensor is, for traffic by tensor.
enum class TensorRole : std::uint8_t {
    q,
    k,
    v,
    score,        ///< q k^T before normalisation
    probability,  ///< after it
    output,       ///< of attention
    activation,   ///< between the layers of a network
    weight,
    mask,            ///< which pairs count: bits
    index,           ///< positions of what counts: lists
    statistic,       ///< row sums, maxima, means
    state,           ///< K^T V and its like
    pruning_vector,  ///< of an in-memory threshold
    partial_output,  ///< unfinished outputs that leave the chip and come back
    count_
};
std::string_view tensor_role_name(TensorRole role);
/// Throws: UserError that names the roles there are.
TensorRole tensor_role(std::string_view name, const std::string& where);

using TensorId = std::int16_t;
constexpr TensorId kNoTensor = -1;

/// One tensor of one instance of an operator list.
struct TensorInfo {
    TensorRole role = TensorRole::activation;
    std::int64_t elements = 0;    ///< dense size
    std::int64_t stored = 0;      ///< elements that are held and moved; `elements` where dense
    int bits = 8;                 ///< of an element
    std::int64_t index_bits = 0;  ///< that say which elements are stored; 0 where dense
    bool from_memory = false;     ///< an input: lies in memory before the list starts
    bool to_memory = false;       ///< a result: must lie in memory when the list has ended
    bool shared = false;          ///< the same for all instances (weights; k, v of grouped heads)

    std::int64_t total_bits() const { return stored * bits + index_bits; }
    bool operator==(const TensorInfo&) const = default;
};

/// One operator. `inputs` and `output` are tensors of its list; an operator waits for those that
/// produce its inputs. What m, n, k mean stands beside the kind.
struct Operator {
    OpKind kind = OpKind::matmul;
    Stage stage = Stage::attention;
    /// What the source calls it ("G = K^T V"); a machine may dedicate a unit to a name. Static
    /// text.
    std::string_view name;
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t k = 1;
    /// Elementary operations that are not known to be zero, of `dense_count()`: multiplications of
    /// kept pairs in a sparse product, listed elements of a pack.
    std::int64_t nonzeros = 0;
    int bits = 8;  ///< of the operands in the unit
    std::array<TensorId, 3> inputs{kNoTensor, kNoTensor, kNoTensor};
    TensorId output = kNoTensor;

    /// m n k for matmul and convolve, m n k for transform (butterflies of n/2 pairs count n), else
    /// m n.
    std::int64_t dense_count() const;
    bool operator==(const Operator&) const = default;
};

/// Operators in program order with their tensors, `instances` times over (equal heads).
struct OpList {
    std::vector<TensorInfo> tensors;
    std::vector<Operator> ops;

    TensorId add(const TensorInfo& tensor) {
        tensors.push_back(tensor);
        return static_cast<TensorId>(tensors.size() - 1);
    }
    bool empty() const { return ops.empty(); }
    bool operator==(const OpList&) const = default;
};

/// Dense tensor of `elements`.
TensorInfo dense_tensor(TensorRole role, std::int64_t elements, int bits);

/// Throws InvariantError unless every operator has a positive shape, 0 <= nonzeros <= its dense
/// count, inputs that exist and come from memory or an earlier operator, and one output that no
/// other operator writes; and unless every tensor is read or written.
void check_op_list(const OpList& list);

/// The operators of a layer that are not attention heads: projections, MLP, embedding, classifier.
struct LayerWork {
    int layer = 0;  ///< -1: before the first layer; the number of layers: after the last
    OpList ops;
};

}  // namespace attohm
