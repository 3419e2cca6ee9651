#include <catch2/catch.hpp>

#include "src/machine/plans/engine_planner.hpp"
#include "src/machine/plans/operator_plan.hpp"
#include "src/machine/plans/special_plans.hpp"
#include "tests/machine/engine_cases.hpp"
#include "tests/machine/random_work.hpp"

/// Operator by operator and FLAT, worked by hand: what is paid is paid once.
using namespace attohm;
using attohm::test::EngineCases;

namespace {

/// 4 x 4 elements that hold outputs, 4 lanes, a byte per cycle, one buffer.
Engine plain_engine(std::int64_t buffer_bytes, int slots) {
    EngineCases random(31);
    Engine engine = random.engine();
    EngineUnit& array = engine.units[0];
    array.rows = array.columns = 4;
    array.macs_per_pe = 1;
    array.dataflow = Dataflow::output;
    for (EngineUnit& unit : engine.units)
        if (unit.kind == EngineUnit::Kind::lanes) {
            unit.lanes = 4;
            unit.passes = 1;
            unit.latency_cycles = 0;
        }
    engine.buffers[0].bits = 8 * buffer_bytes;
    engine.buffers[0].slots = slots;
    engine.buffers[0].bits_per_cycle = 0;
    engine.memory = std::make_shared<Memory>(BandwidthMemory(1e9, std::nullopt));
    return engine;
}

Traffic of_role(const OperatorOrder& order, const OpList& list, TensorRole role) {
    Traffic sum;
    for (std::size_t t = 0; t < list.tensors.size(); ++t)
        if (list.tensors[t].role == role) {
            sum.read_bits += order.traffic[t].read_bits;
            sum.written_bits += order.traffic[t].written_bits;
        }
    return sum;
}

}  // namespace

TEST_CASE("A tensor that an operator takes twice comes once", "[unit]") {
    const Engine engine = plain_engine(1 << 20, 2);
    OpBuilder build(Stage::attention, 8);
    const TensorId q = build.input(TensorRole::q, 8 * 8);
    const TensorId squared =
        build.step(OpKind::multiply, "q q", {8, 8}, {q, q}, build.tensor(TensorRole::state, 64));
    build.step(OpKind::matmul, "q q^T", {8, 8, 8}, {q, q}, build.tensor(TensorRole::score, 64));
    build.step(OpKind::add, "sum", {8, 8}, {squared, squared},
               build.tensor(TensorRole::output, 64));
    OpList list = build.finish();
    list.tensors[2].to_memory = true;
    const std::vector<PlacedList> heads = {place(engine, "plain", list, true)};
    const OperatorOrder order = operator_order(engine, heads, 1, 0.0);
    // Each of the two operators that read q fetches it; each result goes out and, used, comes back.
    CHECK(of_role(order, list, TensorRole::q) == Traffic{2 * 64 * 8, 0});
    CHECK(of_role(order, list, TensorRole::state) == Traffic{64 * 8, 64 * 8});
    CHECK(of_role(order, list, TensorRole::output) == Traffic{0, 64 * 8});
}

TEST_CASE("A unit's latency is paid once per operator, whatever the slots", "[unit]") {
    for (const int slots : {1, 2}) {
        Engine engine = plain_engine(1 << 20, slots);
        engine.units[1].latency_cycles = 90;
        OpBuilder build(Stage::attention, 8);
        const TensorId q = build.input(TensorRole::q, 16);
        build.step(OpKind::softmax, "softmax", {4, 4}, {q}, build.tensor(TensorRole::output, 16));
        const std::vector<PlacedList> heads = {place(engine, "plain", build.finish(), true)};
        // 16 bytes in, 4 cycles of lanes, 90 until the result is there, 16 bytes out.
        const ScheduleTimes times = simulate(operator_order(engine, heads, 1, 0.0).schedule);
        CHECK(times.cycles == 16 + 4 + 90 + 16);
    }
}

namespace {

std::vector<HeadShape> grouped(int query_heads, int share, int tokens) {
    std::vector<HeadShape> heads;
    for (int h = 0; h < query_heads; ++h) {
        HeadShape shape = test::plain_shape(tokens, 8);
        shape.head = h;
        shape.kv_head = h / share;
        shape.first_of_kv_head = h % share == 0;
        heads.push_back(shape);
    }
    return heads;
}

}  // namespace

TEST_CASE("FLAT fetches K and V once for the query heads of a kv head", "[unit]") {
    // A slow memory: time is traffic. 4 query heads of 16 queries and keys, width 8: q 128 bytes,
    // k and v 256, out 128 per head.
    const Engine engine = plain_engine(1 << 20, 2);
    const auto cycles = [&](int share) {
        const auto heads = grouped(4, share, 16);
        const FlatTiling tiling = best_flat_tiling(engine, "plain", heads, 8, 1);
        CHECK(tiling.reload_bits == 0);
        CHECK(tiling.spill_bits == 0);
        return tiling.cycles;
    };
    CHECK(cycles(1) >= 4 * (128 + 256 + 128));
    CHECK(cycles(4) >= 4 * (128 + 128) + 256);
    CHECK(cycles(1) > cycles(2));
    CHECK(cycles(2) > cycles(4));

    // Too small for K and V beside the scores: they are streamed, but not for a kv head's first
    // tile.
    const Engine small = plain_engine(700, 2);
    for (const int share : {1, 2, 4}) {
        const auto heads = grouped(4, share, 16);
        const FlatTiling tiling = best_flat_tiling(small, "plain", heads, 8, 1);
        const std::int64_t over = tiling.live_elements * 8 - small.buffer_bits();
        const std::int64_t streamed =
            std::min<std::int64_t>(std::max<std::int64_t>(0, over), 256 * 8);
        CHECK(tiling.reload_bits == streamed * (tiling.tiles - 4 / share));
    }
}
