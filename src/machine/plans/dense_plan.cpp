#include <algorithm>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/chip_plan.hpp"

/// The baselines: everything is computed, K and V come from single-level cells.
namespace attohm {

namespace {

/// What a baseline works on.
struct Extent {
    std::int64_t queries = 0;
    std::int64_t keys = 0;
    std::int64_t pairs = 0;  ///< (query, key) pairs that are computed
};

Extent extent_of(const HeadShape& s, bool with_padding) {
    if (!with_padding) return {s.valid_q, s.valid_k, s.allowed_pairs};
    Extent e{s.n_q, s.n_k, std::int64_t{s.n_q} * s.n_k};
    if (!s.causal) return e;
    // The future is not computed by a dense machine either.
    e.pairs = 0;
    for (std::int64_t query = 0; query < e.queries; ++query)
        e.pairs += causal_keys(query, e.queries, e.keys);
    return e;
}

/// Writes of the three tensors into single-level cells.
void count_writes(const HeadWork& work, const Extent& e, const SprintChip& machine,
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

/// Reads of Q and of `tokens` K and V vectors for `uses` uses. A vector that is used once passes by
/// the buffer.
void count_reads(const HeadWork& work, std::int64_t q_bits, std::int64_t tokens, std::int64_t uses,
                 ChipTally& tally) {
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

void finish(const HeadWork& work, const SprintChip& machine, ChipTally& tally) {
    const std::int64_t bits = tally[Count::slc_bit_read] + tally[Count::spill_bit_read];
    if (bits > 0) tally[Measured::slc_read] = static_cast<double>(bits) * work.cell.slc_read_J;
    tally[Resource::reram_read] =
        machine.counts_bank_conflicts
            ? FetchTime(work, machine, 0)
                  .of_stream(tally[Count::buffer_miss],
                             tally[TensorRole::q].read_bits + tally[Count::spill_bit_read])
            : machine.memory.read_cycles(bits, 0, 0);
    tally[Resource::fill] = machine.memory.t_cl_cycles + machine.softmax_latency_cycles;
    finish_latency(tally, machine);
}

/// Digital work of `pairs`, spread evenly over the CORELETs.
void count_compute(const HeadWork& work, const Extent& e, const SprintChip& machine,
                   ChipTally& tally) {
    const HeadShape& s = work.shape;
    tally[Count::qk_mac] = e.pairs * s.d;
    tally[Count::softmax_element] = e.pairs;
    tally[Count::softmax_row] = e.queries;
    tally[Count::sv_mac] = e.pairs * s.dv;
    const std::int64_t slots = ceil_div(e.pairs, machine.corelets);
    tally[Resource::qk_pu] = slots * ceil_div(s.d, machine.qk_macs_per_cycle);
    tally[Resource::softmax] = ceil_div(slots, machine.softmax_per_cycle);
    tally[Resource::v_pu] = slots * ceil_div(s.dv, machine.v_macs_per_cycle);
}

/// Tokens fetched when query blocks of `block` are outside and nothing stays between them.
std::int64_t tokens_per_query_block(const HeadShape& s, std::int64_t block) {
    const std::int64_t blocks = ceil_div(s.valid_q, block);
    if (!s.causal) return blocks * s.valid_k;
    std::int64_t tokens = 0;
    for (std::int64_t b = 0; b < blocks; ++b) {
        const std::int64_t last = std::min<std::int64_t>((b + 1) * block, s.valid_q) - 1;
        tokens += causal_keys(last, s.valid_q, s.valid_k);
    }
    return tokens;
}

/// Sum of ceil(j / block) for j = 1 .. last.
std::int64_t sum_of_blocks(std::int64_t last, std::int64_t block) {
    if (last <= 0) return 0;
    const std::int64_t full = last / block;
    return block * full * (full + 1) / 2 + (last % block) * (full + 1);
}

/// (query, key block) pairs that hold at least one key the query may see.
std::int64_t block_visits(const HeadShape& s, std::int64_t key_block) {
    if (!s.causal) return s.valid_q * ceil_div(s.valid_k, key_block);
    return sum_of_blocks(s.valid_k, key_block) - sum_of_blocks(s.valid_k - s.valid_q, key_block);
}

/// Queries that may see a key.
std::int64_t seeing_queries(const HeadShape& s) {
    return s.causal ? std::min(s.valid_q, s.valid_k) : s.valid_q;
}

struct TileSizes {
    std::int64_t q_bits = 0;       ///< one query
    std::int64_t output_bits = 0;  ///< one unfinished output with its two statistics
    std::int64_t token_bits = 0;   ///< one key and its value
};

TileSizes tile_sizes(const HeadWork& work, const SprintChip& machine) {
    const HeadShape& s = work.shape;
    return {std::int64_t{s.d} * work.bits.q,
            std::int64_t{s.dv} * machine.partial_output_bits + 2LL * machine.softmax_stat_bits,
            std::int64_t{s.d} * work.bits.k + std::int64_t{s.dv} * work.bits.v};
}

Tiling tile(const HeadShape& s, const TileSizes& sizes, std::int64_t query_block,
            std::int64_t key_block, bool keys_outside) {
    const std::int64_t query_blocks = ceil_div(s.valid_q, query_block);
    const std::int64_t key_blocks = ceil_div(s.valid_k, key_block);
    Tiling t{query_block, key_block, keys_outside};
    t.block_visits = block_visits(s, key_block);
    t.q_read_bits = s.valid_q * sizes.q_bits;
    if (!keys_outside) {
        t.kv_tokens_read = key_blocks == 1 ? s.valid_k : tokens_per_query_block(s, query_block);
        return t;
    }
    t.kv_tokens_read = s.valid_k;
    if (query_blocks == 1) return t;
    // A query comes back for every further key block it may see, with its unfinished output.
    const std::int64_t returns = t.block_visits - seeing_queries(s);
    t.q_read_bits += returns * sizes.q_bits;
    t.spill_write_bits = returns * sizes.output_bits;
    t.spill_read_bits = t.spill_write_bits;
    return t;
}

/// Decode of a head whose first use of a token fetches it (`warm`), or every use.
ChipTally decode_baseline(const HeadWork& work, const Extent& e, const SprintChip& machine,
                          bool warm) {
    const HeadShape& s = work.shape;
    const std::int64_t q_bits = std::int64_t{s.d} * work.bits.q;
    const std::int64_t token_bits =
        std::int64_t{s.d} * work.bits.k + std::int64_t{s.dv} * work.bits.v;
    const std::int64_t new_tokens = s.first_of_kv_head ? e.keys : 0;
    ChipTally tally;
    count_writes(work, e, machine, tally);
    count_reads(work, e.queries * q_bits, warm ? new_tokens : e.pairs, e.pairs, tally);
    count_compute(work, e, machine, tally);
    const std::int64_t bits = tally[Count::slc_bit_read];
    if (bits > 0) tally[Measured::slc_read] = static_cast<double>(bits) * work.cell.slc_read_J;
    FetchTime fetch(work, machine, 0);
    tally.cycles = {};
    std::int64_t causal = 0;
    for (std::int64_t query = 0; query < e.queries; ++query)
        causal += causal_keys(query, e.queries, e.keys);
    std::int64_t before = 0;
    std::int64_t walked = 0;
    for (std::int64_t query = 0; query < e.queries; ++query) {
        const std::int64_t seen = causal_keys(query, e.queries, e.keys);
        const std::int64_t appended = s.first_of_kv_head ? seen - before : 0;
        // A mask inside the triangle thins it out evenly.
        const std::int64_t pairs =
            causal == 0 ? 0 : (walked + seen) * e.pairs / causal - walked * e.pairs / causal;
        const std::int64_t slots = ceil_div(pairs, machine.corelets);
        DecodeStep step;
        step.append = machine.memory.write_cycles(q_bits + appended * token_bits, 1.0,
                                                  work.cell.slc_write_s, machine.clock_Hz);
        step.fetch = fetch.of_stream(warm ? appended : pairs, q_bits);
        step.qk = slots * ceil_div(s.d, machine.qk_macs_per_cycle);
        step.softmax = ceil_div(slots, machine.softmax_per_cycle);
        step.v = slots * ceil_div(s.dv, machine.v_macs_per_cycle);
        add_decode_step(step, machine, tally);
        before = seen;
        walked += seen;
    }
    return tally;
}

}  // namespace

Tiling make_tiling(const HeadWork& work, const SprintChip& machine, std::int64_t query_block,
                   std::int64_t key_block, bool keys_outside) {
    return tile(work.shape, tile_sizes(work, machine), query_block, key_block, keys_outside);
}

ChipTally plan_streamed(const HeadWork& work, const SprintChip& machine, bool with_padding) {
    const Extent e = extent_of(work.shape, with_padding);
    ChipTally tally;
    count_writes(work, e, machine, tally);
    count_reads(work, e.queries * work.shape.d * work.bits.q, e.pairs, e.pairs, tally);
    count_compute(work, e, machine, tally);
    finish(work, machine, tally);
    return tally;
}

ChipTally decode_streamed(const HeadWork& work, const SprintChip& machine, bool with_padding) {
    return decode_baseline(work, extent_of(work.shape, with_padding), machine, false);
}

ChipTally decode_tiled(const HeadWork& work, const SprintChip& machine, bool warm) {
    return decode_baseline(work, extent_of(work.shape, false), machine, warm);
}

Tiling best_tiling(const HeadWork& work, const SprintChip& machine) {
    const HeadShape& s = work.shape;
    const TileSizes sizes = tile_sizes(work, machine);
    const double write_weight = machine.memory.write_bit.value / machine.memory.read_bit.value;
    const auto weight = [&](const Tiling& t) {
        return static_cast<double>(t.q_read_bits + t.kv_tokens_read * sizes.token_bits +
                                   t.spill_read_bits) +
               write_weight * static_cast<double>(t.spill_write_bits);
    };
    Tiling best;
    bool found = false;
    for (std::int64_t block = 1; block <= std::max(1, s.valid_q); ++block) {
        const std::int64_t held = block > 1 ? block * (sizes.q_bits + sizes.output_bits) : 0;
        // A single token passes through registers even where the buffer is full.
        const std::int64_t room = (machine.buffer_bits - held) / sizes.token_bits;
        if (block > 1 && (held > machine.buffer_bits || room < 1)) break;
        const std::int64_t keys = std::clamp<std::int64_t>(room, 1, std::max(1, s.valid_k));
        for (const bool keys_outside : {false, true}) {
            const Tiling t = tile(s, sizes, block, keys, keys_outside);
            if (found && weight(t) >= weight(best)) continue;
            best = t;
            found = true;
        }
    }
    return best;
}

ChipTally plan_dense_tiled(const HeadWork& work, const SprintChip& machine) {
    const HeadShape& s = work.shape;
    const Extent e = extent_of(s, false);
    const TileSizes sizes = tile_sizes(work, machine);
    const Tiling t = best_tiling(work, machine);
    ChipTally tally;
    count_writes(work, e, machine, tally);
    count_reads(work, t.q_read_bits, t.kv_tokens_read, std::max(e.pairs, t.kv_tokens_read), tally);
    count_compute(work, e, machine, tally);
    tally[Count::spill_bit_read] = t.spill_read_bits;
    tally[Count::spill_bit_write] = t.spill_write_bits;
    tally[TensorRole::partial_output] = {t.spill_read_bits, t.spill_write_bits};
    // Queries and outputs of a block wait in the buffer between key blocks.
    if (t.query_block > 1) {
        tally[Count::buffer_bit_write] += t.block_visits * sizes.output_bits + t.q_read_bits;
        tally[Count::buffer_bit_read] += t.block_visits * (sizes.output_bits + sizes.q_bits);
    }
    // Online softmax: each further key block rescales the unfinished output once.
    const std::int64_t rescales = t.block_visits - seeing_queries(s);
    tally[Count::softmax_element] += rescales;
    tally[Count::sv_mac] += rescales * s.dv;
    tally[Resource::softmax] += ceil_div(rescales, machine.corelets * machine.softmax_per_cycle);
    tally[Resource::v_pu] +=
        ceil_div(rescales, machine.corelets) * ceil_div(s.dv, machine.v_macs_per_cycle);
    finish(work, machine, tally);
    // A spill is a write that no overlap of operand writes hides.
    if (t.spill_write_bits > 0) {
        const std::int64_t spill_cycles = machine.memory.write_cycles(
            t.spill_write_bits, 1.0, work.cell.slc_write_s, machine.clock_Hz);
        tally[Resource::write] += spill_cycles;
        tally[Measured::spill_write] =
            static_cast<double>(t.spill_write_bits) * work.cell.slc_write_J;
        tally.latency_cycles += spill_cycles;
        tally.latency_cycles_without_writes += spill_cycles;
    }
    return tally;
}

}  // namespace attohm
