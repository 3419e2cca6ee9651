#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "circuits/memory/memory_cost.hpp"
#include "circuits/memory/reram_organisation.hpp"
#include "src/base/settings.hpp"

namespace attohm {

/// ReRAM as plain main memory behind a machine: single-level cells, no thresholding.
///
/// Rows of `row_cells` bits lie side by side over channels, then banks; a piece begins a row. R
/// rows of b bits each:
///     bank    ceil(R / (C B)) (t_rcd + b / bus)
///     bus     t_rcd + ceil(R / C) b / bus
///     commands  two per row and channel, one per cycle
///     read    t_cl + the largest of the three
///     write   t_cl + max(bits / (C bus), ceil(bits / cells in parallel) x pulse)
///     A lower bound of the commands played row by row, which take at most a fifth more (half where
///     a row takes the bus for one clock) and a row of one bank.
///     energy  bits x the figure for reads or for writes; nothing stands by, nothing is refreshed
/// Not modelled: rows in a row buffer already, banks that wait for a write, pieces that fall on few
/// banks, failed pulses, wear.
class ReramStore {
  public:
    /// Args: pulse: of one write of a cell, its verify read included.
    ReramStore(const ReramOrganisation& organisation, ReramPrices prices,
               std::int64_t cells_in_parallel, Hertz clock, Second pulse);

    MemoryCost access(const AccessPattern& pattern) const;
    double peak_bytes_per_s() const;  ///< of reads
    double capacity_bytes() const { return static_cast<double>(organisation_.cells()) / 8.0; }
    const ReramPrices& prices() const { return prices_; }

  private:
    std::int64_t read_cycles(std::int64_t rows, std::int64_t row_bits) const;

    ReramOrganisation organisation_;
    ReramPrices prices_;
    std::int64_t cells_in_parallel_;
    Hertz clock_;
    Second pulse_;
};

/// What the keys under `prefix` and the table that they name describe; its assumed numbers.
struct ReramStoreSource {
    ReramStore store;
    std::vector<std::string> assumed;
};
/// Throws: UserError with place for an unknown table, missing and impossible values.
ReramStoreSource make_reram_store(const Settings& settings, const std::string& prefix);

}  // namespace attohm
