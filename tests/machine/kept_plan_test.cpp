#include <catch2/catch.hpp>

#include "src/machine/cost_engine.hpp"
#include "src/machine/plans/engine_job.hpp"
#include "src/work/op_builder.hpp"
#include "tests/machine/random_work.hpp"

/// The plan of selections that go query by query: what they leave out takes no time and no energy.
using namespace attohm;

namespace {

/// What a selection really does.
struct Needed {
    std::int64_t macs;      ///< of its product
    std::int64_t compared;  ///< of its comparisons
};

/// A product and a comparison that may stop early, a list, weighted sums.
OpList stopping_ops(const HeadShape& s, std::int64_t kept, const Needed& needed) {
    const std::int64_t m = s.valid_q, n = s.valid_k, d = s.d;
    OpBuilder build(Stage::selection, 8);
    const TensorId q = build.input(TensorRole::q, m * d);
    const TensorId k = build.input(TensorRole::k, n * d);
    const TensorId v = build.input(TensorRole::v, n * s.dv);
    const TensorId scores = build.step(OpKind::matmul, "bits", {m, n, d}, {q, k},
                                       build.tensor(TensorRole::score, m * n), needed.macs);
    const TensorId mask = build.step(OpKind::compare, "stop", {m, n}, {scores},
                                     dense_tensor(TensorRole::mask, m * n, 1), needed.compared);
    TensorInfo list = dense_tensor(TensorRole::index, m * n, 8);
    list.stored = kept;
    const TensorId packed = build.step(OpKind::pack, "pack", {m, n}, {mask}, list, kept);
    build.set_stage(Stage::attention);
    TensorInfo p = build.tensor(TensorRole::probability, m * n);
    p.stored = kept;
    const TensorId weights = build.step(OpKind::softmax, "softmax", {m, n}, {scores}, p, kept);
    build.step(OpKind::matmul, "A", {m, s.dv, n}, {weights, v, packed},
               build.tensor(TensorRole::output, m * s.dv), kept * s.dv);
    return build.finish();
}

Tally run(const std::string& plan, const Machine& machine, double share) {
    const HeadShape shape = test::plain_shape(197, 64);
    test::HeadCase head = test::head_case(test::random_selection(shape, 0.25, 0.5, 5));
    const std::int64_t pairs = 197 * 197;
    const auto part = [share](std::int64_t whole) {
        return static_cast<std::int64_t>(share * static_cast<double>(whole));
    };
    head.work.ops = stopping_ops(shape, head.work.kept_pairs, {part(pairs * 64), part(pairs)});
    const PlanEntry* entry = find_plan(plan, MachineKind::engine);
    REQUIRE(entry != nullptr);
    const auto planner = entry->make(machine, {});
    planner->head(head.work, head.selection);
    return planner->finish().front();
}

int unit(const Machine& machine, const std::string& name) {
    const std::vector<EngineUnit>& units = machine.engine()->units;
    for (std::size_t i = 0; i < units.size(); ++i)
        if (units[i].name == name) return static_cast<int>(i);
    FAIL("no unit " << name);
    return -1;
}

}  // namespace

TEST_CASE("A selection that leaves nothing out is planned as sanger's", "[property]") {
    const Machine machine = load_machine("equal-512");
    const Tally own = run("kept-pairs", machine, 1.0);
    const Tally sanger = run("sanger", machine, 1.0);
    CHECK(own.latency_cycles == sanger.latency_cycles);
    CHECK(own.counts() == sanger.counts());
    CHECK(own.traffic == sanger.traffic);
    // Sanger's prediction takes every pair, whatever is known of it.
    const Tally half = run("sanger", machine, 0.5);
    CHECK(half.latency_cycles == sanger.latency_cycles);
}

TEST_CASE("What a selection leaves out is not counted and takes no time", "[unit]") {
    const Machine machine = load_machine("equal-512");
    const auto array = static_cast<std::size_t>(unit(machine, "array"));
    const auto comparators = static_cast<std::size_t>(unit(machine, "comparators"));
    const std::int64_t pairs = 197 * 197;
    const Tally whole = run("kept-pairs", machine, 1.0);
    const std::int64_t kept_macs =
        whole.counted(unit_op(static_cast<int>(array), OpKind::matmul, 8)) - pairs * 64;
    std::int64_t busy = whole.resources[array].busy + 1;
    for (const double share : {1.0, 0.75, 0.5, 0.1, 0.0}) {
        const Tally tally = run("kept-pairs", machine, share);
        CAPTURE(share);
        const auto part = [share](std::int64_t all) {
            return static_cast<std::int64_t>(share * static_cast<double>(all));
        };
        CHECK(tally.counted(unit_op(static_cast<int>(array), OpKind::matmul, 8)) ==
              kept_macs + part(pairs * 64));
        CHECK(tally.counted(unit_op(static_cast<int>(comparators), OpKind::compare, 8)) ==
              part(pairs));
        // The list is made from all mask bits.
        CHECK(tally.counted(unit_op(unit(machine, "movers"), OpKind::pack, 8)) == pairs);
        CHECK(tally.resources[array].busy < busy);
        CHECK(tally.resources[array].useful <= 512 * tally.resources[array].busy);
        CHECK(tally.resources[comparators].useful <= 64 * tally.resources[comparators].busy);
        CHECK(tally.latency_cycles <= whole.latency_cycles);
        busy = tally.resources[array].busy;
    }
}

TEST_CASE("allowed-pairs multiplies every allowed pair once, whatever was kept", "[unit]") {
    const Machine machine = load_machine("equal-512");
    const int array = unit(machine, "array");
    for (const bool causal : {false, true}) {
        HeadShape shape = test::plain_shape(197, 64);
        shape.causal = causal;
        if (causal) shape.allowed_pairs = 197 * 198 / 2;
        for (const double kept : {0.9, 0.1}) {
            test::HeadCase head = test::head_case(test::random_selection(shape, kept, 0.5, 5));
            head.work.shape.allowed_pairs = shape.allowed_pairs;
            const auto planner = find_plan("allowed-pairs", MachineKind::engine)->make(machine, {});
            planner->head(head.work, head.selection);
            const Tally tally = planner->finish().front();
            CAPTURE(causal, kept);
            CHECK(tally.counted(unit_op(array, OpKind::matmul, 8)) == 2 * 64 * shape.allowed_pairs);
            CHECK(tally.counted(unit_op(unit(machine, "vector"), OpKind::softmax, 8)) ==
                  shape.allowed_pairs);
            // Rows of 8 pairs in 64 rows of the array, 64 cycles a row, tile by tile.
            std::int64_t rows = 0;
            for (std::int64_t t = 0; t < 197; ++t) rows += ((causal ? t + 1 : 197) + 7) / 8;
            const std::int64_t busy = tally.resources[static_cast<std::size_t>(array)].busy;
            CHECK(busy >= 2 * ((rows + 63) / 64) * 64);
            CHECK(busy <= 2 * ((rows + 63) / 64 + 197) * 64 + 2 * 197 * 70);
        }
    }
}
