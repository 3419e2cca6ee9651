#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "circuits/memory/dram_channel.hpp"

/// Plays an access pattern through the command-level channel: the slow twin of the closed form.
namespace attohm {

/// Which addresses are touched, in this order.
struct DramPattern {
    enum class Kind { stream, stride, random };
    Kind kind = Kind::stream;
    std::int64_t bytes = 0;         ///< in all
    std::int64_t run_bytes = 0;     ///< contiguous piece (stride, random)
    std::int64_t stride_bytes = 0;  ///< start of a piece to start of the next (stride)
    bool write = false;
    std::uint64_t seed = 0;  ///< random: every piece starts at a burst drawn evenly over the memory
};

/// How several channels share the addresses: pieces of `interleave_bytes` go round.
struct DramChannels {
    int count = 1;
    std::int64_t interleave_bytes = 0;  ///< a multiple of the burst
};

/// What the channels did.
struct DramRun {
    std::int64_t cycles = 0;  ///< until the last data has crossed the bus of the slowest channel
    DramCounts counts;        ///< all channels together, each until its own end
    /// Sum over channels of their cycles: what standby is paid for.
    std::int64_t channel_cycles = 0;

    std::int64_t bursts() const { return counts.reads + counts.writes; }
};

/// Plays bursts of one channel in a window of `table.window` requests.
///
/// Policy: rows stay open. A window of the oldest requests; of all commands that help one of them
/// the one that can come first is issued (ties: activate before column before precharge, then
/// the older request). Per bank: requests to the open row first, else the oldest request's row. A
/// refresh that falls due lets no new request in and opens no row; the requests of open rows are
/// finished, all banks are closed, and the refresh is issued.
/// Args: bursts: [n] burst numbers in the channel; write: direction of all of them.
DramRun play_channel(const DramTable& table, std::span<const std::int64_t> bursts, bool write);

/// Plays a pattern on all channels, which do not wait for each other.
/// Throws: InvariantError for a pattern without bytes or with a run or stride that is not positive.
DramRun play(const DramTable& table, const DramChannels& channels, const DramPattern& pattern);

/// Burst `number` of a channel.
DramAddress dram_address(const DramTable& table, std::int64_t number);

}  // namespace attohm
