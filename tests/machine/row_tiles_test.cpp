#include <catch2/catch.hpp>

#include <numeric>

#include "src/machine/cost_engine.hpp"
#include "src/machine/plans/chained_plan.hpp"
#include "src/machine/plans/row_tiles.hpp"
#include "tests/machine/engine_cases.hpp"
#include "tests/machine/engine_chains.hpp"
#include "tests/machine/random_work.hpp"

/// Heads cut by query rows: nothing is lost, nothing held beyond the buffer, nothing spilled.
using namespace attohm;
using attohm::test::EngineCases;

namespace {

/// Prediction, pack and attention over kept pairs, as Sanger's.
OpList packed_ops(const HeadShape& s, std::int64_t kept) {
    const std::int64_t m = s.valid_q, n = s.valid_k, d = s.d;
    OpBuilder build(Stage::selection, 8);
    const TensorId q = build.input(TensorRole::q, m * d);
    const TensorId k = build.input(TensorRole::k, n * d);
    const TensorId v = build.input(TensorRole::v, n * s.dv);
    const TensorId k4 =
        build.step(OpKind::quantise, "k4", {n, d}, {k}, dense_tensor(TensorRole::k, n * d, 4));
    const TensorId l4 = build.step(OpKind::matmul, "L4", {m, n, d}, {q, k4},
                                   build.tensor(TensorRole::score, m * n));
    const TensorId p4 = build.step(OpKind::softmax, "softmax4", {m, n}, {l4},
                                   build.tensor(TensorRole::probability, m * n));
    const TensorId mask =
        build.step(OpKind::compare, "mask", {m, n}, {p4}, dense_tensor(TensorRole::mask, m * n, 1));
    TensorInfo list = dense_tensor(TensorRole::index, m * n, 8);
    list.stored = kept;
    const TensorId packed = build.step(OpKind::pack, "pack", {m, n}, {mask}, list, kept);
    build.set_stage(Stage::attention);
    TensorInfo scores = build.tensor(TensorRole::score, m * n);
    scores.stored = kept;
    const TensorId l = build.step(OpKind::matmul, "L", {m, n, d}, {q, k, packed}, scores, kept * d);
    const TensorId p = build.step(OpKind::softmax, "softmax", {m, n}, {l}, scores, kept);
    build.step(OpKind::matmul, "A", {m, s.dv, n}, {p, v, packed},
               build.tensor(TensorRole::output, m * s.dv), kept * s.dv);
    return build.finish();
}

struct CutCase {
    OpList list;
    std::int64_t rows = 1;
    std::vector<std::int64_t> kept_begin;
};

CutCase random_cut(EngineCases& random) {
    HeadShape shape = test::plain_shape(static_cast<int>(random.between(2, 40)), 8);
    shape.valid_k = shape.n_k = static_cast<int>(random.between(1, 40));
    shape.allowed_pairs = std::int64_t{shape.valid_q} * shape.valid_k;
    CutCase c;
    c.rows = shape.valid_q;
    if (random.chance(0.5)) {
        c.list = dense_attention_ops(shape, 8, random.chance(0.5));
        return c;
    }
    c.kept_begin = {0};
    for (std::int64_t row = 0; row < c.rows; ++row)
        c.kept_begin.push_back(c.kept_begin.back() + random.between(0, shape.valid_k));
    c.list = packed_ops(shape, c.kept_begin.back());
    return c;
}

std::vector<PlacedList> tiles_of(const Engine& engine, const CutCase& c, std::int64_t rows) {
    const RowCut cut(c.list, c.rows, c.kept_begin);
    REQUIRE(cut.possible());
    std::vector<PlacedList> tiles;
    for (std::int64_t from = 0; from < c.rows; from += rows)
        tiles.push_back(
            place_rows(engine, "random", cut, {from, std::min(from + rows, c.rows)}, true));
    return tiles;
}

/// An engine that does whatever the lists above need.
Engine able_engine(EngineCases& random) {
    Engine engine = random.engine();
    engine.units[1].does = {OpKind::softmax, OpKind::quantise, OpKind::compare, OpKind::pack};
    return engine;
}

}  // namespace

TEST_CASE("The tiles of a head together are the head", "[property]") {
    EngineCases random(21);
    for (int i = 0; i < 300; ++i) {
        const Engine engine = able_engine(random);
        const CutCase c = random_cut(random);
        const PlacedList whole = place(engine, "random", c.list, true);
        const auto tiles = tiles_of(engine, c, random.between(1, c.rows));
        for (std::size_t op = 0; op < whole.ops.size(); ++op) {
            std::int64_t operations = 0, useful = 0, rows = 0;
            for (const PlacedList& tile : tiles) {
                operations += tile.ops[op].operations;
                useful += tile.ops[op].useful;
                rows += tile.ops[op].rows;
                CHECK(tile.ops[op].useful <= tile.ops[op].operations);
            }
            INFO(whole.list.ops[op].name);
            CHECK(operations == whole.ops[op].operations);
            CHECK(useful == whole.ops[op].useful);
            CHECK(rows == whole.ops[op].rows);
        }
        for (std::size_t t = 0; t < whole.list.tensors.size(); ++t) {
            std::int64_t load = 0, store = 0, bits = 0;
            for (const PlacedList& tile : tiles) {
                load += tile.load_bits[t];
                store += tile.store_bits[t];
                bits += tile.of_head[t] ? 0 : tile.list.tensors[t].total_bits();
            }
            CHECK(load == whole.load_bits[t]);
            CHECK(store == whole.store_bits[t]);
            if (!tiles.front().of_head[t]) CHECK(bits == whole.list.tensors[t].total_bits());
        }
        // A tile's kept pairs are those of its rows.
        if (c.kept_begin.empty()) continue;
        const std::int64_t rows = random.between(1, c.rows);
        const RowCut cut(c.list, c.rows, c.kept_begin);
        const OpList first = cut.tile({0, rows});
        CHECK(first.ops.back().nonzeros == c.kept_begin[static_cast<std::size_t>(rows)] * 8);
    }
}

TEST_CASE("A list whose operators have other rows than the queries is not cut", "[unit]") {
    OpBuilder build(Stage::attention, 8);
    const TensorId q = build.input(TensorRole::q, 6 * 4);
    const TensorId k = build.input(TensorRole::k, 6 * 4);
    build.step(OpKind::matmul, "K Q^T", {5, 6, 4}, {k, q}, build.tensor(TensorRole::score, 5 * 6));
    const OpList list = build.finish();
    CHECK_FALSE(RowCut(list, 6, {}).possible());
    CHECK(RowCut(list, 6, {}).tile({0, 6}) == list);
}

TEST_CASE("Tiles in a pipeline hold what the plan says and no more, tensor by tensor",
          "[property]") {
    EngineCases random(22);
    for (int i = 0; i < 200; ++i) {
        const Engine engine = able_engine(random);
        const CutCase c = random_cut(random);
        const std::int64_t rows = random.between(1, c.rows);
        const std::int64_t heads = random.between(1, 4);
        const std::vector<PlacedList> of_one = tiles_of(engine, c, rows);
        std::vector<PlacedList> tiles;
        std::vector<std::int64_t> head_of;
        for (std::int64_t head = 0; head < heads; ++head)
            for (const PlacedList& tile : of_one) {
                tiles.push_back(tile);
                head_of.push_back(head);
            }
        const int slots = static_cast<int>(random.between(1, 2));
        const ChainedShape shape =
            chained_shape(engine, tiles, slots, static_cast<std::int64_t>(of_one.size()));
        const auto tasks = test::chain_tasks(engine, tiles.front(), shape);
        std::vector<std::vector<std::int64_t>> cycles;
        std::vector<std::vector<reference::HeldTensor>> tensors;
        for (std::size_t tile = 0; tile < tiles.size(); ++tile) {
            cycles.push_back(test::task_cycles(engine, tiles[tile]));
            tensors.emplace_back();
            for (std::size_t t = 0; t < tiles[tile].list.tensors.size(); ++t)
                tensors.back().push_back({tiles[tile].of_head[t] ? head_of[tile] : -1,
                                          tiles[tile].list.tensors[t].total_bits()});
        }
        const auto walked = reference::walk_chain(
            tasks, shape.copies, static_cast<int>(memory_resource(engine)) + 1, cycles);
        const std::int64_t held = reference::walk_held_bits(tasks, walked, tensors);
        CHECK(held <= shape.held_bits.front());
        CHECK(simulate(chained_schedule(engine, tiles, shape, 1)).cycles >= walked.back().end);
    }
}

TEST_CASE("A head of two tiles, worked by hand", "[unit]") {
    // 4 x 4 elements that hold outputs, 4 lanes, a byte per cycle. A head of 8 queries and 4 keys
    // of width 4: a tile of 4 queries loads 16 bytes, takes 4 + 6 cycles for each product and 4 for
    // its softmax, stores 16 bytes; keys and values come with the first.
    EngineCases random(23);
    Engine engine = able_engine(random);
    EngineUnit& array = engine.units[0];
    array.rows = array.columns = 4;
    array.macs_per_pe = 1;
    array.dataflow = Dataflow::output;
    engine.units[1].lanes = 4;
    engine.units[1].passes = 1;
    engine.units[1].latency_cycles = 0;
    engine.buffers[0].bits_per_cycle = 0;
    engine.memory = std::make_shared<Memory>(BandwidthMemory(1e9, std::nullopt));
    CutCase c;
    HeadShape shape = test::plain_shape(8, 4);
    shape.valid_k = shape.n_k = 4;
    shape.allowed_pairs = 32;
    c.list = dense_attention_ops(shape, 8);
    c.rows = 8;
    const auto tiles = tiles_of(engine, c, 4);
    REQUIRE(tiles.size() == 2);
    const ChainedShape chained = chained_shape(engine, tiles, 2, 2);
    // memory: q k v (48), q of the second tile (64), store (84 to 100), store (to 116)
    // array: L 32 to 42, L 64 to 74, A 74 to 84, A 84 to 94; lanes: 42 to 46, 74 to 78
    const ScheduleTimes times = simulate(chained_schedule(engine, tiles, chained, 1));
    CHECK(times.cycles == 116);
    CHECK(times.resources[0].busy == 40);
    CHECK(times.resources[1].busy == 8);
    CHECK(times.resources[memory_resource(engine)].busy == 96);
    // q: 2 copies of a tile's 16 elements, scores 2, p 3 (used a tile later), out 2; k and v are of
    // the head: ceil((2 - 1) / 2) + 1 and ceil((3 - 1) / 2) + 1 of 16.
    CHECK(chained.held_bits[0] == 8 * (2 * 16 + 2 * 16 + 3 * 16 + 2 * 16 + 2 * 16 + 2 * 16));
}

TEST_CASE("Sanger's plan cuts heads by rows and spills nothing where a tile fits", "[unit]") {
    // A head of DeiT on 200 KB: its scores do not fit in several copies, those of a tile do.
    const Machine machine = load_machine("sanger-64x65");
    const HeadShape shape = test::plain_shape(197, 64);
    test::HeadCase head = test::head_case(test::random_selection(shape, 0.25, 0.5, 5));
    head.work.ops = packed_ops(shape, head.work.kept_pairs);
    const PlanEntry* plan = find_plan("sanger", MachineKind::engine);
    REQUIRE(plan != nullptr);
    const auto planner = plan->make(machine, {});
    planner->head(head.work, head.selection);
    const Tally tally = planner->finish().front();
    for (const TensorRole role :
         {TensorRole::score, TensorRole::probability, TensorRole::mask, TensorRole::index})
        CHECK(tally[role] == Traffic{});
    for (const TensorRole role : {TensorRole::q, TensorRole::k, TensorRole::v})
        CHECK(tally[role] == Traffic{197 * 64 * 8, 0});
    CHECK(tally[TensorRole::output] == Traffic{0, 197 * 64 * 8});
    // Kept pairs are multiplied once each, whatever the tiles.
    const Engine& engine = *machine.engine();
    const int array = 0;
    REQUIRE(engine.units[0].name == "array");
    CHECK(tally.counted(unit_op(array, OpKind::matmul, 8)) ==
          197 * 197 * 64 + 2 * head.work.kept_pairs * 64);
}
