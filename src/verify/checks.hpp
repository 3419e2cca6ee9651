#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "src/verify/bench.hpp"

/// The one table of what the referee checks.
namespace attohm {

struct Check {
    std::string_view name;
    std::string_view help;  ///< what is compared with what
    std::string_view law;   ///< equation and band
    Outcome (*judge)(const Bench&);
};

/// In the order of the report. A duplicate or incomplete entry is an InvariantError at first use.
const std::vector<Check>& check_table();

// -- the card (checks_card.cpp) -------------------------------------------------------------------
Outcome check_card_bounds(const Bench& bench);
Outcome check_card_numbers(const Bench& bench);

// -- exact writing and reading (checks_exact.cpp) -------------------------------------------------
Outcome check_levels(const Bench& bench);
Outcome check_write_then_read(const Bench& bench);
Outcome check_reference(const Bench& bench);
Outcome check_product(const Bench& bench);
Outcome check_write_energy(const Bench& bench);

// -- what a write leaves (checks_write.cpp) -------------------------------------------------------
Outcome check_programming(const Bench& bench);
Outcome check_cells_independent(const Bench& bench);
Outcome check_relaxation(const Bench& bench);
Outcome check_stuck_rates(const Bench& bench);
Outcome check_temperature(const Bench& bench);
Outcome check_cell_current(const Bench& bench);

// -- whose draw it is (checks_lifetimes.cpp) ------------------------------------------------------
Outcome check_chip_lifetime(const Bench& bench);
Outcome check_write_lifetime(const Bench& bench);
Outcome check_read_lifetime(const Bench& bench);
Outcome check_batch(const Bench& bench);

// -- noise of reads (checks_noise.cpp) ------------------------------------------------------------
Outcome check_read_noise(const Bench& bench);
Outcome check_reads_independent(const Bench& bench);
Outcome check_slow_spectrum(const Bench& bench);
Outcome check_telegraph(const Bench& bench);

// -- lines (checks_wires.cpp) ---------------------------------------------------------------------
Outcome check_wire_oracle(const Bench& bench);
Outcome check_wire_conservation(const Bench& bench);
Outcome check_wire_limits(const Bench& bench);
Outcome check_line_segment(const Bench& bench);

}  // namespace attohm
