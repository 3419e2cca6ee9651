#include <catch2/catch.hpp>

#include "circuits/adc_cost.hpp"
#include "circuits/analog_library.hpp"
#include "circuits/circuit_tables.hpp"
#include "src/base/error.hpp"
#include "src/machine/cost_engine.hpp"
#include "tests/machine/cost_cases.hpp"
#include "tests/machine/random_work.hpp"
#include "tests/machine/sprint_plans.hpp"

/// What converters at the end of columns cost, in energy and in time.
using namespace attohm;
using attohm::test::bert_head;
using attohm::test::energy_of;
using attohm::test::outcome_of;
using attohm::test::plan_of;
using attohm::test::sprint_plans;

TEST_CASE("ADCs are priced by the survey fit at the machine's node, or unknown", "[unit]") {
    test::HeadCase head = bert_head();
    head.work[Event::comparator_decision] = 0;
    head.work[Event::threshold_conversion] = 0;
    head.work[Event::adc_conversion] = 384 * 384;
    const Settings table = Settings::from_text(*circuit_table("adc"), "adc");
    const std::vector<Machine> machines = load_machines({"sprint-s"});
    const AdcUse use{8, Hertz::from_value(1e8)};
    const double one =
        AdcSurveyFit(table).cost(8.0, machines[0].node_nm, use.rate, "test").energy.value;
    const MachineOutcome priced =
        outcome_of(CostEngine(machines, sprint_plans(), {}, use), {head}).front();
    for (const Pricing& pricing : priced.pricings) {
        const PricedPlan& plan = plan_of(pricing, "sprint");
        CHECK(energy_of(plan, "adc", "adc_conversion") == Approx(384.0 * 384.0 * one));
        CHECK(energy_of(plan_of(pricing, "dense"), "adc", "adc_conversion") == 0.0);
        for (const LedgerLine& line : plan.lines) {
            CHECK(line.event != "comparator_decision");
            CHECK(line.event != "threshold_conversion");
        }
    }
    // Ideal, or outside the fit: a line without a figure, and with a break-even value.
    for (const std::optional<AdcUse>& other :
         {std::optional<AdcUse>(), std::optional<AdcUse>({0, use.rate}),
          std::optional<AdcUse>({3, use.rate}),
          std::optional<AdcUse>({8, Hertz::from_value(1e11)})}) {
        const MachineOutcome outcome =
            outcome_of(CostEngine(machines, sprint_plans(), {}, other), {head}).front();
        const PricedPlan& plan = plan_of(outcome.pricings[0], "sprint");
        int unknown = 0;
        for (const LedgerLine& line : plan.lines)
            if (line.component == "adc") unknown += line.known() ? 0 : 1;
        CHECK(unknown == 1);
    }
}

namespace {

std::optional<AdcUse> use_of(const std::string& readout, const std::string& adc,
                             const std::string& pricing = "survey") {
    return adc_use(Settings::from_text("sense: {readout: " + readout + ", v_fs_V: 0.3}\nadc: {" +
                                           adc +
                                           "}\narray: {columns: 128}\n"
                                           "drive: {read_time_ns: 20, accumulate: analog}\n"
                                           "energy.source.adc: " +
                                           pricing + "\n",
                                       "test"));
}

}  // namespace

TEST_CASE("ADCs without an architecture convert the keys they share within one read", "[unit]") {
    const std::string even = "bits: 6, columns: 8, architecture: ideal-uniform";
    CHECK_FALSE(use_of("comparator", even).has_value());
    REQUIRE(use_of("adc", even).has_value());
    CHECK(use_of("adc", even)->bits == 6);
    CHECK(use_of("adc", even)->rate.value() == Approx(4e8));
    CHECK_FALSE(use_of("adc", even)->timing.has_value());
    CHECK_THROWS_AS(use_of("adc", even, "parts"), UserError);
    // One with an architecture runs at its clock, for no more columns than there are.
    const std::string sar = "bits: 6, columns: 1000, architecture: sar, clock_GHz: 0.5";
    const AdcUse use = *use_of("adc", sar);
    CHECK(use.timing->columns == 128);
    CHECK(use.rate.value() == Approx(0.5e9 / 7));
    CHECK(use.timing->round().value() == Approx(128 * 7 * 2e-9));
    CHECK(use.range.value() == Approx(0.6));
    CHECK(use_of("adc", sar, "parts")->pricing == AdcPricing::parts);
    const std::string fast = "bits: 6, columns: 1, architecture: sar, clock_GHz: 1.5";
    CHECK(use_of("adc", fast).has_value());
    CHECK_THROWS_AS(use_of("adc", fast, "parts"), UserError);
}

TEST_CASE("both prices of a conversion arrive in the ledger, and say which they are", "[unit]") {
    test::HeadCase head = bert_head();
    head.work[Event::comparator_decision] = 0;
    head.work[Event::threshold_conversion] = 0;
    const double conversions = 384.0 * 384.0;
    head.work[Event::adc_conversion] = 384 * 384;
    const std::vector<Machine> machines = load_machines({"sprint-s"});
    const AnalogLibrary library(analog_library_settings(), machines[0].node_nm,
                                Volt::from_value(machines[0].vdd_V));
    for (const char* name : {"sar", "flash", "ramp"}) {
        const std::string adc =
            std::string("bits: 6, columns: 1, clock_GHz: 1, architecture: ") + name;
        const AdcUse survey = *use_of("adc", adc), parts = *use_of("adc", adc, "parts");
        const auto lines_of = [&](const AdcUse& use) {
            std::vector<LedgerLine> lines;
            const auto outcome = outcome_of(CostEngine(machines, sprint_plans(), {}, use), {head});
            for (const LedgerLine& line : plan_of(outcome[0].pricings[0], "sprint").lines)
                if (line.event == "adc_conversion") lines.push_back(line);
            return lines;
        };
        const std::vector<LedgerLine> fit = lines_of(survey);
        REQUIRE(fit.size() == 1);
        CHECK(fit[0].component == "adc");
        CHECK(fit[0].energy_source == "survey");
        const auto whole = library.adc_survey(survey.timing->architecture, 6, survey.timing->clock);
        CHECK(fit[0].unit_energy == Approx(whole.energy->value));
        const std::vector<LedgerLine> listed = lines_of(parts);
        const std::vector<UnitCost> expected = library.adc_parts(
            parts.timing->architecture, 6, parts.timing->clock, Volt::from_value(0.6));
        REQUIRE(listed.size() == expected.size() + 1);
        int known = 0;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            CHECK(listed[i].component == expected[i].circuit);
            REQUIRE(listed[i].known() == expected[i].energy.has_value());
            if (!listed[i].known()) continue;
            ++known;
            CHECK(listed[i].energy_source == "parts");
            CHECK_FALSE(listed[i].source.empty());
            CHECK(listed[i].energy.value() == Approx(conversions * expected[i].energy->value));
        }
        CHECK(known >= 1);
        CHECK(listed.back().component == "adc_sampling");
        CHECK_FALSE(listed.back().known());
    }
}

TEST_CASE("rounds of converters stand in the latency, in prefill and decode", "[unit]") {
    test::HeadCase head = bert_head();
    const std::vector<Machine> machines = load_machines({"sprint-s"});
    const AdcUse sar = *use_of("adc", "bits: 8, columns: 4, architecture: sar, clock_GHz: 1");
    const auto thresholding = [&](const std::optional<AdcUse>& use) {
        const auto outcome = outcome_of(CostEngine(machines, sprint_plans(), {}, use), {head});
        for (const ResourceTotal& resource : outcome[0].own().resources)
            if (resource.resource == "thresholding") return resource.busy_cycles_summed;
        return std::int64_t{-1};
    };
    // 4 columns of 9 clocks at 1 GHz each: 36 cycles more for each of 384 queries.
    const std::int64_t before = thresholding(std::nullopt);
    CHECK(before > 0);
    CHECK(thresholding(sar) == before + 384 * 36);
    AdcUse every = sar;
    every.every_read = true;
    head.work.bits.reads_per_decision = 3;
    CHECK(thresholding(every) - thresholding(sar) == 384 * 2 * 36);
    // Converters of no named kind convert within the read.
    head.work.bits.reads_per_decision = 1;
    const std::string even = "bits: 8, columns: 4, architecture: ideal-uniform";
    CHECK(thresholding(use_of("adc", even)) == before);
}
