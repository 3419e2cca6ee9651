#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "circuits/memory/dram_table.hpp"

namespace attohm {

enum class DramCommand { activate, precharge, precharge_all, read, write, refresh };

struct DramAddress {
    int group = 0;
    int bank = 0;  ///< within the group
    std::int64_t row = 0;
    std::int64_t burst = 0;  ///< within the row
};

struct DramCounts {
    std::int64_t activations = 0;
    std::int64_t reads = 0;  ///< bursts
    std::int64_t writes = 0;
    std::int64_t refreshes = 0;
    std::int64_t open_cycles = 0;  ///< with at least one row open

    DramCounts& operator+=(const DramCounts& more);
};

/// State machine of one channel (one rank): which command may come when.
///
/// Banks, bank groups and the rank remember when they last took each command; a command may come
/// once every distance of the table to those has passed. One command per clock and command bus.
/// All-bank refresh; with more than `postponed_max` refreshes owed no row may be opened, read or
/// written. Units: cycles of the command clock. Source: the distances of the JEDEC standards by
/// their names; numbers from the table. Not modelled: several ranks, commands that take more than a
/// clock, per-bank refresh, power-down, auto-precharge, data masks, ECC.
class DramChannel {
  public:
    /// No cycle at all: the command does not fit the state of its bank.
    static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

    explicit DramChannel(const DramTable& table);

    /// First cycle at which the command may be issued, or kNever: column commands need their row
    /// open, an activate a closed bank, a precharge an open one, a refresh all banks closed.
    std::int64_t earliest(DramCommand command, const DramAddress& at) const;
    /// Throws: InvariantError before `earliest`, or when more refreshes are owed than may be.
    void issue(DramCommand command, const DramAddress& at, std::int64_t cycle);

    std::optional<std::int64_t> open_row(int group, int bank) const;
    bool all_closed() const { return open_rows_ == 0; }
    /// Refreshes due by `cycle` and not issued yet.
    std::int64_t refreshes_owed(std::int64_t cycle) const;
    /// When the next refresh falls due.
    std::int64_t refresh_due() const { return (counts_.refreshes + 1) * timing_.refi; }
    /// First cycle after the last data on the bus.
    std::int64_t data_end() const { return data_end_; }
    /// Counts up to `cycle`.
    DramCounts counts(std::int64_t cycle) const;

  private:
    /// Long ago: a distance to it never binds.
    static constexpr std::int64_t kPast = std::numeric_limits<std::int64_t>::min() / 4;
    struct Last {
        std::int64_t activate = kPast, precharge = kPast, read = kPast, write = kPast;
    };
    struct Bank : Last {
        std::int64_t row = -1;  ///< -1: closed
    };

    std::size_t index(const DramAddress& at) const;
    std::int64_t after_timing(DramCommand command, const DramAddress& at) const;
    std::int64_t earliest_activate(const DramAddress& at) const;
    std::int64_t earliest_precharge(const Bank& bank) const;
    std::int64_t earliest_column(bool write, const DramAddress& at) const;
    void open(const DramAddress& at, std::int64_t cycle);
    void close(Bank& bank, std::int64_t cycle);
    std::size_t bus_of(DramCommand command) const;
    void transfer(bool write, const DramAddress& at, std::int64_t cycle);

    DramGeometry geometry_;
    DramTiming timing_;
    std::vector<Bank> banks_;
    std::vector<Last> groups_;
    Last rank_;
    std::array<std::int64_t, 4> activations_;  ///< cycles of the last four, oldest at next_
    std::size_t oldest_ = 0;
    std::int64_t last_refresh_ = kPast;
    std::array<std::int64_t, 2> last_command_ = {-1, -1};  ///< row commands, column commands
    std::int64_t data_end_ = 0;
    std::int64_t opened_ = 0;  ///< when the first of the open rows was opened
    int open_rows_ = 0;
    DramCounts counts_;
};

}  // namespace attohm
