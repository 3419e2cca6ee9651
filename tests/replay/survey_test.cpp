#include "src/replay/survey.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.hpp"
#include "src/replay/result_io.hpp"
#include "tests/replay/digits_replay.hpp"
#include "tests/replay/result_example.hpp"

using namespace attohm;
using namespace attohm::test;
using nlohmann::json;

namespace {

LedgerLine priced_line(const char* component, const char* event, double count, double unit_energy) {
    LedgerLine line = example_line(component, count, unit_energy);
    line.event = event;
    return line;
}

/// Two samples in batches of 2 on a 4 x 4 array at 1 GHz: 100 cycles a batch, 400 MACs an inference
/// of which 300 are of pairs that count.
Result engine_result() {
    Result result = example_result();
    result.scheme = "made-up";
    result.network = NetworkSize{1000, 900};
    MachineOutcome machine;
    machine.machine = "small";
    machine.samples = 2;
    machine.batch = 2;
    machine.clock_Hz = 1e9;
    machine.node_nm = 28.0;
    machine.buffer_bytes = 1024.0;
    machine.memory_bytes_per_s = 1e9;
    machine.headline = "paper";
    machine.areas = {{"array", 2e-8, "a paper", Mark::cited},
                     {"sram", 1e-8, "a paper", Mark::cited},
                     {"lanes", std::nullopt, "no figure", Mark::choice}};
    PlanSummary plan;
    plan.name = "chained";
    plan.scope = "attention";
    plan.latency = Second::from_value(100e-9);
    plan.latency_cycles = 200;
    plan.counts = {{"array", "matmul_4bit", "MAC", "", 400},
                   {"array", "matmul_8bit", "MAC", "", 1200},
                   {"lanes", "exp_8bit", "element", "", 40},
                   {"sram", "bit_read", "bit", "", 4000},
                   {"sram", "bit_write", "bit", "", 2000}};
    plan.resources = {{"array", 40.0, 160, 0.375, "MAC", 16.0, 300.0},
                      {"lanes", 5.0, 20, 0.05, "element", 4.0, 10.0},
                      {"sram", 10.0, 40, std::nullopt, "", 0.0, 0.0},
                      {"memory", 20.0, 80, std::nullopt, "", 0.0, 0.0}};
    plan.traffic = {{"q", 64.0, 0.0, 0, 0}, {"output", 0.0, 32.0, 0, 0}};
    machine.plans = {plan};
    PricedPlan priced{"chained", "attention", {}, {}, {}};
    const double nan = std::numeric_limits<double>::quiet_NaN();
    priced.lines = {priced_line("array", "matmul_4bit", 100.0, 1e-13),
                    priced_line("array", "matmul_8bit", 300.0, 2e-13),
                    priced_line("lanes", "exp_8bit", 10.0, nan),
                    priced_line("sram", "bit_read", 1000.0, 1e-14),
                    priced_line("sram", "bit_write", 500.0, 1e-14),
                    priced_line("memory", "read_burst", 2.0, 1e-9),
                    priced_line("clock_and_control", "second", 1e-7, nan)};
    priced.energy = total_energy(priced.lines);
    priced.energy_without_writes = total_energy(priced.lines, false);
    machine.pricings = {{"paper", {}, {priced}, {}}};
    result.machines = {machine};
    return result;
}

std::string all_text(const Survey& survey) {
    std::string text;
    for (const SurveyField& field : survey.fields)
        text += fmt::format("{}: {}\n", field.key, survey_text(field));
    return text;
}

/// Every ledger line is in one level, so that levels and total are the same energy.
void check_levels(const Survey& survey, const PricedPlan& priced) {
    double sum = 0.0;
    for (const char* key : {"energy_arithmetic_J", "energy_in_memory_J", "energy_buffer_J",
                            "energy_memory_J", "energy_standing_J"})
        sum += survey.field(key).number.value_or(0.0);
    CHECK(survey.field("energy_J").number == priced.energy.value());
    CHECK(sum == Approx(priced.energy.value()).epsilon(1e-12));
}

/// Exactly one of number, words and reason; all items, in their order.
void check_items(const Survey& survey) {
    const std::vector<SurveyField> items = survey_items();
    REQUIRE(survey.fields.size() == items.size());
    std::set<std::string_view> keys;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const SurveyField& field = survey.fields[i];
        INFO(survey.title() << " " << field.key);
        CHECK(field.key == items[i].key);
        CHECK(keys.insert(field.key).second);
        CHECK(field.known() == field.reason.empty());
        CHECK_FALSE((field.number && !field.words.empty()));
        CHECK((!field.number || std::isfinite(*field.number)));
        CHECK((!field.number || !field.unit.empty()));
    }
}

}  // namespace

TEST_CASE("The survey of a small engine reads as worked out by hand", "[unit]") {
    const Result result = engine_result();
    const std::vector<Survey> surveys = survey_of(result, result.machines[0]);
    REQUIRE(surveys.size() == 1);
    CHECK(all_text(surveys[0]) ==
          "model: digits_vit\n"
          "dataset: 4 samples of trace abc\n"
          "accuracy: 0.75\n"
          "accuracy_source: closed loop on 4 samples\n"
          "macs: 400\n"
          "macs_nonzero: 300\n"
          "macs_by_kind: matmul_4bit 100, matmul_8bit 300\n"
          "weights: 1000\n"
          "weights_nonzero: 900\n"
          "operand_bits: 4, 8\n"
          "batch: 2\n"
          "cycles: 100\n"
          "clock_Hz: 1.00 GHz\n"
          "latency_s: 100 ns\n"
          "inferences_per_s: 2e+07 /s\n"
          "peak_macs_per_cycle: 16\n"
          "utilisation: 0.375\n"
          "offchip_read_bytes: 64.0 B\n"
          "offchip_written_bytes: 32.0 B\n"
          "offchip_read_by_tensor: q 64\n"
          "offchip_written_by_tensor: output 32\n"
          "buffer_read_bits: 1.00 kbit\n"
          "buffer_written_bits: 500 bit\n"
          "noc_accesses: unknown: the network on chip is not modelled\n"
          "rf_accesses: unknown: registers of the units are not modelled\n"
          "energy_J: 2.08 nJ\n"
          "energy_arithmetic_J: 70.0 pJ\n"
          "energy_in_memory_J: 0 J\n"
          "energy_buffer_J: 15.0 pJ\n"
          "energy_memory_J: 2.00 nJ\n"
          "energy_standing_J: unknown: without a figure: clock_and_control\n"
          "energy_unknown: lanes, clock_and_control\n"
          "power_W: 41.7 mW\n"
          "energy_delay_Js: 208 aJ s\n"
          "area_m2: 0.03 mm2\n"
          "area_by_component: array 0.02, sram 0.01, lanes unknown\n"
          "buffer_bytes: 1.02 kB\n"
          "node_nm: 28\n"
          "origin: simulated\n");
    check_items(surveys[0]);
    check_levels(surveys[0], result.machines[0].pricings[0].plans[0]);
    CHECK(*surveys[0].field("energy_delay_Js").number == Approx(2.085e-9 * 1e-7));
    CHECK(surveys[0].field("area_m2").note == "sum of components, without a figure: lanes");
    CHECK_THROWS_AS(surveys[0].field("no such item"), InvariantError);
}

TEST_CASE("What is not known says why", "[unit]") {
    Result result = engine_result();
    result.accuracy.reset();
    result.network.reset();
    MachineOutcome& machine = result.machines[0];
    machine.pricings.clear();
    machine.areas = {{"array", std::nullopt, "no figure", Mark::choice}};
    machine.plans[0].resources.clear();
    machine.plans[0].counts.clear();
    const Survey survey = survey_of(result, machine).at(0);
    check_items(survey);
    const auto reason = [&](const char* key) { return survey.field(key).reason; };
    CHECK(reason("accuracy") == "not run: open loop, the network's output is not computed");
    CHECK(reason("weights") == "the trace holds no weights of the network");
    CHECK(reason("energy_J") == "the plan is not priced");
    CHECK(reason("power_W") == "the plan is not priced");
    CHECK(reason("utilisation") == "the result names no unit that multiplies");
    CHECK(reason("area_m2") == "no component has a figure");
    CHECK(reason("operand_bits") == "no product was counted");
    CHECK(survey.field("accuracy_source").words == "not run: open loop");
}

TEST_CASE("Lines of the SPRINT chip find their level", "[unit]") {
    const Result result = example_result();
    const PlanSummary& plan = result.machines[0].own();
    const auto level = [&](const char* component) {
        return energy_level(example_line(component, 1.0, 1.0), plan);
    };
    CHECK(level("reram_write") == EnergyLevel::memory);
    CHECK(level("memory_periphery_read") == EnergyLevel::memory);
    CHECK(level("in_memory") == EnergyLevel::in_memory);
    CHECK(level("comparator") == EnergyLevel::in_memory);
    CHECK(level("kv_buffer") == EnergyLevel::buffer);
    ResourceTotal unit;
    unit.work = "MAC";
    unit.resource = "qk_pu";
    PlanSummary with_unit = plan;
    with_unit.resources = {unit};
    CHECK(energy_level(example_line("qk_pu", 1.0, 1.0), with_unit) == EnergyLevel::arithmetic);
    CHECK(level("leakage_and_clock") == EnergyLevel::standing);
    const auto surveys = survey_of(result, result.machines[0]);
    for (const Survey& survey : surveys) check_items(survey);
    // The accuracy is the scheme's, and no baseline's.
    CHECK(surveys[0].field("accuracy").number == 0.75);
    CHECK(surveys[1].field("accuracy").reason == "not run: a baseline of cost alone");
}

TEST_CASE("JSON holds every item of every plan, with a reason where there is no value", "[unit]") {
    const Result result = engine_result();
    const json surveys = json::parse(result_json(result))["machines"][0]["survey"];
    REQUIRE(surveys.size() == 1);
    CHECK(surveys[0]["plan"] == "chained");
    CHECK(surveys[0]["scope"] == "attention");
    CHECK(surveys[0]["pricing"] == "paper");
    const json& items = surveys[0]["items"];
    CHECK(items.size() == survey_items().size());
    for (const SurveyField& item : survey_items()) {
        INFO(item.key);
        const std::string key(item.key);
        REQUIRE(items.contains(key));
        CHECK(items[key]["unit"] == item.unit);
        CHECK(items[key]["value"].is_null() == items[key].contains("reason"));
    }
    CHECK(items["macs"]["value"] == 400.0);
    CHECK(items["noc_accesses"]["reason"] == "the network on chip is not modelled");
    const json machine = json::parse(result_json(result))["machines"][0];
    CHECK(machine["areas"].size() == 3);
}

TEST_CASE("Surveys of engines and of the chip agree with ledgers and counts", "[stat]") {
    for (const char* scheme : {"sprint", "vitality", "flat", "sanger"}) {
        const Result result = attohm::testing::replay_digits(
            {fmt::format("scheme={}", scheme), "samples=2", "metrics.level=counts"});
        REQUIRE_FALSE(result.machines.empty());
        REQUIRE(result.network.has_value());
        CHECK(result.network->weights > 10'000);
        for (const MachineOutcome& machine : result.machines) {
            const auto surveys = survey_of(result, machine);
            const Pricing& pricing = machine.pricings.front();
            REQUIRE(surveys.size() == pricing.plans.size());
            for (std::size_t p = 0; p < surveys.size(); ++p) {
                INFO(scheme << " " << surveys[p].title());
                check_items(surveys[p]);
                check_levels(surveys[p], pricing.plans[p]);
                const double macs = *surveys[p].field("macs").number;
                CHECK(macs > 0.0);
                CHECK(*surveys[p].field("macs_nonzero").number <= macs);
                CHECK(*surveys[p].field("utilisation").number <= 1.0);
            }
        }
    }
}
