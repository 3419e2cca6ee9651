#include "src/app/catalogue.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "circuits/circuit_models.hpp"
#include "circuits/circuit_tables.hpp"
#include "crossbar/device/device.hpp"
#include "crossbar/device/device_models.hpp"
#include "crossbar/wires/wire_models.hpp"
#include "src/base/error.hpp"
#include "src/machine/machine.hpp"
#include "src/replay/replay.hpp"
#include "src/schemes/registry.hpp"
#include "src/tile/tile_models.hpp"
#include "tests/app/program.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/replay/digits_replay.hpp"
#include "workloads/synth.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Contains;

namespace {

std::vector<std::string> names_of(const std::string& kind) {
    if (kind == "devices") return device_card_names();
    if (kind == "machines") return machine_names();
    if (kind == "models") {
        std::vector<std::string> models;
        for (const DeviceModel& model : device_model_table()) models.emplace_back(model.name);
        return models;
    }
    if (kind == "arrays") {
        std::vector<std::string> arrays;
        for (const WireModel& model : wire_model_table()) arrays.emplace_back(model.name);
        for (const WireModel& model : tile_model_table()) arrays.emplace_back(model.name);
        return arrays;
    }
    if (kind == "circuits") {
        std::vector<std::string> circuits;
        for (const CircuitModel& model : circuit_model_table()) circuits.emplace_back(model.name);
        for (const std::string& table : circuit_table_names()) circuits.push_back(table);
        return circuits;
    }
    std::vector<std::string> names;
    for (const SchemeEntry& entry : scheme_table()) names.emplace_back(entry.name);
    return names;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

/// First words of the lines that a parameter starts.
std::set<std::string> parameters_in(const std::string& text) {
    std::set<std::string> found;
    bool inside = false;
    for (const std::string& line : lines_of(text)) {
        if (line.starts_with("parameters")) inside = true;
        if (line.empty()) inside = false;
        if (!inside || !line.starts_with("  ") || line[2] == ' ') continue;
        found.insert(line.substr(2, line.find(' ', 2) - 2));
    }
    return found;
}

/// One sample of a layer without a class token, sizes alone.
Result replay_shapes(const std::string& scheme) {
    SynthSpec spec = synth_shape("bert-base-48");
    spec.layers = 1;
    spec.shape_only = true;
    spec.samples = 1;
    spec.calibration = 0;
    const TemporaryDirectory directory;
    write_synthetic_trace(spec, directory.file("shapes.h5"));
    Settings settings = experiment_preset();
    settings.overlay_assignment("scheme=" + scheme);
    ReplayTrace trace(directory.file("shapes.h5"));
    return replay(trace, settings);
}

/// Keys that a replay stored as read, without the experiment's own.
std::set<std::string> keys_read_with(const std::string& scheme, std::vector<std::string> keys) {
    keys.insert(keys.end(), {"samples=1", "scheme=" + scheme});
    // The digits have a class token, which windows of patches do not know, and no butterflies.
    const bool on_shapes = scheme == "qna" || scheme == "fabnet";
    const Result result = on_shapes ? replay_shapes(scheme) : replay_digits(keys);
    const Settings stored = Settings::from_text(result.experiment_yaml, "stored");
    std::set<std::string> found;
    for (const std::string& key : stored.keys()) found.insert(key);
    for (const char* own : {"scheme", "mode", "seed", "chip", "samples", "metrics.level"})
        CHECK(found.erase(own) == 1);
    // Read in every experiment, whether or not the trace needs it; of sizes alone the MLP's too.
    found.erase("quant.samples");
    if (on_shapes) found.erase("network.mlp_ratio");
    return found;
}

/// Keys of all parts, those that only one choice needs included.
std::set<std::string> keys_read(const std::string& scheme) {
    // The digits have no learned hash, and no masks.
    std::vector<std::string> keys;
    if (scheme == "ecoformer") keys = {"ecoformer.hash=random(1)"};
    if (scheme == "vitcod") keys = {"vitcod.masks=average(0.9)"};
    std::set<std::string> found = keys_read_with(scheme, keys);
    if (scheme != "sprint") return found;
    for (const char* architecture : {"ideal-uniform", "sar", "flash", "ramp"})
        found.merge(keys_read_with(
            scheme, {"sense.readout=adc", std::string("adc.architecture=") + architecture}));
    found.merge(
        keys_read_with(scheme, {"comparator.calibration=trim(4)", "comparator.hysteresis_V=0.001",
                                "comparator.time_available_ns=1"}));
    return found;
}

}  // namespace

TEST_CASE("every kind lists every model with a line of its own", "[property]") {
    CHECK(catalogue_kinds() == std::vector<std::string>{"schemes", "devices", "models", "arrays",
                                                        "machines", "circuits"});
    for (const std::string& kind : catalogue_kinds()) {
        const std::vector<std::string> names = names_of(kind);
        const std::vector<std::string> lines = lines_of(list_models(kind));
        INFO(kind);
        REQUIRE_FALSE(names.empty());
        REQUIRE(lines.size() == names.size() + 1);
        for (std::size_t i = 0; i < names.size(); ++i) {
            CHECK(lines[i].starts_with(names[i] + " "));
            CHECK(lines[i].size() > names[i].size() + 10);
        }
        CHECK_THAT(lines.back(), Contains("attohm explain"));
        // The singular names the same table.
        CHECK(list_models(kind.substr(0, kind.size() - 1)) == list_models(kind));
    }
}

TEST_CASE("every model is explained", "[property]") {
    for (const std::string& kind : catalogue_kinds()) {
        for (const std::string& name : names_of(kind)) {
            INFO(kind << " " << name);
            const std::string text = explain_model(kind, name);
            CHECK_THAT(text, Contains(name) && Contains("source"));
            if (!circuit_table(name)) CHECK_THAT(text, Contains("\nnot modelled\n  "));
            if (kind == "schemes" || kind == "devices" || kind == "models" || kind == "arrays" ||
                find_circuit_model(name) != nullptr)
                CHECK_THAT(text, Contains("\nequations\n  "));
            CHECK_THAT(text, Contains("\nparameters (the unit is the key's ending"));
            CHECK_FALSE(parameters_in(text).empty());
            // A name alone is enough where no other kind has it.
            CHECK(explain_model("", name) == text);
        }
    }
}

TEST_CASE("every parameter is told with its value, mark and source", "[property]") {
    for (const std::string& name : device_card_names()) {
        const std::string text = explain_model("device", name);
        const Settings card = device_card(name);
        const std::set<std::string> told = parameters_in(text);
        for (const std::string& key : card.keys()) {
            INFO(name << " " << key);
            CHECK(told.contains(key));
            CHECK_THAT(text, Contains(card.entry(key).source));
            CHECK_THAT(text, Contains(card.entry(key).help));
        }
        CHECK(told.size() == card.keys().size());
    }
    for (const std::string& name : machine_names()) {
        const std::set<std::string> told = parameters_in(explain_model("machine", name));
        for (const std::string& key : machine_settings(name).keys()) {
            INFO(name << " " << key);
            CHECK(told.contains(key));
        }
    }
}

TEST_CASE("every analog key of the preset has a model that says what it does", "[property]") {
    // The keys of digital schemes stand with their equations: they have no other part.
    std::set<std::string> told;
    for (const std::string& name : names_of("schemes"))
        if (name != "sprint") told.merge(parameters_in(explain_model("scheme", name)));
    const Settings preset = scheme_preset();
    const std::vector<std::string> keys = preset.keys();
    for (const char* kind : {"arrays", "circuits"}) {
        for (const std::string& name : names_of(kind)) {
            if (circuit_table(name)) continue;
            for (const std::string& key : parameters_in(explain_model(kind, name))) {
                // A key of an experiment is one of the preset's, whole.
                const std::string section = key.substr(0, key.find('.'));
                INFO(kind << " " << name << " " << key);
                const bool of_experiment =
                    section != key && std::any_of(keys.begin(), keys.end(), [&](const auto& k) {
                        return k.starts_with(section + ".");
                    });
                if (of_experiment) CHECK(preset.has(key));
                told.insert(key);
            }
        }
    }
    for (const std::string& key : keys) {
        INFO(key);
        CHECK(told.contains(key));
    }
}

TEST_CASE("explain names exactly the settings that a scheme reads", "[property]") {
    for (const SchemeEntry& entry : scheme_table()) {
        const std::string name(entry.name);
        const std::string text = explain_model("scheme", name);
        std::set<std::string> told = parameters_in(text);
        told.erase("quant.samples");
        INFO(name);
        CHECK(told == keys_read(name));
        for (const std::string_view line : entry.equations)
            CHECK_THAT(text, Contains(std::string(line)));
        for (const std::string_view line : entry.not_modelled)
            CHECK_THAT(text, Contains(std::string(line)));
        const Settings preset = experiment_preset();
        for (const std::string& key : told) {
            INFO(key);
            CHECK_THAT(text,
                       Contains(preset.entry(key).help) && Contains(preset.entry(key).source));
        }
    }
}

TEST_CASE("explain sprint gives equations, units, sources and what is missing", "[unit]") {
    const std::string text = explain_model("", "sprint");
    CHECK_THAT(text, Contains("arXiv 2209.00606"));
    CHECK_THAT(text, Contains("keep_j  iff  v_j + o_j + w_j >= v_th +- h/2 + t"));
    CHECK_THAT(text, Contains("comparator.offset_sigma_V") && Contains("0.008"));
    CHECK_THAT(text, Contains("doi:10.1007/s00034-023-02375-6"));
    CHECK_THAT(text, Contains("drive.read_time_ns") && Contains("sense.i_max_A"));
    CHECK_THAT(text,
               Contains("I = T V with the exact transfer matrix") && Contains("not modelled"));
}

TEST_CASE("explain device shows the equations of the parts the card has, and no other",
          "[property]") {
    for (const std::string& name : device_card_names()) {
        const std::string text = explain_model("device", name);
        const std::vector<const DeviceModel*> own = models_of_card(device_card(name));
        for (const DeviceModel& model : device_model_table()) {
            INFO(name << " " << model.name);
            const bool has = std::find(own.begin(), own.end(), &model) != own.end();
            const std::string heading =
                "\n  " + std::string(model.name) + ": " + std::string(model.help) + "\n";
            CHECK((text.find(heading) != std::string::npos) == has);
        }
    }
}

TEST_CASE("names that are not there are answered with the nearest", "[unit]") {
    CHECK_THROWS_WITH(list_models("scheme-s"),
                      Contains("schemes, devices, models, arrays, machines, circuits"));
    CHECK_THROWS_WITH(explain_model("", "sprnt"), Contains("did you mean sprint?"));
    CHECK_THROWS_WITH(explain_model("scheme", "treshold"), Contains("threshold"));
    CHECK_THROWS_WITH(explain_model("device", "ideel"), Contains("did you mean ideal"));
    CHECK_THROWS_WITH(explain_model("machine", "sprint-x"), Contains("sprint-s"));
    CHECK_THROWS_WITH(explain_model("model", "iv-sine"), Contains("did you mean iv-sinh"));
    CHECK_THROWS_WITH(explain_model("array", "array-line"), Contains("did you mean array-lines"));
    CHECK_THROWS_WITH(explain_model("circuit", "horowitz"), Contains("horowitz-45nm"));
    CHECK_THROWS_WITH(explain_model("modules", "sprint"), Contains("unknown kind"));
}

TEST_CASE("list and explain print what the catalogue says", "[smoke]") {
    for (const std::string& kind : catalogue_kinds()) {
        const ProgramRun list = run_attohm({"list", kind});
        CHECK(list.code == 0);
        CHECK(list.out == list_models(kind));
        CHECK(list.err.empty());
        for (const std::string& name : names_of(kind)) {
            const ProgramRun explain = run_attohm({"explain", kind, name});
            CHECK(explain.code == 0);
            CHECK(explain.out == explain_model(kind, name));
        }
    }
    CHECK(run_attohm({"explain", "sprint"}).out == explain_model("", "sprint"));
}
