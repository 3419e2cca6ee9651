#include "src/replay/experiment.hpp"

#include <catch2/catch.hpp>

#include <fstream>

#include "crossbar/device/device.hpp"
#include "src/base/error.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/replay/digits_replay.hpp"

using namespace attohm;
using attohm::testing::settings_with;
using Catch::Contains;

namespace {

/// The message of the error that loading ends in.
std::string error_of(const std::string& assignment) {
    try {
        load_experiment(settings_with({assignment}));
    } catch (const UserError& error) {
        CHECK_THAT(error.where(), Contains("--set") || Contains("scheme"));
        CHECK_FALSE(error.got().empty());
        CHECK_FALSE(error.allowed().empty());
        return error.what();
    }
    FAIL(assignment << " is no error");
    return "";
}

}  // namespace

TEST_CASE("the preset is a complete experiment", "[unit]") {
    const Experiment experiment = load_experiment(experiment_preset());
    CHECK(experiment.scheme == "sprint");
    CHECK(experiment.mode == Mode::automatic);
    CHECK(experiment.seed == 1);
    CHECK(experiment.chip == 0);
    CHECK_FALSE(experiment.sample_limit.has_value());
    CHECK(experiment.quant_samples == 8);
    CHECK(experiment.metrics == MetricsLevel::full);
    CHECK(load_priced_experiment(experiment_preset(), find_scheme("sprint")).machines ==
          std::vector<std::string>{"sprint-s"});
}

TEST_CASE("every key of the preset says what it is and how far to trust it", "[property]") {
    const Settings preset = experiment_preset();
    for (const std::string& key : preset.keys()) {
        const SettingsEntry& entry = preset.entry(key);
        INFO(key);
        CHECK_FALSE(entry.help.empty());
        CHECK_FALSE(entry.source.empty());
        CHECK_FALSE(entry.user);
    }
}

TEST_CASE("experiment keys are parsed", "[unit]") {
    const Settings settings =
        settings_with({"scheme=threshold-q", "mode=open", "seed=9007199254740992", "chip=7",
                       "samples=12", "quant.samples=3", "metrics.level=counts"});
    const Experiment experiment = load_experiment(settings);
    CHECK(experiment.scheme == "threshold-q");
    CHECK(experiment.mode == Mode::open);
    CHECK(experiment.seed == 9007199254740992ULL);
    CHECK(experiment.chip == 7);
    CHECK(experiment.sample_limit == 12);
    CHECK(experiment.quant_samples == 3);
    CHECK(experiment.metrics == MetricsLevel::counts);
    CHECK(load_experiment(settings_with({"mode=closed"})).mode == Mode::closed);
    CHECK_NOTHROW(settings.require_all_read());
}

TEST_CASE("experiment values out of range are the user's to mend", "[unit]") {
    CHECK_THAT(error_of("scheme=sprnt"), Contains("did you mean sprint"));
    CHECK_THAT(error_of("mode=half"), Contains("auto"));
    CHECK_THAT(error_of("seed=-1"), Contains("seed"));
    CHECK_THAT(error_of("seed=9007199254740993"), Contains("seed"));
    CHECK_THAT(error_of("seed=1.5"), Contains("whole number"));
    CHECK_THAT(error_of("chip=x"), Contains("chip"));
    CHECK_THAT(error_of("samples=0"), Contains("samples"));
    CHECK_THAT(error_of("samples=some"), Contains("all"));
    CHECK_THAT(error_of("quant.samples=0"), Contains("quant.samples"));
    CHECK_THAT(error_of("metrics.level=none"), Contains("counts"));
}

TEST_CASE("a result keeps the numbers of the user's own card", "[unit]") {
    const attohm::testing::TemporaryDirectory directory;
    const std::string path = directory.file("mine.yaml");
    const auto write_card = [&](double floor_uS) {
        std::ofstream card(path);
        const Settings ideal = device_card("ideal");
        for (const std::string& key : ideal.keys()) {
            const SettingsEntry& entry = ideal.entry(key);
            std::string value = fmt::format("{}", fmt::join(entry.values, ", "));
            if (entry.is_list) value = "[" + value + "]";
            if (key == "conductance.g_floor_uS") value = fmt::format("{}", floor_uS);
            card << key << ": {value: " << value << ", mark: assumed}\n";
        }
    };
    write_card(1.5);
    const Settings settings = settings_with({"device.card=" + path, "samples=2"});
    CHECK(user_files(settings_with({"device.card=ideal"})).empty());
    const std::string before = user_files(settings);
    CHECK_THAT(before, Contains("conductance.g_floor_uS: 1.5 (assumed"));
    CHECK_THAT(replay(attohm::testing::digits(), settings).experiment_yaml, Contains(before));
    // Another content under the same path is another experiment.
    write_card(2.5);
    CHECK(user_files(settings) != before);
}
