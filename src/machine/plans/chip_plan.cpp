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

ChainTimes chain_times(const SprintChip& machine) {
    ChainTimes times;
    times.fetch_latency = machine.memory.t_cl_cycles;
    times.softmax_latency = machine.softmax_latency_cycles;
    times.fetch_slots = machine.fetch_slots;
    return times;
}

UnitTimes::UnitTimes(const HeadWork& work, const SprintChip& machine)
    : qk_cycles_(ceil_div(work.shape.d, machine.qk_macs_per_cycle)),
      softmax_per_cycle_(machine.softmax_per_cycle),
      v_cycles_(ceil_div(work.shape.dv, machine.v_macs_per_cycle)) {}

void add_decode_step(const DecodeStep& step, const SprintChip& machine, ChipTally& tally) {
    const std::int64_t fill = machine.memory.t_cl_cycles + machine.softmax_latency_cycles;
    const QueryRow& row = step.row;
    tally[Resource::write] += step.append;
    tally[Resource::thresholding] += step.thresholding;
    tally[Resource::reram_read] += step.read_p + row.fetch;
    tally[Resource::qk_pu] += row.qk;
    tally[Resource::softmax] += row.softmax;
    tally[Resource::v_pu] += row.v;
    tally[Resource::fill] += fill;
    const std::int64_t chain =
        step.thresholding + step.read_p + row.fetch + row.qk + row.softmax + row.v + fill;
    tally.latency_cycles_without_writes += chain;
    tally.latency_cycles +=
        machine.memory.writes_overlap ? std::max(chain, step.append) : chain + step.append;
}

void finish_prefill(const HeadTime& time, const SprintChip& machine, ChipTally& tally) {
    tally[Resource::thresholding] = time.busy.arrays;
    tally[Resource::reram_read] = time.busy.channel;
    tally[Resource::qk_pu] = time.busy.qk;
    tally[Resource::softmax] = time.busy.softmax;
    tally[Resource::v_pu] = time.busy.v;
    const std::int64_t busiest = std::max(
        {time.busy.arrays, time.busy.channel, time.busy.qk, time.busy.softmax, time.busy.v});
    tally[Resource::fill] = time.cycles - busiest;
    tally.latency_cycles_without_writes = time.cycles;
    tally.latency_cycles = machine.memory.writes_overlap
                               ? std::max(time.cycles, tally[Resource::write])
                               : time.cycles + tally[Resource::write];
}

}  // namespace attohm
