#include <algorithm>
#include <array>
#include <optional>

#include "src/base/ceil_div.hpp"
#include "src/base/error.hpp"
#include "src/machine/plans/engine_planner.hpp"
#include "src/machine/plans/special_plans.hpp"
#include "src/work/op_builder.hpp"

/// FLAT: scores, softmax and weighted sum of a tile of query rows back to back on the same array;
/// scores never leave the chip.
namespace attohm {

std::string_view flat_grain_name(FlatGrain grain) {
    static constexpr std::array<std::string_view, 4> kNames = {"batch", "sample", "head", "rows"};
    return kNames.at(static_cast<std::size_t>(grain));
}

std::int64_t flat_live_elements(FlatGrain grain, std::int64_t batch, std::int64_t heads,
                                std::int64_t keys, std::int64_t width, std::int64_t rows) {
    const std::int64_t all = heads * width;
    switch (grain) {
        case FlatGrain::batch:
            return 8 * batch * all * keys + batch * heads * keys * keys;
        case FlatGrain::sample:
            return 8 * all * keys + heads * keys * keys;
        case FlatGrain::head:
            return 8 * keys * width + keys * keys;
        case FlatGrain::rows:
            return 4 * rows * width + 4 * keys * width + rows * keys;
    }
    throw InvariantError("no such grain");
}

namespace {

/// One tile on the engine: three operators over `rows` queries of each of `heads` heads.
struct FlatTile {
    PlacedList placed;
    std::int64_t heads = 1;   ///< heads in one tile
    std::int64_t load = 0;    ///< cycles per tile
    std::int64_t stream = 0;  ///< cycles per tile: keys and values read again
    std::int64_t store = 0;
};

HeadShape tile_shape(const HeadShape& head, std::int64_t rows) {
    HeadShape shape = head;
    shape.valid_q = shape.n_q = static_cast<int>(rows);
    // Dense rows: causality leaves nothing out of a tile that owns complete rows.
    shape.allowed_pairs = rows * shape.valid_k;
    return shape;
}

/// Array, lanes, array; the weighted sum of a tile runs after the scores of the next one, so that
/// the array does not wait for the softmax.
Schedule flat_schedule(const Engine& engine, const FlatTile& tile, std::int64_t tiles) {
    const auto memory = static_cast<ResourceId>(memory_resource(engine));
    const auto task = [&](std::size_t op) {
        const PlacedOp& placed = tile.placed.ops[op];
        Task t;
        t.resource = static_cast<ResourceId>(placed.unit);
        t.cycles = placed.cycles * tile.heads;
        t.useful = placed.useful * tile.heads;
        t.latency = engine.units[static_cast<std::size_t>(placed.unit)].latency_cycles;
        return t;
    };
    // 0 load, 1 stream of the keys and values that are not kept, 2 scores, 3 softmax, 4 weighted
    // sum of the tile before, 5 store of that. The stream runs beside the array's work on the tile.
    std::vector<Task> body = {Task{.resource = memory, .cycles = tile.load, .after = {{4, 1}}},
                              Task{.resource = memory, .cycles = tile.stream, .after = {{0, 0}}},
                              task(0),
                              task(1),
                              task(2),
                              Task{.resource = memory, .cycles = tile.store, .after = {{4, 0}}}};
    body[2].after = {{0, 0}, {1, 1}, {4, 1}};
    body[3].after = {{2, 0}};
    body[4].after = {{3, 1}, {5, 1}};
    const auto idle = [&](std::initializer_list<std::size_t> tasks) {
        TaskLoop loop;
        loop.body = body;
        for (const std::size_t t : tasks) loop.body[t].cycles = loop.body[t].useful = 0;
        return loop;
    };
    Schedule schedule;
    schedule.resources = memory_resource(engine) + 1;
    schedule.loops.push_back(idle({4, 5}));
    if (tiles > 1) {
        schedule.loops.push_back(idle({}));
        schedule.loops.back().repeat = tiles - 1;
        schedule.loops.back().entry = LoopEntry::continues;
    }
    schedule.loops.push_back(idle({0, 1, 2, 3}));
    schedule.loops.back().entry = LoopEntry::continues;
    return schedule;
}

class FlatSearch {
  public:
    FlatSearch(const Engine& engine, const std::string& machine, std::span<const HeadShape> heads,
               int bits, std::int64_t batch)
        : engine_(engine), machine_(machine), heads_(heads), bits_(bits), batch_(batch) {}

    FlatTiling best() {
        const HeadShape& head = heads_.front();
        std::optional<FlatTiling> best;
        const auto consider = [&](FlatGrain grain, std::int64_t rows) {
            const FlatTiling tiling = measure(grain, rows);
            if (!best || tiling.cycles < best->cycles) best = tiling;
        };
        for (std::int64_t rows = head.valid_q;; rows = ceil_div(rows, 2)) {
            consider(FlatGrain::rows, rows);
            if (rows == 1) break;
        }
        for (const EngineUnit& unit : engine_.units)
            for (std::int64_t rows = unit.rows; 0 < rows && rows < head.valid_q; rows *= 2)
                consider(FlatGrain::rows, rows);
        for (const std::int64_t kept_kv : {2, 0})
            if (const std::int64_t rows = most_rows(kept_kv); rows > 0)
                consider(FlatGrain::rows, rows);
        consider(FlatGrain::head, head.valid_q);
        consider(FlatGrain::sample, head.valid_q);
        consider(FlatGrain::batch, head.valid_q);
        return *best;
    }

    FlatTile tile(const FlatTiling& tiling) const {
        const HeadShape& head = heads_.front();
        FlatTile tile;
        tile.placed = place(engine_, machine_,
                            dense_attention_ops(tile_shape(head, tiling.rows), bits_), true);
        tile.heads = heads_per_tile(tiling.grain);
        const auto count = static_cast<std::int64_t>(heads_.size()) * batch_;
        const std::int64_t spill = tiling.spill_bits / 2;
        const std::int64_t reads = q_bits() * count + kv_bits() * kv_heads() * batch_ + spill;
        const std::int64_t writes = std::int64_t{head.valid_q} * head.dv * bits_ * count + spill;
        tile.load = ceil_div(cycles(reads, false), tiling.tiles);
        tile.stream = ceil_div(cycles(tiling.reload_bits, false), tiling.tiles);
        tile.store = ceil_div(cycles(writes, true), tiling.tiles);
        return tile;
    }

  private:
    std::int64_t heads_per_tile(FlatGrain grain) const {
        const auto heads = static_cast<std::int64_t>(heads_.size());
        return grain == FlatGrain::batch ? heads * batch_ : grain == FlatGrain::sample ? heads : 1;
    }
    std::int64_t q_bits() const {
        const HeadShape& h = heads_.front();
        return std::int64_t{h.valid_q} * h.d * bits_;
    }
    /// Of the layer; query heads of one kv head follow each other and find its K and V on chip.
    std::int64_t kv_heads() const {
        const auto firsts = std::count_if(heads_.begin(), heads_.end(),
                                          [](const HeadShape& h) { return h.first_of_kv_head; });
        return std::max<std::int64_t>(1, firsts);
    }
    /// The most rows that fit beside so many copies of K and V, cut evenly; 0: none do.
    std::int64_t most_rows(std::int64_t kept_kv) const {
        const HeadShape& h = heads_.front();
        const std::int64_t room = engine_.buffer_bits() - kept_kv * kv_bits();
        const std::int64_t rows = room / ((4 * h.d + std::int64_t{h.valid_k}) * bits_);
        if (rows < 1) return 0;
        const std::int64_t tiles = ceil_div(h.valid_q, std::min<std::int64_t>(rows, h.valid_q));
        return ceil_div(h.valid_q, tiles);
    }
    /// K and V of a head.
    std::int64_t kv_bits() const {
        const HeadShape& h = heads_.front();
        return std::int64_t{h.valid_k} * (h.d + h.dv) * bits_;
    }
    std::int64_t cycles(std::int64_t bits, bool write) const {
        const std::int64_t bytes = ceil_div(bits, 8);
        return engine_.memory_cycles({bytes, bytes, write});
    }

    FlatTiling measure(FlatGrain grain, std::int64_t rows) {
        const HeadShape& head = heads_.front();
        const auto heads = static_cast<std::int64_t>(heads_.size());
        FlatTiling tiling;
        tiling.grain = grain;
        tiling.rows = rows;
        tiling.tiles = ceil_div(head.valid_q, rows) * heads * batch_ / heads_per_tile(grain);
        tiling.live_elements = flat_live_elements(grain, batch_, heads, head.valid_k, head.d, rows);
        const bool is_of_one_head = grain == FlatGrain::rows || grain == FlatGrain::head;
        const std::int64_t in_all = kv_heads() * batch_;
        const std::int64_t per_tile =
            is_of_one_head ? 1 : kv_heads() * (grain == FlatGrain::batch ? batch_ : 1);
        const std::int64_t kv = kv_bits() * per_tile;
        const std::int64_t over =
            std::max<std::int64_t>(0, tiling.live_elements * bits_ - engine_.buffer_bits());
        // Keys and values (two copies of each) give way first: they are streamed for every tile
        // but those that fetch them, the first of each kv head.
        tiling.reload_bits = std::min(over, kv) * (tiling.tiles - in_all / per_tile);
        // Scores that still do not fit are written out and read back.
        tiling.spill_bits = 2 * std::max<std::int64_t>(0, over - 2 * kv) * tiling.tiles;
        tiling.cycles = simulate(flat_schedule(engine_, tile(tiling), tiling.tiles)).cycles;
        return tiling;
    }

    const Engine& engine_;
    const std::string& machine_;
    std::span<const HeadShape> heads_;
    int bits_;
    std::int64_t batch_;
};

/// Fused attention; linear operators as in every plan.
class FlatPlanner final : public EnginePlanner {
  public:
    using EnginePlanner::EnginePlanner;

  private:
    HeadJob job_of(const HeadWork& work, const Selection&) override {
        OpList ops = dense_attention_ops(work.shape, work.bits.q);
        if (ops.empty()) return {};
        shapes_.push_back(work.shape);
        bits_ = work.bits.q;
        return {std::move(ops), work.shape.first_of_kv_head, work.shape.valid_q, {}};
    }
    /// Its tile loops fetch K and V of every head anew.
    bool keeps_cache() const override { return false; }
    LayerPlan plan_layer(std::span<const HeadJob>, std::span<const PlacedList> heads) override {
        const std::vector<HeadShape> shapes = std::exchange(shapes_, {});
        FlatSearch search(engine_, machine_.name, shapes, bits_, options_.batch);
        const FlatTiling tiling = search.best();
        LayerPlan plan;
        plan.tally = once_through(engine_, heads, options_.batch);
        const std::int64_t spill = tiling.spill_bits / 2;
        const std::int64_t keys = share_of_keys(shapes.front(), tiling.reload_bits);
        reload(TensorRole::k, keys, plan.tally);
        reload(TensorRole::v, tiling.reload_bits - keys, plan.tally);
        for (const bool write : {false, true})
            count_traffic(engine_, TensorRole::score, spill, ceil_div(spill, 8), write, plan.tally);
        plan.times = simulate(flat_schedule(engine_, search.tile(tiling), tiling.tiles));
        set_useful(heads, options_.batch, plan.times);
        return plan;
    }

    static std::int64_t share_of_keys(const HeadShape& head, std::int64_t bits) {
        return bits / (head.d + head.dv) * head.d;
    }
    void reload(TensorRole role, std::int64_t bits, Tally& tally) const {
        count_traffic(engine_, role, bits, ceil_div(bits, 8), false, tally);
    }

    std::vector<HeadShape> shapes_;
    int bits_ = 0;
};

}  // namespace

FlatTiling best_flat_tiling(const Engine& engine, const std::string& machine,
                            std::span<const HeadShape> heads, int bits, std::int64_t batch) {
    ATTOHM_CHECK(!heads.empty());
    return FlatSearch(engine, machine, heads, bits, batch).best();
}

PlanEntry flat_plan() {
    return {"flat",
            "scores, softmax and weighted sum fused by tiles of complete rows, best grain and rows",
            engine_rules("tile: scores, softmax, weighted sum of `rows` queries; keys and values "
                         "that do not fit are read again per tile, scores are written and read "
                         "back"),
            engine_not_modelled(),
            MachineKind::engine,
            {CostScope::attention, CostScope::model},
            [](const Machine& machine, const PlanOptions& options) -> std::unique_ptr<Planner> {
                return std::make_unique<FlatPlanner>(machine, options);
            }};
}

}  // namespace attohm
