#include <catch2/catch.hpp>

#include "src/base/atomic_file.hpp"
#include "src/base/text.hpp"
#include "tests/app/program.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/replay/digits_replay.hpp"

using namespace attohm;
using namespace attohm::testing;

namespace {

/// Runs that leave result files in one folder, on one kind of BLAS kernels.
class Runs {
  public:
    explicit Runs(const std::string& core_type) {
        if (!core_type.empty()) environment_["OPENBLAS_CORETYPE"] = core_type;
    }
    void operator()(const std::string& name, std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"run", kDigits, "--force", "-o", file(name)});
        const ProgramRun run = run_attohm(arguments, environment_);
        INFO(run.err);
        REQUIRE(run.code == 0);
    }
    void sweep(const std::string& spec, const std::string& name, const std::string& threads) const {
        const ProgramRun run =
            run_attohm({"sweep", spec, "-o", file(name), "--threads", threads}, environment_);
        INFO(run.err);
        REQUIRE(run.code == 0);
    }
    bool same_bytes(const std::string& a, const std::string& b) const {
        return read_text_file(file(a)) == read_text_file(file(b));
    }
    int diff(const std::string& a, const std::string& b) const { return h5diff(file(a), file(b)); }
    std::string file(const std::string& name) const { return directory_.file(name); }
    Result result(const std::string& name) const { return read_results(file(name)).front(); }

  private:
    TemporaryDirectory directory_;
    std::map<std::string, std::string> environment_;
};

}  // namespace

TEST_CASE("run gives the same result twice and for any number of threads", "[property]") {
    for (const std::string& core_type : blas_core_types()) {
        const Runs run(core_type);
        INFO("OPENBLAS_CORETYPE=" << core_type);
        for (const std::string mode : {"closed", "open"}) {
            const std::vector<std::string> base = {"--set", "mode=" + mode, "--set", "samples=60"};
            const auto with = [&base](std::vector<std::string> more) {
                more.insert(more.begin(), base.begin(), base.end());
                return more;
            };
            run("one", with({"--threads", "1"}));
            run("again", with({"--threads", "1"}));
            run("two", with({"--threads", "2"}));
            run("three", with({"--threads", "3"}));
            for (const char* other : {"again", "two", "three"}) {
                INFO(mode << " " << other);
                CHECK(run.same_bytes("one", other));
                CHECK(run.diff("one", other) == 0);
            }
            if (!core_type.empty()) CHECK(run.result("one").blas_core == core_type);
            // Another seed and another chip give others, beyond the attribute that says so.
            run("seed", with({"--seed", "2"}));
            run("chip", with({"--set", "chip=1"}));
            for (const char* other : {"seed", "chip"}) {
                INFO(mode << " " << other);
                CHECK(run.diff("one", other) == 1);
                CHECK(total_decisions(run.result(other)).counts.hw_kept !=
                      total_decisions(run.result("one")).counts.hw_kept);
            }
        }
    }
}

TEST_CASE("sweep gives the same results for any number of threads", "[property]") {
    for (const std::string& core_type : blas_core_types()) {
        const Runs run(core_type);
        INFO("OPENBLAS_CORETYPE=" << core_type);
        const std::string spec = run.file("sweep.yaml");
        write_file_atomically(spec,
                              "trace: " + std::filesystem::absolute(kDigits).string() +
                                  "\nset: {samples: 10}\naxes: {bits.k: [2, 4], chip: [0, 1]}\n");
        run.sweep(spec, "one", "1");
        run.sweep(spec, "two", "2");
        CHECK(run.same_bytes("one/results.h5", "two/results.h5"));
        CHECK(run.diff("one/results.h5", "two/results.h5") == 0);
    }
}

TEST_CASE("--seed is short for --set seed", "[unit]") {
    const Runs run("");
    run("short", {"--seed", "7", "--scheme", "threshold-q", "--set", "samples=2"});
    run("long", {"--set", "seed=7", "--set", "scheme=threshold-q", "--set", "samples=2"});
    write_file_atomically(run.file("e.yaml"), "seed: 7\nscheme: threshold-q\nsamples: 2\n");
    run("file", {"--config", run.file("e.yaml")});
    CHECK(run.same_bytes("short", "long"));
    CHECK(run.same_bytes("short", "file"));
    // What is given later wins: the file, then the short options, then --set.
    run("won", {"--config", run.file("e.yaml"), "--seed", "8", "--set", "seed=9"});
    CHECK(run.result("won").seed == 9);
}

TEST_CASE("what differs from run to run lies beside the result", "[unit]") {
    const Runs run("");
    run("one", {"--set", "samples=1", "--threads", "2"});
    const std::string log = read_text_file(run.file("one.log.json"));
    CHECK_THAT(log, Catch::Contains("\"threads\": 2") && Catch::Contains("\"host\"") &&
                        Catch::Contains("\"elapsed_s\""));
}
