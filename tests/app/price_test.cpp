#include <catch2/catch.hpp>
#include <cstdio>

#include "src/base/hdf5.hpp"
#include "src/replay/result_io.hpp"
#include "tests/app/refusal.hpp"
#include "tests/replay/digits_replay.hpp"

/// `attohm price`: stored work on other machines, through the command line.
using namespace attohm;
using namespace attohm::testing;

namespace {

/// A folder with one run of the digits on sprint-s.
class Priced {
  public:
    Priced() { run({"run", kDigits, "-o", file("run.h5"), "--set", "samples=3"}); }
    std::string file(const std::string& name) const { return directory_.file(name); }
    void run(const std::vector<std::string>& arguments) const {
        const ProgramRun done = run_attohm(arguments);
        INFO(done.err);
        REQUIRE(done.code == 0);
    }
    void price(const std::string& name, std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"price", file("run.h5"), "-o", file(name)});
        run(arguments);
    }

  private:
    TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("priced on the machine of the run, a result is the run's", "[golden]") {
    const Priced bench;
    bench.price("same.h5", {});
    CHECK(read_text_file(bench.file("same.h5")) == read_text_file(bench.file("run.h5")));
    CHECK(h5diff(bench.file("same.h5"), bench.file("run.h5")) == 0);
}

TEST_CASE("priced on another machine, a result is that of a run on it", "[golden]") {
    const Priced bench;
    bench.price("m.h5", {"--machine", "sprint-m", "--machine", "sprint-l", "--set",
                         "energy.source.read=physics"});
    bench.run({"run", kDigits, "-o", bench.file("direct.h5"), "--set", "samples=3", "--set",
               "machines=[sprint-m, sprint-l]", "--set", "energy.source.read=physics"});
    CHECK(read_text_file(bench.file("m.h5")) == read_text_file(bench.file("direct.h5")));
    // The same once more, from what was priced, with two threads.
    bench.run({"price", bench.file("m.h5"), "-o", bench.file("back.h5"), "--machine", "sprint-s",
               "--set", "energy.source.read=paper", "--threads", "2"});
    CHECK(read_results(bench.file("back.h5")).front().machines.front().machine == "sprint-s");
    CHECK(h5diff(bench.file("back.h5"), bench.file("run.h5")) != 2);
}

TEST_CASE("a network without attention is run without settings, and priced again", "[golden]") {
    const Priced bench;
    const std::string cora = "workloads/zoo/cora_gcn/cora_gcn.h5";
    const ProgramRun plain = run_attohm({"run", cora, "-o", bench.file("plain.h5")});
    CHECK(plain.code == 0);
    CHECK(plain.out.find("0.8280") != std::string::npos);
    bench.run({"run", cora, "-o", bench.file("edge.h5"), "--scheme", "flat"});
    bench.run(
        {"price", bench.file("edge.h5"), "-o", bench.file("cloud.h5"), "--machine", "flat-cloud"});
    bench.run({"run", cora, "-o", bench.file("direct.h5"), "--scheme", "flat", "--set",
               "machines=[flat-cloud]"});
    CHECK(read_text_file(bench.file("cloud.h5")) == read_text_file(bench.file("direct.h5")));
    // There is no attention to show a cost of.
    const Result result = read_results(bench.file("direct.h5")).front();
    REQUIRE(result.machines.size() == 1);
    CHECK(result.machines.front().plans.size() == 3);
    for (const PlanSummary& plan : result.machines.front().plans) CHECK(plan.scope == "model");
    CHECK(result.machines.front().pricings.front().plans.front().energy.value() > 0.0);
}

TEST_CASE("what cannot be priced is refused by name", "[unit]") {
    const RefusalBench bench;
    const std::string run = bench.file("run.h5"), none = bench.file("none.h5");
    for (const auto& [path, work] : {std::pair{run, "summaries"}, std::pair{none, "none"}})
        REQUIRE(run_attohm({"run", kDigits, "-o", path, "--set", "samples=1", "--set",
                            std::string("results.work=") + work})
                    .code == 0);
    const auto refuses = [&](const std::string& path, std::vector<std::string> arguments,
                             const std::vector<std::string>& words) {
        arguments.insert(arguments.begin(), {"price", path, "-o", bench.result()});
        bench.refuses(arguments, words);
    };
    refuses(run, {"--set", "bits.k=3"}, {"changes what is computed", "bits.k=3", "phase"});
    refuses(run, {"--set", "seed=2"}, {"changes what is computed", "seed=2"});
    refuses(run, {"--set", "enrgy.source.read=paper"}, {"unknown key"});
    refuses(run, {"--set", "batch=2"}, {"batch"});
    refuses(run, {"--machine", "sprint-x"}, {"sprint-x"});
    refuses(run, {"--machine", "flat-edge"}, {"flat-edge", "cannot run plan `sprint`"});
    refuses(none, {}, {"holds no work", "results.work: summaries"});
    refuses(kDigits, {}, {"not a result file"});
    refuses(bench.file("missing.h5"), {}, {"missing.h5"});
    // Cut in the middle: a damaged file.
    const std::string bytes = read_text_file(run);
    const std::string cut = bench.write("cut.h5", bytes.substr(0, bytes.size() / 2));
    refuses(cut, {}, {"cut.h5"});
}
