#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/machine/outcome.hpp"
#include "src/machine/plans/planner.hpp"
#include "src/work/stored_work.hpp"

/// The cost side from end to end: heads in, energy, time and traffic of every machine and plan out.
///
///     CostEngine engine(load_machines({"sprint-s"}), {"sprint", {"dense"}}, prices);
///     SamplePlanner planner = engine.planner();   // one per sample and thread
///     planner.consume(head_work, selection);      // every head, layers and heads in order
///     SampleCost cost = planner.finish();
///     std::vector<MachineOutcome> outcomes = engine.accumulate(costs);   // samples in order
namespace attohm {

/// The scheme's own plan and the baselines that it is compared with, by name.
struct PlanChoice {
    std::string plan;
    std::vector<std::string> baselines;
    PlanOptions options;
};

/// One column of a sample's cost on a machine: a plan in one scope.
struct PlanColumn {
    const PlanEntry* plan = nullptr;
    CostScope scope = CostScope::attention;
};

/// What one sample costs before prices: per machine, per column.
struct SampleCost {
    std::vector<std::vector<Tally>> machines;
    std::shared_ptr<StoredSample> work;  ///< where the engine keeps it, else null
    bool attention = false;              ///< whether it had a head of attention
};

class CostEngine;

/// Plans the heads of one sample on every machine. Belongs to one thread; the engine outlives it.
class SamplePlanner : public SelectionSink {
  public:
    explicit SamplePlanner(const CostEngine& engine);
    /// Throws: InvariantError when the head's counts contradict its shape or Selection.
    void consume(const HeadWork& work, const Selection& selection) override;
    /// A Selection alone cannot be planned: InvariantError.
    void consume(const Selection& selection) override;
    /// A head whose scheme selects nothing.
    void consume(const HeadWork& work) override;
    /// A head whose Selection was summarised earlier. Throws: UserError where a plan or a policy
    /// needs the Selection itself.
    void consume(const HeadWork& work, const SelectionSummary& kept);
    /// What a layer does besides attention. Args: user: whose plans take it; the scheme's own are
    /// the first of a machine and those that model its hardware.
    void layer(const LayerWork& work, LayerUser user = LayerUser::all);
    /// The sample's cost; the planner is ready for the next sample.
    SampleCost finish();

  private:
    void plan(const HeadWork& work, const Selection& selection);

    const CostEngine* engine_;
    std::vector<std::vector<std::unique_ptr<Planner>>> planners_;  ///< per machine, per plan
    std::optional<WorkRecorder> recorder_;
    bool attention_ = false;  ///< a head was planned
};

class CostEngine {
  public:
    /// Throws: UserError when two machines have the same name or there is none, or when a machine
    /// has no plan of the name that the scheme asks for.
    CostEngine(std::vector<Machine> machines, PlanChoice choice, EnergyOptions options,
               std::optional<AdcUse> adc = std::nullopt);

    const std::vector<Machine>& machines() const { return machines_; }
    SamplePlanner planner() const { return SamplePlanner(*this); }
    /// Every SampleCost carries its work too, for another machine later.
    void keep_work() { keeps_work_ = true; }
    /// Sums samples in their order and prices the mean. Plans say nothing of the attention of a
    /// network that has none. Args: at least one sample.
    std::vector<MachineOutcome> accumulate(std::span<const SampleCost> samples) const;

  private:
    friend class SamplePlanner;
    MachineOutcome outcome_of(std::size_t machine, std::span<const SampleCost> samples,
                              std::vector<Pricing> pricings) const;
    std::vector<PlanColumn> columns_of(std::size_t machine) const;

    std::vector<Machine> machines_;
    PlanChoice choice_;
    std::vector<std::vector<const PlanEntry*>> plans_;    ///< per machine: own plan, baselines
    std::vector<std::vector<PlanOptions>> plan_options_;  ///< the same, each with its own memory
    EnergyOptions options_;
    std::optional<AdcUse> adc_;
    bool keeps_work_ = false;
};

/// Machines in the box or machine files, in the given order.
std::vector<Machine> load_machines(const std::vector<std::string>& names_or_paths);

}  // namespace attohm
