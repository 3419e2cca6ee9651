#include <catch2/catch.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "src/replay/result_fields.hpp"
#include "src/replay/result_io.hpp"
#include "tests/replay/result_example.hpp"
#include "tests/replay/result_members.hpp"

using namespace attohm;
using namespace attohm::test;
using nlohmann::json;

namespace {

/// Names differ, and every field says what it is and in which unit.
template <class Row>
void check_table(Fields<Row> fields) {
    std::set<std::string> names;
    for (const Field<Row>& field : fields) {
        INFO(field.name);
        CHECK(names.insert(std::string(field.name)).second);
        CHECK(!field.help.empty());
        CHECK(field.unit.empty() == (field_kind(field) == FieldKind::text));
    }
    CHECK(!names.empty());
}

}  // namespace

TEST_CASE("Every column has a name of its own, a unit and a meaning", "[unit]") {
    check_table(sample_fields());
    check_table(decision_fields());
    check_table(event_fields());
    check_table(report_fields());
    check_table(fidelity_fields());
    check_table(interval_fields());
    check_table(machine_fields());
    check_table(plan_fields());
    check_table(count_fields());
    check_table(measured_fields());
    check_table(resource_fields());
    check_table(traffic_fields());
    check_table(layer_time_fields());
    check_table(area_fields());
    check_table(fact_fields());
    check_table(pricing_fields());
    check_table(energy_option_fields());
    check_table(priced_fields());
    check_table(ledger_fields());
    check_table(gain_fields());
    check_table(energy_gain_fields());
    check_table(break_even_fields());
    CHECK(shown_name("energy_J").name == "energy_pJ");
    CHECK(shown_name("latency_s").name == "latency_ns");
    CHECK(shown_name("latency_s").factor == 1e9);
    CHECK(shown_name("area_m2").name == "area_mm2");
    CHECK(shown_name("rows").name == "rows");
    CHECK(shown_name("memory_bytes_per_s").name == "memory_bytes_per_s");
    CHECK(shown_name("memory_bytes_per_s").factor == 1.0);
}

TEST_CASE("JSON holds the summary in pJ and ns", "[unit]") {
    const json j = json::parse(result_json(example_result()));
    CHECK(j["experiment"]["scheme"] == "sprint");
    CHECK(j["experiment"]["seed"] == 7);
    CHECK(j["experiment"]["samples"] == 4);
    CHECK(j["experiment"]["axes"]["threshold.margin"] == "0.25");
    CHECK(j["accuracy"]["top1"]["value"] == 0.75);
    CHECK(j["accuracy"]["top1_difference"]["value"] == -0.25);
    CHECK(j["accuracy"]["logit_rms"] == 0.5);

    const json& rates = j["decisions"]["rates"];
    CHECK(rates["fp_total"]["count"] == 82.0);
    CHECK(rates["fp_total"]["of"] == 800);
    CHECK(rates["fp_total"]["rate"].get<double>() == Approx(82.0 / 800.0));
    CHECK(rates["fk_total"]["rate"].get<double>() == Approx(32.0 / 3200.0));
    CHECK(rates["fp_analog"]["rate"].get<double>() == Approx(0.1));
    CHECK(rates["fk_analog"]["rate"].get<double>() == Approx(0.02));
    CHECK(rates["fp_expected"]["rate"].get<double>() == Approx(86.0 / 800.0));
    CHECK(rates["kept"]["rate"].get<double>() == Approx(0.26));
    CHECK(rates["empty_rows"]["rate"].get<double>() == Approx(0.1));
    CHECK(rates["top1_lost"]["rate"].get<double>() == Approx(0.02));
    CHECK(rates["mass_dropped"]["rate"].get<double>() == Approx(0.05));
    CHECK(j["decisions"]["layers"][1]["rates"]["fp_total"]["count"] == 42.0);

    const json& exact = j["fidelity"]["to_exact"];
    CHECK(exact["total"]["relative_rms"].get<double>() == Approx(std::sqrt(8.0 / 400.0)));
    CHECK(exact["total"]["mean_cosine"].get<double>() == Approx(0.98));
    CHECK(exact["worst_head"]["layer"] == 1);
    CHECK(exact["worst_head"]["head"] == 1);
    CHECK(exact["heads"].size() == 4);
    CHECK(j["events"]["sense_clipped"]["rate"].get<double>() == Approx(0.03));
    CHECK(j["events"]["sense_clipped"]["flagged"] == true);
    CHECK(j["events"]["level_errors"]["flagged"] == false);

    const json& machine = j["machines"][0];
    CHECK(machine["area_mm2"].get<double>() == Approx(0.944));
    CHECK(machine["plans"][0]["latency_ns"].get<double>() == Approx(1e4));
    CHECK(machine["plans"][0]["busy_cycles"]["qk_pu"] == 2000.0);
    const json& paper = machine["pricings"][0];
    CHECK(paper["plans"][0]["energy_pJ"].get<double>() == Approx(2e6));
    CHECK(paper["plans"][0]["energy_without_writes_pJ"].get<double>() == Approx(1e6));
    CHECK(paper["plans"][0]["ledger"][0]["energy_pJ"].get<double>() == Approx(1e6));
    CHECK(paper["plans"][0]["ledger"][2]["unit_energy"].is_null());
    CHECK(paper["gains"][0]["energy_gain"].get<double>() == Approx(3.0));
    CHECK(paper["gains"][0]["with_writes"] == true);
    CHECK(paper["gains"][1]["energy_gain"].get<double>() == Approx(5.0));
    CHECK(j["notes"][0] == "thresholds calibrated, not learned");
}

TEST_CASE("JSON leaves out what was not measured", "[unit]") {
    Result result = example_result();
    result.accuracy.reset();
    for (HeadSummary& head : result.heads) {
        head.report.eye = ScoreEye();
        head.to_exact.reset();
        head.to_threshold.reset();
    }
    result.machines.clear();
    json j = json::parse(result_json(result));
    CHECK(j["accuracy"].is_null());
    CHECK(j["fidelity"]["to_exact"].is_null());
    CHECK(j["machines"].empty());
    CHECK_FALSE(j["decisions"]["rates"].contains("mass_dropped"));
    CHECK(j["decisions"]["rates"].contains("fp_total"));
    // The widths come from the plans, so that clips of q have no rate without them.
    CHECK(j["events"]["q_clipped"]["rate"].is_null());

    for (HeadSummary& head : result.heads) head.report.decisions = DecisionCounts();
    j = json::parse(result_json(result));
    CHECK_FALSE(j.contains("decisions"));
    CHECK_FALSE(j.contains("events"));
    CHECK(json::parse(result_json(Result())).contains("experiment"));
    CHECK(json::parse(result_json(full_result())).contains("machines"));
}
