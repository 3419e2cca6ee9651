#include "src/machine/plans/released_planner.hpp"

#include <algorithm>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"

namespace attohm {

namespace {

int array_of(const Engine& engine, OpKind kind) {
    Operator product;
    product.kind = kind;
    return std::max(0, engine.unit_for(product));
}

Tally empty_tally(const Engine& engine) {
    return Tally(memory_resource(engine) + 1);
}

}  // namespace

ReleasedPlanner::ReleasedPlanner(const Machine& machine, const PlanOptions& options,
                                 std::string_view plan, Covers covers, OpKind product)
    : machine_(machine),
      plan_(plan),
      covers_(covers),
      batch_(options.batch),
      array_(array_of(*machine.engine(), product)),
      totals_(kCostScopes, empty_tally(*machine.engine())) {
    if (options.phase == Phase::decode)
        throw UserError(fmt::format("plan `{}` has no step of one query", plan_), "phase", "decode",
                        "prefill");
}

void ReleasedPlanner::refuse(const std::string& what, const std::string& got,
                             const std::string& allowed) const {
    throw UserError(fmt::format("plan `{}`: {}", plan_, what), engine().where, got, allowed);
}

const Operator* ReleasedPlanner::find(const OpList& ops, std::string_view name) {
    const auto found = std::find_if(ops.ops.begin(), ops.ops.end(),
                                    [name](const Operator& op) { return op.name == name; });
    return found == ops.ops.end() ? nullptr : &*found;
}

void ReleasedPlanner::head(const HeadWork& work, const Selection&) {
    if (!heads_.empty() && heads_.front().shape.layer != work.shape.layer) close_layer();
    if (!work.ops.empty()) heads_.push_back(work);
}

void ReleasedPlanner::layer(const LayerWork& work) {
    close_layer();
    if (work.ops.empty() || covers_ == Covers::attention) return;
    Tally counts = empty_tally(engine());
    count(work.ops, true, counts);
    const std::map<Stage, ReleasedCycles> cycles =
        last_heads_.empty() ? std::map<Stage, ReleasedCycles>{} : linear(work, last_heads_);
    totals_[static_cast<std::size_t>(CostScope::model)] += counts;
    for (const auto& [stage, part] : cycles) add(empty_tally(engine()), work.layer, stage, part);
}

void ReleasedPlanner::close_layer() {
    if (heads_.empty()) return;
    Tally counts = empty_tally(engine());
    for (const HeadWork& head : heads_) count(head.ops, head.shape.first_of_kv_head, counts);
    add(counts, heads_.front().shape.layer, Stage::attention, attention(heads_));
    last_heads_ = std::exchange(heads_, {});
}

void ReleasedPlanner::count(const OpList& ops, bool loads_kv, Tally& tally) const {
    PlacedList placed = place(engine(), machine_.name, ops, loads_kv);
    // Zeros are not paid for: these are models of sparse engines.
    for (std::size_t i = 0; i < placed.ops.size(); ++i)
        placed.ops[i].operations = ops.ops[i].nonzeros;
    count_ops(engine(), placed, 1, tally);
    for (const PlacedOp& op : placed.ops)
        tally.resources[static_cast<std::size_t>(op.unit)].useful += op.useful;
    for (std::size_t t = 0; t < ops.tensors.size(); ++t) {
        const TensorRole role = ops.tensors[t].role;
        for (const bool write : {false, true}) {
            const std::int64_t bits = (write ? placed.store_bits : placed.load_bits)[t];
            count_traffic(engine(), role, bits, ceil_div(bits, 8), write, tally);
        }
    }
}

void ReleasedPlanner::add(const Tally& counts, int layer, Stage stage,
                          const ReleasedCycles& cycles) {
    Tally tally = counts;
    tally.resources[static_cast<std::size_t>(array_)].busy += cycles.compute;
    tally.resources[memory_resource(engine())].busy += cycles.load;
    LayerUse use;
    use.layer = layer;
    use.cycles = std::max(cycles.compute, cycles.load);
    for (const ResourceUse& resource : tally.resources) use.busy.push_back(resource.busy);
    tally.add_layer(use);
    sums_[stage].compute += cycles.compute;
    sums_[stage].load += cycles.load;
    if (stage == Stage::attention) totals_[static_cast<std::size_t>(CostScope::attention)] += tally;
    totals_[static_cast<std::size_t>(CostScope::model)] += tally;
}

std::vector<Tally> ReleasedPlanner::finish() {
    close_layer();
    for (const auto& [stage, sum] : sums_) {
        const std::int64_t cycles = std::max(sum.compute, sum.load);
        for (const CostScope scope : {CostScope::attention, CostScope::model}) {
            if (scope == CostScope::attention && stage != Stage::attention) continue;
            Tally& tally = totals_[static_cast<std::size_t>(scope)];
            tally.latency_cycles += cycles;
            tally.latency_cycles_without_writes += cycles;
        }
    }
    std::vector<Tally> done = std::move(totals_);
    for (Tally& tally : done) {
        const Tally sample = tally;
        for (std::int64_t i = 1; i < batch_; ++i) tally += sample;
    }
    totals_.assign(kCostScopes, empty_tally(engine()));
    if (covers_ == Covers::attention) done.resize(1);
    sums_.clear();
    last_heads_.clear();
    return done;
}

std::vector<std::string_view> released_not_modelled(std::string_view own) {
    return {own,
            "anything that the released model leaves out: its cycles are reported as it gives "
            "them; joules and traffic are those of all operators"};
}

}  // namespace attohm
