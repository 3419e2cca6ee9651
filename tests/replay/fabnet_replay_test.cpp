#include <catch2/catch.hpp>

#include "src/base/error.hpp"
#include "src/replay/replay.hpp"
#include "tests/base/temporary_directory.hpp"
#include "workloads/synth.hpp"

/// FABNet's plans on shapes alone.
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

TEST_CASE("FABNet refuses decode, and a released model a batch", "[unit]") {
    CHECK_THROWS_WITH(run_fabnet("fabnet-base-128", {"machines=[fabnet-be120]", "phase=decode"}),
                      Catch::Contains("fabnet") && Catch::Contains("decode"));
    CHECK_THROWS_WITH(run_fabnet("fabnet-base-128", {"machines=[fabnet-be120]", "batch=2"}),
                      Catch::Contains("fabnet-released") && Catch::Contains("batch"));
}
