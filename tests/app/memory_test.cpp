#include <catch2/catch.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "src/base/hdf5.hpp"
#include "src/base/random.hpp"
#include "tests/app/program.hpp"
#include "tests/app/sparse_trace.hpp"
#include "tests/base/temporary_directory.hpp"
#include "workloads/trace_writer.hpp"

/// What the program holds of traces that are larger than memory, or of which one head is. The
/// promise is 1 GiB; the limits are about a fifth above what was measured, with 2 threads.
using namespace attohm;
using namespace attohm::testing;

namespace {

constexpr int kLongTokens = 16384;

/// Runs the program, which must end well holding at most `limit_MiB`.
void holds(double limit_MiB, std::vector<std::string> arguments) {
    const ProgramRun run = run_attohm(arguments);
    std::string words;
    for (const std::string& argument : arguments)
        if (argument.find('/') == std::string::npos) words += argument + " ";
    std::printf("%6.0f MiB, %5.1f s of CPU: %s\n", run.peak_MiB, run.cpu_s, words.c_str());
    INFO(words << run.err);
    CHECK(run.code == 0);
    CHECK(run.peak_MiB < limit_MiB);
}

/// One head, thresholds that keep about a quarter of its pairs, itself for calibration.
void write_long_head(const std::string& path) {
    ModelInfo model;
    model.name = "one long head";
    model.family = "other";
    model.task = "none";
    model.layers = model.heads = model.kv_heads = 1;
    model.head_dim = model.v_head_dim = model.width = 64;
    Thresholds thresholds;
    thresholds.values.resize(1, 1);
    thresholds.values.data()[0] = 0.67F;
    TraceWriter writer(path, model, thresholds, {});
    AttentionLayer layer;
    layer.n_q = layer.n_k = layer.valid_q = layer.valid_k = kLongTokens;
    layer.scale = 0.125F;
    std::uint64_t seed = 0;
    for (Tensor3* tensor : {&layer.q, &layer.k, &layer.v}) {
        tensor->resize(1, kLongTokens, 64);
        Stream(++seed, Purpose::sampling).normals(0, tensor->data);
    }
    for (const bool calibration : {true, false}) {
        Sample sample;
        sample.calibration = calibration;
        writer.begin_sample(sample);
        writer.layer(layer);
    }
    writer.finish();
}

}  // namespace

// First by name too: a child's peak is never below what its parent holds when it starts.
TEST_CASE("a trace of 4 GiB passes through a few blocks of memory", "[smoke]") {
    const TemporaryDirectory directory;
    const std::string trace = directory.file("large.h5"), result = directory.file("r.h5");
    // 256 MiB a layer.
    const SparseSizes sizes{4, 4, 256, 16, 4096};
    write_sparse_trace(trace, sizes);
    REQUIRE(sizes.tensor_bytes() == std::uint64_t{4} << 30U);
    holds(32, {"trace", "info", trace});
    holds(192, {"trace", "check", trace});
    holds(450, {"run", trace, "-o", result, "--threads", "2", "--scheme", "exact"});
}

TEST_CASE("one head of 16,384 tokens", "[smoke]") {
    const TemporaryDirectory directory;
    const std::string trace = directory.file("long.h5"), result = directory.file("r.h5");
    write_long_head(trace);
    holds(96, {"trace", "check", trace});
    const auto run = [&](double limit_MiB, std::vector<std::string> more) {
        std::vector<std::string> arguments = {"run",  trace,       "--force", "-o",
                                              result, "--threads", "2",       "--scheme"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        holds(limit_MiB, arguments);
    };
    run(96, {"exact"});
    // 4 bytes for every kept pair: 256 MiB, and more where a mass keeps more.
    run(400, {"threshold"});
    run(400, {"threshold", "--set", "threshold.source=quantile(0.75)"});
    run(850, {"threshold", "--set", "threshold.source=mass(0.9)"});
    run(400, {"threshold", "--set", "threshold.source=value(0.67)"});
    run(1024, {"sprint"});
}
