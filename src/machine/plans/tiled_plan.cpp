#include <algorithm>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/chip_plan.hpp"
#include "src/machine/plans/dense_counts.hpp"

/// The baseline that takes queries and keys in blocks.
namespace attohm {

namespace {

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

/// Walks the blocks of a tiling. Every visit of a query block to a key block loads what it does not
/// find on chip, and then works query by query.
class TiledWalk {
  public:
    TiledWalk(const HeadWork& work, const SprintChip& machine, const Tiling& tiling,
              const DenseExtent& extent)
        : machine_(machine),
          tiling_(tiling),
          extent_(extent),
          sizes_(tile_sizes(work, machine)),
          is_regular_(!extent.causal && !extent.is_masked()),
          keys_stay_(tiling.keys_outside || extent.keys <= tiling.key_block),
          units_(work, machine),
          fetch_(work, machine, 0),
          even_(extent),
          pipeline_(chain_times(machine)) {}

    HeadTime time() {
        const std::int64_t b = tiling_.query_block, k = tiling_.key_block;
        const auto keys_of = [&](std::int64_t q0, std::int64_t q1) {
            over_blocks(extent_.keys, k,
                        [&](std::int64_t k0, std::int64_t k1) { visit(q0, q1, k0, k1); });
        };
        const auto queries_of = [&](std::int64_t k0, std::int64_t k1) {
            over_blocks(extent_.queries, b,
                        [&](std::int64_t q0, std::int64_t q1) { visit(q0, q1, k0, k1); });
        };
        if (tiling_.keys_outside)
            over_blocks(extent_.keys, k, queries_of);
        else
            over_blocks(extent_.queries, b, keys_of);
        return {pipeline_.cycles(), pipeline_.busy()};
    }

  private:
    /// Calls body(begin, end) for each block. Where no query differs from another, neither do the
    /// blocks between the first and the last.
    template <class Body>
    void over_blocks(std::int64_t n, std::int64_t block, const Body& body) {
        const std::int64_t full = n / block;
        if (!is_regular_ || full < 3) {
            for (std::int64_t begin = 0; begin < n; begin += block)
                body(begin, std::min(begin + block, n));
            return;
        }
        body(0, block);
        pipeline_.repeat(full - 1, [&] { body(block, 2 * block); });
        if (full * block < n) body(full * block, n);
    }

    std::int64_t seen_in(std::int64_t query, std::int64_t k0, std::int64_t k1) const {
        return std::clamp<std::int64_t>(extent_.seen(query) - k0, 0, k1 - k0);
    }

    void visit(std::int64_t q0, std::int64_t q1, std::int64_t k0, std::int64_t k1) {
        const std::int64_t needed = seen_in(q1 - 1, k0, k1);
        // Queries that see nothing come with the first keys, like all others.
        if (k0 > 0 && needed == 0) return;
        load(q0, q1, k0, k1, needed);
        if (is_regular_) {
            rows(q1 - q0, needed, k0 > 0);
        } else {
            for (std::int64_t query = q0; query < q1; ++query) {
                const std::int64_t seen = seen_in(query, k0, k1);
                if (k0 == 0 || seen > 0) rows(1, even_.next(seen), k0 > 0);
            }
        }
        pipeline_.end_load();
    }

    void load(std::int64_t q0, std::int64_t q1, std::int64_t k0, std::int64_t k1,
              std::int64_t needed) {
        const std::int64_t there = keys_stay_ ? seen_in(q0 - 1, k0, k1) : 0;
        const std::int64_t tokens = needed - there;
        const bool queries_return = tiling_.keys_outside && tiling_.query_block < extent_.queries;
        std::int64_t queries = k0 == 0 ? q1 - q0 : 0;
        if (k0 > 0 && queries_return)
            for (std::int64_t query = q0; query < q1; ++query)
                queries += seen_in(query, k0, k1) > 0 ? 1 : 0;
        const std::int64_t spilled = k0 > 0 ? queries * sizes_.output_bits : 0;
        const std::int64_t cycles = fetch_.of_stream(tokens, queries * sizes_.q_bits + spilled);
        if (tokens == 0 && spilled == 0 && q1 - q0 == 1)
            pipeline_.load_query(cycles);
        else
            pipeline_.load(cycles);
    }

    /// Online softmax: each further key block rescales the unfinished output once.
    void rows(std::int64_t count, std::int64_t pairs, bool rescales) {
        const QueryRow row = units_.of(ceil_div(pairs, machine_.corelets));
        const QueryRow behind = units_.of(ceil_div(pairs + (rescales ? 1 : 0), machine_.corelets));
        pipeline_.rows(count, row.qk, behind.softmax, behind.v);
    }

    const SprintChip& machine_;
    const Tiling& tiling_;
    const DenseExtent& extent_;
    TileSizes sizes_;
    bool is_regular_;
    bool keys_stay_;  ///< a key block is on chip while one query block after another comes
    UnitTimes units_;
    FetchTime fetch_;
    EvenPairs even_;
    ChipPipeline pipeline_;
};

}  // namespace

Tiling make_tiling(const HeadWork& work, const SprintChip& machine, std::int64_t query_block,
                   std::int64_t key_block, bool keys_outside) {
    return tile(work.shape, tile_sizes(work, machine), query_block, key_block, keys_outside);
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
    return plan_tiled(work, machine, best_tiling(work, machine));
}

ChipTally plan_tiled(const HeadWork& work, const SprintChip& machine, const Tiling& t) {
    const HeadShape& s = work.shape;
    const DenseExtent e = dense_extent(s, false);
    const TileSizes sizes = tile_sizes(work, machine);
    ChipTally tally;
    count_dense_writes(work, e, machine, tally);
    count_dense_reads(work, t.q_read_bits, t.kv_tokens_read, std::max(e.pairs, t.kv_tokens_read),
                      tally);
    count_dense_compute(work, e, tally);
    tally[Count::spill_bit_read] = t.spill_read_bits;
    tally[Count::spill_bit_write] = t.spill_write_bits;
    tally[TensorRole::partial_output] = {t.spill_read_bits, t.spill_write_bits};
    // Queries and outputs of a block wait in the buffer between key blocks.
    if (t.query_block > 1) {
        tally[Count::buffer_bit_write] += t.block_visits * sizes.output_bits + t.q_read_bits;
        tally[Count::buffer_bit_read] += t.block_visits * (sizes.output_bits + sizes.q_bits);
    }
    const std::int64_t rescales = t.block_visits - seeing_queries(s);
    tally[Count::softmax_element] += rescales;
    tally[Count::sv_mac] += rescales * s.dv;
    measure_dense_reads(work, tally);
    finish_prefill(TiledWalk(work, machine, t, e).time(), machine, tally);
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
