#include <catch2/catch.hpp>

#include "src/machine/cost_engine.hpp"
#include "src/machine/plans/layer_plan.hpp"
#include "src/work/op_builder.hpp"
#include "tests/machine/random_work.hpp"

namespace attohm {
namespace {

HeadWork dense_head(int layer, int head, int tokens) {
    HeadWork work;
    work.shape.layer = layer;
    work.shape.head = head;
    work.shape.kv_head = head;
    work.shape.n_q = work.shape.n_k = work.shape.valid_q = work.shape.valid_k = tokens;
    work.shape.d = work.shape.dv = 64;
    work.shape.allowed_pairs = std::int64_t{tokens} * tokens;
    work.ops = dense_attention_ops(work.shape, 8);
    return work;
}

/// Layers of three heads each, by tokens.
Tally planned(const Machine& machine, const char* plan, const std::vector<int>& tokens,
              const PlanOptions& options) {
    const auto planner = find_plan(plan, MachineKind::engine)->make(machine, options);
    for (std::size_t layer = 0; layer < tokens.size(); ++layer)
        for (int head = 0; head < 3; ++head)
            planner->head(dense_head(static_cast<int>(layer), head, tokens[layer]), Selection{});
    return planner->finish().front();
}

}  // namespace

TEST_CASE("layers that are remembered cost what they cost when they are worked out", "[property]") {
    const std::vector<int> tokens = {96, 160, 96, 33, 160, 96};
    for (const char* name : {"vitality-64x64", "sanger-64x16", "flat-cloud"}) {
        const Machine machine = load_machine(name);
        for (const char* plan : {"operators", "dense", "mask-only", "unfused", "flat"}) {
            INFO(name << " " << plan);
            PlanOptions fresh;
            PlanOptions remembering;
            remembering.memory = std::make_shared<LayerMemory>();
            const Tally once = planned(machine, plan, tokens, fresh);
            for (int again = 0; again < 2; ++again) {
                const Tally tally = planned(machine, plan, tokens, remembering);
                CHECK(tally.latency_cycles == once.latency_cycles);
                CHECK(tally.counts() == once.counts());
                REQUIRE(tally.resources.size() == once.resources.size());
                for (std::size_t r = 0; r < tally.resources.size(); ++r) {
                    CHECK(tally.resources[r].busy == once.resources[r].busy);
                    CHECK(tally.resources[r].useful == once.resources[r].useful);
                }
            }
        }
    }
}

TEST_CASE("what differs in one head is not taken for the same layer", "[unit]") {
    LayerMemory memory;
    HeadJob job{dense_head(0, 0, 16).ops, true, 16, {}};
    LayerPlan plan;
    plan.times.cycles = 7;
    const std::vector<HeadJob> two = {job, job};
    memory.keep(two, plan);
    REQUIRE(memory.recall(two));
    CHECK(memory.recall(two)->times.cycles == 7);
    HeadJob other = job;
    other.loads_kv = false;
    CHECK_FALSE(memory.recall(std::vector<HeadJob>{job, other}));
    CHECK_FALSE(memory.recall({&job, 1}));
    // Kept pairs are of one sample.
    job.kept_begin.assign(17, 0);
    memory.keep({&job, 1}, plan);
    CHECK_FALSE(memory.recall({&job, 1}));
    // Old layers make room.
    for (std::int64_t rows = 100; rows < 200; ++rows) {
        HeadJob many = other;
        many.rows = rows;
        memory.keep({&many, 1}, plan);
    }
    other.rows = 199;
    CHECK(memory.recall({&other, 1}));
    other.rows = 100;
    CHECK_FALSE(memory.recall({&other, 1}));
}

}  // namespace attohm
