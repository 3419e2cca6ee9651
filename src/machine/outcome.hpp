#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/base/units.hpp"
#include "src/machine/ledger.hpp"

/// What the cost side hands over: plain data, per machine.
namespace attohm {

/// Which part of the network figures cover.
enum class CostScope : std::uint8_t {
    attention,  ///< selection of scores and attention of all layers and heads
    model,      ///< everything: projections, MLP, embedding and classifier too
    count_
};
constexpr std::size_t kCostScopes = static_cast<std::size_t>(CostScope::count_);
std::string_view cost_scope_name(CostScope scope);
/// The plan's name, with the scope where it is more than attention: "vitality, model".
std::string plan_title(const std::string& plan, const std::string& scope);

/// Something counted, summed over samples.
struct CountTotal {
    std::string component;
    std::string event;
    std::string unit;
    std::string help;
    std::int64_t count = 0;
};

/// An amount that is not a whole count, summed over samples: joules that physics measured (NaN: the
/// scheme could not say), mean events of a memory.
struct MeasuredTotal {
    std::string component;
    std::string name;
    std::string unit;
    double amount = 0.0;
};

struct ResourceTotal {
    std::string resource;
    double busy_cycles = 0.0;             ///< per inference
    std::int64_t busy_cycles_summed = 0;  ///< over samples
    /// Useful operations / (peak x cycles of the plan); nothing: no operations are done in it.
    std::optional<double> utilisation;
    std::string work;     ///< unit of its operations: "MAC", "element"; empty: it does none
    double peak = 0.0;    ///< operations per cycle
    double useful = 0.0;  ///< operations not known to be zero, per inference
};

struct TrafficTotal {
    std::string tensor;
    double read_bytes = 0.0;  ///< per inference, memory to chip
    double written_bytes = 0.0;
    std::int64_t read_bits_summed = 0;  ///< over samples
    std::int64_t written_bits_summed = 0;
};

/// Time of one layer and what bounds it.
struct LayerTime {
    int layer = 0;
    double cycles = 0.0;      ///< per inference
    std::string bottleneck;   ///< the resource that is busy longest
    double busy_share = 0.0;  ///< of the layer's cycles, that resource
};

/// A plan without prices, per inference.
struct PlanSummary {
    std::string name;
    std::string scope;  ///< name of a CostScope
    Second latency;
    Second latency_without_writes;
    std::int64_t latency_cycles = 0;  ///< summed over samples
    std::int64_t latency_cycles_without_writes = 0;
    std::int64_t overflow_rows = 0;
    double buffer_hits = 0.0;  ///< tokens per inference
    double buffer_misses = 0.0;
    std::vector<CountTotal> counts;
    std::vector<MeasuredTotal> measured;
    std::vector<ResourceTotal> resources;
    std::vector<TrafficTotal> traffic;
    std::vector<LayerTime> layers;

    std::string title() const { return plan_title(name, scope); }
    /// Events counted under that name in all components.
    std::int64_t counted(std::string_view event) const;
    const TrafficTotal* tensor(std::string_view name) const;
    const ResourceTotal* resource(std::string_view name) const;
};

struct PricedPlan {
    std::string name;
    std::string scope;
    std::vector<LedgerLine> lines;
    Joule energy;  ///< per inference: the sum of `lines` in their order; unknown lines add nothing
    Joule energy_without_writes;

    std::string title() const { return plan_title(name, scope); }
};

/// Gain of the scheme's plan over a baseline on the same machine.
struct Gain {
    std::string machine;
    std::string pricing;   ///< "paper", "physics" or "experiment"; of an engine "library"
    std::string baseline;  ///< name of the baseline's plan
    std::string scope;
    bool with_writes = true;
    EnergyGain energy;
    double speedup = 1.0;

    std::string baseline_title() const { return plan_title(baseline, scope); }
};

struct Pricing {
    std::string name;
    EnergyOptions sources;
    std::vector<PricedPlan> plans;  ///< in the order of MachineOutcome::plans
    std::vector<Gain> gains;
};

/// A figure that is neither time nor energy of a plan: writes per cell, lifetime.
struct MachineFact {
    std::string name;
    std::optional<double> value;  ///< nothing: unknown
    std::string unit;
    std::string reason;  ///< what the value rests on, or why it is unknown
};

struct MachineOutcome {
    std::string machine;
    std::int64_t samples = 0;
    std::int64_t batch = 1;  ///< samples that ran together: latency is of so many
    double clock_Hz = 0.0;
    double node_nm = 0.0;
    double buffer_bytes = 0.0;        ///< all on-chip buffers that the machine names
    double memory_bytes_per_s = 0.0;  ///< what its memory could carry without a gap
    std::optional<SquareMetre> area;
    std::vector<AreaLine> areas;
    std::vector<MachineFact> facts;  ///< of the scheme's own plan
    /// The scheme's plan first, then its baselines; of each its scopes.
    std::vector<PlanSummary> plans;
    /// Chip: "paper", "physics" and, where an experiment mixes them, "experiment"; engine:
    /// "library".
    std::vector<Pricing> pricings;
    std::string headline;              ///< name of the pricing that the experiment asked for
    std::vector<std::string> assumed;  ///< keys of the machine whose values are assumed
    std::string resolved_yaml;         ///< the machine's settings

    /// The scheme's own plan: of its attention where it has that scope.
    const PlanSummary& own() const { return plans.front(); }
    /// Titles of the plans that the scheme's are compared with.
    std::vector<std::string> baselines() const;
};

}  // namespace attohm
