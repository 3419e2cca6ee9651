#include <memory>

#include "src/base/error.hpp"
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
    HeadJob job_of(const HeadWork& work, const Selection&) override {
        return {work.ops, work.shape.first_of_kv_head, work.shape.valid_q, {}};
    }
    LayerPlan plan_layer(std::span<const HeadJob> jobs,
                         std::span<const PlacedList> heads) override {
        return best_of_orders(jobs, heads);
    }
    /// Only of dense attention is it known what one query asks for.
    HeadWork step_of(const HeadWork& work, std::int64_t keys) const override {
        for (const bool bias : {false, true})
            if (work.ops == dense_attention_ops(work.shape, work.bits.q, bias))
                return EnginePlanner::step_of(work, keys);
        throw UserError("plan `operators` has no step of one query for this scheme", "phase",
                        "decode",
                        "prefill; or a scheme whose operators are dense attention (its own may "
                        "need all tokens at once)");
    }
};

/// Dense attention of the head's shape, whatever the scheme did.
class DensePlanner : public OperatorPlanner {
  public:
    DensePlanner(const Machine& machine, const PlanOptions& options, bool with_padding)
        : OperatorPlanner(machine, options), with_padding_(with_padding) {}

  protected:
    HeadJob job_of(const HeadWork& work, const Selection&) override {
        HeadShape shape = work.shape;
        if (with_padding_) {
            shape.valid_q = shape.n_q;
            shape.valid_k = shape.n_k;
        }
        return {dense_attention_ops(shape, work.bits.q), shape.first_of_kv_head, shape.valid_q, {}};
    }
    HeadWork step_of(const HeadWork& work, std::int64_t keys) const override {
        return EnginePlanner::step_of(work, keys);
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
    LayerPlan plan_layer(std::span<const HeadJob>, std::span<const PlacedList> heads) override {
        return best_operator_order(engine_, heads, options_.batch);
    }
};

template <class PlannerType, class... Extra>
PlanEntry entry(std::string_view name, std::string_view help, Extra... extra) {
    return {
        name,
        help,
        engine_rules("heads, whole or cut by query rows, in a pipeline where their tensors fit on "
                     "chip, or operator by operator with spills: the fewest cycles"),
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
                               "the scheme's own operators: heads, whole or by query rows, in a "
                               "pipeline where they fit on chip, or operator by operator"),
        entry<DensePlanner>("dense", "dense softmax attention in the best order, padding included",
                            true),
        entry<DensePlanner>("mask-only",
                            "dense softmax attention in the best order, padding skipped", false),
        entry<UnfusedPlanner>(
            "unfused",
            "dense softmax attention, every operator over all heads before the next, best blocks"),
        flat_plan(),
        sanger_plan(),
        vitcod_plan(),
        vitcod_released_plan(),
        salo_plan(),
        salo_released_plan(),
        kept_plan(),
        allowed_plan(),
        fabnet_plan(),
        fabnet_released_plan(),
    };
}

}  // namespace attohm
