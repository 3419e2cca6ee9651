#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "circuits/cited.hpp"
#include "circuits/digital_library.hpp"
#include "circuits/memory/memory.hpp"
#include "src/base/settings.hpp"
#include "src/machine/tally.hpp"

/// A near-memory engine: named units that compute, buffers that hold tensors, a memory behind them.
/// Everything comes from the machine file; a new machine needs no code.
namespace attohm {

/// What stays in the processing elements of an array while operands stream past.
enum class Dataflow : std::uint8_t {
    output,  ///< PE (i, j) sums out[i, j]
    weight,  ///< PE (i, j) holds b[i, j]
    input,   ///< PE (i, j) holds a[i, j]
    best     ///< the one that takes fewest cycles, chosen for every operator
};

/// A unit. An array multiplies matrices; lanes work element by element.
struct EngineUnit {
    enum class Kind : std::uint8_t { array, lanes };

    std::string name;
    Kind kind = Kind::lanes;
    std::vector<OpKind> does;
    /// Names of the operators that it is dedicated to; empty: any that no other unit is for.
    std::vector<std::string> ops;
    int rows = 0;     ///< array
    int columns = 0;  ///< array
    /// Multiply-accumulates of one PE per cycle, along the sum.
    int macs_per_pe = 1;
    Dataflow dataflow = Dataflow::output;
    /// Operands of at most so many bits run `narrow_factor` times as fast: elements that split.
    int narrow_bits = 0;
    int narrow_factor = 1;
    int lanes = 0;   ///< elements per cycle
    int passes = 1;  ///< times that every element goes through
    std::int64_t latency_cycles = 0;
    NumberFormat format = NumberFormat::integer;
    std::optional<Cited> op_energy;  ///< J per operation; nothing: from the digital library
    bool energy_unknown = false;     ///< the machine file says so: no figure at all
    std::optional<Cited> area;       ///< m2 of the whole unit
    std::optional<Cited> leakage;    ///< W of the whole unit

    bool can(OpKind kind_of_op) const;
    /// Elementary operations per cycle.
    std::int64_t peak() const;
};

/// An on-chip memory. All buffers are one space for the plans; each tensor lives in the buffer that
/// holds its role.
struct EngineBuffer {
    std::string name;
    std::int64_t bits = 0;
    std::int64_t bits_per_cycle = 0;  ///< all ports together; 0: as many as are asked for
    int slots = 2;                    ///< 2: filled while it is read (double buffering)
    std::vector<TensorRole> holds;    ///< empty: all
    std::optional<Cited> bit_energy;  ///< J per bit read or written
    std::optional<Cited> area;
    std::optional<Cited> leakage;
};

struct Engine {
    double clock_Hz = 0.0;
    std::vector<EngineUnit> units;
    std::vector<EngineBuffer> buffers;
    std::shared_ptr<const Memory> memory;
    std::shared_ptr<const DigitalLibrary> digital;
    std::string where;  ///< file and line of `machine.kind`: where messages point
    /// Bits per cycle of ports between memory and chip that work side by side, for the plans that
    /// say so; 0: one port with the memory's bandwidth.
    struct MemoryPorts {
        std::int64_t in = 0;       ///< inputs
        std::int64_t weights = 0;  ///< weights and twiddles
        std::int64_t out = 0;      ///< results
    };
    MemoryPorts ports;
    std::optional<Cited> idle_power;  ///< W of the clock tree and what else runs all the time

    /// The unit dedicated to the operator's name, else the first without a dedication that does its
    /// kind; -1: none.
    int unit_for(const Operator& op) const;
    /// The buffer that holds tensors of a role; -1: none.
    int buffer_for(TensorRole role) const;
    std::int64_t buffer_bits() const;  ///< of all buffers
    /// Cycles of the machine's clock that an access takes, rounded up.
    std::int64_t memory_cycles(const AccessPattern& pattern) const;
};

/// Reads `units.*`, `buffers.*`, `memories.main.*` and the tables.
/// Throws: UserError with file and line on what is missing, impossible or contradictory.
Engine make_engine(const Settings& settings, double clock_Hz, double node_nm, double vdd_V);

// Ids of what an engine counts.
enum class EngineEvent : std::uint8_t { unit_op, buffer_read, buffer_write, memory_event };
CountId unit_op(int unit, OpKind kind, int bits);
CountId buffer_bits_moved(int buffer, bool write);
/// Args: event: index among the memory's unit costs.
CountId memory_event(std::size_t event);
struct EngineCount {
    EngineEvent event = EngineEvent::unit_op;
    int index = 0;  ///< of the unit, the buffer or the memory's unit cost
    OpKind kind = OpKind::matmul;
    int bits = 0;
};
EngineCount engine_count_of(CountId id);

// Resources: units in order, then one port per buffer, then the memory port.
std::vector<ResourceInfo> engine_resources(const Engine& engine);
std::size_t buffer_resource(const Engine& engine, int buffer);
std::size_t memory_resource(const Engine& engine);
CountInfo engine_count(const Engine& engine, CountId id);
std::vector<AreaLine> engine_areas(const Engine& engine);

}  // namespace attohm
