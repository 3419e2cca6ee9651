#pragma once

#include <vector>

#include "src/machine/engine.hpp"
#include "src/work/work.hpp"

/// Operator lists placed on the units of an engine: cycles, operations and buffer traffic of every
/// operator, whatever the order in which a plan runs them.
namespace attohm {

/// One operator on its unit.
struct PlacedOp {
    int unit = 0;
    OpKind kind = OpKind::matmul;
    int bits = 8;
    Stage stage = Stage::attention;
    std::int64_t cycles = 0;      ///< of the unit, its buffers' ports included
    std::int64_t operations = 0;  ///< that are paid for
    /// Of them, not known to be zero; narrow ones in operations of full width.
    std::int64_t useful = 0;
    std::int64_t rows = 0;  ///< reciprocals beside them: one per row of a softmax
    /// Bits between the unit and the buffers, per buffer.
    std::vector<std::int64_t> read_bits;
    std::vector<std::int64_t> write_bits;
};

/// An operator list on an engine: one head, or the linear operators of a layer.
struct PlacedList {
    OpList list;
    std::vector<PlacedOp> ops;
    std::vector<int> buffers;  ///< per tensor: the buffer that holds it
    /// Per tensor: bits that come from memory; a kv head's k and v come with its first query head.
    std::vector<std::int64_t> load_bits;
    std::vector<std::int64_t> store_bits;  ///< per tensor: bits that go to memory
    /// Per tensor: all tiles of a head share it (empty: the list is a whole head).
    std::vector<bool> of_head;
};

/// How a plan counts the cycles of a sparse operator; nothing: zeros take time like anything else.
struct SparseCycles {
    std::int64_t cycles = 0;
    std::int64_t operations = 0;
};

/// Places every operator. Args: loads_kv: k and v are not on chip yet.
/// Throws: UserError when the engine has no unit for an operator, or no buffer for a tensor.
PlacedList place(const Engine& engine, const std::string& machine, const OpList& list,
                 bool loads_kv);

/// The same work `times` over (a batch).
void count_ops(const Engine& engine, const PlacedList& placed, std::int64_t times, Tally& tally);

/// Bits that travel, with the memory's events. Args: run_bytes: contiguous piece.
void count_traffic(const Engine& engine, TensorRole role, std::int64_t bits, std::int64_t run_bytes,
                   bool write, Tally& tally);

}  // namespace attohm
