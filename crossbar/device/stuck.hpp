#pragma once

#include <cstddef>
#include <cstdint>

#include "src/base/matrix.hpp"
#include "src/base/random.hpp"
#include "src/base/settings.hpp"
#include "src/base/units.hpp"

/// Cells that cannot be written.
namespace attohm {

enum class StuckSpatial { independent, cluster, line };

/// What one location is.
enum class StuckKind : std::uint8_t { none = 0, low = 1, high = 2 };

/// Stuck cells, given by resistance: what a faulty cell shows after everything else. Chip lifetime:
/// one map per location, whatever is written there.
///
/// low_rate and high_rate are P(this cell is stuck at the low, high resistance), exactly, for every
/// cell of the array and in every spatial mode. p = low_rate + high_rate:
///     independent  one uniform u per cell: low below low_rate, high below p
///     cluster(n)   a cluster is n neighbouring cells, a block of ceil(sqrt n) cells along the row.
///                  Every location, those up to one block outside the array included, starts one
///                  with probability q. A cell lies in n possible clusters, so it is hit unless all
///                  n did not start: p = 1 - (1 - q)^n, q = 1 - (1 - p)^(1/n).
///     line         every row and every column of the array is broken with probability q, and a
///                  cell lies on two lines: p = 1 - (1 - q)^2. A row line is common to all
///                  planes (polarities) of the array.
/// The cluster or line is low with probability low_rate / p, by the same uniform as its start.
/// Where several meet in a cell, the first in a fixed order of their place decides; the kind is
/// independent of the place, so P(low) = p low_rate / p = low_rate exactly, and no cell is both.
///
/// Units: ohm. Source: physics.md section 3; rates from the cards.
/// Errors: rates that add to more than 1, an array of no cells.
/// Not modelled: cells that fail in use (endurance), clusters of random shape or across the two
/// cells of a pair, lines broken half-way.
struct StuckFaults {
    double low_rate = 0.0;  ///< P(cell stuck at low resistance)
    Ohm low_resistance = {};
    double high_rate = 0.0;  ///< P(cell stuck at high resistance)
    Ohm high_resistance = {};
    StuckSpatial spatial = StuckSpatial::independent;
    int cluster_cells = 1;  ///< n of cluster(n)

    bool none() const { return low_rate == 0.0 && high_rate == 0.0; }
    /// P(a cluster or a line starts at one place), q above; independent: p.
    double seed_rate() const;
    /// Cells of a cluster side by side along the row: ceil(sqrt n).
    std::size_t cluster_width() const;
    Siemens conductance(StuckKind kind) const;
};

/// Draws of one array. Independent: cells.uniform32(column * rows + row). Cluster:
/// clusters.uniform32(c * R + r), with R = rows + block rows - 1 and (c, r) = (0, 0) the start that
/// reaches into the array with its last cell only. Line: clusters.uniform32(column) and
/// lines.uniform32(row).
struct StuckStreams {
    Stream cells;     ///< Purpose::stuck_fault; chip, location, array and plane
    Stream clusters;  ///< Purpose::fault_cluster; the same, for clusters and broken columns
    Stream lines;     ///< Purpose::fault_cluster; chip, location and array: what all planes share
};

/// Faults of one array and one polarity.
/// Args: map: [columns, rows] of the whole array, filled with StuckKind values: a key is a column
///   of the array, a row of the map.
void fill_stuck_map(const StuckFaults& faults, const StuckStreams& streams,
                    MatrixView<std::uint8_t> map);

/// Section `stuck` (absent: no faults, unless the experiment gives all keys) and the experiment's
/// `device.stuck.*`.
/// Throws: UserError by key and place; rates that add to more than 1.
StuckFaults load_stuck(const Settings& experiment, const Settings& card);

}  // namespace attohm
