#include "src/machine/plans/engine_planner.hpp"

#include <algorithm>
#include <optional>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/chained_plan.hpp"
#include "src/machine/plans/operator_plan.hpp"
#include "src/work/linear_work.hpp"

namespace attohm {

EnginePlanner::EnginePlanner(const Machine& machine, const PlanOptions& options)
    : machine_(machine),
      engine_(*machine.engine()),
      options_(options),
      totals_(kCostScopes, Tally(memory_resource(engine_) + 1)) {}

void EnginePlanner::head(const HeadWork& work, const Selection& selection) {
    if (work.shape.layer != layer_) close_layer();
    layer_ = work.shape.layer;
    PlacedList placed = place_head(work, selection);
    if (!placed.ops.empty()) heads_.push_back(std::move(placed));
}

void EnginePlanner::layer(const LayerWork& work) {
    close_layer();
    if (work.ops.empty()) return;
    // One product over the rows of the whole batch: its weights are read once for all of them.
    const PlacedList placed =
        place(engine_, machine_.name, batched_rows(work.ops, options_.batch), true);
    add(work.layer, best_operator_order(engine_, {&placed, 1}, 1), false);
}

void EnginePlanner::close_layer() {
    if (heads_.empty()) return;
    add(layer_, plan_layer(heads_), true);
    heads_.clear();
}

void EnginePlanner::add(int layer, const LayerPlan& plan, bool attention) {
    Tally tally = plan.tally;
    LayerUse use;
    use.layer = layer;
    use.cycles = plan.times.cycles;
    for (std::size_t r = 0; r < tally.resources.size(); ++r) {
        const ResourceTimes& times = plan.times.resources[r];
        tally.resources[r].busy += times.busy;
        tally.resources[r].useful += times.useful;
        use.busy.push_back(tally.resources[r].busy);
    }
    tally.add_layer(use);
    tally.latency_cycles = plan.times.cycles;
    tally.latency_cycles_without_writes = plan.times.cycles;
    if (attention) totals_[static_cast<std::size_t>(CostScope::attention)] += tally;
    totals_[static_cast<std::size_t>(CostScope::model)] += tally;
}

std::vector<Tally> EnginePlanner::finish() {
    close_layer();
    layer_ = -1;
    std::vector<Tally> done = std::move(totals_);
    totals_.assign(kCostScopes, Tally(memory_resource(engine_) + 1));
    return done;
}

Tally once_through(const Engine& engine, std::span<const PlacedList> heads, std::int64_t times) {
    Tally tally(memory_resource(engine) + 1);
    for (const PlacedList& head : heads) {
        count_ops(engine, head, times, tally);
        for (std::size_t t = 0; t < head.list.tensors.size(); ++t) {
            const TensorRole role = head.list.tensors[t].role;
            const auto run = [](std::int64_t bits) { return ceil_div(bits, 8); };
            count_traffic(engine, role, head.load_bits[t] * times, run(head.load_bits[t]), false,
                          tally);
            count_traffic(engine, role, head.store_bits[t] * times, run(head.store_bits[t]), true,
                          tally);
        }
    }
    return tally;
}

void set_useful(std::span<const PlacedList> heads, std::int64_t times, ScheduleTimes& schedule) {
    for (ResourceTimes& resource : schedule.resources) resource.useful = 0;
    for (const PlacedList& head : heads)
        for (const PlacedOp& op : head.ops)
            schedule.resources[static_cast<std::size_t>(op.unit)].useful += op.useful * times;
}

namespace {

/// Shares of the buffers that are left to tensors between operators.
constexpr double kReserves[] = {0.0, 0.5, 0.75, 0.875, 0.25};

LayerPlan operator_layer(const Engine& engine, std::span<const PlacedList> heads,
                         std::int64_t times, double reserve) {
    const OperatorOrder order = operator_order(engine, heads, times, reserve);
    LayerPlan plan;
    plan.tally = Tally(memory_resource(engine) + 1);
    for (const PlacedList& head : heads) count_ops(engine, head, times, plan.tally);
    for (std::size_t t = 0; t < order.traffic.size(); ++t) {
        const TensorRole role = heads.front().list.tensors[t].role;
        count_traffic(engine, role, order.traffic[t].read_bits, order.runs[t], false, plan.tally);
        count_traffic(engine, role, order.traffic[t].written_bits, order.runs[t], true, plan.tally);
    }
    plan.times = simulate(order.schedule);
    set_useful(heads, times, plan.times);
    return plan;
}

bool is_better(const LayerPlan& plan, const std::optional<LayerPlan>& best) {
    return !best || plan.times.cycles < best->times.cycles;
}

}  // namespace

LayerPlan best_operator_order(const Engine& engine, std::span<const PlacedList> heads,
                              std::int64_t times) {
    std::optional<LayerPlan> best;
    for (const double reserve : kReserves) {
        LayerPlan plan = operator_layer(engine, heads, times, reserve);
        if (is_better(plan, best)) best = std::move(plan);
        // With one operator there is nothing to keep.
        if (heads.front().ops.size() == 1) break;
    }
    return std::move(*best);
}

LayerPlan best_order(const Engine& engine, std::span<const PlacedList> heads, std::int64_t times) {
    std::optional<LayerPlan> best;
    int slots = 2;
    for (const EngineBuffer& buffer : engine.buffers) slots = std::min(slots, buffer.slots);
    for (; slots >= 1; --slots) {
        const ChainedShape shape = chained_shape(engine, heads, slots);
        if (!shape.fits) continue;
        LayerPlan plan;
        plan.times = simulate(chained_schedule(engine, heads, shape, times));
        plan.tally = once_through(engine, heads, times);
        if (is_better(plan, best)) best = std::move(plan);
    }
    if (best) return std::move(*best);
    return best_operator_order(engine, heads, times);
}

std::vector<std::string_view> engine_rules(std::string_view own) {
    return {own,
            "units, buffers' ports and the memory work in order, each on one task at a time",
            "array: tiles of out[m,n] = a[m,k] b[k,n] by its dataflow, plus rows + columns - 2",
            "lanes: elements x passes / lanes; a unit's latency delays what waits for its result",
            "a tensor from memory is written to its buffer, one to memory is read from it",
            "layers one after another; scope `model` adds the linear operators of every layer"};
}

std::vector<std::string_view> engine_not_modelled() {
    return {"network on chip, control, instruction fetch", "bank conflicts in buffers",
            "zeros that save energy in a dense array", "overlap of two layers"};
}

}  // namespace attohm
