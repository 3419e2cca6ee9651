#include "src/machine/plans/plan.hpp"

#include <algorithm>

#include "src/base/error.hpp"

namespace attohm {

std::string_view plan_name(PlanKind kind) {
    static constexpr std::array<std::string_view, kPlans> kNames = {"sprint", "dense", "mask-only",
                                                                    "dense-tiled"};
    return kNames.at(static_cast<std::size_t>(kind));
}

std::string_view plan_help(PlanKind kind) {
    static constexpr std::array<std::string_view, kPlans> kHelp = {
        "in-memory thresholding, kept keys fetched unless resident, recomputed on chip",
        "8-bit, K and V streamed once per query, padded rows and columns included",
        "8-bit, K and V streamed once per query, padding skipped",
        "8-bit, best query and key blocks under the same buffer, online softmax, padding skipped"};
    return kHelp.at(static_cast<std::size_t>(kind));
}

std::int64_t buffer_tokens(const Machine& machine, const HeadWork& work) {
    const std::int64_t token_bits =
        std::int64_t{work.shape.d} * work.bits.k + std::int64_t{work.shape.dv} * work.bits.v;
    ATTOHM_CHECK_LT(0, token_bits);
    return machine.buffer_bits / token_bits;
}

void finish_latency(PlanTally& tally, const Machine& machine) {
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
