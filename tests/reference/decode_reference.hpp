#pragma once

#include <cstdint>

#include "src/work/work.hpp"

/// Slow, obvious twin of decode on the SPRINT chip: one token after another, key by key.
namespace attohm::reference {

/// Plain numbers of a chip.
struct DecodeChip {
    int corelets = 1;
    std::int64_t macs = 64;             ///< per cycle of a QK-PU and of a V-PU
    std::int64_t softmax_latency = 87;  ///< one element per cycle
    std::int64_t bits_per_cycle = 512;
    std::int64_t t_cl = 10;
    std::int64_t t_ax_th = 8;
    std::int64_t cells_in_parallel = 512;
    std::int64_t slc_pulse = 50;  ///< cycles
    std::int64_t mlc_pulse = 60;  ///< cycles, with its verify read
    std::int64_t mlc_pulses = 10;
    bool is_sld = false;  ///< a warm buffer knows only what the query before used
};

enum class DecodePlan { sprint, streamed };

struct ReferenceDecode {
    std::int64_t keys_compared = 0;
    std::int64_t tokens_fetched = 0;  ///< K and V of one token
    std::int64_t tokens_found = 0;    ///< in the buffer
    std::int64_t append_cycles = 0;
    std::int64_t chain_cycles = 0;  ///< all but the appends
};

/// Args: is_warm: the buffer has room for everything; else it forgets everything with every query.
ReferenceDecode walk_decode(const HeadWork& work, const Selection& selection,
                            const DecodeChip& chip, DecodePlan plan, bool is_warm);

}  // namespace attohm::reference
