#include "src/report/group.hpp"

#include <catch2/catch.hpp>

#include "src/report/metrics.hpp"
#include "tests/report/synthetic_results.hpp"

using namespace attohm;

namespace {

/// The knobs that differ, one result each, with few samples: fast.
Result small(double noise, std::uint64_t chip = 0, const std::string& trace = "made-up-vit") {
    test::MadeUp m;
    m.noise = noise;
    m.chip = chip;
    m.trace = trace;
    m.samples = 40;
    m.layers = 1;
    return test::made_up_result(m);
}

}  // namespace

TEST_CASE("results are grouped by trace; digital references stand aside", "[unit]") {
    std::vector<Result> results = test::made_up_sweep();
    results.push_back(small(1.0, 0, "another"));
    const auto groups = group_results(results);
    REQUIRE(groups.size() == 2);
    const Group& sweep = groups[0];
    REQUIRE(sweep.axes.size() == 3);
    CHECK(sweep.axes[0].key == "bits.k");
    CHECK(sweep.axes[0].values == std::vector<std::string>{"2", "3", "4", "6"});
    CHECK(sweep.axes[2].values == std::vector<std::string>{"-1", "-0.5", "0", "0.5", "1"});
    // 5 x 4 x 2 and a noise axis of five, of which two stand in the grid already.
    CHECK(sweep.points.size() == 43);
    for (const Point& p : sweep.points) CHECK(p.chips.size() == 1);
    REQUIRE(sweep.references.size() == 2);
    CHECK(sweep.references[1].first().scheme == "threshold");
    REQUIRE(noise_axis(sweep));
    CHECK(sweep.axes[*noise_axis(sweep)].key == "device.read_noise.scale");
    const auto slices = slices_along(sweep, *noise_axis(sweep), 3);
    REQUIRE(slices.size() == 1);
    CHECK(slices[0].label == "K bits 4, margin 0");
    CHECK(slices[0].points.size() == 5);
    CHECK(slices_across(sweep, 0, 2, 20).size() == 2);
}

TEST_CASE("chips are one point: means, and the range of single chips", "[unit]") {
    std::vector<Result> results = {small(1.0, 0), small(1.0, 1), small(16.0, 0), small(16.0, 1)};
    results[1].accuracy->top1 = {0.5, 0.4, 0.6};
    results[0].accuracy->top1 = {0.7, 0.6, 0.8};
    const auto groups = group_results(results);
    REQUIRE(groups.size() == 1);
    REQUIRE(groups[0].points.size() == 2);
    const Point& p = groups[0].points[0];
    REQUIRE(p.chips.size() == 2);
    CHECK(top1(p)->value == Approx(0.6));
    CHECK(top1(p)->low == Approx(0.5));
    CHECK(top1_spread(p)->least == 0.5);
    CHECK(top1_spread(p)->most == 0.7);
    CHECK(decisions(p).counts.valid == 2 * total_decisions(results[0]).counts.valid);
    // The second setting loses accuracy on the same samples on both chips.
    const auto change = paired_change(p, groups[0].points[1]);
    REQUIRE(change);
    CHECK(change->value < 0.0);
    CHECK(change->low <= change->value);
    CHECK(change->high >= change->value);
}

TEST_CASE("runs without a sweep are told apart by what their experiments say", "[unit]") {
    std::vector<Result> results = {small(1.0), small(2.0)};
    for (Result& r : results) r.axes.clear();
    const auto groups = group_results(results);
    REQUIRE(groups[0].axes.size() == 1);
    CHECK(groups[0].axes[0].key == "device.read_noise.scale");
    CHECK(groups[0].axes[0].numeric);
}

TEST_CASE("a run and the same setting of a sweep are one result, the fuller one", "[unit]") {
    Result run = small(1.0);
    Result swept = small(1.0);
    run.experiment_yaml += "results.work: summaries\n";
    swept.experiment_yaml += "results.work: none\n";
    for (HeadSummary& head : swept.heads) head.to_exact.reset();
    for (const bool run_first : {true, false}) {
        const std::vector<Result> results =
            run_first ? std::vector{run, swept} : std::vector{swept, run};
        const auto groups = group_results(results);
        REQUIRE(groups.size() == 1);
        REQUIRE(groups[0].points.size() == 1);
        REQUIRE(groups[0].points[0].chips.size() == 1);
        CHECK(groups[0].points[0].first().heads.front().to_exact.has_value());
        CHECK(groups[0].axes.empty());
    }
}

TEST_CASE("the headline is the cheapest setting that reaches the best", "[unit]") {
    std::vector<Result> results = {small(1.0), small(2.0), small(4.0)};
    const double energies[] = {3.0, 1.0, 2.0};
    const std::size_t wrong[] = {4, 20, 5};  // of 40, the same ones first
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t s = 0; s < results[i].samples.size(); ++s) {
            SampleOutcome& sample = results[i].samples[s];
            sample.predicted = s < wrong[i] ? (sample.label + 1) % 10 : sample.label;
        }
        results[i].accuracy = make_accuracy(results[i].samples, 1);
        for (Pricing& pricing : results[i].machines[0].pricings)
            pricing.plans[0].energy = Joule::from_value(energies[i]);
    }
    const auto groups = group_results(results);
    CHECK(groups[0].headline == 2);
}
