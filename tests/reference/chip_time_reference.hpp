#pragma once

#include <array>
#include <cstdint>

#include "src/machine/plans/residency.hpp"
#include "src/work/work.hpp"

/// Slow, obvious twin of prefill on the SPRINT chip: tasks in queues, played event by event.
namespace attohm::reference {

/// Plain numbers of a chip.
struct PrefillChip {
    int corelets = 1;
    std::int64_t buffer_tokens = 128;
    Residency residency = Residency::lru;
    int fetch_slots = 2;
    std::int64_t macs = 64;             ///< per cycle of a QK-PU and of a V-PU
    std::int64_t softmax_latency = 87;  ///< one element per cycle
    std::int64_t bits_per_cycle = 512;
    std::int64_t t_cl = 10;
    std::int64_t t_ax_th = 8;
    std::int64_t output_bits = 0;  ///< one unfinished output with its statistics
};

enum ChipQueue { kArrays, kChannel, kQk, kSoftmax, kV, kChipQueues };

struct ReferencePrefill {
    std::int64_t cycles = 0;  ///< until the last result, operand writes left out
    std::array<std::int64_t, kChipQueues> busy{};
};

ReferencePrefill play_sprint(const HeadWork& work, const Selection& selection,
                             const PrefillChip& chip);
/// A head without a mask.
ReferencePrefill play_streamed(const HeadWork& work, const PrefillChip& chip);
/// A head without a mask and with no more queries than keys.
ReferencePrefill play_tiled(const HeadWork& work, const PrefillChip& chip, int query_block,
                            int key_block, bool keys_outside);

}  // namespace attohm::reference
