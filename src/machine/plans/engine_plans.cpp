#include <memory>

#include "src/machine/plans/engine_planner.hpp"
#include "src/machine/plans/special_plans.hpp"
#include "src/work/op_builder.hpp"

/// The plans of engines in the table of plans.
namespace attohm {

namespace {

/// The scheme's own operators, in the best order.
class OperatorPlanner : public EnginePlanner {
  public:
    using EnginePlanner::EnginePlanner;

  protected:
    PlacedList place_head(const HeadWork& work, const Selection&) override {
        if (work.ops.empty()) return {};
        return place(engine_, machine_.name, work.ops, work.shape.first_of_kv_head);
    }
    LayerPlan plan_layer(std::span<const PlacedList> heads) override {
        return best_order(engine_, heads, options_.batch);
    }
};

/// Dense attention of the head's shape, whatever the scheme did.
class DensePlanner : public OperatorPlanner {
  public:
    DensePlanner(const Machine& machine, const PlanOptions& options, bool with_padding)
        : OperatorPlanner(machine, options), with_padding_(with_padding) {}

  protected:
    PlacedList place_head(const HeadWork& work, const Selection&) override {
        HeadShape shape = work.shape;
        if (with_padding_) {
            shape.valid_q = shape.n_q;
            shape.valid_k = shape.n_k;
        }
        const OpList ops = dense_attention_ops(shape, work.bits.q);
        if (ops.empty()) return {};
        return place(engine_, machine_.name, ops, shape.first_of_kv_head);
    }

  private:
    bool with_padding_;
};

/// Dense attention, operator by operator over all heads.
class UnfusedPlanner final : public DensePlanner {
  public:
    UnfusedPlanner(const Machine& machine, const PlanOptions& options)
        : DensePlanner(machine, options, false) {}

  private:
    LayerPlan plan_layer(std::span<const PlacedList> heads) override {
        return best_operator_order(engine_, heads, options_.batch);
    }
};

template <class PlannerType, class... Extra>
PlanEntry entry(std::string_view name, std::string_view help, Extra... extra) {
    return {
        name,
        help,
        engine_rules("heads in a pipeline where all their tensors fit on chip, else operator by "
                     "operator with spills"),
        engine_not_modelled(),
        MachineKind::engine,
        {CostScope::attention, CostScope::model},
        [extra...](const Machine& machine, const PlanOptions& options) -> std::unique_ptr<Planner> {
            return std::make_unique<PlannerType>(machine, options, extra...);
        }};
}

}  // namespace

std::vector<PlanEntry> engine_plans() {
    return {
        entry<OperatorPlanner>("operators",
                               "the scheme's own operators: heads in a pipeline where they fit on "
                               "chip, else operator by operator"),
        entry<DensePlanner>("dense", "dense softmax attention in the best order, padding included",
                            true),
        entry<DensePlanner>("mask-only",
                            "dense softmax attention in the best order, padding skipped", false),
        entry<UnfusedPlanner>(
            "unfused",
            "dense softmax attention, every operator over all heads before the next, best blocks"),
        flat_plan(),
        sanger_plan(),
    };
}

}  // namespace attohm
