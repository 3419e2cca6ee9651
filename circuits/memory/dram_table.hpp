#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "circuits/cited.hpp"
#include "src/base/units.hpp"

/// One DRAM part as its table gives it: organisation, timing, currents.
namespace attohm {

/// Organisation of one channel (one rank).
struct DramGeometry {
    int bank_groups = 0;
    int banks_per_group = 0;
    std::int64_t rows = 0;     ///< of a bank
    std::int64_t columns = 0;  ///< words of the bus in a row
    int burst_length = 0;      ///< words per column command
    int bus_bits = 0;
    int device_bits = 0;

    int banks() const { return bank_groups * banks_per_group; }
    int devices() const { return bus_bits / device_bits; }
    std::int64_t burst_bytes() const { return std::int64_t{burst_length} * bus_bits / 8; }
    std::int64_t bursts_per_row() const { return columns / burst_length; }
    std::int64_t channel_bursts() const { return banks() * rows * bursts_per_row(); }
};

/// Minimum distances in cycles of the command clock. Members as the standards name them; `s` is
/// another bank group, `l` the same one.
struct DramTiming {
    Second clock = {};  ///< tCK
    std::int64_t cl = 0, cwl = 0, burst = 0;
    std::int64_t rcd = 0, rp = 0, ras = 0;
    std::int64_t rrd_s = 0, rrd_l = 0, faw = 0;
    std::int64_t ccd_s = 0, ccd_l = 0;
    std::int64_t wtr_s = 0, wtr_l = 0, wr = 0, rtp = 0;
    std::int64_t rfc = 0, refi = 0;
    std::int64_t turnaround = 0;     ///< idle clocks between read data and write data
    std::int64_t postponed_max = 0;  ///< refreshes that may be owed
    int command_buses = 1;           ///< 2: row and column commands do not share one

    /// Activate to activate of one bank.
    std::int64_t rc() const { return ras + rp; }
    /// Column command to the next of the same direction.
    std::int64_t column(bool same_group) const;
    std::int64_t read_to_write() const { return cl + burst + turnaround - cwl; }
    std::int64_t write_to_read(bool same_group) const;
    std::int64_t write_to_precharge() const { return cwl + burst + wr; }
    /// Last column command of a row to its precharge.
    std::int64_t column_to_precharge(bool write) const {
        return write ? write_to_precharge() : rtp;
    }
};

/// Currents of one device, averaged as the standards define them.
struct DramCurrents {
    Volt supply = {};
    Ampere idd0 = {}, idd2n = {}, idd3n = {}, idd4r = {}, idd4w = {}, idd5ab = {};
};

/// Which address bits follow those inside a burst; the bank comes third, the row last.
enum class DramMapping { group_low, column_low };

struct DramTable {
    std::string name;
    DramGeometry geometry;
    DramTiming timing;
    DramCurrents currents;
    DramMapping mapping = DramMapping::group_low;
    int window = 0;  ///< requests that the controller sees
    std::string energy_source;
    Mark energy_mark = Mark::choice;   ///< the weakest mark of supply and currents
    std::vector<std::string> assumed;  ///< keys of the table that are marked so
};

/// The table `dram-<...>` of circuits/data, or a file of the user's own.
/// Args: where: the place that names the table, for messages.
/// Throws: UserError for an unknown table, a number without a source, one out of range, timings
///   that contradict each other.
DramTable dram_table(const std::string& name_or_path, const std::string& where);

/// The same from settings that hold `dram.*`.
DramTable dram_table(const std::string& name, const Settings& settings);

/// Names of the DRAM tables in the box, without the directory.
std::vector<std::string> dram_table_names();

}  // namespace attohm
