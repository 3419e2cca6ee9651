#include <catch2/catch.hpp>

#include "src/base/error.hpp"
#include "src/base/random.hpp"
#include "src/replay/replay.hpp"
#include "src/schemes/fabnet.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/workloads/network_file.hpp"
#include "tests/workloads/random_network.hpp"
#include "workloads/forward.hpp"
#include "workloads/synth.hpp"

/// FABNet's plans on shapes alone, and its network in the closed loop.
using namespace attohm;
using namespace attohm::testing;

namespace {

Result run_fabnet(const std::string& shape, const std::vector<std::string>& keys) {
    const TemporaryDirectory directory;
    SynthSpec spec = synth_shape(shape);
    spec.shape_only = true;
    spec.samples = 1;
    spec.calibration = 0;
    write_synthetic_trace(spec, directory.file("shapes.h5"));
    Settings settings = experiment_preset();
    settings.overlay_assignment("scheme=fabnet");
    for (const std::string& key : keys) settings.overlay_assignment(key);
    ReplayTrace trace(directory.file("shapes.h5"));
    return replay(trace, settings);
}

const PlanSummary& plan_of(const Result& result, const std::string& name,
                           CostScope scope = CostScope::model) {
    for (const PlanSummary& plan : result.machines.front().plans)
        if (plan.name == name && plan.scope == cost_scope_name(scope)) return plan;
    throw InvariantError("no such plan: " + name);
}

double milliseconds(const std::string& shape, const std::string& machine) {
    const Result result = run_fabnet(shape, {"machines=[" + machine + "]"});
    return plan_of(result, "fabnet-released").latency.value() * 1e3;
}

/// The released model, step by step, of one layer of padded widths.
struct ReleasedModel {
    std::int64_t engines, in, weights, out;

    static std::int64_t up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
    std::int64_t fft(std::int64_t n, std::int64_t m, std::int64_t r, int wide_in,
                     int wide_out) const {
        const std::int64_t c = n * m / 8, read = std::max(up(n * engines * 16 * wide_in, in), n);
        const std::int64_t f = c + std::max(read, up(n * m * 32, weights));
        return f + std::max<std::int64_t>(r - 2, 0) *
                       std::max(f, std::max(up(n * engines * 16 * wide_out, out), n));
    }
    std::int64_t butterfly(std::int64_t n, std::int64_t m, std::int64_t r) const {
        const std::int64_t c = n * m / 8, s = std::max(up(n * engines * 16, out), n);
        const std::int64_t l =
            std::max(std::max(up(n * engines * 16, in), n), up(2 * n * m * 16, weights));
        return l + c + std::max<std::int64_t>(r - 3, 0) * std::max({l, c, s}) +
               (r >= 3 ? std::max(c, s) : 0);
    }
    /// Widths 1024 and 4096.
    std::int64_t layer(std::int64_t tokens) const {
        const std::int64_t r = up(tokens, engines);
        return fft(1024, 10, r, 1, 2) + fft(1024, 10, r, 2, 1) + butterfly(1024, 10, 4 * r) +
               butterfly(4096, 12, r);
    }
};

}  // namespace

TEST_CASE("the released cycle model of FABNet Base on 120 engines and HBM", "[golden]") {
    CHECK(milliseconds("fabnet-base-128", "fabnet-released") == Approx(1.997).margin(5e-4));
    CHECK(milliseconds("fabnet-base-512", "fabnet-released") == Approx(5.602).margin(5e-4));
}

TEST_CASE("the released model takes other lengths, models and boards from files alone", "[unit]") {
    const ReleasedModel hbm{120, 2048, 256, 2048}, ddr{20, 64, 64, 128};
    for (const int tokens : {128, 256, 1024, 1000}) {
        CAPTURE(tokens);
        const std::string length = "-" + std::to_string(tokens);
        const auto cycles = [&](const std::string& shape, const std::string& machine) {
            const Result result =
                run_fabnet("fabnet-" + shape + length, {"machines=[" + machine + "]"});
            return plan_of(result, "fabnet-released").latency_cycles;
        };
        // Base costs what its padded widths cost.
        CHECK(cycles("base", "fabnet-be120") == 12 * hbm.layer(tokens));
        CHECK(cycles("large", "fabnet-be120") == 24 * hbm.layer(tokens));
        CHECK(cycles("base", "fabnet-zynq") == 12 * ddr.layer(tokens));
    }
}

TEST_CASE("what the released model of FABNet leaves out takes time", "[unit]") {
    // Base, 512 tokens, a layer, by hand. Norms: 393216 elements in 120 lanes. Transform over the
    // hidden dimension: 5 runs of 1280 + 1024, matrices 256 longer once, the last store; over the
    // sequence: 768 columns in 7 runs of 576 + 878, the last store. Shortcut: two inputs.
    const std::int64_t norm = 3277, shortcut = 6144;
    const std::int64_t hidden = 256 + 5 * (1280 + 1024) + 1229, sequence = 7 * (576 + 878) + 512;
    const std::int64_t mixing = norm + hidden + sequence + shortcut;
    // Up: 3 butterflies of 1024, 5 runs each. Down: its matrices (192 KB) come for every run.
    const std::int64_t up = 3 * 256 + 1024 + 15 * 1280 + 1024, gelu = 13108;
    const std::int64_t down = 6144 + 5 * 6144 + 4096;
    const Result result = run_fabnet("fabnet-base-512", {"machines=[fabnet-be120]"});
    const PlanSummary& own = plan_of(result, "fabnet");
    CHECK(plan_of(result, "fabnet", CostScope::attention).latency_cycles == 12 * mixing);
    CHECK(own.latency_cycles == 12 * (mixing + norm + up + gelu + down + shortcut));
    CHECK(own.latency_cycles > plan_of(result, "fabnet-released").latency_cycles);
    const std::int64_t matrices =
        2 * 1024 * 10 + 2 * 512 * 9 + 3 * 2 * 1024 * 10 + 5 * 2 * 4096 * 12;
    CHECK(own.tensor("weight")->read_bytes == Approx(12.0 * 2.0 * static_cast<double>(matrices)));
    for (const PricedPlan& plan : result.machines.front().pricings.at(0).plans)
        CHECK(plan.energy.value() > 0.0);
}

TEST_CASE("FABNet refuses decode; its released model takes a batch sample by sample", "[unit]") {
    CHECK_THROWS_WITH(run_fabnet("fabnet-base-128", {"machines=[fabnet-be120]", "phase=decode"}),
                      Catch::Contains("fabnet") && Catch::Contains("decode"));
    const auto released = [](const char* batch) {
        const Result result = run_fabnet("fabnet-base-128", {"machines=[fabnet-be120]", batch});
        return plan_of(result, "fabnet-released").latency_cycles;
    };
    CHECK(released("batch=2") == 2 * released("batch=1"));
}

namespace {

constexpr int kSamples = 3;

NetworkOptions fabnet_options(std::uint64_t seed) {
    NetworkOptions options;
    options.kv_heads = 4;
    options.seed = seed;
    return options;
}

/// A network of width 20 and hidden width 33, with learned butterflies in all layers but `missing`.
void write_fabnet(const std::string& path, int missing = -1) {
    const RandomNetwork net = random_network(fabnet_options(1));
    NetworkFile file(path, net.model, *net.weights);
    for (const char* parent : {"model/weights/extra", "model/weights/extra/fabnet"})
        file.root().create_group(parent);
    for (int layer = 0; layer < net.model.layers; ++layer) {
        if (layer == missing) continue;
        const H5Group group =
            file.root().create_group(fmt::format("model/weights/extra/fabnet/layer_{:02d}", layer));
        for (const auto& [name, shape] : {std::pair<const char*, H5Shape>{"up", {2, 5, 16, 2, 2}},
                                          {"down", {1, 6, 32, 2, 2}}}) {
            std::vector<float> values(shape[0] * shape[1] * shape[2] * 4);
            Stream(static_cast<std::uint64_t>(layer), Purpose::synth_content, {shape[0]})
                .normals(0, values);
            for (float& w : values) w *= 0.7F;
            group.write(name, shape, std::span<const float>(values));
        }
    }
    for (int i = 0; i <= kSamples; ++i) {
        Sample sample = random_network(fabnet_options(100 + static_cast<std::uint64_t>(i))).sample;
        sample.label = i;
        sample.calibration = i == kSamples;
        file.sample(sample);
    }
    file.finish();
}

Settings fabnet_settings() {
    Settings settings = experiment_preset();
    settings.overlay_assignment("scheme=fabnet");
    settings.overlay_assignment("machines=[fabnet-be120]");
    return settings;
}

}  // namespace

TEST_CASE("a trained FABNet runs in the closed loop, priced as it computes", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("fabnet.h5");
    write_fabnet(path);
    ReplayTrace trace(path);
    const Result result = replay(trace, fabnet_settings());
    SchemeInputs inputs;
    inputs.model = trace.reader().model();
    inputs.extra = trace.reader().extra_weights("fabnet");
    const auto scheme = find_scheme("fabnet").make(inputs, scheme_preset());
    const Network network(inputs.model, scheme->prepare(inputs.model, trace.weights()));
    REQUIRE(result.samples.size() == kSamples);
    for (const SampleOutcome& outcome : result.samples) {
        SampleContext context;
        const Matrix<float> logits =
            network.run(*scheme, trace.reader().sample(outcome.sample), context);
        CHECK(std::equal(outcome.logits.begin(), outcome.logits.end(), logits.data()));
        CHECK(outcome.logit_squared_error > 0.0);
    }
    // 11 tokens of 32 (padded) and 64 (padded): one run of all.
    const ReleasedModel hbm{120, 2048, 256, 2048};
    const std::int64_t layer = hbm.fft(32, 5, 1, 1, 2) + hbm.fft(32, 5, 1, 2, 1) +
                               hbm.butterfly(32, 5, 2) + hbm.butterfly(64, 6, 1);
    CHECK(plan_of(result, "fabnet-released").latency_cycles == kSamples * 3 * layer);
    CHECK(plan_of(result, "fabnet").latency_cycles >
          plan_of(result, "fabnet", CostScope::attention).latency_cycles);
}

TEST_CASE("a trace whose layer lacks butterflies is refused by name", "[unit]") {
    const TemporaryDirectory directory;
    write_fabnet(directory.file("fabnet.h5"), 1);
    ReplayTrace trace(directory.file("fabnet.h5"));
    CHECK_THROWS_WITH(
        replay(trace, fabnet_settings()),
        Catch::Contains("scheme fabnet has no `up` for layer 1") && Catch::Contains("layer_01/up"));
}
