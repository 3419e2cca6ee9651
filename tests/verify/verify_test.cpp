#include <catch2/catch.hpp>

#include "src/base/error.hpp"
#include "src/verify/moments.hpp"
#include "tests/verify/planted.hpp"

using namespace attohm;
using namespace attohm::testing;

namespace {

std::string joined(const std::set<std::string>& names) {
    return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

TEST_CASE("a real model passes every check of a card with every part", "[property]") {
    const LoadedCard full = load_full_card();
    for (const std::uint64_t seed : {1, 2, 3}) {
        const VerifyReport report = verify_model(real_model(full.device), full.card, seed);
        INFO(report_text(report));
        CHECK(report.failed().empty());
        CHECK(report.count(Verdict::absent) == 0);
        CHECK(report.count(Verdict::pass) == static_cast<int>(check_table().size()));
        // The same seed gives the same report.
        if (seed == 1)
            CHECK(report_json(report) ==
                  report_json(verify_model(real_model(full.device), full.card, seed)));
    }
}

TEST_CASE("every planted fault fails exactly the checks that are for it", "[property]") {
    const LoadedCard full = load_full_card();
    for (const Plant& plant : plants()) {
        INFO(plant.fault);
        CrossbarModel model = real_model(full.device);
        plant.plant(model);
        CHECK(joined(failures(model, full.card)) == joined(plant.seen_by));
    }
}

TEST_CASE("a card whose numbers cannot be meant fails by its bounds", "[property]") {
    using Replacements = std::vector<std::pair<std::string, std::string>>;
    const Replacements nanosiemens = {
        {"g_min_uS: {value: 10,", "g_min_uS: {value: 10000,"},
        {"g_max_uS: {value: 90,", "g_max_uS: {value: 90000,"},
        {"conductance_uS: {value: [10, 90],", "conductance_uS: {value: [10000, 90000],"}};
    const Replacements percent = {
        {"\n  sigma_rel: {value: 0.0034,", "\n  sigma_rel: {value: 0.34,"}};
    const Replacements rate = {{"high_rate: {value: 0.05,", "high_rate: {value: 0.5,"}};
    const Replacements kiloohm = {
        {"low_resistance_ohm: {value: 11111,", "low_resistance_ohm: {value: 11.1,"}};
    for (const Replacements& wrong : {nanosiemens, percent, rate, kiloohm}) {
        INFO(wrong.front().second);
        const LoadedCard card = load_full_card(wrong);
        CHECK(failures(real_model(card.device), card.card).contains("card-bounds"));
    }
    const LoadedCard full = load_full_card();
    CHECK(failures(real_model(full.device), full.card).empty());
}

TEST_CASE("the referee knows every law that a card may name", "[property]") {
    using Replacements = std::vector<std::pair<std::string, std::string>>;
    const std::string law = "law: {value: polynomial,";
    const std::string sigma = "  sigma_uS_coefficients:\n    value: [0.0112, 0.0113]";
    const std::string rest = ", mark: assumed, source: test, help: test}\n";
    const Replacements biased = {
        {sigma, "  bias_uS_coefficients: {value: [0.2, -0.01]" + rest + sigma}};
    const Replacements log_normal = {
        {law, "law: {value: log-normal,"},
        {sigma, "  sigma_ln_coefficients:\n    value: [0.05, 0.0002]"}};
    const Replacements table = {
        {law, "law: {value: table,"},
        {sigma, "  target_uS: {value: [10, 40, 90]" + rest + "  bias_uS: {value: [0.1, -0.2, 0.3]" +
                    rest + "  sigma_uS:\n    value: [0.3, 0.9, 1.2]"}};
    const Replacements ceiling = {{"g_ceil_uS: {value: none,", "g_ceil_uS: {value: 90.5,"}};
    const Replacements clusters = {{"{value: independent,", "{value: cluster(9),"}};
    const Replacements lines = {{"{value: independent,", "{value: line,"}};
    for (const Replacements& change : {biased, log_normal, table, ceiling, clusters, lines}) {
        INFO(change.back().second);
        const LoadedCard card = load_full_card(change);
        const VerifyReport report = verify_model(real_model(card.device), card.card, 1);
        INFO(report_text(report));
        CHECK(report.failed().empty());
        CHECK(report.count(Verdict::absent) == 0);
    }
}

TEST_CASE("a rate too small for the sample is not passed", "[property]") {
    const LoadedCard card =
        load_full_card({{"low_rate: {value: 0.02,", "low_rate: {value: 1e-7,"}});
    const VerifyReport report = verify_model(real_model(card.device), card.card, 1);
    CHECK(report.failed() == std::vector<std::string>{"stuck-rates"});
    CHECK_THAT(report_text(report), Catch::Contains("sample too small to judge"));
}

TEST_CASE("every check of the table is seen to fail by a test", "[property]") {
    std::set<std::string> seen = {"card-bounds"};
    for (const Plant& plant : plants()) seen.insert(plant.seen_by.begin(), plant.seen_by.end());
    for (const Check& check : check_table()) {
        INFO(check.name);
        CHECK(seen.contains(std::string(check.name)));
        CHECK_THAT(checks_text(), Catch::Contains(std::string(check.name) + "\n  "));
    }
    CHECK(seen.size() == check_table().size());
}

TEST_CASE("what a card does not have is not a pass", "[unit]") {
    const Settings card = device_card("ideal");
    const VerifyReport report =
        verify_model(real_model(load_device(device_experiment("ideal"))), card, 1);
    CHECK(report.failed().empty());
    CHECK(report.count(Verdict::absent) == 10);
    CHECK_THAT(report_text(report), Catch::Contains("not in this card: cells are written exactly"));
}

TEST_CASE("a judge keeps the worst, and refuses what it cannot tell", "[unit]") {
    Judge judge;
    CHECK_THROWS_AS(judge.outcome(), InvariantError);
    judge.within("near", 1.0, 1.1, 1.0);
    judge.within("nearer the end", 1.9, 1.0, 1.0);
    CHECK(judge.outcome().verdict == Verdict::pass);
    CHECK(judge.outcome().quantity == "nearer the end");
    judge.statistic("blind", 0.0, 0.0, 0.1, 0.4);
    CHECK(judge.outcome().verdict == Verdict::fail);
    CHECK_THAT(judge.outcome().note, Catch::Contains("too small to judge"));
    for (const double wrong : {std::nan(""), 2.0, HUGE_VAL}) {
        Judge other;
        other.within("right", 1.0, 1.0, 0.0);
        other.within("wrong", wrong, 1.0, 0.5);
        CHECK(other.outcome().verdict == Verdict::fail);
        CHECK(other.outcome().quantity == "wrong");
    }
}

TEST_CASE("a judgement says what was allowed, in which unit and why", "[unit]") {
    const auto said = [](auto&& measure) {
        Judge judge;
        measure(judge);
        return judged_text(judge.outcome());
    };
    CHECK(said([](Judge& j) { j.at_most("sigma", 0.34, 0.1); }) ==
          "0.34; allowed: at most 0.1 (a physical bound, docs/verify.md)");
    CHECK(said([](Judge& j) { j.between("g_max, uS", 90.0, 0.5, 5000.0); }) ==
          "90 uS; allowed: 0.5 to 5000 uS (a physical bound, docs/verify.md)");
    CHECK(said([](Judge& j) { j.within("energy, J", 2.0, 2.0, 0.5); }) ==
          "2 J; the law gives 2 J, allowed: +- 0.5 J (an exact law, but for rounding)");
    CHECK(said([](Judge& j) { j.within("largest difference", 0.0, 0.0, 1e-5); }) ==
          "0; allowed: at most 1e-05 (an exact law, but for rounding)");
    CHECK(said([](Judge& j) { j.within("cells that moved", 3.0, 0.0, 0.0); }) ==
          "3; it has to be 0 exactly");
    CHECK(said([](Judge& j) { j.statistic("mean", 0.01, 0.0, 0.02, 0.5); }) ==
          "0.01; the law gives 0, allowed: +- 0.1 (5 standard errors of the sample)");
    CHECK(said([](Judge& j) { j.holds("it rises", true); }) == "yes");
    CHECK(said([](Judge& j) { j.holds("it rises", false); }) == "no, and it has to be so");
    // Both ends of a range are inside, nothing beyond them, and what is no number is wrong.
    for (const double value : {0.5, 5000.0, 0.4999, 5001.0, 0.0, -90.0, std::nan("")}) {
        Judge judge;
        judge.between("g_max, uS", value, 0.5, 5000.0);
        CAPTURE(value);
        CHECK((judge.outcome().verdict == Verdict::pass) == (value == 0.5 || value == 5000.0));
    }
}

TEST_CASE("moments of laws that are known", "[unit]") {
    const Moments normal = law_moments([](double z) { return 3.0 + 2.0 * z; });
    CHECK(normal.mean == Approx(3.0));
    CHECK(normal.variance == Approx(4.0));
    CHECK(normal.fourth == Approx(48.0));
    // Half of a normal: mean 1 / sqrt(2 pi), second moment 1/2.
    const Moments half = law_moments([](double z) { return std::max(z, 0.0); });
    CHECK(half.mean == Approx(1.0 / std::sqrt(2.0 * M_PI)).epsilon(1e-5));
    CHECK(half.variance == Approx(0.5 - 1.0 / (2.0 * M_PI)).epsilon(1e-5));
    const std::vector<double> sample = {1.0, 2.0, 3.0, 6.0};
    CHECK(sample_moments(sample).mean == Approx(3.0));
    CHECK(sample_moments(sample).variance == Approx(3.5));
}
