#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "src/base/units.hpp"
#include "src/work/operators.hpp"
#include "src/work/selection.hpp"

/// Work: what a scheme did, without a word about where or when. Counts of events, physical totals
/// that only physics knows, and the shape of every head. It names no buffer, bank, tile or cycle.
namespace attohm {

/// Countable events. Each names its own unit of counting in `event_info`. What happens once per
/// chip (measurements that calibrate offsets and gains) is no event of an inference: it stands in
/// the report of the head (HeadReport::calibration_measurements).
enum class Event : std::uint8_t {
    in_memory_mac,   ///< analog multiply-accumulate: one query element against one stored K-MSB
    array_read,      ///< one array (rows x columns) read by one query vector
    dac_conversion,  ///< one word line driven for one query
    comparator_decision,   ///< one column compared with the threshold
    threshold_conversion,  ///< one threshold DAC setting (per query and array)
    adc_conversion,        ///< one ADC conversion: of a key, a part of it, a bit, a unit column
    copy_q,                ///< CopyQ command: one query vector into the in-memory query buffer
    read_p,                ///< ReadP command: one pruning vector out
    mlc_cell_write,        ///< one multi-level cell programmed (K MSBs)
    slc_bit_write,         ///< one single-level cell programmed (K LSBs, V, Q; K MSB copy if asked)
    slc_copy_bit_write,    ///< one single-level cell holding a copy of a K MSB
    qk_mac,                ///< digital 8-bit multiply-accumulate of the score recompute
    softmax_element,       ///< one exponential with its share of the normalisation
    softmax_row,           ///< one reciprocal (per query)
    sv_mac,                ///< digital 8-bit multiply-accumulate of the weighted sum of V
    count_                 ///< number of events
};

/// Totals that only the physics knows.
enum class Physical : std::uint8_t {
    in_memory_cell_J,    ///< dissipated in cells by in-memory reads
    in_memory_driver_J,  ///< drawn from the word-line drivers' supply by them, cells included
    mlc_write_J,         ///< dissipated in multi-level cells by programming pulses and verify reads
    mlc_write_pulses,    ///< programming pulses of multi-level cells
    slc_write_J,         ///< dissipated in single-level cells by programming pulses
    count_
};

struct EventInfo {
    std::string_view name;
    std::string_view unit;
    std::string_view help;
};
const EventInfo& event_info(Event event);
const EventInfo& physical_info(Physical total);

constexpr std::size_t kEvents = static_cast<std::size_t>(Event::count_);
constexpr std::size_t kPhysicals = static_cast<std::size_t>(Physical::count_);

/// Operand widths of the digital units, in bits.
struct OperandBits {
    int q = 8;
    int k = 8;
    int v = 8;
    int k_msb =
        0;  ///< bits of K held in multi-level cells (0: the scheme uses no in-memory scores)
    int q_line = 0;  ///< bits of the word-line copy of q (0: none, or not rounded)
    /// Sequential array reads behind one decision: 1, two-phase 2, bit-serial one per bit.
    int reads_per_decision = 1;
    /// The recompute takes K's MSBs from a single-level copy instead of the multi-level cells.
    bool k_msb_copy = false;
    /// Word lines carry bits or pulses: their drivers are DACs of one bit.
    bool one_bit_lines = false;

    /// Bits of a word-line DAC; 0: none, or real-valued.
    int line_dac() const { return one_bit_lines ? 1 : q_line; }
};

/// Energy and time of one operation on one cell, from the device: what reads and writes cost
/// however many of them a plan decides on. A NaN energy is `unknown` in the ledger.
struct CellCosts {
    static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    double slc_read_J =
        kUnknown;  ///< V^2 G t of one single-level cell read once (mean of its states)
    double slc_write_J =
        kUnknown;  ///< V^2 G t of one single-level cell written (mean of its states)
    /// V^2 G t of one sense step of the cells that hold one element's K MSBs (a pair counts both).
    double mlc_sense_J = kUnknown;
    double slc_write_s =
        kUnknown;  ///< pulse that writes a single-level cell (needed by every plan)
    double mlc_pulse_s =
        kUnknown;  ///< one programming pulse of a multi-level cell with its verify read
};

/// Everything one head of one layer of one sample asked for.
struct HeadWork {
    HeadShape shape;
    OperandBits bits;
    CellCosts cell;
    std::int64_t kept_pairs = 0;
    std::array<std::int64_t, kEvents> events{};
    std::array<double, kPhysicals> physical{};
    OpList ops;  ///< of this head on digital units; empty where the events above say it all

    std::int64_t& operator[](Event event) { return events[static_cast<std::size_t>(event)]; }
    std::int64_t operator[](Event event) const { return events[static_cast<std::size_t>(event)]; }
    double& operator[](Physical p) { return physical[static_cast<std::size_t>(p)]; }
    double operator[](Physical p) const { return physical[static_cast<std::size_t>(p)]; }
};

/// The work of one sample: heads in (layer, head) order.
struct Work {
    std::vector<HeadWork> heads;
    std::vector<LayerWork> layers;  ///< what is not attention; empty where only heads are replayed
};

/// Sum over heads of one event (exact) or of one physical total (heads in order).
std::int64_t total(const Work& work, Event event);
double total(const Work& work, Physical physical);

/// Bits of Q, K and V that this head writes into single-level cells (padding is not written; a kv
/// head is written by the first of its query heads), and its K-MSB bits in multi-level cells.
std::int64_t slc_bits_written(const HeadWork& work);
std::int64_t mlc_bits_written(const HeadWork& work);

/// Throws InvariantError unless the counts of a head agree with its shape: kept pairs with the
/// recompute and with the Selection, bits written with the tensors' sizes.
void check_head_work(const HeadWork& work, const Selection& selection);

}  // namespace attohm
