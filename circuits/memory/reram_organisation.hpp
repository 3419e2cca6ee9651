#pragma once

#include <cstdint>

#include "circuits/cited.hpp"

/// ReRAM main memory as banks and subarrays see it: beside circuits/reram_memory.hpp, which knows
/// the bandwidth of all banks together.
namespace attohm {

/// Organisation and distances, in cycles of the memory clock.
struct ReramOrganisation {
    int channels = 0;
    int banks = 0;               ///< of a channel
    std::int64_t subarrays = 0;  ///< of a bank
    std::int64_t rows = 0;       ///< of a subarray
    std::int64_t row_cells = 0;  ///< sensed at once: what the row buffer of a bank holds
    std::int64_t bus_bits = 0;   ///< of a channel, per cycle
    std::int64_t t_cl = 0;       ///< column command to its first data; CopyQ to the query's use
    std::int64_t t_rcd = 0;      ///< sensing a row of single-level cells
    std::int64_t t_ax_th = 0;    ///< one array read of an in-memory thresholding
    bool sequential_mlc_sense = true;
    bool write_blocks_bank = false;
    bool ideal_wear_levelling = false;

    /// Sensing a row whose cells hold `bits`: t_rcd per sense step.
    std::int64_t sense_cycles(int bits) const;
    /// Clocks of the bus for `bits`.
    std::int64_t bus_cycles(std::int64_t bits) const;
    std::int64_t cells() const { return channels * banks * subarrays * rows * row_cells; }
};

/// Energies by kind of cell. Where the source has one figure for both, both carry it, that of
/// multi-level cells marked assumed.
struct ReramPrices {
    Cited slc_read_bit, mlc_read_bit;    ///< J per bit
    Cited slc_write_bit, mlc_write_bit;  ///< J per bit
};

/// From `memory.*`. Throws: UserError on missing, unsourced or impossible values.
ReramOrganisation reram_organisation(const Settings& settings);
ReramPrices reram_prices(const Settings& settings);

}  // namespace attohm
