#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "circuits/node_scaling.hpp"
#include "circuits/power_law.hpp"
#include "circuits/unit_cost.hpp"
#include "src/work/operators.hpp"

/// Digital circuits at a machine's node and supply: arithmetic units by kind, format and width,
/// SRAM by capacity, registers, shift-add, ECC. The one source of their numbers.
namespace attohm {

enum class NumberFormat { integer, floating };
std::string_view number_format_name(NumberFormat format);

/// Published points of one node, one power law per family, carried to the machine's node.
///
/// A width with a cited point has that point; others have the law. Adders, multipliers: energy and
/// area by width; delay and leakage of the 32-bit synthesis, leakage at other widths by area, delay
/// kept for narrower ones. Composite operations (exp, softmax, sort, ...) are multiplications,
/// additions, comparisons and register accesses in numbers that the table states (`assumed`); their
/// area is that of all these units side by side (one result per cycle), their latency unknown.
/// What nobody published is absent: energy of DMA, I/O and moves, leakage and delay of SRAM.
/// Not modelled: clock tree, control, wires between units, glitches, data-dependent switching.
class DigitalLibrary {
  public:
    /// Args: settings: hold the tables `digital.*` and `node_scaling.*`; node and supply of the
    ///   machine. Throws: UserError for missing, zero or impossible figures, points on no power
    ///   law, a node or supply outside the range that figures are carried over.
    DigitalLibrary(const Settings& settings, double node_nm, Volt vdd);

    /// One operation of a kind on operands of `bits`:
    ///   matmul, convolve      one MAC: a multiplication and an addition at accumulator width
    ///   add, multiply         one of them at `bits`; accumulate: an addition at accumulator width
    ///   softmax, normalise    one element without the reciprocal of its row
    ///   top_k, sort           one element through one comparison stage
    ///   transform             one element through one butterfly stage
    ///   gather                energy unknown: moves are charged to buffers
    /// Throws: UserError for a width outside `digital.int_limits_bits` / `float_limits_bits`.
    UnitCost unit(OpKind kind, NumberFormat format, int bits) const;

    /// One bit of an access of `access_bits` to a single-ported SRAM; area of its cells alone.
    /// Throws: UserError outside `digital.sram_limits_KB`, `digital.sram_limits_bits`.
    UnitCost sram(double capacity_KB, int access_bits) const;
    /// One bit of an access to a file of flip-flops. Not modelled: its read multiplexer.
    UnitCost register_file(double capacity_bytes, int access_bits) const;
    /// A shift and an addition of `bits`.
    UnitCost shift_add(int bits) const;
    /// One word through the encoder or checker of a Hamming code that corrects one error and sees
    /// two: a tree of XORs. Not modelled: the decoder of a correction.
    UnitCost ecc(int data_bits) const;
    UnitCost dma() const;  ///< no figure
    UnitCost io() const;   ///< no figure; interfaces of memories are in their own tables

    /// Cycles from the first score to the first probability of a softmax row.
    Cited softmax_pipeline_cycles() const { return softmax_pipeline_; }

    // What the figures at `reference()` are multiplied by, with the reason.
    Cited node_factor_energy() const { return scaling_.energy(reference_); }
    Cited node_factor_area() const { return scaling_.area(reference_); }
    Cited node_factor_delay() const { return scaling_.delay(reference_); }
    Cited node_factor_leakage() const { return scaling_.leakage(reference_); }
    ProcessPoint reference() const { return reference_; }

    /// All families at the reference node, energies first.
    std::vector<const ScalingLaw*> laws() const;

  private:
    enum Primitive : std::size_t { multiplication, addition, comparison, register_access };
    static constexpr std::size_t kPrimitives = 4;
    using Counts = std::array<double, kPrimitives>;
    struct Composition {
        Counts counts{};
        Mark mark = Mark::choice;
    };
    /// Adder or multiplier of one format.
    struct Family {
        Family(const Settings& settings, const std::string& name);
        ScalingLaw energy, area;
        Cited delay, leakage;  ///< of the synthesised width
    };
    /// What a circuit of a fixed width costs at the synthesis node.
    struct Block {
        Cited energy, area, leakage;
    };

    void read_memories(const Settings& settings);
    void read_compositions(const Settings& settings);
    void require_bits(NumberFormat format, int bits) const;
    const Family& family(Primitive primitive, NumberFormat format) const;
    UnitCost arithmetic(Primitive primitive, NumberFormat format, int bits) const;
    UnitCost registers(int bits) const;
    UnitCost primitive(Primitive primitive, NumberFormat format, int bits) const;
    UnitCost composed(std::string_view name, const Composition& parts, NumberFormat format,
                      int bits) const;
    /// A block of the synthesis node times `factor`, whose reason is `how`, trusted as `mark`.
    UnitCost block(const Block& of, double factor, const std::string& how, Mark mark) const;

    ProcessPoint reference_, synthesis_;
    NodeScaling scaling_;
    std::array<Family, 4> families_;  ///< int add, int mul, float add, float mul
    ScalingLaw sram_;
    Range int_bits_, float_bits_, sram_KB_, sram_bits_, register_bytes_;
    std::string limits_where_;
    int accumulator_bits_ = 0;
    int synthesis_bits_ = 0;
    double sram_access_bits_ = 0.0;
    bool sram_by_law_ = false;
    Cited sram_cell_;
    double sram_cell_node_nm_ = 0.0;
    Block register_bit_, shifter_, gates_;
    Cited shifter_delay_, softmax_pipeline_;
    std::array<Composition, static_cast<std::size_t>(OpKind::count_)> compositions_{};
};

}  // namespace attohm
