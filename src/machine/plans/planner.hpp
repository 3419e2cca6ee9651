#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "circuits/cited.hpp"
#include "src/machine/machine.hpp"
#include "src/machine/outcome.hpp"
#include "src/machine/tally.hpp"
#include "src/work/selection_summary.hpp"
#include "src/work/work.hpp"

/// Plans: how a machine carries out Work. A planner takes one sample, head by head, and says what
/// was counted, moved and how long it took. The one table of plans.
namespace attohm {

/// When the queries of a head come.
enum class Phase : std::uint8_t {
    prefill,  ///< all at once: keys are complete before the first query
    decode    ///< one by one, each after its own key: nothing overlaps across queries
};

/// How the cells of a machine are worn.
struct Wear {
    double inferences_per_s = 0.0;   ///< 0: not asked for
    std::optional<Cited> endurance;  ///< pulses a cell survives; nothing: unknown
};

class LayerMemory;

struct PlanOptions {
    Phase phase = Phase::prefill;
    std::int64_t batch = 1;  ///< samples that run together; engines only
    Wear wear;               ///< SPRINT chip only
    /// Of one plan on one machine, engines only; null: every layer is worked out.
    std::shared_ptr<LayerMemory> memory = {};
};

/// Of one sample. Belongs to one thread; the machine outlives it.
class Planner {
  public:
    virtual ~Planner() = default;
    /// A head of a layer; layers in order, query heads of one kv head one after another.
    virtual void head(const HeadWork& work, const Selection& selection) = 0;
    /// The same head when all that is left of its Selection is a summary: the same counts, traffic
    /// and joules. A plan that needs the keys themselves throws a UserError. Unless a plan says
    /// otherwise it looks at shapes, operators and the keys kept per query only.
    virtual void head(const HeadWork& work, const SelectionSummary& kept);
    /// What a layer does besides attention; after its heads.
    virtual void layer(const LayerWork& work) = 0;
    /// Whether it takes the scheme's own linear operators where it stands as a baseline too: a
    /// model of the scheme's hardware by somebody else.
    virtual bool models_scheme() const { return false; }
    /// Everything of the sample, by scope.
    virtual std::vector<Tally> finish() = 0;
};

enum class MachineKind : std::uint8_t { sprint, engine };

struct PlanEntry {
    std::string_view name;
    std::string_view help;
    std::vector<std::string_view> rules;  ///< what is counted and how long it takes
    std::vector<std::string_view> not_modelled;
    MachineKind machine = MachineKind::engine;
    std::vector<CostScope> scopes;  ///< what `finish` returns, in this order
    std::function<std::unique_ptr<Planner>(const Machine&, const PlanOptions&)> make;
};

/// All plans. A duplicate or incomplete entry is an InvariantError at first use.
const std::vector<PlanEntry>& plan_table();

/// The plan of that name for that kind of machine, or null.
const PlanEntry* find_plan(std::string_view name, MachineKind machine);

MachineKind machine_kind(const Machine& machine);
std::string_view machine_kind_name(MachineKind kind);

// Entries, each beside its plan (chip_planner.cpp, engine_plans.cpp).
std::vector<PlanEntry> chip_plans();
std::vector<PlanEntry> engine_plans();

}  // namespace attohm
