#include "src/machine/plans/chip_plan.hpp"

#include <algorithm>

#include "src/base/error.hpp"

namespace attohm {

std::int64_t buffer_tokens(const SprintChip& machine, const HeadWork& work) {
    const std::int64_t token_bits =
        std::int64_t{work.shape.d} * work.bits.k + std::int64_t{work.shape.dv} * work.bits.v;
    ATTOHM_CHECK_LT(0, token_bits);
    return machine.buffer_bits / token_bits;
}

void finish_latency(ChipTally& tally, const SprintChip& machine) {
    std::int64_t busiest = 0;
    for (const Resource r : {Resource::reram_read, Resource::thresholding, Resource::qk_pu,
                             Resource::softmax, Resource::v_pu})
        busiest = std::max(busiest, tally[r]);
    const std::int64_t compute = busiest + tally[Resource::fill];
    tally.latency_cycles_without_writes = compute;
    tally.latency_cycles = machine.memory.writes_overlap ? std::max(compute, tally[Resource::write])
                                                         : compute + tally[Resource::write];
}

}  // namespace attohm
