#pragma once

#include <optional>
#include <string>

#include "circuits/cited.hpp"

/// What a circuit costs: per operation, and while it merely stands there.
namespace attohm {

/// One circuit at one setting (bits, size, rate, node, supply). A figure that nobody published is
/// absent, never 0: the ledger calls it unknown.
struct UnitCost {
    std::string circuit;              ///< "int_mac", "sram", ...
    std::string event;                ///< what `energy` is paid for: "mac", "bit_read", ...
    std::optional<Cited> energy;      ///< J per event
    std::optional<Cited> latency;     ///< s from operand to result of one event
    std::optional<Cited> area;        ///< m2 per instance
    std::optional<Cited> leakage;     ///< W per instance, paid while powered
    std::optional<Cited> bias_power;  ///< W per instance that flows whenever it is on (amplifiers)
};

/// A figure carried from the node and supply where it was published to those of a machine:
/// multiplied by `factor`; a factor that no source gives makes the figure `assumed`, whose source
/// then names both.
Cited carried(const Cited& figure, double factor, const Cited& factor_source);

}  // namespace attohm
