#pragma once

#include <cstdint>

#include "circuits/cited.hpp"

namespace attohm {

/// ReRAM main memory that can threshold scores in place: what it reads and writes per cycle.
///
/// Reading is limited by the banks and buses of all channels together; adjacent tokens lie
/// in different channels and banks, so that streams and scattered vectors reach the same bandwidth.
/// Not modelled: bank conflicts, row buffer hits, refresh (none), contention of CopyQ with reads.
struct ReramMemory {
    Cited in_memory_mac;  ///< J per element of an in-memory score (paper constant)
    Cited read_bit;       ///< J per bit read (paper constant)
    Cited write_bit;      ///< J per bit written (paper constant)
    /// All channels together: the bus, or what the banks deliver in t_cl cycles if that is less.
    std::int64_t read_bits_per_cycle = 0;
    std::int64_t t_cl_cycles = 0;
    std::int64_t t_ax_th_cycles = 0;
    /// Converters at the end of the columns: cycles of their round after every array read, or after
    /// the last of a decision; 0: comparators, whose decision is part of t_ax_th_cycles.
    std::int64_t conversion_cycles = 0;
    bool converts_every_read = false;
    std::int64_t write_cells_in_parallel = 0;
    bool sequential_mlc_sense = true;
    bool writes_overlap = false;  ///< writes hide behind the rest of the head's work

    /// Sense steps that one amplifier spends on one element whose cells hold `bits`.
    std::int64_t mlc_sense_steps(int bits) const;
    /// Sense decisions for one such element: 2^bits - 1, one after another or at the same time.
    static std::int64_t mlc_sense_decisions(int bits);
    /// Cycles to read `slc_bits`, and `mlc_elements` of `mlc_bits` each.
    std::int64_t read_cycles(std::int64_t slc_bits, std::int64_t mlc_elements, int mlc_bits) const;
    /// Cycles to program `cells`, in groups, each of `pulses` (mean, rounded up) pulses of
    /// `pulse_s`. Not modelled: a group waiting for its slowest cell.
    std::int64_t write_cycles(std::int64_t cells, double pulses, double pulse_s,
                              double clock_Hz) const;
    /// Cycles of one query's thresholding: CopyQ, then `reads` array reads with the conversions of
    /// their outputs, then ReadP of `bits`.
    std::int64_t threshold_cycles(int reads, std::int64_t bits) const;
};

/// From `memory.*`. Throws: UserError on missing, unsourced or impossible values.
ReramMemory reram_memory(const Settings& settings);

}  // namespace attohm
