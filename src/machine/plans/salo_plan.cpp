#include <algorithm>
#include <memory>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/engine_planner.hpp"
#include "src/machine/plans/released_planner.hpp"
#include "src/machine/plans/special_plans.hpp"

/// SALO: tiles of queries x window offsets; scores, exponentials, row sums, normalisation and
/// weighted sums follow each other in the same elements.
namespace attohm {

namespace {

const EngineUnit& array_of(const Engine& engine) {
    Operator product;
    product.kind = OpKind::matmul;
    const int unit = engine.unit_for(product);
    if (unit < 0 || engine.units[static_cast<std::size_t>(unit)].kind != EngineUnit::Kind::array)
        throw UserError("SALO's plans need an array", engine.where, "none",
                        "a machine such as salo-32x32");
    return engine.units[static_cast<std::size_t>(unit)];
}

bool starts_with(const Operator& op, std::string_view word) {
    return op.name.substr(0, word.size()) == word;
}

/// Cycles of one tile up to its weights: scores, exponential, sum along the row, normalisation.
std::int64_t weight_cycles(const EngineUnit& array, std::int64_t d) {
    return d + 1 + 1 + array.columns + 1;
}

/// What streams through the array for one layer: tiles of `rows` queries of one head after another.
struct SaloStream {
    std::int64_t tiles = 0;
    std::int64_t load_bits = 0;
    std::int64_t store_bits = 0;
    std::int64_t array = 0;  ///< cycles of all tiles
    std::int64_t merge = 0;
    int merge_unit = -1;
};

class SaloPlanner final : public EnginePlanner {
  public:
    SaloPlanner(const Machine& machine, const PlanOptions& options)
        : EnginePlanner(machine, options) {
        (void)array_of(engine_);
    }

  private:
    HeadJob job_of(const HeadWork& work, const Selection&) override {
        require_own_operators(work.ops, {"merge"}, "salo", engine_);
        if (!work.ops.empty()) shapes_.push_back(work.shape);
        return {work.ops, work.shape.first_of_kv_head, 1, {}};
    }
    void refine(PlacedList& placed, std::span<const std::int64_t>) const override {
        const EngineUnit& array = array_of(engine_);
        for (std::size_t i = 0; i < placed.ops.size(); ++i) {
            const Operator& op = placed.list.ops[i];
            PlacedOp& out = placed.ops[i];
            out.operations = op.nonzeros;
            const bool scores = starts_with(op, "L "), sums = starts_with(op, "A ");
            if (op.kind == OpKind::softmax) {
                out.cycles = 0;
                std::fill(out.read_bits.begin(), out.read_bits.end(), 0);
                std::fill(out.write_bits.begin(), out.write_bits.end(), 0);
            }
            if (!scores && !sums) continue;
            // Scores and weights stay in the elements.
            const TensorId inside = scores ? op.output : op.inputs[0];
            const auto buffer =
                static_cast<std::size_t>(placed.buffers[static_cast<std::size_t>(inside)]);
            (scores ? out.write_bits : out.read_bits)[buffer] = 0;
            out.cycles = tiles(op, scores ? op.n : op.k, array) *
                         (scores ? weight_cycles(array, op.k) : op.n);
        }
    }
    /// One global key and one global query have elements of their own beside every tile; each
    /// further one takes passes over the array.
    std::int64_t tiles(const Operator& op, std::int64_t keys, const EngineUnit& array) const {
        if (op.name.ends_with("global keys"))
            return ceil_div(op.m, array.rows) * ceil_div(keys - 1, array.columns);
        if (op.name.ends_with("global queries"))
            return ceil_div(op.m - 1, array.rows) * ceil_div(keys, array.columns);
        return ceil_div(op.m, array.rows) * ceil_div(keys, array.columns);
    }
    HeadWork step_of(const HeadWork&, std::int64_t) const override {
        throw UserError("plan `salo` cannot take queries one by one", "phase", "decode",
                        "prefill: rows of the array are many queries");
    }
    LayerPlan plan_layer(std::span<const HeadJob>, std::span<const PlacedList> heads) override {
        const std::vector<HeadShape> shapes = std::exchange(shapes_, {});
        LayerPlan plan;
        plan.tally = once_through(engine_, heads, options_.batch);
        SaloStream stream;
        for (std::size_t h = 0; h < heads.size(); ++h)
            add_head(heads[h], shapes[h], stream, plan.tally);
        plan.times = simulate(schedule(stream));
        set_useful(heads, options_.batch, plan.times);
        return plan;
    }

    /// Keys and values of a window that does not fit on chip come again for every tile.
    std::int64_t reloaded_bits(const PlacedList& head, const HeadShape& shape, TensorRole role,
                               std::int64_t width) const {
        const EngineUnit& array = array_of(engine_);
        std::int64_t keys = 0;
        for (const Operator& op : head.list.ops)
            if (op.name == "L window")
                keys = std::min<std::int64_t>(op.n + array.rows, shape.valid_k);
        const int bits = head.list.ops.front().bits;
        const int buffer = engine_.buffer_for(role);
        const std::int64_t room =
            buffer < 0 ? 0 : engine_.buffers[static_cast<std::size_t>(buffer)].bits;
        if (keys * width * bits <= room) return 0;
        const std::int64_t all = ceil_div(shape.valid_q, array.rows) * keys;
        return std::max<std::int64_t>(0, all - shape.valid_k) * width * bits;
    }
    void add_head(const PlacedList& head, const HeadShape& shape, SaloStream& stream,
                  Tally& tally) const {
        stream.tiles += ceil_div(shape.valid_q, array_of(engine_).rows);
        for (const std::int64_t bits : head.load_bits) stream.load_bits += bits;
        for (const std::int64_t bits : head.store_bits) stream.store_bits += bits;
        const std::pair<TensorRole, int> streamed[] = {{TensorRole::k, shape.d},
                                                       {TensorRole::v, shape.dv}};
        for (const auto& [role, width] : streamed) {
            const std::int64_t again = reloaded_bits(head, shape, role, width);
            stream.load_bits += again;
            count_traffic(engine_, role, again * options_.batch, ceil_div(again, 8), false, tally);
        }
        for (const PlacedOp& op : head.ops) {
            if (engine_.units[static_cast<std::size_t>(op.unit)].kind == EngineUnit::Kind::array)
                stream.array += op.cycles;
            if (op.kind != OpKind::multiply) continue;
            stream.merge += op.cycles;
            stream.merge_unit = op.unit;
        }
    }
    /// Load, compute, merge, store, tile after tile; a tile is loaded while the one before it is
    /// computed, and stored while the one after it is merged.
    Schedule schedule(const SaloStream& stream) const {
        const auto memory = static_cast<ResourceId>(memory_resource(engine_));
        Operator product;
        product.kind = OpKind::matmul;
        const auto array = static_cast<ResourceId>(engine_.unit_for(product));
        const auto cycles = [&](std::int64_t bits, bool write) {
            const std::int64_t bytes = ceil_div(ceil_div(bits, stream.tiles), 8);
            return engine_.memory_cycles({bytes, bytes, write});
        };
        TaskLoop loop;
        loop.body = {
            Task{.resource = memory, .cycles = cycles(stream.load_bits, false), .after = {{1, 2}}},
            Task{.resource = array,
                 .cycles = ceil_div(stream.array, stream.tiles),
                 .after = {{0, 0}}},
            Task{.resource = static_cast<ResourceId>(std::max(0, stream.merge_unit)),
                 .cycles = ceil_div(stream.merge, stream.tiles),
                 .after = {{1, 0}}},
            Task{.resource = memory, .cycles = cycles(stream.store_bits, true), .after = {{2, 2}}}};
        loop.repeat = stream.tiles * options_.batch;
        Schedule schedule;
        schedule.resources = memory_resource(engine_) + 1;
        schedule.loops.push_back(std::move(loop));
        return schedule;
    }

    std::vector<HeadShape> shapes_;
};

/// performance_model.py of github.com/sjtu-zhao-lab/SALO at 07252a8: per layer
///     iterations = ceil(N / rows) ceil(w / columns) H
///     cycles = iterations (d + 1 + 1 + columns + 1 + d) + iterations - 1 + columns
class SaloReleasedPlanner final : public ReleasedPlanner {
  public:
    SaloReleasedPlanner(const Machine& machine, const PlanOptions& options)
        : ReleasedPlanner(machine, options, "salo-released", Covers::attention) {
        (void)array_of(engine());
    }

  private:
    ReleasedCycles attention(std::span<const HeadWork> heads) const override {
        const EngineUnit& array = array_of(engine());
        const HeadShape& shape = heads.front().shape;
        const Operator* window = find(heads.front().ops, "L window");
        if (window == nullptr)
            refuse("knows windows only", fmt::format("layer {} without one", shape.layer),
                   "operators of scheme salo");
        const std::int64_t iterations = ceil_div(shape.n_q, array.rows) *
                                        ceil_div(window->n, std::int64_t{array.columns}) *
                                        static_cast<std::int64_t>(heads.size());
        const std::int64_t d = shape.d;
        return {iterations * (weight_cycles(array, d) + d) + iterations - 1 + array.columns, 0};
    }
};

template <class PlannerType>
std::unique_ptr<Planner> make(const Machine& machine, const PlanOptions& options) {
    return std::make_unique<PlannerType>(machine, options);
}

}  // namespace

PlanEntry salo_plan() {
    return {
        "salo",
        "tiles of queries x window offsets, every stage in the same elements",
        engine_rules("a tile of rows queries x columns offsets takes d + 1 + 1 + columns + 1 "
                     "cycles to its weights and dv to its sums; one global key and one global "
                     "query run beside the tiles, further ones take passes; passes of a row "
                     "are merged by lanes beside the array; scores stay in the elements; keys and "
                     "values of a window that does not fit on chip come again for every tile"),
        engine_not_modelled(),
        MachineKind::engine,
        {CostScope::attention, CostScope::model},
        make<SaloPlanner>};
}

PlanEntry salo_released_plan() {
    return {"salo-released",
            "the cycle model released with SALO, as it is",
            {"a layer: iterations (2 d + columns + 3) + iterations - 1 + columns, iterations = "
             "ceil(N / rows) ceil(window / columns) H"},
            released_not_modelled("memory, passes of global tokens, merging of windows, and "
                                  "everything but attention"),
            MachineKind::engine,
            {CostScope::attention},
            make<SaloReleasedPlanner>};
}

}  // namespace attohm
