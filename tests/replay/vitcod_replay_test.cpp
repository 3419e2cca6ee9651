#include <catch2/catch.hpp>

#include "src/base/error.hpp"
#include "src/replay/replay.hpp"
#include "tests/base/temporary_directory.hpp"
#include "workloads/mask_import.hpp"
#include "workloads/synth.hpp"

/// ViTCoD on shapes and its published mask alone.
using namespace attohm;
using namespace attohm::testing;

namespace {

/// DeiT-Tiny's shapes with the mask that was published for it.
std::string masked_deit(const TemporaryDirectory& directory) {
    SynthSpec spec = synth_shape("deit-t");
    spec.shape_only = true;
    spec.samples = 1;
    spec.calibration = 0;
    write_synthetic_trace(spec, directory.file("shapes.h5"));
    MaskImport mask;
    mask.from = "workloads/data/deit_tiny_vitcod_mask_95.h5:/pruned";
    mask.name = "vitcod";
    import_mask(directory.file("shapes.h5"), mask, directory.file("masked.h5"));
    return directory.file("masked.h5");
}

const PlanSummary& plan_of(const Result& result, const std::string& name, CostScope scope) {
    for (const PlanSummary& plan : result.machines.front().plans)
        if (plan.name == name && plan.scope == cost_scope_name(scope)) return plan;
    throw InvariantError("no such plan: " + name);
}

Result run_vitcod(const std::string& path, const std::vector<std::string>& keys) {
    Settings settings = experiment_preset();
    settings.overlay_assignment("scheme=vitcod");
    for (const std::string& key : keys) settings.overlay_assignment(key);
    ReplayTrace trace(path);
    return replay(trace, settings);
}

}  // namespace

TEST_CASE("the released cycle model of ViTCoD on DeiT-Tiny's published mask", "[golden]") {
    const TemporaryDirectory directory;
    const Result result = run_vitcod(masked_deit(directory), {"machines=[vitcod-released]"});
    const PlanSummary& plan = plan_of(result, "vitcod-released", CostScope::attention);
    // Bound by its loads; 4728 cycles of decoding and 4709 of products lie beside them.
    CHECK(plan.latency_cycles == 9492);
    CHECK(plan.latency.value() == Approx(19.0e-6).epsilon(2e-3));
    REQUIRE(plan.resource("memory") != nullptr);
    CHECK(plan.resource("memory")->busy_cycles_summed == 9492);
    REQUIRE(plan.resource("mac_lines") != nullptr);
    CHECK(plan.resource("mac_lines")->busy_cycles_summed == 4728 + 4709);
    REQUIRE(plan.layers.size() == 12);
    // Loads of 791 cycles a layer; some layers compute for longer, which the model evens out.
    for (const LayerTime& layer : plan.layers) CHECK(layer.cycles >= 791.0);
    // The 512 multipliers that the paper states cannot do it: its own work takes more cycles.
    const PlanSummary& honest = plan_of(result, "vitcod", CostScope::attention);
    CHECK(honest.resource("mac_lines")->busy_cycles_summed > 30000);
    CHECK(honest.latency_cycles > plan.latency_cycles);
}

TEST_CASE("the released linear layers of ViTCoD follow from the sizes of the model", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = masked_deit(directory);
    // N 197, E 192, H 3, d 64 and 512 multipliers, p = 170: projections and concatenation,
    // encoder, feed-forward layers; see the formulas of the plan.
    const std::int64_t projections = 3 * 197 * (192 * 64 / 170) + 197 * 192 * 64 / 170;
    const std::int64_t encoder = 2 * 197 * 1;
    const std::int64_t loads = 3 * 64 * 4 + 2 * 1 + 2 * 197 * 1 + 197 * 2 + 1 * 192 * 2;
    const std::int64_t feed_forward = 2 * (4 * 197 * 192 * 192 / 512);
    for (const bool coded : {true, false}) {
        const Result result =
            run_vitcod(path, {"machines=[vitcod-released]",
                              coded ? "vitcod.auto_encoder=lossless" : "vitcod.auto_encoder=none"});
        const auto cycles = [&](CostScope scope) {
            return plan_of(result, "vitcod-released", scope).latency_cycles;
        };
        REQUIRE(loads < projections);
        CHECK(cycles(CostScope::model) - cycles(CostScope::attention) ==
              12 * (projections + (coded ? encoder : 0) + feed_forward));
    }
}

TEST_CASE("a batch takes a released model as often as it has samples", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = masked_deit(directory);
    for (const std::int64_t batch : {1, 4}) {
        const Result result =
            run_vitcod(path, {"machines=[vitcod-released]", fmt::format("batch={}", batch)});
        const PlanSummary& plan = plan_of(result, "vitcod-released", CostScope::attention);
        CHECK(plan.latency_cycles == batch * 9492);
        CHECK(plan.resource("memory")->busy_cycles_summed == plan.latency_cycles);
    }
}
