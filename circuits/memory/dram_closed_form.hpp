#pragma once

#include <optional>

#include "circuits/memory/dram_controller.hpp"
#include "circuits/memory/dram_energy.hpp"
#include "circuits/memory/memory_cost.hpp"
#include "circuits/memory/random_bins.hpp"

namespace attohm {

/// What an access to DRAM costs, in a few operations: the busiest of bus, row activations and
/// banks, stretched by the refreshes.
///
/// Per channel, with n pieces of L bursts that open A rows each (means over their places):
///     bus     n L s,              s = max(tCCD, BL/2), the same bank group where none else waits
///     rows    n A max(tRRD_S, tFAW / 4)
///     banks   n A t_bank / banks, t_bank = max(tRC, tRCD + (L/A - 1) s_l + tail + tRP),
///             tail = tRTP, or CWL + BL/2 + tWR
///     cycles  tRCD + CL + BL/2 + the largest of the three (less its first), times
///             tREFI / (tREFI - tRFC - drain), drain = what a refresh costs around tRFC
/// Scattered pieces fall on banks and channels at random: the fullest is awaited, and a short queue
/// (window) leaves banks without work; means of both are in.
/// Band against the command-level twin, one stream or scattered pieces (tests/circuits/memory):
/// kTimeBand and kCountBand for 10,000 bursts per channel and more; kShortTimeBand for fewer, over
/// the mean of places and beside the refresh share, which a short access pays on average only.
/// Not modelled: pieces that follow a stride onto few banks or channels (the twin plays them), a
/// change of direction between two accesses, pieces that start inside a burst, what another access
/// does to the open rows.
class DramClosedForm {
  public:
    /// Relative distance to the command-level twin that the tests hold the closed form to.
    static constexpr double kTimeBand = 0.05;
    static constexpr double kCountBand = 0.08;
    static constexpr double kShortTimeBand = 0.25;

    /// Args: io: J per bit of the interface, if known.
    DramClosedForm(const DramTable& table, const DramChannels& channels,
                   std::optional<double> io_J_per_bit);

    MemoryCost access(const AccessPattern& pattern) const;

    /// Standby and refresh of all channels while nothing is accessed.
    Watt idle_power() const;
    double peak_bytes_per_s() const;
    const DramTable& table() const { return table_; }
    const DramChannels& channels() const { return channels_; }
    const DramEnergy& energy() const { return energy_; }

  private:
    /// An access as one channel sees it.
    struct Load {
        double pieces = 0.0;          ///< per channel
        double bursts = 0.0;          ///< per channel
        double rows = 0.0;            ///< activations per channel
        double busy_channels = 0.0;   ///< channels that take part
        double bursts_per_row = 0.0;  ///< column commands per activation
        double bursts_per_piece = 0.0;
        double fullest = 1.0;  ///< bursts of the busiest channel over the mean
        bool is_stream = false;
    };
    /// Cycles per event of each resource, and what a refresh costs besides t_rfc where it binds.
    struct Rates {
        double bus = 0.0, row = 0.0, bank = 0.0;
        double bus_drain = 0.0, row_drain = 0.0, bank_drain = 0.0;
    };
    struct Bound {
        double cycles = 0.0;
        double drain = 0.0;
        bool operator<(const Bound& other) const { return cycles < other.cycles; }
    };

    Load load(const AccessPattern& pattern) const;
    double rows_of_piece(double bursts, double granules) const;
    double rows_of_stream(double bursts) const;
    double spacing(const Load& load) const;
    double rows_of_fullest_bank(const Load& load) const;
    Rates rates(const Load& load, bool write) const;
    double cycles_with_refresh(const Bound& bound, double before) const;
    /// From the first command to the last data.
    double cycles_alone(const Load& load, const Rates& rates, double first) const;
    /// What many accesses of this kind, one after another, take each.
    double cycles_among_others(const Load& load, const Rates& rates) const;
    void price(MemoryCost& cost, bool write, double busy_channels) const;

    DramTable table_;
    DramChannels channels_;
    DramEnergy energy_;
    std::optional<double> io_J_per_bit_;
    RandomBins channel_bins_, bank_bins_, group_bins_;
};

}  // namespace attohm
