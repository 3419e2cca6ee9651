#include <catch2/catch.hpp>

#include "src/base/error.hpp"
#include "src/machine/cost_engine.hpp"
#include "src/machine/plans/special_plans.hpp"
#include "src/work/op_builder.hpp"
#include "tests/machine/random_work.hpp"

using namespace attohm;

namespace {

/// Heads of one layer of BERT-base with 16-bit operands.
std::vector<HeadWork> bert_layer(int tokens) {
    std::vector<HeadWork> heads(12);
    for (std::size_t h = 0; h < heads.size(); ++h) {
        heads[h].shape = test::plain_shape(tokens, 64);
        heads[h].shape.head = heads[h].shape.kv_head = static_cast<int>(h);
        heads[h].bits.q = heads[h].bits.k = heads[h].bits.v = 16;
        heads[h].ops = dense_attention_ops(heads[h].shape, 16);
    }
    return heads;
}

MachineOutcome flat_outcome(const std::string& machine, int tokens, std::int64_t batch) {
    PlanChoice choice{"flat", {"unfused"}, {}};
    choice.options.batch = batch;
    const CostEngine engine(load_machines({machine}), choice, {});
    SamplePlanner planner = engine.planner();
    for (const HeadWork& head : bert_layer(tokens)) planner.consume(head);
    const std::vector<SampleCost> costs = {planner.finish()};
    return engine.accumulate(costs).front();
}

const PlanSummary& attention_of(const MachineOutcome& outcome, const std::string& plan) {
    for (const PlanSummary& summary : outcome.plans)
        if (summary.name == plan && summary.scope == "attention") return summary;
    throw InvariantError("no plan " + plan);
}

}  // namespace

TEST_CASE("FLAT on the cloud platform, BERT at 4,096 tokens: bound by the softmax lanes",
          "[golden]") {
    const MachineOutcome outcome = flat_outcome("flat-cloud", 4096, 64);
    const PlanSummary& flat = attention_of(outcome, "flat");
    const PlanSummary& unfused = attention_of(outcome, "unfused");
    // FuseMax's table: 2-D utilisation 0.125, 1.58 times faster than the searched unfused mapping.
    CHECK(flat.resource("array")->utilisation.value() == Approx(0.125).epsilon(0.03));
    CHECK(unfused.latency.value() / flat.latency.value() == Approx(1.58).epsilon(0.03));
    CHECK(flat.layers.front().bottleneck == "vector");
    // Scores leave the chip only where operators are not fused.
    CHECK(flat.tensor("score") == nullptr);
    CHECK(unfused.tensor("score")->read_bytes > 4096.0 * 4096.0 * 12.0);
}

TEST_CASE("Live elements of FLAT's grains are those of its buffer formulas", "[unit]") {
    // 8BDN + BHN^2, 8DN + HN^2, 8Nd + N^2, 4Rd + 4Nd + RN with D = 768, H = 12, d = 64.
    CHECK(flat_live_elements(FlatGrain::batch, 64, 12, 512, 64, 1) ==
          8LL * 64 * 768 * 512 + 64LL * 12 * 512 * 512);
    CHECK(flat_live_elements(FlatGrain::sample, 64, 12, 512, 64, 1) ==
          8LL * 768 * 512 + 12LL * 512 * 512);
    CHECK(flat_live_elements(FlatGrain::head, 64, 12, 512, 64, 1) == 8LL * 512 * 64 + 512 * 512);
    CHECK(flat_live_elements(FlatGrain::rows, 64, 12, 512, 64, 16) ==
          4LL * 16 * 64 + 4LL * 512 * 64 + 16 * 512);
}
