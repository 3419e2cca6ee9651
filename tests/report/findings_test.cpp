#include "src/report/findings.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "src/report/events.hpp"
#include "src/report/figures.hpp"
#include "src/report/metrics.hpp"
#include "src/report/quality.hpp"
#include "src/report/tables.hpp"
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
    CHECK(knee->change.value == -0.02);

    const auto none = noise_knee(std::span(points).first(2));
    REQUIRE(none);
    CHECK(none->last_held == 2.0);
    CHECK_FALSE(none->first_lost);
    CHECK_FALSE(noise_knee(std::span(points).first(1)));
}

TEST_CASE("the energy knee is the cheapest setting that is not surely worse", "[unit]") {
    // All intervals overlap; only the paired ones tell the third from the best.
    const std::vector<EnergyPoint> points = {{5.0, {0.97, 0.93, 0.99}},
                                             {3.0, {0.96, 0.92, 0.98}},
                                             {2.0, {0.95, 0.91, 0.98}},
                                             {4.0, {0.97, 0.93, 0.99}},
                                             {1.0, {0.97, 0.93, 0.99}}};
    const auto change = [](std::size_t best, std::size_t other) -> std::optional<Interval> {
        CHECK(best == 3);
        if (other == 1) return Interval{-0.01, -0.02, 0.0};
        if (other == 2) return Interval{-0.02, -0.03, -0.01};
        return std::nullopt;  // of other samples
    };
    const auto knee = energy_knee(std::span(points).first(4), change);
    REQUIRE(knee);
    CHECK(knee->best == 3);      // as good as the first, and cheaper
    CHECK(knee->cheapest == 1);  // an interval that touches zero is no loss
    const auto apart = [](std::size_t, std::size_t) { return std::optional<Interval>(); };
    CHECK(energy_knee(std::span(points).first(4), apart)->cheapest == 3);
    CHECK(energy_knee(points, apart)->cheapest == 4);
    CHECK_FALSE(energy_knee({}, change));
}

TEST_CASE("the cheapest setting of a group is found by pairs, not by its own interval", "[unit]") {
    // Of 300 samples the cheaper setting gets 8 more wrong and none more right.
    std::vector<Result> results;
    for (const double margin : {0.0, 1.0}) {
        test::MadeUp m;
        m.margin = margin;
        results.push_back(test::made_up_result(m));
    }
    for (Result& result : results)
        for (SampleOutcome& sample : result.samples) sample.predicted = sample.label;
    const auto spoil = [&](int count) {
        for (int i = 0; i < count; ++i)
            results[1].samples[static_cast<std::size_t>(i)].predicted = (i + 1) % 10;
        for (Result& result : results) {
            // Both share forty mistakes, so that either interval is far wider than their change.
            for (std::size_t i = 100; i < 140; ++i)
                result.samples[i].predicted = (result.samples[i].label + 1) % 10;
            result.accuracy = make_accuracy(result.samples, 1);
        }
    };
    spoil(2);
    std::vector<Group> groups = group_results(results);
    REQUIRE(groups[0].points.size() == 2);
    CHECK(groups[0].headline == 1);
    CHECK(any_contains(findings(groups[0]), "-0.007 [-0.017, +0.000] against the best, paired,"));
    spoil(8);
    groups = group_results(results);
    const Point &best = groups[0].points[0], &cheap = groups[0].points[1];
    REQUIRE(energy_J(cheap, "sprint-s")->mean < energy_J(best, "sprint-s")->mean);
    CHECK(top1(cheap)->high > top1(best)->value);  // by its own interval it would have passed
    CHECK(groups[0].headline == 0);
}

TEST_CASE("a plane of knees is one sentence, a table and a CSV", "[unit]") {
    std::vector<Result> results;
    for (const int k_bits : {3, 4, 6})
        for (const double margin : {-0.5, 0.0})
            for (const double noise : {1.0, 2.0, 4.0, 8.0}) {
                test::MadeUp m;
                m.k_bits = k_bits;
                m.margin = margin;
                m.noise = noise;
                results.push_back(test::made_up_result(m));
            }
    const std::vector<Group> groups = group_results(results);
    const auto axis = noise_axis(groups[0]);
    REQUIRE(axis);
    const std::vector<SliceKnee> knees = noise_knees(groups[0], *axis);
    REQUIRE(knees.size() == 6);
    const auto lost = static_cast<std::size_t>(
        std::count_if(knees.begin(), knees.end(),
                      [](const SliceKnee& slice) { return slice.knee.first_lost.has_value(); }));
    REQUIRE(lost > 0);
    const std::vector<std::string> texts = findings(groups[0]);
    CHECK(std::count_if(texts.begin(), texts.end(), [](const std::string& text) {
              return text.find("nee of") != std::string::npos ||
                     text.find("No knee") != std::string::npos;
          }) == 1);
    CHECK(any_contains(
        texts, fmt::format("Knee of device.read_noise.scale: top-1 drops in {} of 6 settings of "
                           "K bits and margin. First: K bits",
                           lost)));
    const std::string table = knees_table(groups[0]);
    const std::string csv = knees_csv(results);
    CHECK(std::count(csv.begin(), csv.end(), '\n') == 7);
    for (const SliceKnee& slice : knees) {
        CAPTURE(slice.label);
        CHECK(csv.find(",device.read_noise.scale,\"" + slice.label + "\",1,") != std::string::npos);
    }
    CHECK(table.find("K bits") != std::string::npos);
    CHECK(table.find("Lost at") != std::string::npos);
    // Six curves fit one plot; of nine it says that it draws eight.
    CHECK(axis_figures(groups[0])[0].caption.find("settings are drawn") == std::string::npos);
    std::vector<Result> more = results;
    for (const int k_bits : {3, 4, 6})
        for (const double noise : {1.0, 2.0, 4.0}) {
            test::MadeUp m;
            m.k_bits = k_bits;
            m.margin = 1.0;
            m.noise = noise;
            more.push_back(test::made_up_result(m));
        }
    CHECK(axis_figures(group_results(more)[0])[0].caption.find(
              "The first 8 of 9 settings are drawn") == 0);
    // Where nothing is lost, so it says, once.
    for (Result& result : results)
        for (SampleOutcome& sample : result.samples) sample.predicted = sample.label;
    CHECK(any_contains(findings(group_results(results)[0]),
                       "No knee up to device.read_noise.scale = 8 in any of 6 settings of K bits "
                       "and margin"));
    // One slice has its own sentence and needs no table.
    CHECK(knees_table(group_results(std::span(results).first(4))[0]).empty());
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

TEST_CASE("a language model is judged by perplexity, beside exact and with its ratio", "[unit]") {
    std::vector<Result> results;
    for (const double noise : {1.0, 64.0}) {
        test::MadeUp m;
        m.noise = noise;
        m.samples = 12;
        results.push_back(test::made_up_result(m));
        Result& result = results.back();
        result.accuracy.reset();
        for (SampleOutcome& sample : result.samples) {
            sample.label = sample.predicted = sample.predicted_exact = -1;
            sample.logits.clear();
            TokenScores& tokens = sample.tokens.emplace();
            tokens.scored = tokens.compared = 100;
            tokens.loss_exact = 100.0 * std::log(4.0);
            tokens.loss = tokens.loss_exact + (noise > 1.0 ? 100.0 * std::log(1.25) : 0.0);
            tokens.agreeing = 90;
        }
        result.language = make_language(result.samples, 1);
    }
    const std::vector<Group> groups = group_results(results);
    REQUIRE(groups.size() == 1);
    const auto kind = quality_of(groups[0]);
    REQUIRE(kind.has_value());
    CHECK(kind->kind == Quality::Kind::perplexity);
    CHECK(kind->has_interval());
    CHECK_FALSE(kind->more_is_better());
    // The lower perplexity is the better point, whatever it costs beyond it.
    CHECK(perplexity(groups[0].shown())->value == Approx(4.0));
    CHECK(perplexity_ratio(groups[0].points[1])->value == Approx(1.25));
    // Paired by the loss of every sample: what the first gains over the second is sure.
    CHECK(paired_merit(groups[0].points[1], groups[0].points[0])->low == Approx(std::log(1.25)));
    CHECK(paired_merit(groups[0].points[0], groups[0].points[1])->high == Approx(-std::log(1.25)));
    const std::vector<std::string> said = findings(groups[0]);
    CHECK(
        any_contains(said, "Perplexity over 1200 tokens of 12 samples, closed loop: exact 4.000"));
    CHECK(any_contains(said, "which are few"));
    CHECK_FALSE(any_contains(said, "Top-1 over"));
    const std::string table = settings_table(groups[0]);
    CHECK(table.find("perplexity") != std::string::npos);
    CHECK(table.find("1.250") != std::string::npos);
    const std::vector<Figure> figures = accuracy_energy_figures(groups[0]);
    REQUIRE(figures.size() == 1);
    CHECK(figures[0].title.find("Perplexity against energy") == 0);
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
        if (event.name == "codes of q out of range") {
            ++seen;
            CHECK(event.whole == Approx(static_cast<double>(totals.rows) * 64.0));
            CHECK_FALSE(event.flagged);
        }
    }
    CHECK(seen == 2);
    CHECK(flagged == 2);
}

TEST_CASE("findings say how arrays were read, and warn of what was not simulated", "[unit]") {
    std::vector<Result> results = {test::made_up_result({})};
    CHECK_FALSE(any_contains(findings(group_results(results)[0]), "How the arrays were read"));
    HeadReport& report = results[0].heads[0].report;
    report.events.rows_output = report.rows;
    report.settle_time_s = 20e-9;
    report.step_time_s = 30e-9;
    std::vector<std::string> texts = findings(group_results(results)[0]);
    CHECK(any_contains(texts, "queries drawn at the outputs"));
    CHECK_FALSE(any_contains(texts, "settling"));
    report.step_time_s = 10e-9;
    CHECK(
        any_contains(findings(group_results(results)[0]), "Warning, settling of an array 20.0 ns"));
}

TEST_CASE("false prunes by column are a figure where there are columns", "[unit]") {
    std::vector<Result> results = {test::made_up_result({})};
    for (HeadSummary& head : results[0].heads) {
        head.report.columns.reference_kept.assign(ColumnProfile::kBins, 0);
        head.report.columns.false_prune.assign(ColumnProfile::kBins, 0);
    }
    CHECK(column_figures(group_results(results)[0]).empty());
    HeadReport& report = results[0].heads[0].report;
    report.columns.reference_kept[5] = 200;
    report.columns.false_prune[5] = 50;
    report.columns.reference_kept[6] = 20;  // too few
    const std::vector<Figure> figures = column_figures(group_results(results)[0]);
    REQUIRE(figures.size() == 1);
    CHECK(figures[0].spec.find("0.25") != std::string::npos);
    CHECK(figures[0].spec.find("\"of\":20}") == std::string::npos);
}
