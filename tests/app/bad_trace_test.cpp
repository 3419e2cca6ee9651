#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <limits>

#include "tests/app/refusal.hpp"
#include "tests/replay/digits_replay.hpp"
#include "tests/workloads/small_trace.hpp"

/// Traces that are damaged or not what they should be, through the command line.
using namespace attohm;
using namespace attohm::testing;

namespace {

constexpr const char* kLayer = "/samples/000000/layers/01";

/// A faulty trace and what the message about it must name.
void refuses_trace(const Faults& faults, std::vector<std::string> words) {
    const RefusalBench bench;
    const std::string trace = bench.file("trace.h5");
    write_small_trace(trace, faults);
    words.push_back(trace);
    bench.refuses_run(trace, {}, words);
}

Faults with_value(const std::string& path, float value) {
    Faults faults;
    faults.change = [path, value](const std::string& at, Tensor3& tensor) {
        if (at == path) tensor.plane(1)(2, 1) = value;
    };
    return faults;
}

}  // namespace

TEST_CASE("a sound small trace is not refused", "[unit]") {
    const RefusalBench bench;
    const std::string trace = bench.file("trace.h5");
    write_small_trace(trace);
    const ProgramRun run = run_attohm({"run", trace, "--force", "-o", bench.result()});
    INFO(run.err);
    CHECK(run.code == 0);
    CHECK(read_results(bench.result()).front().samples.size() == 2);
}

TEST_CASE("a trace that is not there, or is no trace, is refused", "[unit]") {
    const RefusalBench bench;
    bench.refuses_run(bench.file("none.h5"), {}, {"none.h5", "no such file"});
    bench.refuses_run(bench.path(), {}, {bench.path(), "directory"});
    bench.refuses_run(bench.write("text.h5", "not HDF5"), {}, {"text.h5", "HDF5"});
    bench.refuses_run(bench.write("empty.h5", ""), {}, {"empty.h5", "HDF5"});
}

TEST_CASE("a truncated trace is refused", "[unit]") {
    const RefusalBench bench;
    const std::string trace = bench.file("digits.h5");
    const auto size = std::filesystem::file_size(kDigits);
    for (const auto left : {size - 1, size / 2, size / 100}) {
        std::filesystem::copy_file(kDigits, trace,
                                   std::filesystem::copy_options::overwrite_existing);
        std::filesystem::resize_file(trace, left);
        bench.refuses_run(trace, {}, {trace, "truncated"});
    }
}

TEST_CASE("a trace cut at any twentieth is refused and leaves no result", "[unit]") {
    const RefusalBench bench;
    const std::string trace = bench.file("cut.h5");
    write_small_trace(trace);
    const std::string whole = read_text_file(trace);
    for (std::size_t twentieth = 0; twentieth < 20; ++twentieth) {
        write_file_atomically(trace, whole.substr(0, twentieth * whole.size() / 20));
        bench.refuses_run(trace, {}, {trace});
        const ProgramRun check = run_attohm({"trace", "check", trace});
        CHECK(check.code == 2);
        CHECK_THAT(check.out, Catch::Contains(trace) && Catch::Contains("1 problem(s)"));
    }
}

TEST_CASE("a trace with a changed byte ends in a result or in a refusal", "[unit]") {
    const RefusalBench bench;
    const std::string trace = bench.file("changed.h5");
    write_small_trace(trace);
    const std::string whole = read_text_file(trace);
    int refused = 0;
    for (std::size_t place = 0; place < 10; ++place) {
        std::string bytes = whole;
        char& changed = bytes[(2 * place + 1) * bytes.size() / 20];
        changed = static_cast<char>(static_cast<unsigned char>(changed) ^ 0x40U);
        write_file_atomically(trace, bytes);
        const std::string result = bench.file("changed.out.h5");
        std::filesystem::remove(result);
        const ProgramRun run = run_attohm({"run", trace, "-o", result});
        INFO("place " << place << "\n" << run.err);
        CHECK((run.code == 0 || run.code == 2));
        CHECK(std::filesystem::exists(result) == (run.code == 0));
        refused += run.code == 2 ? 1 : 0;
    }
    CHECK(refused > 0);
}

TEST_CASE("a trace of a newer major version is refused", "[unit]") {
    refuses_trace({.text = {{"/@schema_version", "2.0.0"}}},
                  {":/@schema_version", "unknown major version", "2.0.0", "1.x.y"});
}

TEST_CASE("a gap in the numbers of samples is refused", "[unit]") {
    refuses_trace({.missing = {"/samples/000000"}}, {":/samples/000001", "number 0"});
}

TEST_CASE("an interrupted capture is refused", "[unit]") {
    refuses_trace({.integer = {{"/@complete", 0}}}, {"complete"});
    refuses_trace({.missing = {"/@complete"}}, {"complete"});
    refuses_trace({.missing = {"/samples"}}, {"/samples"});
    refuses_trace({.missing = {"/model"}}, {"/model"});
}

TEST_CASE("a trace with a value that is not finite is refused", "[unit]") {
    for (const char* tensor : {"/q", "/k", "/v"}) {
        const std::string path = std::string(kLayer) + tensor;
        refuses_trace(with_value(path, std::nanf("")), {path, "nan", "[1, 2, 1]", "finite"});
        refuses_trace(with_value(path, std::numeric_limits<float>::infinity()),
                      {path, "inf", "[1, 2, 1]", "finite"});
    }
    // In a calibration sample it would spoil every scale.
    const std::string path = "/calibration/000000/layers/00/k";
    refuses_trace(with_value(path, std::nanf("")), {path, "nan", "[1, 2, 1]"});
}

TEST_CASE("a dataset of a wrong type is refused", "[unit]") {
    for (const char* tensor : {"/q", "/k", "/v"}) {
        const std::string path = std::string(kLayer) + tensor;
        refuses_trace({.as_double = {path}}, {path, "float64", "float32"});
    }
    refuses_trace({.as_double = {"/model/thresholds/learned"}},
                  {"/model/thresholds/learned", "float64", "float32"});
}

TEST_CASE("a dataset or attribute that is missing is refused", "[unit]") {
    for (const char* name : {"/q", "/k", "/v"}) {
        const std::string path = std::string(kLayer) + name;
        refuses_trace({.missing = {path}}, {path});
    }
    refuses_trace({.missing = {"/model@heads"}}, {"/model", "heads"});
    refuses_trace({.missing = {std::string(kLayer) + "@scale"}}, {kLayer, "scale"});
}

TEST_CASE("a dataset of a wrong shape is refused", "[unit]") {
    const std::string path = std::string(kLayer) + "/k";
    refuses_trace({.shape = {{path, {2, 5, 4}}}}, {path, "[2, 5, 4]", "[2, 5, 3]"});
}

TEST_CASE("thresholds that do not match the layers are refused", "[unit]") {
    const std::string path = "/model/thresholds/learned";
    refuses_trace({.shape = {{path, {3}}}}, {path, "[3]", "2"});
    refuses_trace({.shape = {{path, {2, 3}}}}, {path, "[2, 3]"});
}

TEST_CASE("a trace without thresholds needs another source named", "[unit]") {
    const RefusalBench bench;
    const std::string trace = bench.file("trace.h5");
    write_small_trace(trace, {.missing = {"/model/thresholds"}});
    for (const char* scheme : {"threshold", "threshold-q", "sprint"})
        bench.refuses_run(trace, {"--scheme", scheme},
                          {trace + ":/model/thresholds", "threshold.source: trace", "quantile(p)",
                           "mass(p)", "value(x)", "--set \"threshold.source=mass(0.9)\""});
    // The command that the message shows runs as it stands.
    CHECK(run_attohm({"run", trace, "-o", bench.file("shown.h5"), "--scheme", "threshold", "--set",
                      "threshold.source=mass(0.9)"})
              .code == 0);
    // With one it runs, and `exact` needs none.
    for (const char* source : {"quantile(0.5)", "mass(0.9)", "value(0.1)"})
        CHECK(run_attohm({"run", trace, "-o", bench.file("out.h5"), "--force", "--set",
                          std::string("threshold.source=") + source})
                  .code == 0);
    CHECK(run_attohm({"run", trace, "-o", bench.file("exact.h5"), "--scheme", "exact"}).code == 0);
}

TEST_CASE("a trace that cannot be run in this mode is refused", "[unit]") {
    const RefusalBench bench;
    const std::string trace = bench.file("trace.h5");
    write_small_trace(trace);
    bench.refuses_run(trace, {"--set", "mode=closed"}, {trace + ":/model/weights", "mode: closed"});
    // Weights whose network would not give the stored layers.
    write_small_trace(trace, {.weights = true});
    bench.refuses_run(
        trace, {},
        {trace + ":/calibration/000000/layers/00@scale", "another scale", "0.5", "mode: open"});
}

TEST_CASE("trace check names every fault and ends with code 2", "[unit]") {
    const RefusalBench bench;
    const std::string trace = bench.file("trace.h5");
    write_small_trace(trace, with_value(std::string(kLayer) + "/k", std::nanf("")));
    const ProgramRun bad = run_attohm({"trace", "check", trace});
    CHECK(bad.code == 2);
    CHECK_THAT(bad.out, Catch::Contains(std::string(kLayer) + "/k"));
    write_small_trace(trace);
    CHECK(run_attohm({"trace", "check", trace}).code == 0);
}
