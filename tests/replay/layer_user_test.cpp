#include <catch2/catch.hpp>
#include <map>

#include "src/base/error.hpp"
#include "src/machine/cost_engine.hpp"
#include "src/replay/replay.hpp"
#include "src/replay/work_block.hpp"
#include "src/work/linear_work.hpp"
#include "src/work/op_builder.hpp"
#include "tests/base/temporary_directory.hpp"
#include "workloads/synth.hpp"

/// Schemes with linear operators of their own: the scheme's plan runs these, its baselines the
/// network's.
using namespace attohm;

namespace {

LayerWork block(std::int64_t width) {
    return linear_layer_work(0, block_shapes(20, width, width, width, 2 * width), 8);
}

HeadWork dense_head() {
    HeadWork work;
    work.shape.n_q = work.shape.n_k = work.shape.valid_q = work.shape.valid_k = 20;
    work.shape.d = work.shape.dv = 16;
    work.shape.allowed_pairs = 400;
    work.ops = dense_attention_ops(work.shape, 8);
    return work;
}

CostEngine engine() {
    return CostEngine(load_machines({"linear-attention"}), {"operators", {"dense"}, {}}, {});
}

/// Cycles by plan and scope of one head and the linear operators given.
std::vector<std::int64_t> cycles_of(const CostEngine& costs,
                                    const std::vector<std::pair<LayerWork, LayerUser>>& layers) {
    SamplePlanner planner = costs.planner();
    planner.consume(dense_head());
    for (const auto& [work, user] : layers) planner.layer(work, user);
    std::vector<std::int64_t> cycles;
    const SampleCost cost = planner.finish();
    for (const Tally& tally : cost.machines.at(0)) cycles.push_back(tally.latency_cycles);
    return cycles;
}

}  // namespace

TEST_CASE("a scheme's own linear operators are its plan's, the network's its baselines'",
          "[unit]") {
    const CostEngine costs = engine();
    const auto narrow = cycles_of(costs, {{block(32), LayerUser::all}});
    const auto wide = cycles_of(costs, {{block(64), LayerUser::all}});
    const auto split =
        cycles_of(costs, {{block(32), LayerUser::scheme}, {block(64), LayerUser::baselines}});
    // Attention and model of the own plan, then of the baseline.
    REQUIRE(split.size() == 4);
    CHECK(split[1] == narrow[1]);
    CHECK(split[3] == wide[3]);
    CHECK(split[1] < split[3]);
    CHECK(split[0] == split[2]);
}

TEST_CASE("stored work says whose linear operators a layer has", "[unit]") {
    CostEngine costs = engine();
    costs.keep_work();
    const testing::TemporaryDirectory directory;
    for (const bool differ : {true, false}) {
        SamplePlanner planner = costs.planner();
        planner.consume(dense_head());
        planner.layer(block(32), differ ? LayerUser::scheme : LayerUser::all);
        if (differ) planner.layer(block(64), LayerUser::baselines);
        const std::vector<StoredSample> kept = {*planner.finish().work};
        const std::string path = directory.file(differ ? "differ.h5" : "same.h5");
        const H5File file = H5File::create(path);
        const H5Group group = file.root().create_group("block");
        write_work_block(group, kept);
        CHECK(group.has_dataset("layers/user") == differ);
        const std::vector<StoredSample> read = read_work_block(group);
        REQUIRE(read.size() == 1);
        REQUIRE(read[0].layers.size() == kept[0].layers.size());
        for (std::size_t l = 0; l < read[0].layers.size(); ++l) {
            CHECK(read[0].layers[l].user == kept[0].layers[l].user);
            CHECK(read[0].layers[l].work.ops == kept[0].layers[l].work.ops);
        }
    }
}

TEST_CASE("baselines of schemes that drop projections run them all", "[property]") {
    SynthSpec spec = synth_shape("bert-base-48");
    spec.layers = 2;
    spec.shape_only = true;
    spec.samples = 1;
    spec.calibration = 0;
    const testing::TemporaryDirectory directory;
    const std::string path = directory.file("shapes.h5");
    write_synthetic_trace(spec, path);
    const auto cycles = [&](const std::string& scheme) {
        Settings settings = experiment_preset();
        settings.overlay_assignment("scheme=" + scheme);
        settings.overlay_assignment("machines=[linear-attention]");
        ReplayTrace trace(path);
        std::map<std::string, std::int64_t> found;
        const Result result = replay(trace, settings);
        for (const auto& plan : result.machines.front().plans)
            found[plan.title()] = static_cast<std::int64_t>(plan.latency_cycles);
        return found;
    };
    const auto sima = cycles("sima"), shared = cycles("ecoformer"), folded = cycles("qna");
    CHECK(sima.at("dense, model") == shared.at("dense, model"));
    CHECK(sima.at("dense, model") == folded.at("dense, model"));
    // Beside attention: without k, then without q and k but for the learned queries.
    const auto around = [](const auto& plans, const std::string& plan) {
        return plans.at(plan + ", model") - plans.at(plan);
    };
    CHECK(around(shared, "operators") < around(sima, "operators"));
    CHECK(around(folded, "operators") < around(shared, "operators"));
    CHECK(around(sima, "operators") == around(sima, "dense"));
}
