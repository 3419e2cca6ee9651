#include <optional>

#include "src/base/error.hpp"
#include "src/machine/plans/chip_plan.hpp"
#include "src/machine/plans/planner.hpp"

/// The plans of the SPRINT chip in the table of plans.
namespace attohm {

namespace {

/// A sample's tally from the fixed arrays of its heads.
Tally general_tally(const ChipTally& chip) {
    Tally tally(kResources);
    for (std::size_t i = 0; i < kCounts; ++i) tally.count(static_cast<CountId>(i), chip.counts[i]);
    for (std::size_t i = 0; i < kMeasured; ++i)
        tally.measure(static_cast<CountId>(i), chip.measured_J[i]);
    for (std::size_t r = 0; r < kResources; ++r) tally.resources[r].busy = chip.cycles[r];
    const auto useful = [&](Resource r) -> std::int64_t& {
        return tally.resources[static_cast<std::size_t>(r)].useful;
    };
    useful(Resource::qk_pu) = chip[Count::qk_mac];
    useful(Resource::softmax) = chip[Count::softmax_element];
    useful(Resource::v_pu) = chip[Count::sv_mac];
    tally.traffic = chip.traffic;
    tally.latency_cycles = chip.latency_cycles;
    tally.latency_cycles_without_writes = chip.latency_cycles_without_writes;
    tally.overflow_rows = chip.overflow_rows;
    tally.buffer_hits = chip[Count::buffer_hit];
    tally.buffer_misses = chip[Count::buffer_miss];
    return tally;
}

/// Heads of a sample added up.
class Heads {
  public:
    void add(int layer, const ChipTally& head) {
        if (layers_.empty() || layers_.back().layer != layer)
            layers_.push_back({layer, 0, std::vector<std::int64_t>(kResources)});
        layers_.back().cycles += head.latency_cycles;
        for (std::size_t r = 0; r < kResources; ++r) layers_.back().busy[r] += head.cycles[r];
        total_ += head;
    }
    Tally tally() const {
        Tally tally = general_tally(total_);
        for (const LayerUse& layer : layers_) tally.add_layer(layer);
        return tally;
    }

  private:
    ChipTally total_;
    std::vector<LayerUse> layers_;
};

/// Adds up the heads of a sample; what one head costs is the derived class's. In decode it holds
/// both what a cold and what a warm buffer give until it has seen whether all heads fit.
class ChipPlanner : public Planner {
  public:
    ChipPlanner(const Machine& machine, const PlanOptions& options)
        : chip_(*machine.sprint()), is_decode_(options.phase == Phase::decode) {}

    void head(const HeadWork& work, const Selection& selection) final { add(work, selection); }
    void head(const HeadWork& work, const SelectionSummary& kept) final { add(work, kept); }
    /// The chip holds no weights: what is not attention runs elsewhere.
    void layer(const LayerWork&) final {}
    std::vector<Tally> finish() final {
        const Tally tally = is_decode_ && all_fit() ? warm_heads_.tally() : heads_.tally();
        heads_ = {};
        warm_heads_ = {};
        kv_bits_ = 0;
        return {tally};
    }

  protected:
    virtual ChipTally plan(const HeadWork& work, const Selection& selection) = 0;
    virtual ChipTally plan(const HeadWork& work, const SelectionSummary& kept) = 0;
    virtual ChipTally decode(const HeadWork& work, const Selection& selection, bool warm) = 0;
    virtual ChipTally decode(const HeadWork& work, const SelectionSummary& kept, bool warm) = 0;

    const SprintChip& chip_;

  private:
    /// Args: kept: a Selection or its summary.
    template <class Kept>
    void add(const HeadWork& work, const Kept& kept) {
        // Digital units and their energies are 8 bits wide on the chip.
        ATTOHM_CHECK_EQ(work.bits.q, 8);
        ATTOHM_CHECK_EQ(work.bits.k, 8);
        ATTOHM_CHECK_EQ(work.bits.v, 8);
        const int layer = work.shape.layer;
        if (!is_decode_) {
            heads_.add(layer, plan(work, kept));
            return;
        }
        if (!work.shape.causal)
            throw UserError("queries cannot come one by one where they see later keys", "phase",
                            "decode", "prefill, or a trace whose heads are causal");
        kv_bits_ += kv_bits(work);
        heads_.add(layer, decode(work, kept, false));
        if (all_fit()) warm_heads_.add(layer, decode(work, kept, true));
    }
    bool all_fit() const { return kv_bits_ <= chip_.buffer_bits; }

    bool is_decode_;
    std::int64_t kv_bits_ = 0;  ///< of all heads so far
    Heads heads_;
    Heads warm_heads_;
};

class SprintPlanner final : public ChipPlanner {
  public:
    using ChipPlanner::ChipPlanner;

  private:
    ChipTally plan(const HeadWork& work, const Selection& selection) override {
        const std::int64_t capacity = buffer_tokens(chip_, work);
        if (capacity != capacity_) {
            residency_.emplace(chip_.residency, capacity);
            capacity_ = capacity;
        }
        return plan_sprint(work, selection, chip_, *residency_);
    }
    ChipTally plan(const HeadWork& work, const SelectionSummary& kept) override {
        return plan_sprint(work, kept, chip_);
    }
    ChipTally decode(const HeadWork& work, const SelectionSummary& kept, bool warm) override {
        return decode_sprint(work, kept, chip_, warm);
    }
    ChipTally decode(const HeadWork& work, const Selection& selection, bool warm) override {
        if (!warm) return decode_sprint(work, selection, chip_, nullptr);
        // All heads fit: nothing is ever evicted.
        if (!warm_) warm_.emplace(chip_.residency, chip_.buffer_bits);
        return decode_sprint(work, selection, chip_, &*warm_);
    }

    std::int64_t capacity_ = -1;
    std::optional<ResidencyReplay> residency_;
    std::optional<ResidencyReplay> warm_;
};

/// A plan that looks at the head's shape only.
template <ChipTally (*kPlan)(const HeadWork&, const SprintChip&),
          ChipTally (*kDecode)(const HeadWork&, const SprintChip&, bool warm)>
class ShapePlanner final : public ChipPlanner {
  public:
    using ChipPlanner::ChipPlanner;

  private:
    ChipTally plan(const HeadWork& work, const Selection&) override { return kPlan(work, chip_); }
    ChipTally plan(const HeadWork& work, const SelectionSummary&) override {
        return kPlan(work, chip_);
    }
    ChipTally decode(const HeadWork& work, const SelectionSummary&, bool warm) override {
        return kDecode(work, chip_, warm);
    }
    ChipTally decode(const HeadWork& work, const Selection&, bool warm) override {
        return kDecode(work, chip_, warm);
    }
};

template <bool kPadding>
ChipTally streamed(const HeadWork& work, const SprintChip& chip) {
    return plan_streamed(work, chip, kPadding);
}

/// It streams whatever the buffer could hold.
template <bool kPadding>
ChipTally streamed_one_by_one(const HeadWork& work, const SprintChip& chip, bool /*warm*/) {
    return decode_streamed(work, chip, kPadding);
}

template <class PlannerType>
PlanEntry entry(std::string_view name, std::string_view help) {
    return {
        name,
        help,
        {"heads one after another; within a head each query is a chain on in-order resources:",
         "T   arrays: CopyQ (tCL), tAxTh per read, tCL; the next T waits for P",
         "P   memory channel: ReadP, a bit per key; one query ahead of F",
         "F   memory channel: q, K and V that are not on chip; usable tCL later; waits for V of",
         "    the query machine.fetch_slots before",
         "QK, S, V: keys of the fullest CORELET, each after the one before; softmax has latency",
         "baselines: no T and P; dense-tiled has one F per visit of a query block to a key block",
         "operand writes stand in front of their head (write_overlap: none) or beside it (full)",
         "fill = latency without writes - cycles of the busiest resource",
         "Q, K and V are written once; a fetched vector is written to the buffer if it stays",
         "machine.bank_conflicts: counted: a query's fetch waits for its fullest bank",
         "phase: decode: queries of causal heads one by one, each a chain of append write,",
         "CopyQ, thresholding, ReadP, fetch, q.k, softmax, P V; the K/V buffer is cold for",
         "every query unless it holds K and V of all kv heads of all layers"},
        {"output write-back and projections", "overlap of two heads",
         "a softmax that starts within a row", "buffer space of what is on its way",
         "decode: fetches shared by query heads of one kv head"},
        MachineKind::sprint,
        {CostScope::attention},
        [](const Machine& machine, const PlanOptions& options) -> std::unique_ptr<Planner> {
            return std::make_unique<PlannerType>(machine, options);
        }};
}

}  // namespace

std::vector<PlanEntry> chip_plans() {
    return {
        entry<SprintPlanner>(
            "sprint",
            "in-memory thresholding, kept keys fetched unless resident, recomputed on chip"),
        entry<ShapePlanner<streamed<true>, streamed_one_by_one<true>>>(
            "dense", "8-bit, K and V streamed once per query, padded rows and columns included"),
        entry<ShapePlanner<streamed<false>, streamed_one_by_one<false>>>(
            "mask-only", "8-bit, K and V streamed once per query, padding skipped"),
        entry<ShapePlanner<plan_dense_tiled, decode_tiled>>(
            "dense-tiled",
            "8-bit, best query and key blocks under the same buffer, online softmax, padding "
            "skipped"),
    };
}

}  // namespace attohm
