#pragma once

#include "circuits/memory/dram_table.hpp"
#include "src/base/units.hpp"

namespace attohm {

/// What one channel (all devices of it) spends per event, from the table's currents.
///
/// Every energy is supply x current x time: a charge times a voltage, so its unit is checked when
/// this is compiled. Each event pays what exceeds the standby of the same time, so that events and
/// standby add up:
///     read, write burst   V (IDD4 - IDD3N) t_burst
///     activation          V (IDD0 tRC - IDD3N tRAS - IDD2N tRP), its precharge included
///     refresh             V (IDD5AB - IDD2N) tRFC
///     standby             V IDD3N with a row open, V IDD2N with all banks closed
/// Not modelled: I/O and termination (no figure: unknown), power-down and self-refresh, data
/// dependence, temperature, supplies other than VDD.
struct DramEnergy {
    Joule activation = {};
    Joule read_burst = {};
    Joule write_burst = {};
    Joule refresh = {};
    Watt active_standby = {};
    Watt precharge_standby = {};
};

DramEnergy dram_energy(const DramTable& table);

}  // namespace attohm
