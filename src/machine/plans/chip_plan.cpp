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

std::int64_t kv_bits(const HeadWork& work) {
    const HeadShape& s = work.shape;
    if (!s.first_of_kv_head) return 0;
    return s.valid_k * (std::int64_t{s.d} * work.bits.k + std::int64_t{s.dv} * work.bits.v);
}

std::int64_t causal_keys(std::int64_t query, std::int64_t queries, std::int64_t keys) {
    return std::clamp<std::int64_t>(query + 1 + keys - queries, 0, keys);
}

void add_decode_step(const DecodeStep& step, const SprintChip& machine, ChipTally& tally) {
    const std::int64_t fill = machine.memory.t_cl_cycles + machine.softmax_latency_cycles;
    tally[Resource::write] += step.append;
    tally[Resource::thresholding] += step.thresholding;
    tally[Resource::reram_read] += step.fetch;
    tally[Resource::qk_pu] += step.qk;
    tally[Resource::softmax] += step.softmax;
    tally[Resource::v_pu] += step.v;
    tally[Resource::fill] += fill;
    const std::int64_t chain =
        step.thresholding + step.fetch + step.qk + step.softmax + step.v + fill;
    tally.latency_cycles_without_writes += chain;
    tally.latency_cycles +=
        machine.memory.writes_overlap ? std::max(chain, step.append) : chain + step.append;
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
