#include <catch2/catch.hpp>

#include <cctype>

#include "src/machine/machine.hpp"
#include "tests/app/refusal.hpp"
#include "tests/workloads/small_trace.hpp"

/// Machine files, right and wrong, through `attohm machine check` and `attohm run`.
using namespace attohm;
using namespace attohm::testing;

namespace {

/// The machine file that the manual shows.
std::string page_yaml() {
    const std::string page = read_text_file("docs/add-a-machine.md");
    const std::string fence = "```yaml\n";
    const std::size_t begin = page.find(fence);
    REQUIRE(begin != std::string::npos);
    const std::size_t end = page.find("```", begin + fence.size());
    REQUIRE(end != std::string::npos);
    return page.substr(begin + fence.size(), end - begin - fence.size());
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    INFO(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

class MachineBench : public RefusalBench {
  public:
    MachineBench() { write_small_trace(trace()); }
    std::string trace() const { return file("trace.h5"); }
    std::vector<std::string> run_arguments(const std::string& scheme,
                                           const std::string& machine) const {
        return {"run",     trace(),     "--scheme", scheme,
                "--set",   "mode=open", "--set",    "machines=[" + machine + "]",
                "--force", "-o"};
    }
    /// The page's machine with one text replaced is refused by both commands, with its file and
    /// line in front.
    void refuses_change(const std::string& from, const std::string& to,
                        std::vector<std::string> words) const {
        refuses_machine(replaced(page_yaml(), from, to), std::move(words));
    }
    void refuses_machine(const std::string& yaml, std::vector<std::string> words) const {
        const std::string machine = write("wrong.yaml", yaml);
        const ProgramRun check = run_attohm({"machine", "check", machine});
        const std::size_t place = check.err.find("wrong.yaml:");
        INFO(check.err);
        REQUIRE(place != std::string::npos);
        // A line follows, not just the file.
        CHECK(std::isdigit(static_cast<unsigned char>(check.err.at(place + 11))) != 0);
        words.emplace_back("wrong.yaml:");
        refuses({"machine", "check", machine}, words);
        std::vector<std::string> run = run_arguments("flat", machine);
        run.push_back(result());
        refuses(run, words);
    }
};

}  // namespace

TEST_CASE("The machine of the manual's page loads, checks and runs a scheme", "[unit]") {
    const MachineBench bench;
    const std::string machine = bench.write("small.yaml", page_yaml());
    const Machine loaded = load_machine(machine);
    const Engine& engine = *loaded.engine();
    CHECK(engine.units.size() == 2);
    CHECK(engine.buffer_bits() == 256 * 1024 * 8);

    const ProgramRun check = run_attohm({"machine", "check", machine});
    CHECK(check.code == 0);
    CHECK(check.err.empty());
    for (const char* text :
         {"machine small", "engine, 0.5 GHz, 28 nm, 0.9 V", "array: 1024 MACs per cycle, 512 G/s",
          "vector: 32 elements per cycle, 16 G/s", "sram: 256 KB", "double buffered",
          "bandwidth: 50 GB/s", "operators: ", "flat: ", "vector, softmax_8bit (J/element)",
          "array, area (m2)", "units.array.rows = 32 (a round number)"})
        CHECK_THAT(check.out, Catch::Contains(text));
    // What has a figure is not missing.
    CHECK(check.out.find("array, matmul") == std::string::npos);

    std::vector<std::string> run = bench.run_arguments("flat", machine);
    run.push_back(bench.file("small.h5"));
    const ProgramRun ran = run_attohm(run);
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK_THAT(ran.out, Catch::Contains("small"));
}

TEST_CASE("Every machine in the box passes its check", "[unit]") {
    for (const std::string& name : machine_names()) {
        const ProgramRun check = run_attohm({"machine", "check", name});
        INFO(name << ": " << check.err);
        CHECK(check.code == 0);
        CHECK_THAT(check.out, Catch::Contains("machine " + name + "\n"));
        CHECK_THAT(check.out, Catch::Contains("plans\n"));
        CHECK_THAT(check.out, Catch::Contains("assumed numbers\n"));
    }
}

TEST_CASE("A machine for linear attention alone passes its check, which says what it cannot run",
          "[unit]") {
    const MachineBench bench;
    const std::string linear =
        bench.write("linear.yaml", replaced(page_yaml(), "[softmax, exp", "[exp"));
    const ProgramRun check = run_attohm({"machine", "check", linear});
    INFO(check.out << check.err);
    CHECK(check.code == 0);
    CHECK_THAT(check.out, Catch::Contains("operators: "));
    CHECK_THAT(check.out, Catch::Contains("not softmax attention: "));
    CHECK_THAT(check.out, Catch::Contains("no unit for `softmax`"));
    CHECK(check.out.find("not linear attention") == std::string::npos);
    // What it cannot run is still refused where it is asked for.
    std::vector<std::string> run = bench.run_arguments("flat", linear);
    run.push_back(bench.result());
    bench.refuses(run, {"no unit for `softmax`", "does softmax", "linear.yaml:"});
    // One that does neither fails.
    bench.refuses_change("[softmax, exp, add", "[exp", {"no unit for `softmax`"});
}

TEST_CASE("An engine behind ReRAM", "[unit]") {
    const MachineBench bench;
    const std::string yaml = page_yaml();
    const std::string memory =
        yaml.substr(0, yaml.find("    kind: {value: bandwidth")) +
        "    kind: {value: reram, source: \"banks\"}\n"
        "    table: {value: sprint-reram, source: \"circuits\"}\n"
        "    clock_GHz: {value: 1, mark: assumed, source: \"its table's\"}\n"
        "    write_pulse_ns: {value: 50, mark: assumed, source: \"a usual pulse\"}\n";
    const std::string machine = bench.write("reram.yaml", memory);
    const ProgramRun check = run_attohm({"machine", "check", machine});
    INFO(check.out << check.err);
    CHECK(check.code == 0);
    CHECK_THAT(check.out, Catch::Contains("reram: 64 GB/s at most"));
    std::vector<std::string> run = bench.run_arguments("flat", machine);
    run.push_back(bench.file("reram.h5"));
    const ProgramRun ran = run_attohm(run);
    INFO(ran.err);
    CHECK(ran.code == 0);
    bench.refuses_machine(replaced(memory, "value: sprint-reram", "value: sprint-rram"),
                          {"no such ReRAM table", "sprint-reram"});
}

TEST_CASE("Machines that lack something are refused", "[unit]") {
    const MachineBench bench;
    bench.refuses_change("[matmul]", "[matmul, softmax]", {"an array cannot do `softmax`"});
    bench.refuses_change("[matmul]", "[matmull]", {"matmull", "matmul"});
    bench.refuses_change("    energy_pJ_per_bit: {value: library, source: \"digital table\"}\n",
                         "    energy_pJ_per_bit: {value: library, source: \"digital table\"}\n"
                         "    holds: {value: [q, k], source: \"too few\"}\n",
                         {"no buffer for tensors `v`"});
    const std::string yaml = page_yaml();
    bench.refuses_machine(yaml.substr(0, yaml.find("buffers:")), {"an engine without buffers"});
    bench.refuses_machine(yaml.substr(0, yaml.find("memories:")),
                          {"an engine without a memory", "memories.main.kind"});
    bench.refuses({"machine", "check", bench.file("none.yaml")},
                  {"no machine", "none.yaml", "or a machine file"});
    bench.refuses({"machine", "check"}, {"FILE"});
    bench.refuses({"machine"}, {"subcommand", "check"});
}

TEST_CASE("Numbers of machines without a unit or a source, or impossible ones, are refused",
          "[unit]") {
    const MachineBench bench;
    // Quantities without a unit in their key.
    bench.refuses_change("bandwidth_GBps:", "bandwidth:", {"bandwidth_GBps", "missing key"});
    bench.refuses_change("clock_GHz:", "clock:", {"machine.clock_GHz", "missing key"});
    bench.refuses_change("    energy_pJ_per_bit: {value: 4,", "    energy_per_bit: {value: 4,",
                         {"energy_pJ_per_bit", "missing key"});
    // A unit that is not the key's: nothing reads it.
    bench.refuses_change("    rows:", "    energy_nJ: {value: 1, source: \"x\"}\n    rows:",
                         {"units.array.energy_nJ", "nothing"});
    bench.refuses_change("value: 50,", "value: 50 GB/s,", {"bandwidth_GBps", "without a unit"});
    // Numbers of which nobody says where they are from.
    bench.refuses_change("{value: 50, mark: assumed, source: \"a round number\"}", "50",
                         {"bandwidth_GBps` has no source", "mark: assumed"});
    // Zero is neither off nor perfect.
    bench.refuses_change("{value: 50,", "{value: 0,", {"bandwidth_GBps", "out of range", "`0`"});
    bench.refuses_change("{value: 4, mark: assumed, source: \"a round number\"}",
                         "{value: 0, mark: assumed, source: \"a round number\"}",
                         {"energy_pJ_per_bit", "out of range", "`0`", "`unknown`"});
    bench.refuses_change("{value: 4, mark: assumed, source: \"a round number\"}",
                         "{value: -4, mark: assumed, source: \"a round number\"}",
                         {"energy_pJ_per_bit", "out of range", "`-4`"});
    bench.refuses_change("{value: 256,", "{value: 0,", {"buffers.sram.KB", "out of range"});
    bench.refuses_change("ports: {value: unlimited", "ports: {value: 0",
                         {"buffers.sram.ports", "`0`", "unlimited"});
    bench.refuses_change("area_mm2: {value: unknown", "area_mm2: {value: 0",
                         {"machine.area_mm2", "`0`", "unknown"});
}

TEST_CASE("Machines that contradict themselves or the experiment are refused", "[unit]") {
    const MachineBench bench;
    const std::string yaml = page_yaml();
    const std::string dedicated =
        replaced(replaced(yaml, "[matmul], source: \"nothing else\"}",
                          "[matmul], source: \"nothing else\"}\n"
                          "    ops: {value: [softmax], source: \"x\"}"),
                 "    lanes:", "    ops: {value: [softmax], source: \"x\"}\n    lanes:");
    bench.refuses_machine(dedicated, {"two units are dedicated to `softmax`", "one unit"});

    // A plan for another kind of machine.
    const std::string machine = bench.write("engine.yaml", yaml);
    std::vector<std::string> run = bench.run_arguments("sprint", machine);
    run.push_back(bench.result());
    bench.refuses(run, {"engine.yaml:", "cannot run plan `sprint`", "operators, dense"});
    run = bench.run_arguments("flat", "sprint-s");
    run.push_back(bench.result());
    bench.refuses(run, {"sprint-s", "cannot run plan `flat`", "sprint, dense"});
    // A scheme whose operators it has no unit for.
    run = bench.run_arguments("sanger", machine);
    run.push_back(bench.result());
    bench.refuses(run, {"engine.yaml:", "no unit for `pack`", "does pack"});
}
