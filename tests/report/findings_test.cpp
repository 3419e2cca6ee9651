#include "src/report/findings.hpp"

#include <catch2/catch.hpp>

#include "src/report/events.hpp"
#include "src/report/metrics.hpp"
#include "tests/report/synthetic_results.hpp"

using namespace attohm;

namespace {

bool any_contains(const std::vector<std::string>& texts, const std::string& part) {
    for (const std::string& text : texts)
        if (text.find(part) != std::string::npos) return true;
    return false;
}

}  // namespace

TEST_CASE("the noise knee is the last noise before top-1 has surely dropped", "[unit]") {
    const std::vector<NoisePoint> points = {{1.0, {0.0, 0.0, 0.0}},
                                            {2.0, {-0.01, -0.02, 0.0}},
                                            {4.0, {-0.02, -0.04, -0.001}},
                                            {8.0, {-0.01, -0.03, 0.01}}};
    const auto knee = noise_knee(points);
    REQUIRE(knee);
    // An interval that touches zero is no drop; what comes after the first drop does not count.
    CHECK(knee->last_held == 2.0);
    REQUIRE(knee->first_lost);
    CHECK(*knee->first_lost == 4.0);
    CHECK(knee->change->value == -0.02);

    const auto none = noise_knee(std::span(points).first(2));
    REQUIRE(none);
    CHECK(none->last_held == 2.0);
    CHECK_FALSE(none->first_lost);
    CHECK_FALSE(noise_knee(std::span(points).first(1)));
}

TEST_CASE("the energy knee is the cheapest setting that reaches the best", "[unit]") {
    const std::vector<EnergyPoint> points = {{5.0, {0.97, 0.95, 0.99}},
                                             {3.0, {0.96, 0.94, 0.97}},
                                             {2.0, {0.95, 0.93, 0.969}},
                                             {4.0, {0.97, 0.95, 0.99}}};
    const auto knee = energy_knee(points);
    REQUIRE(knee);
    CHECK(knee->best == 3);      // as good as the first, and cheaper
    CHECK(knee->cheapest == 1);  // its interval reaches 0.97, that of the cheaper one does not
    CHECK_FALSE(energy_knee({}));
}

TEST_CASE("the front holds what nothing beats in both", "[unit]") {
    const std::vector<EnergyPoint> points = {{3.0, {0.9, 0, 0}},
                                             {1.0, {0.8, 0, 0}},
                                             {2.0, {0.7, 0, 0}},
                                             {1.0, {0.6, 0, 0}},
                                             {4.0, {0.9, 0, 0}}};
    CHECK(pareto_front(points) == std::vector<std::size_t>{1, 0});
}

TEST_CASE("findings name numbers, units, scopes and settings", "[unit]") {
    const std::vector<Result> results = test::made_up_sweep();
    const std::vector<Group> groups = group_results(results);
    REQUIRE(groups.size() == 1);
    const auto texts = findings(groups[0]);
    CHECK(any_contains(texts, "Top-1 over 300 samples"));
    CHECK(any_contains(texts, "threshold 0."));
    CHECK(any_contains(texts, "0.95 intervals over samples"));
    // Made up so that the loss grows as the square of the noise.
    CHECK(any_contains(texts, "Knee of device.read_noise.scale: top-1 holds up to 2; at 4"));
    CHECK(
        any_contains(texts, "J per inference on sprint-s (paper prices, operand writes included)"));
    CHECK(any_contains(texts, "dense-tiled"));
    CHECK(any_contains(texts, "without"));
    CHECK(any_contains(texts, "Events above 0.01: rows that kept nothing 0.0400"));
    for (const std::string& text : texts) CHECK(text.find('%') == std::string::npos);
}

TEST_CASE("an unpriced, unlabelled or open-loop result has findings of what it has", "[unit]") {
    test::MadeUp open;
    open.closed = false;
    std::vector<Result> results = {test::made_up_result(open)};
    auto texts = findings(group_results(results)[0]);
    CHECK_FALSE(any_contains(texts, "Top-1"));
    CHECK(any_contains(texts, "relative rms error"));

    results = {test::made_up_result({})};
    results[0].machines.clear();
    texts = findings(group_results(results)[0]);
    CHECK(any_contains(texts, "Top-1"));
    CHECK_FALSE(any_contains(texts, "Energy"));
}

TEST_CASE("events are rated against how often they could have happened", "[unit]") {
    const std::vector<Result> results = {test::made_up_result({})};
    const auto groups = group_results(results);
    const auto rates = event_rates(groups[0].shown());
    const DecisionTotals totals = decisions(groups[0].shown());
    int flagged = 0, seen = 0;
    for (const EventRate& event : rates) {
        CHECK(event.rate == Approx(static_cast<double>(event.count) / event.whole));
        flagged += event.flagged;
        if (event.name == "conductances below the floor") {
            ++seen;
            CHECK(event.rate == Approx(0.025));
            CHECK(event.flagged);
        }
        if (event.name == "8-bit codes of q out of range") {
            ++seen;
            CHECK(event.whole == Approx(static_cast<double>(totals.rows) * 64.0));
            CHECK_FALSE(event.flagged);
        }
    }
    CHECK(seen == 2);
    CHECK(flagged == 2);
}
