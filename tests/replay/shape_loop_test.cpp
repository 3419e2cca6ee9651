#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "src/base/error.hpp"
#include "src/replay/replay.hpp"
#include "workloads/synth.hpp"

using namespace attohm;

namespace {

/// A small trace that goes away, with tensors or shapes alone.
class SmallTrace {
  public:
    SmallTrace(SynthSpec spec, bool shape_only)
        : path_((std::filesystem::temp_directory_path() /
                 fmt::format("attohm_shape_loop_{}_{}.h5", ::getpid(), shape_only ? 1 : 0))
                    .string()) {
        spec.shape_only = shape_only;
        spec.samples = 2;
        spec.calibration = shape_only ? 0 : 1;
        write_synthetic_trace(spec, path_);
    }
    ~SmallTrace() { std::filesystem::remove(path_); }
    SmallTrace(const SmallTrace&) = delete;
    SmallTrace& operator=(const SmallTrace&) = delete;

    Result run(const std::string& scheme, const std::string& machine,
               const std::vector<std::string>& more = {}) const {
        Settings settings = experiment_preset();
        for (const std::string& assignment : more) settings.overlay_assignment(assignment);
        settings.overlay_assignment("scheme=" + scheme);
        settings.overlay_assignment("machines=[" + machine + "]");
        ReplayTrace trace(path_);
        return replay(trace, settings);
    }

  private:
    std::string path_;
};

SynthSpec padded_bert() {
    SynthSpec spec = synth_shape("bert-base-48");
    spec.layers = 2;
    spec.heads = 4;
    spec.padding = 0.25;
    return spec;
}

SynthSpec stages() {
    SynthSpec spec = synth_shape("levit-128s");
    // Shrinking attention, windows and reduced keys, no convolution.
    spec.shapes = {spec.shapes[5], spec.shapes[6], named_shape("swin-t").layers[8],
                   named_shape("pvtv2-b0").layers[4]};
    return spec;
}

void check_equal(const Result& shapes, const Result& tensors) {
    REQUIRE(shapes.machines.size() == 1);
    REQUIRE(tensors.machines.size() == 1);
    const MachineOutcome &a = shapes.machines.front(), &b = tensors.machines.front();
    CHECK(a.samples == b.samples);
    REQUIRE(a.plans.size() == b.plans.size());
    for (std::size_t p = 0; p < a.plans.size(); ++p) {
        INFO(a.plans[p].title());
        CHECK(a.plans[p].title() == b.plans[p].title());
        CHECK(a.plans[p].latency_cycles == b.plans[p].latency_cycles);
        CHECK(a.plans[p].latency_cycles > 0);
        REQUIRE(a.plans[p].counts.size() == b.plans[p].counts.size());
        for (std::size_t c = 0; c < a.plans[p].counts.size(); ++c)
            CHECK(a.plans[p].counts[c].count == b.plans[p].counts[c].count);
    }
}

}  // namespace

TEST_CASE("shapes alone cost what the same trace with tensors costs", "[property]") {
    for (const SynthSpec& spec : {padded_bert(), stages()}) {
        const SmallTrace shapes(spec, true), tensors(spec, false);
        check_equal(shapes.run("flat", "flat-cloud"), tensors.run("flat", "flat-cloud"));
        check_equal(shapes.run("vitality", "vitality-64x64"),
                    tensors.run("vitality", "vitality-64x64"));
        // Both need the queries, or the values, of all tokens.
        if (spec.shapes.empty())
            check_equal(shapes.run("sima", "linear-attention"),
                        tensors.run("sima", "linear-attention"));
        const std::vector<std::string> random = {"ecoformer.hash=random(1)",
                                                 "ecoformer.bias_form=exact"};
        check_equal(shapes.run("ecoformer", "linear-attention", random),
                    tensors.run("ecoformer", "linear-attention", random));
    }
}

TEST_CASE("a shape with a grid is all that masks of neighbours need", "[property]") {
    SynthSpec spec = synth_shape("deit-t");
    spec.layers = 2;
    spec.shapes.clear();
    const SmallTrace shapes(spec, true), tensors(spec, false);
    const std::vector<std::string> grid = {"mait.grid=[14, 14]"};
    const Result from_shapes = shapes.run("mait", "linear-attention", grid);
    check_equal(from_shapes, tensors.run("mait", "linear-attention", grid));
    CHECK_THROWS_WITH(shapes.run("mait", "linear-attention"),
                      Catch::Matchers::Contains("mait.grid="));
    CHECK_THROWS_WITH(
        shapes.run("mait", "linear-attention", {grid[0], "mait.masked_heads=locality(0.5)"}),
        Catch::Matchers::Contains("decides by values"));
}

TEST_CASE("a scheme that decides by values refuses shapes alone", "[unit]") {
    using Catch::Matchers::Contains;
    const SmallTrace shapes(padded_bert(), true);
    CHECK_THROWS_WITH(shapes.run("sanger", "sanger-64x16"),
                      Contains("decides by values") && Contains("sanger"));
    CHECK_THROWS_AS(shapes.run("threshold", "scheme"), UserError);
    SynthSpec causal = padded_bert();
    causal.causal = true;
    const SmallTrace ordered(causal, true);
    CHECK_THROWS_WITH(ordered.run("vitality", "vitality-64x64"), Contains("causal"));
}
