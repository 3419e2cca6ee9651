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

FetchTime::FetchTime(const HeadWork& work, const SprintChip& machine, int k_msb)
    : machine_(machine),
      slc_bits_(std::int64_t{work.shape.d} * (work.bits.k - k_msb) +
                std::int64_t{work.shape.dv} * work.bits.v),
      elements_(k_msb > 0 ? work.shape.d : 0),
      k_msb_(k_msb) {
    // The two cells of a pair are sensed as one.
    if (machine.counts_bank_conflicts)
        banks_.emplace(machine.organisation, FetchShape{slc_bits_, elements_, std::max(1, k_msb)});
}

std::int64_t FetchTime::at_bandwidth(std::int64_t tokens, std::int64_t q_bits) const {
    return machine_.memory.read_cycles(q_bits + tokens * slc_bits_, tokens * elements_, k_msb_);
}

std::int64_t FetchTime::of(std::span<const std::uint32_t> keys, std::int64_t q_bits) {
    if (!banks_ || keys.empty())
        return at_bandwidth(static_cast<std::int64_t>(keys.size()), q_bits);
    return at_bandwidth(0, q_bits) + banks_->cycles(keys) - machine_.organisation.t_cl;
}

std::int64_t FetchTime::of_stream(std::int64_t tokens, std::int64_t q_bits) {
    if (!banks_ || tokens == 0) return at_bandwidth(tokens, q_bits);
    return at_bandwidth(0, q_bits) + banks_->cycles_even(tokens) - machine_.organisation.t_cl;
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
