#include "src/machine/plans/engine_planner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/chained_plan.hpp"
#include "src/machine/plans/even_cuts.hpp"
#include "src/machine/plans/operator_plan.hpp"
#include "src/machine/plans/row_tiles.hpp"
#include "src/machine/plans/special_plans.hpp"
#include "src/work/linear_work.hpp"

namespace attohm {

EnginePlanner::EnginePlanner(const Machine& machine, const PlanOptions& options)
    : own_(*machine.engine()),
      machine_(machine),
      engine_(own_),
      options_(options),
      totals_(kCostScopes, Tally(memory_resource(engine_) + 1)) {}

void EnginePlanner::head(const HeadWork& work, const Selection& selection) {
    if (options_.phase == Phase::decode) {
        if (work.shape.valid_q == 0 || work.shape.valid_k == 0) return;
        causal_.push_back(step_of(work, work.shape.valid_k));
        causal_.back().shape = work.shape;
        return;
    }
    if (work.shape.layer != layer_) close_layer();
    layer_ = work.shape.layer;
    HeadJob job = job_of(work, selection);
    if (!job.ops.empty()) jobs_.push_back(std::move(job));
}

void EnginePlanner::layer(const LayerWork& work) {
    if (options_.phase == Phase::decode) {
        if (!work.ops.empty()) linear_.push_back(work);
        return;
    }
    close_layer();
    if (work.ops.empty()) return;
    // One product over the rows of the whole batch: its weights are read once for all of them.
    const PlacedList placed =
        place(engine_, machine_.name, batched_rows(work.ops, options_.batch), true);
    add(work.layer, plan_linear(placed), false);
}

void EnginePlanner::close_layer() {
    // Heads of other operators (masked beside dense ones) are planned group by group, one after the
    // other; not modelled: both at once.
    for (std::vector<HeadJob> left = std::move(jobs_); !left.empty();) {
        std::vector<HeadJob> group, others;
        std::vector<PlacedList> heads;
        for (HeadJob& job : left) {
            PlacedList head = std::move(tiles_of(job, job.rows).front());
            const bool same = heads.empty() || same_structure(head, heads.front());
            if (same) heads.push_back(std::move(head));
            (same ? group : others).push_back(std::move(job));
        }
        add(layer_, plan_layer(group, heads), true);
        left = std::move(others);
    }
    jobs_.clear();
}

std::vector<PlacedList> EnginePlanner::tiles_of(const HeadJob& job, std::int64_t rows) const {
    const RowCut cut(job.ops, job.rows, job.kept_begin);
    std::vector<PlacedList> tiles;
    if (rows < job.rows && !cut.possible()) return tiles;
    for (RowRange range{0, 0}; range.to < job.rows;) {
        range = {range.to, std::min(range.to + rows, job.rows)};
        tiles.push_back(place_rows(engine_, machine_.name, cut, range, job.loads_kv));
        std::span<const std::int64_t> kept = job.kept_begin;
        if (!kept.empty())
            kept = kept.subspan(static_cast<std::size_t>(range.from),
                                static_cast<std::size_t>(range.rows()) + 1);
        refine(tiles.back(), kept);
    }
    return tiles;
}

std::vector<std::int64_t> EnginePlanner::least_cycles(std::span<const HeadJob> jobs) const {
    std::vector<std::int64_t> least(engine_.units.size(), 0);
    for (const HeadJob& job : jobs) {
        const RowCut cut(job.ops, job.rows, job.kept_begin);
        if (!cut.possible() || job.rows < 2) continue;
        // One row without kept pairs, not the first, which also does what belongs to the head.
        PlacedList row = place_rows(engine_, machine_.name, cut, {1, 2}, false);
        const std::int64_t none[] = {0, 0};
        if (!job.kept_begin.empty()) refine(row, none);
        for (const PlacedOp& op : row.ops) least[static_cast<std::size_t>(op.unit)] += op.cycles;
    }
    return least;
}

LayerPlan EnginePlanner::best_of_orders(std::span<const HeadJob> jobs,
                                        std::span<const PlacedList> heads) const {
    if (options_.memory == nullptr) return search_orders(jobs, heads);
    if (std::optional<LayerPlan> known = options_.memory->recall(jobs)) return std::move(*known);
    LayerPlan plan = search_orders(jobs, heads);
    options_.memory->keep(jobs, plan);
    return plan;
}

LayerPlan EnginePlanner::search_orders(std::span<const HeadJob> jobs,
                                       std::span<const PlacedList> heads) const {
    std::int64_t rows = jobs.front().rows;
    for (const HeadJob& job : jobs) rows = std::min(rows, job.rows);
    const auto cut = [&](std::int64_t at_most) {
        std::vector<PlacedList> all;
        for (const HeadJob& job : jobs) {
            std::vector<PlacedList> tiles = tiles_of(job, at_most);
            if (tiles.empty()) return tiles;
            std::move(tiles.begin(), tiles.end(), std::back_inserter(all));
        }
        return all;
    };
    return best_order(engine_, heads, options_.batch, rows, {cut, least_cycles(jobs)});
}

void EnginePlanner::add(int layer, const LayerPlan& plan, bool attention, std::int64_t repeats) {
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
    for (std::int64_t i = 0; i < repeats; ++i) {
        if (attention) totals_[static_cast<std::size_t>(CostScope::attention)] += tally;
        totals_[static_cast<std::size_t>(CostScope::model)] += tally;
    }
}

std::vector<Tally> EnginePlanner::finish() {
    if (options_.phase == Phase::decode) return decode();
    close_layer();
    layer_ = -1;
    std::vector<Tally> done = std::move(totals_);
    totals_.assign(kCostScopes, Tally(memory_resource(engine_) + 1));
    return done;
}

void require_own_operators(const OpList& ops, std::initializer_list<std::string_view> names,
                           std::string_view plan, const Engine& engine) {
    if (ops.empty()) return;
    for (const Operator& op : ops.ops)
        for (const std::string_view name : names)
            if (op.name == name) return;
    throw UserError(fmt::format("plan `{}` carries out its own scheme only", plan), engine.where,
                    fmt::format("a head that begins with `{}`", ops.ops.front().name),
                    fmt::format("operators of scheme {}", plan));
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

namespace {

/// Samples of a batch over which cuts are compared, tiles of a layer that a cut may have, cuts that
/// are compared over the whole batch.
constexpr std::int64_t kComparedTimes = 4;
constexpr std::int64_t kMostTiles = 4096;
constexpr std::size_t kFinalists = 3;

struct TileChoice {
    std::int64_t rows = 0;
    int slots = 0;
    std::int64_t cycles = 0;
};

std::optional<LayerPlan> chained_plan(const Engine& engine, std::span<const PlacedList> heads,
                                      int slots, std::int64_t tiles, std::int64_t times) {
    const ChainedShape shape = chained_shape(engine, heads, slots, tiles);
    if (!shape.fits) return std::nullopt;
    LayerPlan plan;
    plan.times = simulate(chained_schedule(engine, heads, shape, times));
    return plan;
}

/// Cuts compared so far, the best first.
class Finalists {
  public:
    void add(const TileChoice& choice) {
        const auto after = [](const TileChoice& a, const TileChoice& b) {
            return a.cycles < b.cycles;
        };
        best_.insert(std::upper_bound(best_.begin(), best_.end(), choice, after), choice);
        if (best_.size() > kFinalists) best_.pop_back();
    }
    /// Whether a cut that takes so many cycles or more has no chance.
    bool beat(std::int64_t cycles) const {
        return best_.size() == kFinalists && best_.back().cycles <= cycles;
    }
    const std::vector<TileChoice>& best() const { return best_; }

  private:
    std::vector<TileChoice> best_;
};

/// Cycles of the busiest unit.
std::int64_t busiest(const Engine& engine, std::span<const PlacedList> heads) {
    std::vector<std::int64_t> busy(engine.units.size(), 0);
    for (const PlacedList& head : heads)
        for (const PlacedOp& op : head.ops) busy[static_cast<std::size_t>(op.unit)] += op.cycles;
    return *std::max_element(busy.begin(), busy.end());
}

/// The cuts that take fewest cycles over a few samples, best first. No schedule is shorter than its
/// busiest unit's tasks, and every tile of a cut asks a unit for its least: what cannot be among
/// the best is not simulated, and not cut at all where all finer cuts share the fate.
std::vector<TileChoice> best_cuts(const Engine& engine, std::int64_t heads, std::int64_t times,
                                  std::int64_t rows, int most_slots, const TilesOfHeads& tiles) {
    const std::int64_t compared = std::min(times, kComparedTimes);
    const std::int64_t least =
        *std::max_element(tiles.least_cycles.begin(), tiles.least_cycles.end());
    Finalists finalists;
    even_cuts(rows, [&](std::int64_t tile_rows) {
        const std::int64_t count = ceil_div(rows, tile_rows);
        if (count == 1 || count * heads > kMostTiles) return;
        if (finalists.beat(compared * (count - 1) * least)) return;
        const std::vector<PlacedList> list = tiles.cut(tile_rows);
        if (list.empty() || finalists.beat(compared * busiest(engine, list))) return;
        for (int slots = most_slots; slots >= 1; --slots)
            if (const auto plan = chained_plan(engine, list, slots, count, compared))
                finalists.add({tile_rows, slots, plan->times.cycles});
    });
    return finalists.best();
}

}  // namespace

LayerPlan best_order(const Engine& engine, std::span<const PlacedList> heads, std::int64_t times,
                     std::int64_t rows, const TilesOfHeads& tiles) {
    std::optional<LayerPlan> best;
    const auto consider = [&](std::span<const PlacedList> list, int slots, std::int64_t count) {
        std::optional<LayerPlan> plan = chained_plan(engine, list, slots, count, times);
        if (!plan || !is_better(*plan, best)) return;
        plan->tally = once_through(engine, list, times);
        best = std::move(plan);
    };
    int most_slots = 2;
    for (const EngineBuffer& buffer : engine.buffers)
        most_slots = std::min(most_slots, buffer.slots);
    for (int slots = most_slots; slots >= 1; --slots) consider(heads, slots, 1);
    const bool whole_heads_fit = best.has_value();
    if (tiles.cut && rows > 1)
        for (const TileChoice& choice : best_cuts(engine, static_cast<std::int64_t>(heads.size()),
                                                  times, rows, most_slots, tiles))
            consider(tiles.cut(choice.rows), choice.slots, ceil_div(rows, choice.rows));
    if (!whole_heads_fit) {
        LayerPlan ordered = best_operator_order(engine, heads, times);
        if (is_better(ordered, best)) best = std::move(ordered);
    }
    return std::move(*best);
}

std::vector<std::string_view> engine_rules(std::string_view own) {
    return {own,
            "units, buffers' ports and the memory work in order, each on one task at a time",
            "array: tiles of out[m,n] = a[m,k] b[k,n] by its dataflow, plus rows + columns - 2",
            "lanes: elements x passes / lanes; a unit's latency delays what waits for its result",
            "a tensor from memory is written to its buffer, one to memory is read from it",
            "layers one after another; scope `model` adds the linear operators of every layer",
            "phase: decode: queries of causal heads one by one, each over the keys so far; nothing "
            "overlaps across queries; K and V (and, one row per sample, weights) come from memory "
            "at every step unless they fit on chip and keeping them takes no more cycles"};
}

std::vector<std::string_view> engine_not_modelled() {
    return {"network on chip, control, instruction fetch", "bank conflicts in buffers",
            "zeros that save energy in a dense array", "overlap of two layers"};
}

}  // namespace attohm
