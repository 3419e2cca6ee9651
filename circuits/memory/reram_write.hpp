#pragma once

#include <cstdint>
#include <optional>

#include "circuits/memory/reram_organisation.hpp"
#include "circuits/reram_memory.hpp"
#include "src/base/units.hpp"

/// What is written, how long that takes, and how long the cells stand it.
namespace attohm {

/// Which keys one write event programs.
enum class WrittenKeys {
    all_valid,  ///< prefill: every key that is a real token
    append_one  ///< decode: the newest key
};

/// How cells of one kind are programmed: `pulses` each (mean), with a verify read after every pulse
/// where there is one.
struct CellPulses {
    double per_cell = 1.0;
    Second pulse = {};
    std::optional<Second> verify;
    std::int64_t failed_cells = 0;  ///< that no verify read accepted, as the physics counted them

    Second pulse_and_verify() const { return verify ? pulse + *verify : pulse; }
};

struct WriteRequest {
    WrittenKeys keys = WrittenKeys::all_valid;
    std::int64_t valid_keys = 0;
    std::int64_t slc_cells_per_key = 0;
    std::int64_t mlc_cells_per_key = 0;  ///< both of a pair, all slices and copies
    CellPulses slc, mlc;
};

struct WritePlan {
    std::int64_t keys = 0;
    std::int64_t slc_cells = 0, mlc_cells = 0;
    double slc_pulses = 0.0, mlc_pulses = 0.0;
    std::int64_t failed_cells = 0;
    /// Verify reads that did not accept: all but the last of a cell that was accepted, all of one
    /// that was not.
    double failed_verifies = 0.0;
    std::int64_t cycles = 0;
    bool overlaps = false;  ///< hidden behind other work as far as that lasts

    /// Cycles that the write adds to work of `busy` cycles.
    std::int64_t added_cycles(std::int64_t busy) const;
};

/// time = ceil(cells / cells written in parallel) x pulses x (pulse + verify), each kind on its
/// own. Throws: InvariantError for negative counts, fewer than one pulse per cell, more failed
/// cells than
///   cells.
/// Not modelled: a group waiting for its slowest cell (pulses are the mean, rounded up).
WritePlan write_plan(const ReramMemory& memory, const WriteRequest& request, double clock_Hz);

/// Pulses a cell survives, from a device card (`verify.endurance_cycles`), with its mark; nothing
/// where the card gives none.
std::optional<Cited> endurance_of(const Settings& card);

struct Lifetime {
    Second time = {};
    double pulses_per_cell = 0.0;  ///< per inference, of the cell that wears most
    bool levelled = false;
    Cited endurance;
};

/// lifetime = endurance / (pulses per cell per inference x inferences per second).
///
/// Without wear levelling the same cells are rewritten every inference: the kind that takes more
/// pulses decides, `writes_per_inference` times. With ideal levelling all pulses of an inference
/// spread evenly over `capacity_cells`.
/// Args:
///     plan: one write event; writes_per_inference: how often it happens (layers that share
///         arrays count each, tokens that are appended do not: they take other cells)
/// Returns: nothing without an endurance; also where nothing is written.
/// Not modelled: levelling traffic, spread of endurance over cells, failed cells that are retired.
std::optional<Lifetime> lifetime(const WritePlan& plan, double writes_per_inference,
                                 Hertz inference_rate, const ReramOrganisation& organisation,
                                 const std::optional<Cited>& endurance);

}  // namespace attohm
