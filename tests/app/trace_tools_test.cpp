#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/app/refusal.hpp"
#include "tests/replay/digits_replay.hpp"
#include "tests/workloads/small_trace.hpp"

/// The trace tools as a user runs them.
using namespace attohm;
using namespace attohm::testing;
using Catch::Contains;

namespace {

ProgramRun good(const std::vector<std::string>& arguments) {
    ProgramRun run = run_attohm(arguments);
    INFO(run.err);
    CHECK(run.code == 0);
    CHECK(run.err.empty());
    return run;
}

}  // namespace

TEST_CASE("a trace goes through all tools and runs", "[smoke]") {
    const TemporaryDirectory directory;
    const auto file = [&](const char* name) { return directory.file(name); };
    good({"trace", "slice", kDigits, "-o", file("a.h5"), "--samples", "0,2-4"});
    good({"trace", "slice", kDigits, "-o", file("b.h5"), "--samples", "7", "--no-calibration"});
    const ProgramRun merged =
        good({"trace", "merge", file("a.h5"), file("b.h5"), "-o", file("m.h5")});
    CHECK_THAT(merged.out, Contains("samples       5, 16 for calibration"));
    const ProgramRun converted = good({"trace", "convert", file("m.h5"), "-o", file("c.h5"),
                                       "--float32", "--gzip", "9", "--chunk", "64KiB"});
    CHECK_THAT(converted.out, Contains("size") && Contains("(read: "));
    good({"trace", "check", file("c.h5")});
    const auto accuracy = [](const std::string& trace, const std::string& result) {
        return nlohmann::json::parse(
                   good({"run", trace, "--force", "-o", result, "--scheme", "threshold", "--json"})
                       .out)
            .at("accuracy");
    };
    // Float16 as it was, widened or not: the same numbers.
    CHECK(accuracy(file("m.h5"), file("r.h5")) == accuracy(file("c.h5"), file("r.h5")));
    const ProgramRun sliced = good(
        {"trace", "slice", file("c.h5"), "-o", file("l.h5"), "--layers", "1,3", "--heads", "1"});
    CHECK_THAT(sliced.out, Contains("/model/weights is left out") &&
                               Contains("samples       5, 3 for calibration") &&
                               Contains("13 calibration samples"));
    good({"trace", "check", file("l.h5")});
    good({"run", file("l.h5"), "--force", "-o", file("r.h5")});
}

TEST_CASE("info shows histograms on request, as text and JSON", "[smoke]") {
    CHECK_THAT(good({"trace", "info", kDigits}).out, !Contains("histogram"));
    CHECK_THAT(good({"trace", "info", kDigits, "--histogram"}).out, Contains("histogram"));
    const auto json =
        nlohmann::json::parse(good({"trace", "info", kDigits, "--histogram", "--json"}).out);
    CHECK(json.at("scores").at("layers").size() == 4);
    CHECK(json.contains("trace_id"));
}

TEST_CASE("view writes one page for every scheme", "[smoke]") {
    const TemporaryDirectory directory;
    const std::string page = directory.file("view.html");
    for (const char* scheme : {"threshold", "threshold-q", "sprint", "sanger", "vitality"}) {
        INFO(scheme);
        good({"trace", "view", kDigits, "-o", page, "--layers", "1", "--scheme", scheme});
        CHECK_THAT(read_text_file(page), Contains(std::string("scheme ") + scheme));
    }
    const ProgramRun run = good({"trace", "view", kDigits, "-o", page, "--sample", "3"});
    CHECK_THAT(run.out, Contains("6 of sample 3"));
}

TEST_CASE("what the trace tools cannot do is refused by name", "[unit]") {
    const RefusalBench bench;
    const std::string trace = bench.file("trace.h5");
    write_small_trace(trace);
    const std::string out = bench.result();
    const auto refuses = [&](std::vector<std::string> arguments,
                             const std::vector<std::string>& words) {
        arguments.insert(arguments.begin(), "trace");
        bench.refuses(arguments, words);
    };
    refuses({"slice", trace, "-o", trace}, {trace, "replace an input"});
    refuses({"merge", trace, trace, "-o", trace}, {trace, "replace an input"});
    refuses({"slice", trace, "-o", out, "--samples", "2"}, {"--samples", "got 2", "0 to 1"});
    refuses({"slice", trace, "-o", out, "--heads", "0"}, {"--heads", "groups of 2"});
    refuses({"slice", kDigits, "-o", out, "--layers", "0"}, {"/samples/000008", "--samples 0-7"});
    refuses({"merge", trace, kDigits, "-o", out}, {kDigits, "/model", "not of one model"});
    refuses({"convert", trace, "-o", out, "--gzip", "10"}, {"--gzip", "10"});
    refuses({"convert", trace, "-o", out, "--float16", "--float32"}, {"--float16"});
    for (const char* chunk : {"", "0", "1", "-4KiB", "4GiB", "1.5MiB", "9999999999999999999"})
        refuses({"convert", trace, "-o", out, std::string("--chunk=") + chunk}, {"--chunk"});
    refuses({"convert", trace, "-o", out, "--chunk", "none", "--gzip", "3"}, {"--gzip"});
    refuses({"mask", trace, "-o", out, "--from", bench.file("no.npy"), "--name", "x"}, {"no.npy"});
    refuses({"mask", trace, "-o", out, "--from", trace, "--name", "x", "--one-means", "maybe"},
            {"--one-means"});
    refuses({"view", trace, "-o", trace}, {trace, "replace an input"});
    refuses({"view", trace, "-o", out, "--sample", "2"}, {"--sample", "got 2", "0 to 1"});
    refuses({"view", trace, "-o", out, "--layers", "2"}, {"--layers", "0 to 1"});
    refuses({"view", trace, "-o", out, "--set", "bits.k=4"}, {"--set", "--scheme"});
    refuses({"view", trace, "-o", out, "--scheme", "spritn"}, {"spritn", "sprint"});
    refuses({"info", "--histogram", "workloads/zoo/cora_gcn/cora_gcn.h5"}, {"no scores"});
}
