#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/machine/ledger.hpp"

/// The cost side from end to end: heads in, energy, time and traffic of every machine and plan out.
///
///     CostEngine engine(load_machines({"sprint-s"}), options);
///     SamplePlanner planner = engine.planner();   // one per sample and thread
///     planner.consume(head_work, selection);      // every head, layers and heads in order
///     SampleCost cost = planner.finish();
///     std::vector<MachineOutcome> outcomes = engine.accumulate(costs);   // samples in order
namespace attohm {

/// What one sample costs before prices: per machine, per plan.
struct SampleCost {
    std::vector<std::array<PlanTally, kPlans>> machines;
};

/// A plan without prices, per inference.
struct PlanSummary {
    std::string name;
    PlanTally total;  ///< summed over samples
    Second latency;   ///< per inference
    Second latency_without_writes;
    std::array<double, kResources> cycles{};    ///< per inference, by Resource
    std::array<double, kTensors> bytes_read{};  ///< per inference, by Tensor
    std::array<double, kTensors> bytes_written{};
    double buffer_hits = 0.0;  ///< tokens per inference
    double buffer_misses = 0.0;
};

struct PricedPlan {
    std::string name;
    std::vector<LedgerLine> lines;
    Joule energy;  ///< per inference: the sum of `lines` in their order; unknown lines add nothing
    Joule energy_without_writes;
};

/// Gain of the scheme's plan over a baseline on the same machine.
struct Gain {
    std::string machine;
    std::string pricing;   ///< "paper", "physics" or "experiment"
    std::string baseline;  ///< "dense", "mask-only", "dense-tiled"
    bool with_writes = true;
    EnergyGain energy;
    double speedup = 1.0;
};

struct Pricing {
    std::string name;
    EnergyOptions sources;
    std::vector<PricedPlan> plans;  ///< in the order of PlanKind
    std::vector<Gain> gains;
};

struct MachineOutcome {
    std::string machine;
    std::int64_t samples = 0;
    std::optional<SquareMetre> area;
    std::vector<PlanSummary> plans;  ///< in the order of PlanKind
    /// "paper" and "physics" throughout, and "experiment" where the experiment mixes the two.
    std::vector<Pricing> pricings;
    std::string headline;              ///< name of the pricing that the experiment asked for
    std::vector<std::string> assumed;  ///< keys of the machine whose values are assumed
    std::string resolved_yaml;         ///< the machine's settings
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
    SampleCost finish();

  private:
    struct Buffer {
        std::int64_t capacity = -1;
        std::optional<ResidencyReplay> replay;
    };
    ResidencyReplay& buffer_for(std::size_t machine, std::int64_t capacity);

    const CostEngine* engine_;
    std::vector<Buffer> buffers_;
    SampleCost cost_;
};

class CostEngine {
  public:
    /// Throws: UserError when two machines have the same name or there is none.
    CostEngine(std::vector<Machine> machines, EnergyOptions options,
               std::optional<AdcUse> adc = std::nullopt);

    const std::vector<Machine>& machines() const { return machines_; }
    SamplePlanner planner() const { return SamplePlanner(*this); }
    /// Sums samples in their order and prices the mean. Args: at least one sample.
    std::vector<MachineOutcome> accumulate(std::span<const SampleCost> samples) const;

  private:
    std::vector<Machine> machines_;
    EnergyOptions options_;
    std::optional<AdcUse> adc_;
};

/// Machines in the box or machine files, in the given order.
std::vector<Machine> load_machines(const std::vector<std::string>& names_or_paths);

}  // namespace attohm
