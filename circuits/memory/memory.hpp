#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "circuits/memory/dram_closed_form.hpp"
#include "circuits/memory/memory_cost.hpp"
#include "circuits/memory/reram_store.hpp"
#include "circuits/unit_cost.hpp"
#include "src/base/settings.hpp"

namespace attohm {

/// A memory of which only bandwidth and, perhaps, an energy per bit are published.
///     time = bytes / bandwidth,  energy = 8 bytes e
/// Not modelled: rows, bursts, refresh, latency: every pattern reaches the whole bandwidth, so a
/// comparison with a DRAM table flatters this one.
class BandwidthMemory {
  public:
    BandwidthMemory(double bytes_per_s, std::optional<Cited> bit_energy);
    MemoryCost access(const AccessPattern& pattern) const;
    double bytes_per_s() const { return bytes_per_s_; }
    const std::optional<Cited>& bit_energy() const { return bit_energy_; }

  private:
    double bytes_per_s_;
    std::optional<Cited> bit_energy_;
};

/// A memory behind a machine, of the kind that its settings choose. A value: copy it freely;
/// `access` is const, allocates nothing and takes well below a microsecond.
class Memory {
  public:
    explicit Memory(DramClosedForm dram, std::optional<Cited> io);
    explicit Memory(BandwidthMemory memory);
    explicit Memory(ReramStoreSource source);

    std::string_view kind() const;
    /// Throws: InvariantError for negative bytes, or a run that is not positive.
    MemoryCost access(const AccessPattern& pattern) const;
    /// What the bus could carry without a gap, all channels.
    double peak_bytes_per_s() const;
    /// Bytes that it holds, if the table says.
    std::optional<double> capacity_bytes() const;
    /// Standby and refresh while nothing is accessed: the rest of a run's time pays it. Nothing
    /// where no figure is known.
    std::optional<Watt> idle_power() const;
    /// What each counted event costs, with sources: the unit prices of the ledger's lines.
    /// Events: dram: read_burst, write_burst, activation, refresh, io_bit, standby (leakage is
    /// precharge standby, bias_power active standby, all channels); bandwidth: bit; reram:
    /// read_bit, write_bit.
    const std::vector<UnitCost>& unit_costs() const { return unit_costs_; }
    /// Keys of the memory's table that are marked assumed and shape time or energy.
    const std::vector<std::string>& assumed() const { return assumed_; }
    /// The DRAM behind it, or nothing.
    const DramClosedForm* dram() const { return std::get_if<DramClosedForm>(&model_); }

  private:
    std::variant<DramClosedForm, BandwidthMemory, ReramStore> model_;
    std::vector<UnitCost> unit_costs_;
    std::vector<std::string> assumed_;
};

/// One kind of memory that settings may choose.
struct MemoryKind {
    std::string_view name;
    std::string_view help;
    std::function<Memory(const Settings&, const std::string& prefix)> make;
};
const std::vector<MemoryKind>& memory_kinds();

/// The memory that the keys under `prefix` ("memories.dram") describe; README.md lists the keys.
/// Throws: UserError with place for an unknown kind or table, missing and impossible values.
Memory make_memory(const Settings& settings, const std::string& prefix);

}  // namespace attohm
