#pragma once

#include <initializer_list>
#include <optional>

#include "src/work/operators.hpp"
#include "src/work/selection.hpp"

/// Writes operator lists step by step.
namespace attohm {

struct OpShape {
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t k = 1;
};

class OpBuilder {
  public:
    /// Args: bits: of operands and tensors until `set_bits`.
    OpBuilder(Stage stage, int bits) : stage_(stage), bits_(bits) {}

    void set_stage(Stage stage) { stage_ = stage; }
    void set_bits(int bits) { bits_ = bits; }
    /// A tensor that lies in memory before the list starts.
    TensorId input(TensorRole role, std::int64_t elements);
    /// The same, of any width or with a part of its elements alone. Args: info: `from_memory`.
    TensorId input(const TensorInfo& info) { return list_.add(info); }
    /// A dense tensor of the present width, to be the output of a step.
    TensorInfo tensor(TensorRole role, std::int64_t elements) const {
        return dense_tensor(role, elements, bits_);
    }
    /// One operator. Args: name: static text; nonzeros: dense where nothing is given.
    /// Returns: what it writes.
    TensorId step(OpKind kind, std::string_view name, OpShape shape,
                  std::initializer_list<TensorId> inputs, const TensorInfo& output,
                  std::optional<std::int64_t> nonzeros = {});
    /// Says that a tensor must lie in memory at the end.
    void store(TensorId tensor);
    /// The list; its last step's output must lie in memory at the end.
    OpList finish();

  private:
    Stage stage_;
    int bits_;
    OpList list_;
};

/// Dense attention of one head over its valid queries and keys: "L" = Q K^T (and "bias" where one
/// is added), "softmax" over complete rows, "A" = P V. Pairs that mask or causality forbid are part
/// of the dense counts, not of `nonzeros`. Empty for a head without queries or keys.
OpList dense_attention_ops(const HeadShape& shape, int bits, bool bias = false);

}  // namespace attohm
