#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "crossbar/device/device.hpp"
#include "src/base/atomic_file.hpp"
#include "src/base/text.hpp"
#include "src/machine/machine.hpp"
#include "src/schemes/registry.hpp"
#include "tests/app/program.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/replay/digits_replay.hpp"

using namespace attohm;
using namespace attohm::testing;

namespace {

/// A folder with a small synthetic trace, made as a user makes it.
class TinyTrace {
  public:
    TinyTrace() {
        const ProgramRun run =
            run_attohm({"trace",         "synth", "-o",        trace(), "--tokens",  "12",
                        "--d",           "8",     "--layers",  "2",     "--heads",   "4",
                        "--kv-heads",    "2",     "--padding", "0.25",  "--samples", "2",
                        "--calibration", "1"});
        INFO(run.err);
        REQUIRE(run.code == 0);
    }
    std::string trace() const { return directory_.file("tiny.h5"); }
    std::string result() const { return directory_.file("result.h5"); }
    std::string file(const std::string& name) const { return directory_.file(name); }

    /// A folder with something in the plot library's place.
    std::string vega() const {
        for (const char* name : {"vega.min.js", "vega-lite.min.js", "vega-embed.min.js"})
            write_file_atomically(file(name), "var library;");
        return directory_.path();
    }

    ProgramRun run(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"run", trace(), "--force", "-o", result()});
        const ProgramRun run = run_attohm(arguments);
        INFO(run.err);
        CHECK(run.code == 0);
        CHECK(run.err.empty());
        return run;
    }
    nlohmann::json json(std::vector<std::string> arguments) const {
        arguments.push_back("--json");
        return nlohmann::json::parse(run(std::move(arguments)).out);
    }

  private:
    TemporaryDirectory directory_;
};

/// Whether a scheme runs. One that needs something of the trace may refuse, saying so.
bool runs_or_refuses(const SchemeEntry& entry, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--scheme", std::string(entry.name)});
    const ProgramRun run = run_attohm(arguments);
    INFO(run.err);
    if (entry.needs.empty()) CHECK(run.code == 0);
    if (run.code == 0) return true;
    CHECK(run.code == 2);
    CHECK_THAT(run.err, Catch::Contains("scheme " + std::string(entry.name)) &&
                            Catch::Contains("layer") && Catch::Contains("allowed"));
    return false;
}

}  // namespace

TEST_CASE("every device runs on every machine that thresholds in memory", "[smoke]") {
    const TinyTrace tiny;
    for (const std::string& device : device_card_names()) {
        for (const std::string& machine : machine_names()) {
            if (load_machine(machine).sprint() == nullptr) continue;
            INFO(device << " on " << machine);
            const nlohmann::json summary = tiny.json(
                {"--set", "device.card=" + device, "--set", "machines=[" + machine + "]"});
            CHECK(summary.at("experiment").at("scheme") == "sprint");
            CHECK(summary.at("experiment").at("mode") == "open");
            // 2 samples, 2 layers, 4 heads, 9 of 12 tokens are real.
            CHECK(summary.at("decisions").at("counts").at("valid") == 2 * 2 * 4 * 9 * 9);
            CHECK(summary.at("accuracy").is_null());
            const Result result = read_results(tiny.result()).front();
            REQUIRE(result.machines.size() == 1);
            CHECK(result.machines[0].machine == machine);
            for (const PricedPlan& plan : result.machines[0].pricings.at(0).plans)
                CHECK(plan.energy.value() > 0.0);
        }
    }
}

TEST_CASE("every scheme runs, open and closed, and prints a table and JSON", "[smoke]") {
    const TinyTrace tiny;
    for (const SchemeEntry& entry : scheme_table()) {
        const std::string name(entry.name);
        INFO(name);
        const bool open =
            runs_or_refuses(entry, {"run", tiny.trace(), "--force", "-o", tiny.result()});
        if (open) CHECK(tiny.json({"--scheme", name}).at("experiment").at("scheme") == name);
        if (open) CHECK_THAT(tiny.run({"--scheme", name}).out, Catch::Contains(name));
        const std::vector<std::string> digits = {"run",         kDigits, "--force",   "-o",
                                                 tiny.result(), "--set", "samples=2", "--json"};
        if (!runs_or_refuses(entry, digits)) continue;
        std::vector<std::string> arguments = digits;
        arguments.insert(arguments.end(), {"--scheme", name});
        const ProgramRun closed = run_attohm(arguments);
        const nlohmann::json summary = nlohmann::json::parse(closed.out);
        CHECK(summary.at("experiment").at("mode") == "closed");
        CHECK(summary.at("accuracy").at("samples") == 2);
        const double top1 = summary.at("accuracy").at("top1").at("value");
        CHECK((top1 >= 0.0 && top1 <= 1.0));
    }
}

TEST_CASE("every choice that a setting offers runs", "[smoke]") {
    const TinyTrace tiny;
    for (const std::string setting : {"quant.scale=absmax",
                                      "quant.scale=dynamic-per-head",
                                      "quant.scale=dynamic-per-query",
                                      "threshold.source=quantile(0.7)",
                                      "threshold.source=mass(0.9)",
                                      "threshold.source=value(0)",
                                      "threshold.margin=-1",
                                      "threshold.dac_bits=ideal",
                                      "threshold.range=steps(100)",
                                      "threshold.noise_sigma_V=0.001",
                                      "bits.k=ideal",
                                      "bits.k=1",
                                      "bits.k=8",
                                      "bits.q=ideal",
                                      "bits.q=2",
                                      "split.mode=sign-magnitude",
                                      "split.midpoint=false",
                                      "placement=shared",
                                      "array.columns=4",
                                      "sense.full_scale=worst-case",
                                      "sense.full_scale=current_A(1e-5)",
                                      "sense.i_max_A=1e-5",
                                      "device.stuck.low_rate=0.1",
                                      "device.stuck.high_rate=0.1",
                                      "device.stuck.spatial=independent",
                                      "device.stuck.spatial=cluster(4)",
                                      "device.stuck.spatial=line",
                                      "device.programming.scale=0",
                                      "device.programming.mode=verify",
                                      "device.relaxation.scale=0",
                                      "device.read_noise.scale=0",
                                      "device.slow_noise.scale=0",
                                      "device.telegraph.scale=0",
                                      "device.iv=linear",
                                      "recompute.k_msb=slc-copy",
                                      "recompute.k_msb=ideal",
                                      "empty_row=top1-digital",
                                      "empty_row=self",
                                      "empty_row=zero",
                                      "always_keep=[0, 3]",
                                      "metrics.level=counts",
                                      "energy.source.in_memory=physics",
                                      "energy.source.read=physics",
                                      "energy.source.write=physics",
                                      "machines=[sprint-s, sprint-m, sprint-l]",
                                      "mode=open"}) {
        INFO(setting);
        const Result result = replay_file(tiny.trace(), {setting});
        CHECK(result.samples.size() == 2);
        CHECK(total_decisions(result).counts.valid == 2 * 2 * 4 * 9 * 9);
    }
    const Result rounded =
        replay_file(tiny.trace(), {"split.mode=round", "recompute.k_msb=slc-copy"});
    CHECK(total_decisions(rounded).counts.valid == 2 * 2 * 4 * 9 * 9);
}

TEST_CASE("a run with ADCs tells how their codes were used, from end to end", "[smoke]") {
    const TinyTrace tiny;
    const nlohmann::json with =
        tiny.json({"--set", "sense.readout=adc", "--set", "adc.range=steps(40)"});
    const nlohmann::json& adc = with.at("reads").at("adc");
    CHECK(adc.at("code_first") == -127);
    CHECK(adc.at("code_last") == 127);
    // 8 bits: 255 codes in 64 bins; conversions of valid pairs, as the events count them.
    CHECK(adc.at("codes").size() == 64);
    std::int64_t sum = 0;
    for (const nlohmann::json& bin : adc.at("codes")) sum += bin.at("count").get<std::int64_t>();
    CHECK(sum == adc.at("conversions"));
    CHECK(sum == with.at("reads").at("counts").at("conversions"));
    CHECK(sum == 2 * 2 * 4 * 9 * 9);
    CHECK(adc.at("clipped_low") > 0);
    CHECK(adc.at("clipped_high") > 0);
    CHECK(adc.at("clipped_low").get<std::int64_t>() + adc.at("clipped_high").get<std::int64_t>() ==
          with.at("events").at("adc_clipped").at("count"));
    CHECK(adc.at("range_used") == 1.0);
    const ProgramRun run =
        run_attohm({"report", tiny.result(), "-o", tiny.file("adc.html"), "--csv", tiny.file("csv"),
                    "--figures", tiny.file("plots"), "--vega", tiny.vega()});
    INFO(run.err);
    REQUIRE(run.code == 0);
    CHECK_THAT(read_text_file(tiny.file("adc.html")), Catch::Contains("Codes of the ADCs"));
    CHECK_THAT(read_text_file(tiny.file("csv/adc_codes.csv")), Catch::Contains("code_first"));
    CHECK(tiny.json({}).at("reads").at("adc").is_null());
}

TEST_CASE("conversions have two prices, and explain names them", "[smoke]") {
    const TinyTrace tiny;
    const auto energies = [&](const std::string& pricing) {
        std::map<std::string, std::string> sources;
        const nlohmann::json json =
            tiny.json({"--set", "sense.readout=adc", "--set", "adc.architecture=sar", "--set",
                       "energy.source.adc=" + pricing});
        for (const auto& line :
             json.at("machines").at(0).at("pricings").at(0).at("plans").at(0).at("ledger"))
            if (line.at("event") == "adc_conversion")
                sources[line.at("component").get<std::string>()] =
                    line.at("energy_source").get<std::string>();
        return sources;
    };
    CHECK(energies("survey") == std::map<std::string, std::string>{{"adc", "survey"}});
    CHECK(energies("parts") == std::map<std::string, std::string>{{"adc_comparators", "parts"},
                                                                  {"adc_capacitors", "parts"},
                                                                  {"adc_logic", "unknown"},
                                                                  {"adc_sampling", "unknown"}});
    const ProgramRun explained = run_attohm({"explain", "circuit", "adc-parts"});
    CHECK_THAT(explained.out, Catch::Contains("energy.source.adc: parts") &&
                                  Catch::Contains("energy.source.adc: survey"));
}

TEST_CASE("a sweep runs from its file", "[smoke]") {
    const TinyTrace tiny;
    write_file_atomically(
        tiny.file("sweep.yaml"),
        "trace: tiny.h5\naxes: {scheme: [threshold-q, sprint], bits.k: [2, 4]}\n");
    const ProgramRun run = run_attohm({"sweep", tiny.file("sweep.yaml"), "-o", tiny.file("out")});
    INFO(run.err);
    CHECK(run.code == 0);
    CHECK_THAT(run.out, Catch::Contains("results.h5: 4 points"));
    CHECK(read_results(tiny.file("out/results.h5")).size() == 4);
}

TEST_CASE("without the plot library a report has everything but the plots", "[smoke]") {
    const TinyTrace tiny;
    tiny.run({});
    std::filesystem::create_directories(tiny.file("a/b"));
    const ProgramRun run = run_moved_attohm(
        tiny.file("a/b/attohm"), {"report", tiny.result(), "-o", tiny.file("bare.html"), "--csv",
                                  tiny.file("csv"), "--figures", tiny.file("plots")});
    CHECK(run.code == 0);
    CHECK_THAT(run.err, Catch::StartsWith("warning: ") && Catch::Contains("vega.min.js") &&
                            Catch::Contains("scripts/setup") && Catch::EndsWith("\n"));
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    CHECK_THAT(run.out, Catch::Contains("report: " + tiny.file("bare.html")));
    const std::string page = read_text_file(tiny.file("bare.html"));
    CHECK_THAT(page, Catch::Contains("Not drawn: the plot library was missing") &&
                         Catch::Contains("scripts/setup") && Catch::Contains("<h3>Ledger</h3>"));
    CHECK(std::filesystem::exists(tiny.file("csv/ledger.csv")));
    CHECK_FALSE(std::filesystem::is_empty(tiny.file("plots")));
    // A folder that was named and is not one is the user's mistake.
    const ProgramRun named = run_moved_attohm(
        tiny.file("a/b/attohm"), {"report", tiny.result(), "--vega", tiny.file("plots")});
    CHECK(named.code == 2);
    CHECK_THAT(named.err, Catch::Contains("--vega") && Catch::Contains("scripts/setup"));
}

TEST_CASE("the committed trace describes itself", "[smoke]") {
    const ProgramRun run = run_attohm({"trace", "info", kDigits, "--json"});
    REQUIRE(run.code == 0);
    CHECK(nlohmann::json::parse(run.out).is_object());
}
