#include <catch2/catch.hpp>
#include <cmath>

#include "src/replay/result_summary.hpp"

/// Rates of a scheme that has no reference to be false against.
using namespace attohm;

namespace {

double rate(const DecisionTotals& totals, std::string_view name) {
    return rate_named(decision_rates(totals, false), name).value();
}

}  // namespace

TEST_CASE("without a reference false decisions are unknown, not none", "[unit]") {
    DecisionTotals totals;
    totals.counts.valid = 100;
    totals.counts.hw_kept = 40;
    totals.kept_pairs = 42;
    totals.rows = 10;
    for (const char* name : {"fp_total", "fk_total", "fp_quant", "fk_quant", "fp_analog",
                             "fk_analog", "kept_threshold"}) {
        CAPTURE(name);
        CHECK(std::isnan(rate(totals, name)));
    }
    CHECK(rate(totals, "kept_comparators") == 0.4);
    CHECK(rate(totals, "kept") == 0.42);
    CHECK(rate(totals, "empty_rows") == 0.0);
}

TEST_CASE("a reference that keeps nothing makes every kept pair a false keep", "[unit]") {
    DecisionTotals totals;
    totals.counts.valid = 100;
    totals.counts.hw_kept = 40;
    totals.counts.fk_total = 40;
    CHECK(rate(totals, "fk_total") == 0.4);
    CHECK(rate(totals, "kept_threshold") == 0.0);
    CHECK(std::isnan(rate(totals, "fp_total")));
}
