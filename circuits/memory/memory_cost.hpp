#pragma once

#include <cstdint>
#include <optional>

#include "src/base/units.hpp"

namespace attohm {

/// An access as a plan knows it: pieces of `run_bytes` side by side, the pieces anywhere.
struct AccessPattern {
    std::int64_t bytes = 0;      ///< in all; 0 costs nothing
    std::int64_t run_bytes = 0;  ///< contiguous piece; `bytes` or more: one stream
    bool write = false;
};

/// Energy of an access by what it is spent on. A part that nobody gives a figure for is absent.
struct MemoryEnergy {
    std::optional<Joule> burst;       ///< moving the data inside the memory
    std::optional<Joule> activate;    ///< opening and closing rows
    std::optional<Joule> refresh;     ///< during the access
    std::optional<Joule> background;  ///< standby during the access
    std::optional<Joule> io;          ///< the interface: drivers, termination
    /// `burst` is a figure per bit that its source gives for everything; the others are in it.
    bool is_one_figure = false;

    /// The parts that have a figure.
    Joule known() const;
    /// All parts, or nothing while one is unknown.
    std::optional<Joule> total() const;
};

/// What an access costs. Refresh and background energy are those of `time`; a schedule in which
/// accesses overlap pays Memory::idle_power() over its whole time instead, and while `busy` the
/// difference of active and precharge standby. Counts are means over where the access may lie and
/// when it may start, so they need not be whole.
struct MemoryCost {
    Second time = {};              ///< alone: from the first command to the last data
    std::optional<double> cycles;  ///< the same in clocks of the memory, if it has one
    /// What it keeps the memory from others when many accesses follow each other without a gap:
    /// latencies hide behind them, and other accesses fill the banks and channels it leaves idle.
    Second busy = {};
    double activations = 0.0;
    double bursts = 0.0;
    double refreshes = 0.0;
    double bus_bytes = 0.0;  ///< crossing the bus: whole bursts, so at least the bytes asked for
    MemoryEnergy energy;
};

}  // namespace attohm
