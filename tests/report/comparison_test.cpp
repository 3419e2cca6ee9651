#include "src/report/comparison.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "src/report/report.hpp"
#include "tests/report/synthetic_results.hpp"

using namespace attohm;

namespace {

const VegaFiles kNoLibrary{{"var vega;", "var vegaLite;", "var vegaEmbed;"}};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

LedgerLine line_of(const char* component, const char* event, double count, double unit_energy) {
    LedgerLine line;
    line.component = component;
    line.event = event;
    line.count = count;
    line.unit_energy = unit_energy;
    line.unit = "J/event";
    line.energy = Joule::from_value(count * unit_energy);
    return line;
}

/// An engine of `macs` MACs per cycle that takes `seconds`; `extra` is a unit of its own.
Result engine_result(const char* name, double macs, double seconds, const char* extra) {
    test::MadeUp m;
    m.scheme = name;
    m.axes = false;
    Result result = test::made_up_result(m);
    MachineOutcome machine;
    machine.machine = std::string(name) + "-machine";
    machine.samples = 1;
    machine.clock_Hz = 1e9;
    machine.node_nm = 28.0;
    machine.buffer_bytes = 2e5;
    machine.memory_bytes_per_s = 1e9;
    machine.headline = "paper";
    machine.resolved_yaml = "machine.kind: engine\n";
    PlanSummary plan;
    plan.name = "operators";
    plan.scope = "attention";
    plan.latency = Second::from_value(seconds);
    plan.latency_cycles = static_cast<std::int64_t>(seconds * 1e9);
    plan.counts = {{"array", "matmul_8bit", "MAC", "", 1000}};
    plan.resources = {{"array", 10.0, 10, 0.5, "MAC", macs, 1000.0},
                      {extra, 5.0, 5, 0.1, "element", 4.0, 10.0},
                      {"memory", 20.0, 20, std::nullopt, "", 0.0, 0.0}};
    plan.traffic = {{"q", 64.0, 32.0, 512, 256}};
    plan.layers = {{0, 100.0, "memory", 0.75}};
    machine.plans = {plan};
    PricedPlan priced{"operators", "attention", {}, {}, {}};
    priced.lines = {line_of("array", "matmul_8bit", 1000.0, 1e-12 * seconds / 1e-6),
                    line_of(extra, "exp_8bit", 10.0, 1e-12)};
    priced.energy = total_energy(priced.lines);
    priced.energy_without_writes = priced.energy;
    machine.pricings = {{"paper", {}, {priced}, {}}};
    result.machines = {machine};
    return result;
}

}  // namespace

TEST_CASE("every resource that differs is said with its ratio", "[unit]") {
    const Result a = engine_result("one", 4096.0, 1e-6, "lanes");
    Result b = engine_result("two", 4160.0, 2e-6, "sorter");
    int unequal = 0;
    for (const ResourceRatio& r : resource_ratios(a, a.machines[0], b, b.machines[0])) {
        INFO(r.name);
        if (r.equal) continue;
        ++unequal;
        CHECK(r.name.starts_with("peak of the arrays"));
        CHECK(r.ratio == Approx(4160.0 / 4096.0));
    }
    CHECK(unequal == 2);
    b.machines[0].buffer_bytes *= 2.0;
    b.machines[0].memory_bytes_per_s *= 3.0;
    b.machines[0].clock_Hz *= 4.0;
    b.machines[0].plans[0].counts[0].event = "matmul_4bit";
    const std::vector<std::string> sentences = comparison_findings(a, b);
    REQUIRE(sentences.size() == 2);
    for (const char* part :
         {"A one on one-machine, B two on two-machine", "4096 against 4160 (x 1.016)",
          "on-chip buffers 200 kB against 400 kB (x 2.000)", "memory bandwidth", "(x 3.000)",
          "(x 4.000)", "bits of the products 8 against 4"}) {
        INFO(part << " in " << sentences[0]);
        CHECK(contains(sentences[0], part));
    }
    CHECK(contains(sentences[1], "latency 2.000"));
    CHECK(contains(sentences[1], "energy of the known lines 1.990"));
    Result same = a;
    same.machines[0].machine = "other";
    CHECK(contains(comparison_findings(a, same)[0], "equal resources"));
}

TEST_CASE("ledgers of two machines are paired by component and event", "[unit]") {
    const Result a = engine_result("one", 4096.0, 1e-6, "lanes");
    const Result b = engine_result("two", 4096.0, 2e-6, "sorter");
    const std::string html = machines_difference_html(a, b);
    CHECK(contains(html, "<td>array</td><td>matmul_8bit</td><td>both</td>"));
    CHECK(contains(html, "<td>lanes</td><td>exp_8bit</td><td>A only</td>"));
    CHECK(contains(html, "<td>sorter</td><td>exp_8bit</td><td>B only</td>"));
    CHECK(contains(html, "energy-delay product, attention"));
    // Machines of one name are compared line by line elsewhere.
    CHECK(machines_difference_html(a, a).empty());
    CHECK(comparison_findings(a, a).empty());
    const std::vector<Result> both = {a, b};
    const std::string page = report_html(both, kNoLibrary, {true});
    CHECK(contains(page, "Ledgers compared"));
    CHECK(contains(page, "A: one-machine, B: two-machine"));
    CHECK(contains(report_digest(both, {true}), "B / A, attention: latency 2.000"));
    CHECK_FALSE(contains(report_digest(both), "B / A"));
}

TEST_CASE("the page of an engine has bottlenecks, a survey and its own captions", "[unit]") {
    const std::vector<Result> results = {engine_result("one", 4096.0, 1e-6, "lanes")};
    const std::string page = report_html(results, kNoLibrary);
    for (const char* part :
         {"Bottlenecks by layer", "<td>0</td><td class=\"n\">100</td><td>memory</td>",
          "<h3>Survey</h3>", "non-zero MACs", "the network on chip is not modelled",
          "what the schedule of their tasks takes", "one has no threshold on scores to be held to"})
        CHECK(contains(page, part));
    for (const char* part : {"streamed once", "without operand writes", "beyond its busiest one"})
        CHECK_FALSE(contains(page, part));
    const std::vector<Result> chip = {test::made_up_result({})};
    const std::string chip_page = report_html(chip, kNoLibrary);
    CHECK(contains(chip_page, "dense: 8-bit, K and V streamed once per query"));
    CHECK(contains(chip_page, "without operand writes"));
    CHECK_FALSE(contains(chip_page, "no threshold on scores"));
}
