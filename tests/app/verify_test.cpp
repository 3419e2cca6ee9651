#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "crossbar/device/device.hpp"
#include "src/base/text.hpp"
#include "src/verify/checks.hpp"
#include "tests/app/program.hpp"
#include "tests/app/refusal.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Contains;

TEST_CASE("every built-in card is verified", "[smoke]") {
    for (const std::string& card : device_card_names()) {
        const ProgramRun run = run_attohm({"verify", card, "--json"});
        INFO(card << "\n" << run.out);
        CHECK(run.code == 0);
        CHECK(run.err.empty());
        const nlohmann::json report = nlohmann::json::parse(run.out);
        CHECK(report.at("card") == card);
        CHECK(report.at("failed") == 0);
        CHECK(report.at("passed").get<int>() >= 14);
        CHECK(report.at("checks").size() == check_table().size());
    }
}

TEST_CASE("a report has a line for each check, and the seed decides its bytes", "[smoke]") {
    const ProgramRun run = run_attohm({"verify"});
    REQUIRE(run.code == 0);
    CHECK_THAT(run.out, Contains("card ibm-cmo-hfox-2pct, seed 1\n"));
    for (const Check& check : check_table())
        CHECK_THAT(run.out, Contains("\n" + std::string(check.name) + " "));
    CHECK_THAT(run.out, Contains(" +- ") && Contains("not in this card: no slow noise"));
    CHECK(run_attohm({"verify", "ibm-cmo-hfox-2pct"}, {{"OMP_NUM_THREADS", "3"}}).out == run.out);
    CHECK(run_attohm({"verify", "--seed", "2"}).out != run.out);
    const ProgramRun list = run_attohm({"verify", "--list"});
    CHECK(list.code == 0);
    CHECK_THAT(list.out, Contains("wire-oracle\n  ") && Contains("card-bounds\n  "));
}

TEST_CASE("a card that cannot be meant ends with 1, one that cannot be read with 2", "[smoke]") {
    const RefusalBench bench;
    std::string text = read_text_file("crossbar/device/cards/ibm-cmo-hfox-2pct.yaml");
    const std::string right = "\n  sigma_rel: {value: 0.0034,";
    REQUIRE(text.find(right) != std::string::npos);
    text.replace(text.find(right), right.size(), "\n  sigma_rel: {value: 0.34,");
    const std::string percent = bench.write("percent.yaml", text);
    const ProgramRun run = run_attohm({"verify", percent});
    CHECK(run.code == 1);
    CHECK(run.err.empty());
    CHECK_THAT(run.out,
               Contains("read_noise.sigma_rel: 0.34; allowed: at most 0.1 (a physical bound") &&
                   Contains("19 passed, 1 failed, 5 not in this card: card-bounds\n"));
    const ProgramRun json = run_attohm({"verify", percent, "--json"});
    CHECK(json.code == 1);
    CHECK(nlohmann::json::parse(json.out).at("failed") == 1);

    bench.refuses({"verify", "ibm-cmo-hfox"}, {"unknown device card", "ibm-cmo-hfox-2pct"});
    bench.refuses({"verify", bench.file("none.yaml")}, {"none.yaml"});
    bench.refuses({"verify", "--seed", "-1"}, {"seed", "-1"});
    bench.refuses({"verify", "--seeds", "1"}, {"--seeds"});
}
