#include "src/machine/plans/dense_counts.hpp"

#include "src/machine/plans/chip_plan.hpp"

namespace attohm {

std::int64_t DenseExtent::seen(std::int64_t query) const {
    if (query < 0) return 0;
    return causal ? causal_keys(query, queries, keys) : keys;
}

std::int64_t DenseExtent::all_seen() const {
    if (!causal) return queries * keys;
    // The first keys - queries of them are seen by all; then one more by every query.
    const std::int64_t most = keys, least = keys - queries;
    const std::int64_t upto = most * (most + 1) / 2;
    return least > 0 ? upto - least * (least + 1) / 2 : upto;
}

DenseExtent dense_extent(const HeadShape& s, bool with_padding) {
    if (!with_padding) return {s.valid_q, s.valid_k, s.allowed_pairs, s.causal};
    DenseExtent e{s.n_q, s.n_k, 0, s.causal};
    // The future is not computed by a dense machine either.
    e.pairs = e.all_seen();
    return e;
}

void count_dense_writes(const HeadWork& work, const DenseExtent& e, const SprintChip& machine,
                        ChipTally& tally) {
    const HeadShape& s = work.shape;
    tally[TensorRole::q].written_bits = e.queries * s.d * work.bits.q;
    if (s.first_of_kv_head) {
        tally[TensorRole::k].written_bits = e.keys * s.d * work.bits.k;
        tally[TensorRole::v].written_bits = e.keys * s.dv * work.bits.v;
    }
    const std::int64_t bits = tally[TensorRole::q].written_bits +
                              tally[TensorRole::k].written_bits + tally[TensorRole::v].written_bits;
    tally[Count::slc_bit_write] = bits;
    if (bits > 0) tally[Measured::slc_write] = static_cast<double>(bits) * work.cell.slc_write_J;
    tally[Resource::write] =
        machine.memory.write_cycles(bits, 1.0, work.cell.slc_write_s, machine.clock_Hz);
}

void count_dense_reads(const HeadWork& work, std::int64_t q_bits, std::int64_t tokens,
                       std::int64_t uses, ChipTally& tally) {
    const HeadShape& s = work.shape;
    tally[TensorRole::q].read_bits = q_bits;
    tally[TensorRole::k].read_bits = tokens * s.d * work.bits.k;
    tally[TensorRole::v].read_bits = tokens * s.dv * work.bits.v;
    const std::int64_t token_bits =
        std::int64_t{s.d} * work.bits.k + std::int64_t{s.dv} * work.bits.v;
    tally[Count::buffer_miss] = tokens;
    tally[Count::buffer_hit] = uses - tokens;
    tally[Count::slc_bit_read] = q_bits + tokens * token_bits;
    tally[Count::buffer_streamed] = uses == tokens ? tokens : 0;
    tally[Count::buffer_bit_write] = (tokens - tally[Count::buffer_streamed]) * token_bits;
    tally[Count::buffer_bit_read] = tally[Count::buffer_hit] * token_bits;
}

void count_dense_compute(const HeadWork& work, const DenseExtent& e, ChipTally& tally) {
    tally[Count::qk_mac] = e.pairs * work.shape.d;
    tally[Count::softmax_element] = e.pairs;
    tally[Count::softmax_row] = e.queries;
    tally[Count::sv_mac] = e.pairs * work.shape.dv;
}

void measure_dense_reads(const HeadWork& work, ChipTally& tally) {
    const std::int64_t bits = tally[Count::slc_bit_read] + tally[Count::spill_bit_read];
    if (bits > 0) tally[Measured::slc_read] = static_cast<double>(bits) * work.cell.slc_read_J;
}

}  // namespace attohm
