#include <vector>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/chip_plan.hpp"
#include "src/machine/plans/dense_counts.hpp"

/// The baselines that stream K and V, and all baselines in decode.
namespace attohm {

namespace {

/// Decode of a head whose first use of a token fetches it (`warm`), or every use.
ChipTally decode_baseline(const HeadWork& work, const DenseExtent& e, const SprintChip& machine,
                          bool warm) {
    const HeadShape& s = work.shape;
    const std::int64_t q_bits = std::int64_t{s.d} * work.bits.q;
    const std::int64_t token_bits =
        std::int64_t{s.d} * work.bits.k + std::int64_t{s.dv} * work.bits.v;
    const std::int64_t new_tokens = s.first_of_kv_head ? e.keys : 0;
    ChipTally tally;
    count_dense_writes(work, e, machine, tally);
    count_dense_reads(work, e.queries * q_bits, warm ? new_tokens : e.pairs, e.pairs, tally);
    count_dense_compute(work, e, tally);
    measure_dense_reads(work, tally);
    const UnitTimes units(work, machine);
    FetchTime fetch(work, machine, 0);
    tally.cycles = {};
    EvenPairs even(e);
    std::int64_t before = 0;
    for (std::int64_t query = 0; query < e.queries; ++query) {
        const std::int64_t seen = e.seen(query);
        const std::int64_t appended = s.first_of_kv_head ? seen - before : 0;
        const std::int64_t pairs = even.next(seen);
        DecodeStep step;
        step.append = machine.memory.write_cycles(q_bits + appended * token_bits, 1.0,
                                                  work.cell.slc_write_s, machine.clock_Hz);
        step.row = units.of(ceil_div(pairs, machine.corelets));
        step.row.fetch = fetch.of_stream(warm ? appended : pairs, q_bits);
        add_decode_step(step, machine, tally);
        before = seen;
    }
    return tally;
}

/// Queries one after another, each with the keys it may see.
HeadTime time_stream(const HeadWork& work, const DenseExtent& e, const SprintChip& machine) {
    const std::int64_t q_bits = std::int64_t{work.shape.d} * work.bits.q;
    const UnitTimes units(work, machine);
    FetchTime fetch(work, machine, 0);
    EvenPairs even(e);
    const auto row_of = [&](std::int64_t pairs) {
        QueryRow row = units.of(ceil_div(pairs, machine.corelets));
        row.fetch = fetch.of_stream(pairs, q_bits);
        return row;
    };
    const ChainTimes times = chain_times(machine);
    if (!e.causal && !e.is_masked()) return time_equal_queries(row_of(e.keys), e.queries, times);
    std::vector<QueryRow> rows;
    rows.reserve(static_cast<std::size_t>(e.queries));
    for (std::int64_t query = 0; query < e.queries; ++query)
        rows.push_back(row_of(even.next(e.seen(query))));
    return time_queries(rows, times);
}

}  // namespace

ChipTally plan_streamed(const HeadWork& work, const SprintChip& machine, bool with_padding) {
    const DenseExtent e = dense_extent(work.shape, with_padding);
    ChipTally tally;
    count_dense_writes(work, e, machine, tally);
    count_dense_reads(work, e.queries * work.shape.d * work.bits.q, e.pairs, e.pairs, tally);
    count_dense_compute(work, e, tally);
    measure_dense_reads(work, tally);
    finish_prefill(time_stream(work, e, machine), machine, tally);
    return tally;
}

ChipTally decode_streamed(const HeadWork& work, const SprintChip& machine, bool with_padding) {
    return decode_baseline(work, dense_extent(work.shape, with_padding), machine, false);
}

ChipTally decode_tiled(const HeadWork& work, const SprintChip& machine, bool warm) {
    return decode_baseline(work, dense_extent(work.shape, false), machine, warm);
}

}  // namespace attohm
