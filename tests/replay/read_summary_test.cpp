#include "src/replay/read_summary.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "src/replay/result_summary.hpp"
#include "src/replay/result_table.hpp"

using namespace attohm;
using Catch::Contains;

namespace {

/// One head of 100 queries and 50 keys with something of everything.
Result read_result() {
    Result result;
    result.scheme = "sprint";
    HeadReport& report = result.heads.emplace_back().report;
    report.rows = 100;
    report.decisions.valid = 5000;
    report.decisions.ref_kept = 1000;
    report.decisions.keys_kept = 40;
    report.decisions.keys_lost = 10;
    report.decisions.key_excess = 30.0;
    report.decisions.key_variance = 12.0;
    report.decisions.key_excess_variance = 9.0;
    report.events.rows_cells = 100;
    report.events.cells = 1000;
    report.events.keys = 50;
    report.events.age_clamped = 50;
    report.events.conductance_floored = 11;
    report.events.conductance_ceiled = 10;
    report.wire_residual = 1e-15;
    report.wire_coupling = 0.5;
    report.settle_time_s = 12e-9;
    report.step_time_s = 10e-9;
    report.calibration_measurements = 77;
    report.decision_times[1 + 16] = 30;  // 100 ps ..
    report.decision_times.back() = 2;
    return result;
}

const ReadFact* fact_of(const std::vector<ReadFact>& facts, const std::string& name) {
    for (const ReadFact& fact : facts)
        if (fact.name == name) return &fact;
    return nullptr;
}

}  // namespace

TEST_CASE("facts of the reads say what ran and what is off says nothing", "[unit]") {
    Result result = read_result();
    std::vector<ReadFact> facts = read_facts(result);
    REQUIRE(fact_of(facts, "queries drawn cell by cell") != nullptr);
    CHECK(fact_of(facts, "queries drawn cell by cell")->value == "100 of 100 (1)");
    CHECK(fact_of(facts, "queries drawn at the outputs") == nullptr);
    // k e / (1 - k e) at e = 0.01.
    CHECK_THAT(fact_of(facts, "wires, coupling k")->note, Contains("0.00503"));
    // 11 of 1000 is above 1 %, 10 is not.
    REQUIRE(fact_of(facts, "conductances floored") != nullptr);
    CHECK(fact_of(facts, "conductances floored")->warning);
    CHECK(fact_of(facts, "conductances ceiled") == nullptr);
    const ReadFact* young = fact_of(facts, "keys read at the age of the card");
    REQUIRE(young != nullptr);
    CHECK_FALSE(young->warning);
    CHECK(fact_of(facts, "keys lost")->value == "10 of 40 (0.25)");
    CHECK(fact_of(facts, "over-dispersion of false prunes on keys")->value == "2.5");
    CHECK_THAT(fact_of(facts, "over-dispersion of false prunes on keys")->note,
               Contains("1 +- 0.25"));
    CHECK(fact_of(facts, "ADC codes used") == nullptr);
    CHECK(fact_of(facts, "settling of an array")->warning);
    CHECK_THAT(fact_of(facts, "calibration")->value, Contains("77"));

    HeadReport& report = result.heads[0].report;
    report.step_time_s = 13e-9;
    report.wire_residual = report.wire_coupling = 0.0;
    report.calibration_measurements = 0;
    facts = read_facts(result);
    CHECK_FALSE(fact_of(facts, "settling of an array")->warning);
    CHECK(fact_of(facts, "wires, coupling k") == nullptr);
    CHECK(fact_of(facts, "calibration") == nullptr);
    // Digital references read no array.
    report.events.rows_cells = 0;
    CHECK(read_facts(result).empty());
}

TEST_CASE("decision times of a result are its heads' together", "[unit]") {
    Result result = read_result();
    result.heads.push_back(result.heads.front());
    const auto times = decision_times({&result});
    REQUIRE(times.has_value());
    CHECK(times->total() == 64);
    CHECK(times->above() == 4);
    const std::vector<TimeBin> bins = time_bins(*times);
    REQUIRE(bins.size() == 2);
    CHECK(bins[0].from_s == Approx(100e-12));
    CHECK(bins[0].count == 60);
    CHECK(std::isinf(bins[1].to_s));
    for (HeadSummary& head : result.heads) head.report.decision_times.assign(50, 0);
    CHECK_FALSE(decision_times({&result}).has_value());
}

TEST_CASE("paths and ages are no counted events, and bases are exact", "[unit]") {
    Result result = read_result();
    HeadEvents& events = result.heads[0].report.events;
    events.trim_clamped = 5;
    events.column_clipped = 7;
    events.columns_read = 70000;
    events.adc_clipped = 3;
    events.conversions = 15000;
    int seen = 0;
    for (const CountedEvent& event : counted_events(result)) {
        INFO(event.name);
        CHECK_FALSE(event.name.starts_with("rows_"));
        CHECK(event.name != "age_clamped");
        if (event.name == "trim_clamped") CHECK((++seen, event.of) == 50.0);
        if (event.name == "column_clipped") CHECK((++seen, event.of) == 70000.0);
        if (event.name == "adc_clipped") CHECK((++seen, event.of) == 15000.0);
    }
    CHECK(seen == 3);
    const std::string text = result_table(result);
    CHECK_THAT(text, Contains("How the arrays were read"));
    CHECK_THAT(text, Contains("! settling of an array"));
    CHECK_THAT(text, !Contains("! queries"));
}

namespace {

/// Codes -127 .. 127 in 64 bins: the last has three codes, the others four.
HeadReport converted(std::int64_t used_first, std::int64_t used_last, int bin, std::int64_t count) {
    HeadReport report = read_result().heads[0].report;
    report.adc_code_first = -127;
    report.adc_code_last = 127;
    report.adc_code_used_first = used_first;
    report.adc_code_used_last = used_last;
    report.adc_codes.at(static_cast<std::size_t>(bin)) = count;
    report.events.conversions = count;
    return report;
}

}  // namespace

TEST_CASE("codes of ADCs add over heads, and ranges widen", "[unit]") {
    Result result;
    result.heads.resize(3);
    result.heads[0].report = converted(-20, 5, 31, 70);
    result.heads[0].report.events.adc_clipped = 3;
    result.heads[0].report.events.adc_clipped_low = 1;
    result.heads[1].report = converted(-3, 127, 63, 30);
    result.heads[2].report = read_result().heads[0].report;  // nothing converted
    const auto use = adc_code_use({&result});
    REQUIRE(use.has_value());
    CHECK(use->conversions == 100);
    CHECK(use->used_first == -20);
    CHECK(use->used_last == 127);
    CHECK(use->range_used() == Approx(148.0 / 255.0));
    CHECK(use->rate_low() == Approx(0.01));
    CHECK(use->rate_high() == Approx(0.02));
    REQUIRE(use->bins.size() == 64);
    CHECK(use->bins.front().first == -127);
    CHECK(use->bins.back().last == 127);
    for (std::size_t b = 1; b < use->bins.size(); ++b)
        CHECK(use->bins[b].first == use->bins[b - 1].last + 1);
    CHECK(use->bins[31].count == 70);
    CHECK(use->bins[63].count == 30);
    const std::vector<ReadFact> facts = read_facts(result);
    const ReadFact* fact = fact_of(facts, "ADC codes used");
    REQUIRE(fact != nullptr);
    CHECK(fact->value == "-20 to 127 of -127 to 127");
    CHECK(fact->warning);  // 3 of 100 clip
    result.heads.resize(1);
    result.heads[0].report = read_result().heads[0].report;
    CHECK_FALSE(adc_code_use({&result}).has_value());
}
