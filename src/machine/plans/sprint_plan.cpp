#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/chip_plan.hpp"

/// SPRINT on a machine: CopyQ, in-memory thresholding, ReadP, locality engine, fetch of what is not
/// resident, recompute of the kept keys.
namespace attohm {

namespace {

void count_thresholding(const HeadWork& work, const SprintChip& machine, ChipTally& tally) {
    const HeadShape& s = work.shape;
    tally[Count::in_memory_mac] = work[Event::in_memory_mac];
    tally[Count::array_read] = work[Event::array_read];
    tally[Count::comparator_decision] = work[Event::comparator_decision];
    tally[Count::column_read] = std::int64_t{s.valid_q} * s.valid_k * work.bits.reads_per_decision;
    tally[Count::threshold_conversion] = work[Event::threshold_conversion];
    tally[Count::adc_conversion] = work[Event::adc_conversion];
    const std::int64_t dac_units = machine.analog.dac_units(work.bits.line_dac());
    tally[Count::dac_unit] = work[Event::dac_conversion] * dac_units;
    tally[Count::dac_unpriced] = dac_units == 0 ? work[Event::dac_conversion] : 0;
    // A copy of q that is not rounded travels at full width.
    const int line_bits = work.bits.q_line > 0 ? work.bits.q_line : work.bits.q;
    tally[Count::copy_q_bit] = work[Event::copy_q] * s.d * line_bits;
    tally[Count::read_p_bit] = work[Event::read_p] * s.valid_k;
    tally[Count::locality_bit] = work[Event::read_p] * s.valid_k;
    tally[TensorRole::pruning_vector].read_bits = tally[Count::read_p_bit];
    tally[Measured::in_memory_cell] = work[Physical::in_memory_cell_J];
    tally[Measured::in_memory_driver] = work[Physical::in_memory_driver_J];
}

void count_writes(const HeadWork& work, const SprintChip& machine, ChipTally& tally) {
    const HeadShape& s = work.shape;
    tally[Count::mlc_bit_write] = mlc_bits_written(work);
    tally[Count::mlc_cell_write] = work[Event::mlc_cell_write];
    tally[Count::mlc_write_pulse] = std::llround(work[Physical::mlc_write_pulses]);
    tally[Count::slc_bit_write] = work[Event::slc_bit_write] + work[Event::slc_copy_bit_write];
    tally[Measured::mlc_write] = work[Physical::mlc_write_J];
    tally[Measured::slc_write] = work[Physical::slc_write_J];
    tally[TensorRole::q].written_bits = std::int64_t{s.valid_q} * s.d * work.bits.q;
    if (s.first_of_kv_head) {
        tally[TensorRole::k].written_bits =
            std::int64_t{s.valid_k} * s.d * work.bits.k + work[Event::slc_copy_bit_write];
        tally[TensorRole::v].written_bits = std::int64_t{s.valid_k} * s.dv * work.bits.v;
    }
    const std::int64_t cells = tally[Count::mlc_cell_write];
    const double pulses =
        cells == 0 ? 0.0 : work[Physical::mlc_write_pulses] / static_cast<double>(cells);
    tally[Resource::write] =
        machine.memory.write_cycles(tally[Count::slc_bit_write], 1.0, work.cell.slc_write_s,
                                    machine.clock_Hz) +
        machine.memory.write_cycles(cells, pulses, work.cell.mlc_pulse_s, machine.clock_Hz);
}

/// Bits of a fetched K that come from multi-level cells.
int msb_of(const HeadWork& work) {
    return work.bits.k_msb_copy ? 0 : work.bits.k_msb;
}

void count_reads(const HeadWork& work, ChipTally& tally) {
    const HeadShape& s = work.shape;
    const std::int64_t fetched = tally[Count::buffer_miss];
    const std::int64_t elements = fetched * s.d;
    const int msb = msb_of(work);
    const bool from_mlc = msb > 0;
    const std::int64_t q_bits = std::int64_t{s.valid_q} * s.d * work.bits.q;
    const std::int64_t k_bits = elements * work.bits.k;
    const std::int64_t v_bits = fetched * s.dv * work.bits.v;
    tally[Count::mlc_bit_read] = elements * msb;
    tally[Count::mlc_sense] = from_mlc ? elements * ReramMemory::mlc_sense_decisions(msb) : 0;
    tally[Count::slc_bit_read] = q_bits + k_bits - tally[Count::mlc_bit_read] + v_bits;
    tally[TensorRole::q].read_bits = q_bits;
    tally[TensorRole::k].read_bits = k_bits;
    tally[TensorRole::v].read_bits = v_bits;
    // No reads, no energy: an unknown figure must not turn nothing into unknown.
    if (from_mlc && fetched > 0)
        tally[Measured::mlc_read] =
            static_cast<double>(tally[Count::mlc_sense]) * work.cell.mlc_sense_J;
    const std::int64_t slc = tally[Count::slc_bit_read] + tally[Count::copy_q_bit];
    if (slc > 0) tally[Measured::slc_read] = static_cast<double>(slc) * work.cell.slc_read_J;
}

/// Digital work of the kept pairs.
void count_recompute(const HeadWork& work, ChipTally& tally) {
    tally[Count::qk_mac] = work[Event::qk_mac];
    tally[Count::softmax_element] = work[Event::softmax_element];
    tally[Count::softmax_row] = work[Event::softmax_row];
    tally[Count::sv_mac] = work[Event::sv_mac];
}

void count_buffer(const HeadWork& work, const ResidencyCounts& buffer, ChipTally& tally) {
    const HeadShape& s = work.shape;
    tally[Count::buffer_hit] = buffer.hits;
    tally[Count::buffer_miss] = buffer.misses;
    tally[Count::buffer_streamed] = buffer.streamed;
    tally.overflow_rows = buffer.overflow_rows;
    const std::int64_t token_bits =
        std::int64_t{s.d} * work.bits.k + std::int64_t{s.dv} * work.bits.v;
    tally[Count::buffer_bit_write] = (buffer.misses - buffer.streamed) * token_bits;
    tally[Count::buffer_bit_read] = buffer.hits * token_bits;
}

/// Of n counted for `all` pairs, those of `pairs`; rounded up.
std::int64_t share_of(std::int64_t n, std::int64_t pairs, std::int64_t all) {
    return n / all * pairs + ceil_div(n % all * pairs, all);
}

/// Leaves out the columns of keys that are not appended yet.
void leave_out_future(const HeadWork& work, bool warm, ChipTally& tally) {
    const HeadShape& s = work.shape;
    const std::int64_t all = std::int64_t{s.valid_q} * s.valid_k;
    if (all == 0) return;
    std::int64_t seen = 0;
    for (int query = 0; query < s.valid_q; ++query)
        seen += causal_keys(query, s.valid_q, s.valid_k);
    for (const Count c : {Count::in_memory_mac, Count::comparator_decision, Count::column_read,
                          Count::adc_conversion, Count::read_p_bit})
        tally[c] = share_of(tally[c], seen, all);
    // Nothing is resident in a cold buffer: no locality to look for.
    tally[Count::locality_bit] = warm ? tally[Count::read_p_bit] : 0;
    tally[TensorRole::pruning_vector].read_bits = tally[Count::read_p_bit];
    const double share = static_cast<double>(seen) / static_cast<double>(all);
    tally[Measured::in_memory_cell] *= share;
    tally[Measured::in_memory_driver] *= share;
}

/// How long it takes to write a query and the tokens that come with it.
class AppendTime {
  public:
    AppendTime(const HeadWork& work, const SprintChip& machine)
        : work_(work), machine_(machine), q_bits_(std::int64_t{work.shape.d} * work.bits.q) {
        const HeadShape& s = work.shape;
        if (!s.first_of_kv_head || s.valid_k == 0) return;
        const std::int64_t bits = work[Event::slc_bit_write] + work[Event::slc_copy_bit_write];
        slc_bits_ = ceil_div(bits - s.valid_q * q_bits_, s.valid_k);
        const std::int64_t cells = work[Event::mlc_cell_write];
        mlc_cells_ = ceil_div(cells, s.valid_k);
        if (cells > 0) pulses_ = work[Physical::mlc_write_pulses] / static_cast<double>(cells);
    }
    std::int64_t cycles(std::int64_t tokens) const {
        const ReramMemory& memory = machine_.memory;
        return memory.write_cycles(q_bits_ + tokens * slc_bits_, 1.0, work_.cell.slc_write_s,
                                   machine_.clock_Hz) +
               memory.write_cycles(tokens * mlc_cells_, pulses_, work_.cell.mlc_pulse_s,
                                   machine_.clock_Hz);
    }

  private:
    const HeadWork& work_;
    const SprintChip& machine_;
    std::int64_t q_bits_ = 0, slc_bits_ = 0, mlc_cells_ = 0;
    double pulses_ = 0.0;
};

/// Keys that every query fetches; the Selection's own rows where all are.
using FetchedRows = std::function<std::span<const std::uint32_t>(std::size_t query)>;

/// Cycles of every query. Args: slots_of: keys of a query's fullest CORELET; fetch_of: cycles of
/// its fetch.
template <class SlotsOf, class FetchOf>
void time_decode(const HeadWork& work, const SprintChip& machine, const SlotsOf& slots_of,
                 const FetchOf& fetch_of, ChipTally& tally) {
    const HeadShape& s = work.shape;
    const AppendTime append(work, machine);
    const ChainTimes times = sprint_chain(work, machine);
    const UnitTimes units(work, machine);
    tally.cycles = {};
    std::int64_t before = 0;
    for (int query = 0; query < s.valid_q; ++query) {
        const auto i = static_cast<std::size_t>(query);
        const std::int64_t seen = causal_keys(query, s.valid_q, s.valid_k);
        const std::int64_t slots = slots_of(i);
        DecodeStep step;
        step.append = append.cycles(seen - before);
        step.thresholding = times.thresholding;
        step.read_p = times.in_memory ? machine.memory.read_cycles(seen, 0, 0) : 0;
        step.row = units.of(slots);
        step.row.fetch = fetch_of(i);
        add_decode_step(step, machine, tally);
        before = seen;
    }
}

}  // namespace

ChipTally decode_sprint(const HeadWork& work, const Selection& selection, const SprintChip& machine,
                        ResidencyReplay* warm) {
    std::vector<std::vector<std::uint32_t>> missing;
    ResidencyCounts buffer;
    FetchedRows fetched = [&](std::size_t query) { return selection.row(query); };
    if (warm != nullptr) {
        missing.resize(static_cast<std::size_t>(work.shape.n_q));
        buffer = warm->replay(selection, [&](std::size_t query, const auto& keys) {
            missing[query].assign(keys.begin(), keys.end());
        });
        fetched = [&](std::size_t query) { return std::span(missing[query]); };
    } else {
        const std::int64_t capacity = buffer_tokens(machine, work);
        buffer.misses = buffer.streamed = static_cast<std::int64_t>(selection.keys.size());
        for (std::size_t query = 0; query + 1 < selection.row_begin.size(); ++query)
            if (static_cast<std::int64_t>(selection.row(query).size()) > capacity)
                ++buffer.overflow_rows;
    }
    ChipTally tally;
    count_thresholding(work, machine, tally);
    leave_out_future(work, warm != nullptr, tally);
    count_writes(work, machine, tally);
    count_buffer(work, buffer, tally);
    count_reads(work, tally);
    count_recompute(work, tally);
    FetchTime fetch(work, machine, msb_of(work));
    time_decode(
        work, machine,
        [&](std::size_t query) { return row_slots(selection.row(query), machine.corelets); },
        [&](std::size_t query) {
            return fetch.of(fetched(query), std::int64_t{work.shape.d} * work.bits.q);
        },
        tally);
    return tally;
}

ChainTimes sprint_chain(const HeadWork& work, const SprintChip& machine) {
    ChainTimes times = chain_times(machine);
    if (work[Event::read_p] == 0) return times;
    times.in_memory = true;
    times.thresholding = machine.memory.threshold_cycles(work.bits.reads_per_decision, 0);
    times.read_p = machine.memory.read_cycles(work.shape.valid_k, 0, 0);
    return times;
}

SprintRows sprint_rows(const HeadWork& work, const Selection& selection, const SprintChip& machine,
                       ResidencyReplay& residency) {
    const HeadShape& s = work.shape;
    const std::int64_t q_bits = std::int64_t{s.d} * work.bits.q;
    const UnitTimes units(work, machine);
    FetchTime fetch(work, machine, msb_of(work));
    SprintRows head;
    QueryRow nothing_kept;
    nothing_kept.fetch = fetch.of({}, q_bits);
    head.rows.assign(static_cast<std::size_t>(s.valid_q), nothing_kept);
    head.buffer = residency.replay(selection, [&](std::size_t query, const auto& keys) {
        QueryRow& row = head.rows.at(query);
        row = units.of(row_slots(selection.row(query), machine.corelets));
        row.fetch = fetch.of(keys, q_bits);
    });
    return head;
}

namespace {

ChipTally plan_rows(const HeadWork& work, const SprintRows& head, const SprintChip& machine) {
    ChipTally tally;
    count_thresholding(work, machine, tally);
    count_writes(work, machine, tally);
    count_buffer(work, head.buffer, tally);
    count_reads(work, tally);
    count_recompute(work, tally);
    finish_prefill(time_queries(head.rows, sprint_chain(work, machine)), machine, tally);
    return tally;
}

/// What a summary cannot say without the keys.
void refuse_unknown(const SelectionSummary& kept, const SprintChip& machine,
                    std::int64_t capacity) {
    const std::string run = "`attohm run` on this machine";
    if (machine.counts_bank_conflicts)
        throw UserError("bank conflicts need the kept keys, which stored work does not hold",
                        "machine.bank_conflicts", "counted", "none, or " + run);
    if (machine.residency == Residency::sld && kept.most_kept() > capacity)
        throw UserError("queries that overflow the buffer need the kept keys under sld",
                        "machine.residency",
                        fmt::format("sld with a buffer of {} tokens", capacity),
                        fmt::format("lru, a buffer of {} tokens, or ", kept.most_kept()) + run);
    if (kept.rows() > 0 && kept.slots_of(machine.corelets).empty())
        throw UserError("stored work does not hold the loads of so many CORELETs",
                        "machine.corelets", fmt::format("{}", machine.corelets),
                        fmt::format("1, {}, or ", fmt::join(kSummaryCorelets, ", ")) + run);
}

ResidencyCounts buffer_of(const SelectionSummary& kept, Residency policy, std::int64_t capacity) {
    ResidencyCounts buffer;
    buffer.hits = policy == Residency::lru ? kept.hits(capacity) : kept.kept_before();
    buffer.misses = kept.kept_pairs() - buffer.hits;
    buffer.streamed = kept.streamed(capacity);
    buffer.overflow_rows = kept.overflow_rows(capacity);
    return buffer;
}

/// Keys that every query fetches.
std::vector<std::int64_t> row_misses(const SelectionSummary& kept, Residency policy,
                                     std::int64_t capacity) {
    return policy == Residency::lru ? kept.row_misses(capacity) : kept.row_misses_before();
}

}  // namespace

ChipTally plan_sprint(const HeadWork& work, const Selection& selection, const SprintChip& machine,
                      ResidencyReplay& residency) {
    return plan_rows(work, sprint_rows(work, selection, machine, residency), machine);
}

ChipTally plan_sprint(const HeadWork& work, const SelectionSummary& kept,
                      const SprintChip& machine) {
    const std::int64_t capacity = buffer_tokens(machine, work);
    refuse_unknown(kept, machine, capacity);
    const std::int64_t q_bits = std::int64_t{work.shape.d} * work.bits.q;
    const UnitTimes units(work, machine);
    FetchTime fetch(work, machine, msb_of(work));
    SprintRows head;
    head.buffer = buffer_of(kept, machine.residency, capacity);
    const auto misses = row_misses(kept, machine.residency, capacity);
    const auto slots = kept.slots_of(machine.corelets);
    head.rows.reserve(static_cast<std::size_t>(work.shape.valid_q));
    for (std::size_t i = 0; i < static_cast<std::size_t>(work.shape.valid_q); ++i) {
        head.rows.push_back(units.of(slots[i]));
        head.rows.back().fetch = fetch.of_stream(misses[i], q_bits);
    }
    return plan_rows(work, head, machine);
}

ChipTally decode_sprint(const HeadWork& work, const SelectionSummary& kept,
                        const SprintChip& machine, bool warm) {
    const std::int64_t capacity = warm ? machine.buffer_bits : buffer_tokens(machine, work);
    refuse_unknown(kept, machine, warm ? machine.buffer_bits : kept.most_kept());
    // Cold for every query: all that is kept is fetched.
    ResidencyCounts buffer;
    if (warm) {
        buffer = buffer_of(kept, machine.residency, capacity);
    } else {
        buffer.misses = buffer.streamed = kept.kept_pairs();
        buffer.overflow_rows = kept.overflow_rows(capacity);
    }
    const auto misses = row_misses(kept, machine.residency, warm ? capacity : 0);
    const auto slots = kept.slots_of(machine.corelets);
    ChipTally tally;
    count_thresholding(work, machine, tally);
    leave_out_future(work, warm, tally);
    count_writes(work, machine, tally);
    count_buffer(work, buffer, tally);
    count_reads(work, tally);
    count_recompute(work, tally);
    FetchTime fetch(work, machine, msb_of(work));
    time_decode(
        work, machine, [&](std::size_t query) { return std::int64_t{slots[query]}; },
        [&](std::size_t query) {
            return fetch.of_stream(warm ? misses[query] : kept.kept[query],
                                   std::int64_t{work.shape.d} * work.bits.q);
        },
        tally);
    return tally;
}

}  // namespace attohm
