#include <catch2/catch.hpp>
#include <sstream>

#include "src/base/text.hpp"
#include "tests/app/refusal.hpp"
#include "tests/crossbar/fit/synthetic.hpp"

using namespace attohm;
using namespace attohm::testing;

namespace {

/// The made-up device's files; words that the command needs.
std::vector<std::string> write_example(const RefusalBench& bench) {
    std::vector<std::string> files;
    for (const auto& [name, text] : measured_example(1)) files.push_back(bench.write(name, text));
    return files;
}

std::vector<std::string> fit_words(const std::vector<std::string>& files, const std::string& card) {
    std::vector<std::string> words = {"device", "fit"};
    words.insert(words.end(), files.begin(), files.end());
    for (const char* word :
         {"--base", "ibm-cmo-hfox-2pct", "--read-V", "0.2", "--temperature-K", "300", "-o"})
        words.emplace_back(word);
    words.push_back(card);
    return words;
}

}  // namespace

TEST_CASE("attohm device template writes five tables and replaces none", "[smoke]") {
    const RefusalBench bench;
    const std::string folder = bench.file("templates");
    const ProgramRun run = run_attohm({"device", "template", "-o", folder});
    REQUIRE(run.code == 0);
    for (const char* name : {"programming", "reads", "retention", "iv", "pulses"}) {
        const std::string file = folder + "/" + name + ".csv";
        CHECK_THAT(run.out, Catch::Contains(file));
        CHECK_THAT(read_text_file(file), Catch::Contains("chip,row,column"));
    }
    bench.refuses({"device", "template", "-o", folder}, {"would replace a file", ".csv"});
}

namespace {

/// Every line of the text stands in the manual, indented as a block.
void check_shown(const std::string& manual, const std::string& text) {
    REQUIRE_FALSE(text.empty());
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
        CHECK_THAT(manual, Catch::Contains("\n    " + line + "\n"));
    }
}

}  // namespace

TEST_CASE("attohm device fit writes a card that explain and a second fit take", "[smoke]") {
    const RefusalBench bench;
    const std::vector<std::string> files = write_example(bench);
    const std::string card = bench.file("card.yaml");
    const ProgramRun run = run_attohm(fit_words(files, card));
    INFO(run.err);
    REQUIRE(run.code == 0);
    for (const char* part : {"programming", "stuck", "read noise", "slow noise", "relaxation",
                             "temperature", "I-V", "pulses", "verify", "card: "})
        CHECK_THAT(run.out, Catch::Contains(part));
    // The manual shows this very run.
    const std::string manual = read_text_file("docs/device_fit.md");
    check_shown(manual, run.out.substr(0, run.out.find("card: ")));
    const std::string text = read_text_file(card);
    // The same bytes again, whatever the files are called and in which order they come.
    const std::string again = bench.file("again.yaml");
    REQUIRE(run_attohm(fit_words({files.rbegin(), files.rend()}, again)).code == 0);
    CHECK(read_text_file(again) == text);
    // The card is a base like any other.
    const std::string second = bench.file("second.yaml");
    const ProgramRun based = run_attohm(
        {"device", "fit", files[1], "--base", card, "--temperature-K", "300", "-o", second});
    INFO(based.err);
    CHECK(based.code == 0);
    CHECK_THAT(read_text_file(second), Catch::Contains("card card.yaml"));
}

TEST_CASE("attohm device fit refuses in one line and leaves everything as it was", "[unit]") {
    const RefusalBench bench;
    const std::vector<std::string> files = write_example(bench);
    const std::string card = bench.file("card.yaml");
    bench.refuses({"device", "fit", files[0], "-o", card},
                  {"more than was measured", "programming (programming.csv, or --base)"});
    bench.refuses(fit_words(files, bench.file("card")), {"no card file", ".yaml"});
    bench.refuses(fit_words({bench.file("absent.csv")}, card), {"absent.csv", "no such file"});
    const std::string broken =
        bench.write("x.csv", "chip,row,column,target_uS,conductance_uS,age_s\n0,0,0,10,nan,1\n");
    bench.refuses(fit_words({broken}, card), {"x.csv:2, column `conductance_uS`", "nan"});
    std::vector<std::string> other = {"device", "fit", files[0], "--base", "ibm-cmo-hfox-3pct",
                                      "-o",     card};
    bench.refuses(other, {"unknown device card", "did you mean ibm-cmo-hfox-"});
    bench.refuses({"device", "fit", files[0], "--law", "cubic", "-o", card}, {"--law", "cubic"});
    const std::string measured = bench.write("m.yaml", "# not a table\n");
    bench.refuses({"device", "fit", measured, "-o", measured}, {"would replace an input"});
    std::vector<std::string> words = fit_words(files, card);
    words.insert(words.end(), {"--report", bench.file("fit.html"), "--vega", bench.path()});
    bench.refuses(words, {"plot library", "vega.min.js"});
}
