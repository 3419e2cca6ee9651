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

/// Adds up the heads of a sample; what one head costs is the derived class's.
class ChipPlanner : public Planner {
  public:
    explicit ChipPlanner(const Machine& machine) : chip_(*machine.sprint()) {}

    void head(const HeadWork& work, const Selection& selection) final {
        // Digital units and their energies are 8 bits wide on the chip.
        ATTOHM_CHECK_EQ(work.bits.q, 8);
        ATTOHM_CHECK_EQ(work.bits.k, 8);
        ATTOHM_CHECK_EQ(work.bits.v, 8);
        const ChipTally head = plan(work, selection);
        if (layers_.empty() || layers_.back().layer != work.shape.layer)
            layers_.push_back({work.shape.layer, 0, std::vector<std::int64_t>(kResources)});
        layers_.back().cycles += head.latency_cycles;
        for (std::size_t r = 0; r < kResources; ++r) layers_.back().busy[r] += head.cycles[r];
        total_ += head;
    }
    /// The chip holds no weights: what is not attention runs elsewhere.
    void layer(const LayerWork&) final {}
    std::vector<Tally> finish() final {
        Tally tally = general_tally(total_);
        for (const LayerUse& layer : layers_) tally.add_layer(layer);
        total_ = {};
        layers_.clear();
        return {tally};
    }

  protected:
    virtual ChipTally plan(const HeadWork& work, const Selection& selection) = 0;

    const SprintChip& chip_;

  private:
    ChipTally total_;
    std::vector<LayerUse> layers_;
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

    std::int64_t capacity_ = -1;
    std::optional<ResidencyReplay> residency_;
};

/// A plan that looks at the head's shape only.
template <ChipTally (*kPlan)(const HeadWork&, const SprintChip&)>
class ShapePlanner final : public ChipPlanner {
  public:
    using ChipPlanner::ChipPlanner;

  private:
    ChipTally plan(const HeadWork& work, const Selection&) override { return kPlan(work, chip_); }
};

ChipTally plan_dense(const HeadWork& work, const SprintChip& chip) {
    return plan_streamed(work, chip, true);
}

ChipTally plan_mask_only(const HeadWork& work, const SprintChip& chip) {
    return plan_streamed(work, chip, false);
}

template <class PlannerType>
PlanEntry entry(std::string_view name, std::string_view help) {
    return {name,
            help,
            {"heads one after another; within a head all resources work at the same time:",
             "cycles = busiest resource + one pipeline fill + operand writes (write_overlap: none)",
             "Q, K and V are written once; a fetched vector is written to the buffer if it stays"},
            {"output write-back and projections", "bank conflicts", "overlap of two heads"},
            MachineKind::sprint,
            {CostScope::attention},
            [](const Machine& machine, const PlanOptions&) -> std::unique_ptr<Planner> {
                return std::make_unique<PlannerType>(machine);
            }};
}

}  // namespace

std::vector<PlanEntry> chip_plans() {
    return {
        entry<SprintPlanner>(
            "sprint",
            "in-memory thresholding, kept keys fetched unless resident, recomputed on chip"),
        entry<ShapePlanner<plan_dense>>(
            "dense", "8-bit, K and V streamed once per query, padded rows and columns included"),
        entry<ShapePlanner<plan_mask_only>>(
            "mask-only", "8-bit, K and V streamed once per query, padding skipped"),
        entry<ShapePlanner<plan_dense_tiled>>(
            "dense-tiled",
            "8-bit, best query and key blocks under the same buffer, online softmax, padding "
            "skipped"),
    };
}

}  // namespace attohm
