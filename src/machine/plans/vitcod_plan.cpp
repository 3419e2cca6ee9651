#include <algorithm>
#include <memory>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/engine_planner.hpp"
#include "src/machine/plans/special_plans.hpp"

/// ViTCoD: MAC lines shared between global keys (dense columns) and the sparse rest.
namespace attohm {

VitcodPairs vitcod_pairs(const OpList& list) {
    VitcodPairs pairs;
    for (const Operator& op : list.ops) {
        if (op.name == "L global") pairs.global = op.m * op.n;
        if (op.name == "L rest") pairs.rest = op.nonzeros / op.k;
    }
    return pairs;
}

namespace {

/// Lines of the dense engine, in proportion to its pairs; a busy engine has one at least.
std::int64_t global_lines(const VitcodPairs& pairs, std::int64_t lines) {
    if (pairs.global == 0) return 0;
    if (pairs.rest == 0 || lines < 2) return lines;
    return std::clamp<std::int64_t>(lines * pairs.global / (pairs.global + pairs.rest), 1,
                                    lines - 1);
}

/// Both engines side by side, a line a pair, `steps` cycles a pair.
std::int64_t shared_cycles(const VitcodPairs& pairs, std::int64_t lines, std::int64_t steps) {
    const std::int64_t dense = global_lines(pairs, lines);
    const std::int64_t sparse = lines - dense;
    const std::int64_t global = dense == 0 ? 0 : ceil_div(pairs.global, dense);
    const std::int64_t rest =
        pairs.rest == 0 ? 0 : ceil_div(pairs.rest, std::max<std::int64_t>(1, sparse));
    return std::max(global, rest) * steps;
}

class VitcodPlanner final : public EnginePlanner {
  public:
    using EnginePlanner::EnginePlanner;

  private:
    /// Heads are not cut by queries: the sparse engine walks columns.
    HeadJob job_of(const HeadWork& work, const Selection&) override {
        require_own_operators(work.ops, {"L global", "L rest"}, "vitcod", engine_);
        return {work.ops, work.shape.first_of_kv_head, 1, {}};
    }
    void refine(PlacedList& placed, std::span<const std::int64_t>) const override {
        const VitcodPairs pairs = vitcod_pairs(placed.list);
        for (std::size_t i = 0; i < placed.ops.size(); ++i) {
            const Operator& op = placed.list.ops[i];
            PlacedOp& out = placed.ops[i];
            const EngineUnit& unit = engine_.units[static_cast<std::size_t>(out.unit)];
            if (unit.kind != EngineUnit::Kind::array) {
                out.cycles = ceil_div(op.nonzeros * unit.passes, unit.lanes);
                out.operations = op.nonzeros;
                continue;
            }
            out.operations = op.nonzeros;
            const std::int64_t steps = ceil_div(op.name == "A" ? op.n : op.k,
                                                std::int64_t{unit.columns} * unit.macs_per_pe);
            if (op.name == "A") out.cycles = shared_cycles(pairs, unit.rows, steps);
            if (op.name == "L global") out.cycles = ceil_div(pairs.global, unit.rows) * steps;
            // Both score engines end together; what is left beside the dense one.
            if (op.name == "L rest")
                out.cycles =
                    std::max<std::int64_t>(0, shared_cycles(pairs, unit.rows, steps) -
                                                  ceil_div(pairs.global, unit.rows) * steps);
        }
    }
    HeadWork step_of(const HeadWork&, std::int64_t) const override {
        throw UserError("plan `vitcod` cannot take queries one by one", "phase", "decode",
                        "prefill: a mask is for all queries of an input");
    }
    LayerPlan plan_layer(std::span<const HeadJob> jobs,
                         std::span<const PlacedList> heads) override {
        return best_of_orders(jobs, heads);
    }
};

}  // namespace

PlanEntry vitcod_plan() {
    return {"vitcod",
            "global keys and the sparse rest of a fixed mask side by side on shared MAC lines",
            engine_rules("a MAC line takes a kept pair, ceil(d / line) cycles; lines are dealt to "
                         "dense and sparse engine by their pairs; global columns are computed "
                         "whole; heads are not cut by queries"),
            engine_not_modelled(),
            MachineKind::engine,
            {CostScope::attention, CostScope::model},
            [](const Machine& machine, const PlanOptions& options) -> std::unique_ptr<Planner> {
                return std::make_unique<VitcodPlanner>(machine, options);
            }};
}

}  // namespace attohm
