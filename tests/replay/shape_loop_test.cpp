#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

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

/// A convolution and a linear layer in front, attention, a linear layer between, another behind.
SynthSpec mixed() {
    SynthSpec spec = stages();
    LayerShape linear;
    linear.kind = LayerKind::linear;
    linear.linear = {24, 40, 32};
    LayerShape graph;
    graph.kind = LayerKind::graph;
    graph.graph = {100, 400, 30, 16};
    spec.shapes = {linear, spec.shapes[0], graph, spec.shapes[1], linear, linear};
    return spec;
}

/// No attention at all.
SynthSpec graphs() {
    SynthSpec spec;
    LayerShape graph;
    graph.kind = LayerKind::graph;
    graph.graph = {300, 1200, 64, 16};
    LayerShape classes = graph;
    classes.graph = {300, 1200, 16, 7};
    LayerShape linear;
    linear.kind = LayerKind::linear;
    linear.linear = {300, 7, 5};
    spec.shapes = {graph, classes, linear};
    spec.family = "gcn";
    return spec;
}

SynthSpec convolutions() {
    SynthSpec spec = stages();
    LayerShape conv;
    conv.kind = LayerKind::conv2d;
    conv.conv = {3, 16, 16, 8, 3, 3, 2, 1, 1};
    spec.shapes.insert(spec.shapes.begin(), conv);
    return spec;
}

std::string refusal(const SmallTrace& trace, const std::string& scheme,
                    const std::string& machine) {
    try {
        (void)trace.run(scheme, machine);
    } catch (const UserError& error) {
        return error.what();
    }
    return "accepted";
}

void check_equal(const Result& shapes, const Result& tensors, bool has_attention) {
    REQUIRE(shapes.machines.size() == 1);
    REQUIRE(tensors.machines.size() == 1);
    const MachineOutcome &a = shapes.machines.front(), &b = tensors.machines.front();
    CHECK(a.samples == b.samples);
    REQUIRE(a.plans.size() == b.plans.size());
    REQUIRE(a.pricings.size() == b.pricings.size());
    for (std::size_t i = 0; i < a.pricings.size(); ++i)
        for (std::size_t p = 0; p < a.pricings[i].plans.size(); ++p)
            CHECK(a.pricings[i].plans[p].energy.value() == b.pricings[i].plans[p].energy.value());
    for (std::size_t p = 0; p < a.plans.size(); ++p) {
        INFO(a.plans[p].title());
        CHECK(a.plans[p].title() == b.plans[p].title());
        CHECK(a.plans[p].latency_cycles == b.plans[p].latency_cycles);
        CHECK(a.plans[p].latency_cycles > 0);
        CHECK((has_attention || a.plans[p].scope == "model"));
        REQUIRE(a.plans[p].counts.size() == b.plans[p].counts.size());
        for (std::size_t c = 0; c < a.plans[p].counts.size(); ++c)
            CHECK(a.plans[p].counts[c].count == b.plans[p].counts[c].count);
    }
}

}  // namespace

TEST_CASE("shapes alone cost what the same trace with tensors costs", "[property]") {
    for (const SynthSpec& spec : {padded_bert(), stages(), mixed(), graphs()}) {
        const SmallTrace shapes(spec, true), tensors(spec, false);
        const bool has_attention = spec.family != "gcn";
        check_equal(shapes.run("flat", "flat-cloud"), tensors.run("flat", "flat-cloud"),
                    has_attention);
        check_equal(shapes.run("vitality", "vitality-64x64"),
                    tensors.run("vitality", "vitality-64x64"), has_attention);
        if (!has_attention) continue;
        // Both need the queries, or the values, of all tokens.
        if (spec.shapes.empty())
            check_equal(shapes.run("sima", "linear-attention"),
                        tensors.run("sima", "linear-attention"), true);
        const std::vector<std::string> random = {"ecoformer.hash=random(1)",
                                                 "ecoformer.bias_form=exact"};
        check_equal(shapes.run("ecoformer", "linear-attention", random),
                    tensors.run("ecoformer", "linear-attention", random), true);
    }
}

TEST_CASE("layers that are not attention add their own operators to the whole model",
          "[property]") {
    const auto macs = [](const Result& result) {
        std::int64_t sum = 0;
        for (const PlanSummary& plan : result.machines.front().plans)
            if (plan.name == "flat" && plan.scope == "model")
                for (const CountTotal& count : plan.counts)
                    if (count.unit == "MAC") sum += count.count;
        return sum;
    };
    SynthSpec without = mixed();
    std::int64_t others = 0;
    for (const LayerShape& layer : without.shapes)
        if (layer.kind != LayerKind::attention) others += layer.macs();
    // The machine multiplies the zeros of a graph's matrix too.
    others += (100 * 100 - 400) * 16;
    std::erase_if(without.shapes,
                  [](const LayerShape& layer) { return layer.kind != LayerKind::attention; });
    for (const bool shape_only : {true, false}) {
        const Result with = SmallTrace(mixed(), shape_only).run("flat", "flat-cloud");
        const Result alone = SmallTrace(without, shape_only).run("flat", "flat-cloud");
        const auto inferences = static_cast<std::int64_t>(with.machines.front().samples);
        CHECK(inferences == 2);
        CHECK(macs(with) - macs(alone) == inferences * others);
    }
}

TEST_CASE("a layer that a machine has no unit for is refused by path and kind", "[unit]") {
    using Catch::Matchers::Contains;
    for (const bool shape_only : {true, false}) {
        const SmallTrace trace(convolutions(), shape_only);
        CHECK_THAT(refusal(trace, "flat", "flat-cloud"),
                   Contains("/samples/000000/layers/00") && Contains("kind conv2d") &&
                       Contains("flat-cloud") && Contains("convolution") && Contains("convolve"));
    }
    // Plans on memories that compute are of attention alone, and say so.
    SynthSpec spec = mixed();
    spec.shapes.erase(spec.shapes.begin() + 2, spec.shapes.end());
    const Result result = SmallTrace(spec, false).run("sprint", "sprint-s");
    const auto says = [](const std::string& note) {
        return note.find("1 layers of kind linear, from") != std::string::npos &&
               note.find("/samples/000000/layers/00") != std::string::npos;
    };
    CHECK(std::any_of(result.notes.begin(), result.notes.end(), says));
    CHECK_THAT(refusal(SmallTrace(graphs(), false), "sprint", "sprint-s"),
               Contains("scheme sprint") && Contains("kind graph"));
    CHECK_THAT(refusal(SmallTrace(graphs(), true), "sprint", "sprint-s"),
               Contains("scheme sprint") && Contains("kind graph"));
}

TEST_CASE("operands of every layer are as wide as the scheme's", "[unit]") {
    const auto bits_of = [](const Result& result) {
        std::set<std::string> events;
        for (const CountTotal& count : result.machines.front().plans.front().counts)
            if (count.unit == "MAC") events.insert(count.event);
        return events;
    };
    // Before the first attention layer and without one, as behind it.
    for (const SynthSpec& spec : {graphs(), mixed()}) {
        const Result result = SmallTrace(spec, true).run("flat", "flat-cloud");
        for (const PlanSummary& plan : result.machines.front().plans)
            for (const CountTotal& count : plan.counts)
                if (count.unit == "MAC") CHECK(count.event.ends_with("16bit"));
        CHECK(bits_of(result).size() <= 1);
    }
}

TEST_CASE("a shape with a grid is all that masks of neighbours need", "[property]") {
    SynthSpec spec = synth_shape("deit-t");
    spec.layers = 2;
    spec.shapes.clear();
    const SmallTrace shapes(spec, true), tensors(spec, false);
    const std::vector<std::string> grid = {"mait.grid=[14, 14]"};
    const Result from_shapes = shapes.run("mait", "linear-attention", grid);
    check_equal(from_shapes, tensors.run("mait", "linear-attention", grid), true);
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
