#include <catch2/catch.hpp>

#include "src/base/error.hpp"
#include "tests/schemes/sprint_pair.hpp"

/// What the threshold family refuses, and what it says then.
using namespace attohm;

namespace {

Settings preset_with(const std::vector<std::string>& keys) {
    Settings settings = scheme_preset();
    settings.overlay_assignment("threshold.source=value(0)");
    for (const std::string& key : keys) settings.overlay_assignment(key);
    return settings;
}

SchemeInputs inputs_of(int head_dim) {
    SchemeInputs inputs;
    inputs.model.layers = inputs.model.heads = inputs.model.kv_heads = 1;
    inputs.model.head_dim = inputs.model.v_head_dim = head_dim;
    inputs.trace_path = "some/trace.h5";
    return inputs;
}

/// Message of the UserError that making the scheme ends with; empty: it was made.
std::string refusal(const std::string& scheme, const std::vector<std::string>& keys,
                    int head_dim = 32) {
    try {
        find_scheme(scheme).make(inputs_of(head_dim), preset_with(keys));
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a trace without thresholds needs another source", "[unit]") {
    for (const char* scheme : {"threshold", "threshold-q", "sprint"}) {
        const std::string text = refusal(scheme, {"threshold.source=trace"});
        CAPTURE(scheme, text);
        CHECK(holds(text, "the trace has no thresholds"));
        CHECK(holds(text, "some/trace.h5:/model/thresholds"));
        CHECK(holds(text, "quantile(p) | mass(p) | value(x)"));
    }
    CHECK(refusal("exact", {"threshold.source=trace"}).empty());
}

TEST_CASE("threshold sources out of range or misspelt are refused", "[unit]") {
    for (const char* scheme : {"threshold", "threshold-q", "sprint"}) {
        CHECK(refusal(scheme, {"threshold.source=quantile(1)"}).empty());
        const std::string text = refusal(scheme, {"threshold.source=quantile(1.2)"});
        CHECK(holds(text, "quantile takes a fraction"));
        CHECK(holds(text, "1.2"));
        CHECK(holds(text, "0..1"));
        CHECK(holds(refusal(scheme, {"threshold.source=mass(-0.1)"}), "mass takes a fraction"));
        CHECK(holds(refusal(scheme, {"threshold.source=mass"}), "threshold.source"));
        CHECK(holds(refusal(scheme, {"threshold.source=median(0.5)"}), "threshold.source"));
    }
}

TEST_CASE("a layer with additive bias is refused by name", "[unit]") {
    for (const char* name : {"threshold", "threshold-q", "sprint"}) {
        std::vector<AttentionLayer> layers = {random_layer({}, 1)};
        const auto scheme = make_calibrated(name, preset_with({}), layers);
        layers[0].bias.resize(1, 40, 40);
        try {
            run_scheme(*scheme, layers[0]);
            FAIL("a bias was accepted");
        } catch (const UserError& error) {
            CHECK(holds(error.what(), std::string("scheme ") + name));
            CHECK(holds(error.where(), "layers/00/bias"));
        }
    }
}

TEST_CASE("settings that contradict each other or the trace are refused", "[unit]") {
    CHECK(refusal("sprint", {}).empty());
    CHECK(refusal("sprint", {}, 80).empty());
    CHECK(holds(refusal("sprint", {"drive.mode=twos-complement"}), "drive.coding: bit-serial"));
    CHECK(holds(refusal("sprint", {"comparator.calibration=trim(2.5)"}), "trim(2.5)"));
    CHECK(holds(refusal("sprint", {"sense.readout=adc", "adc.range=steps(-1)"}), "steps(-1)"));
    for (const char* architecture : {"sar", "flash", "ramp"}) {
        const std::string key = std::string("adc.architecture=") + architecture;
        CHECK(refusal("sprint", {"sense.readout=adc", key}).empty());
        CHECK(holds(refusal("sprint", {"sense.readout=adc", key, "adc.bits=ideal"}), "ideal"));
    }
    CHECK(holds(refusal("sprint", {"sense.readout=adc", "adc.architecture=flash", "adc.bits=11"}),
                "2 to 10"));
    CHECK(holds(refusal("sprint", {"sense.readout=adc", "adc.architecture=pipeline"}), "ramp"));
    CHECK(refusal("threshold-q", {}, 80).empty());
    const std::string stored = refusal("sprint", {"split.mode=round"});
    CHECK(holds(stored, "recompute.k_msb: stored"));
    CHECK(holds(stored, "slc-copy | ideal"));
    CHECK(refusal("sprint", {"split.mode=round", "recompute.k_msb=ideal"}).empty());
    CHECK(refusal("sprint", {"split.mode=round", "recompute.k_msb=slc-copy"}).empty());
    CHECK(refusal("sprint", {"bits.k=1"}).empty());
    CHECK(holds(refusal("sprint", {"bits.k=1", "split.mode=sign-magnitude"}), "bits.k >= 2"));
}

TEST_CASE("numbers out of range are refused by key", "[unit]") {
    for (const char* key : {"bits.k=0",
                            "bits.k=9",
                            "bits.k=4.5",
                            "bits.q=1",
                            "bits.q=9",
                            "threshold.dac_bits=1",
                            "threshold.dac_bits=none",
                            "quant.percentile=0.4",
                            "quant.percentile=1.1",
                            "quant.scale=median",
                            "split.mode=floor",
                            "split.midpoint=maybe",
                            "array.rows=0",
                            "array.columns=0",
                            "drive.mode=unipolar",
                            "drive.v_read_V=0",
                            "drive.v_read_V=0.2V",
                            "drive.read_time_ns=0",
                            "sense.v_fs_V=-0.3",
                            "sense.i_max_A=0",
                            "sense.percentile=2",
                            "sense.full_scale=best-case",
                            "comparator.offset_sigma_V=-0.001",
                            "mapping=offset-column",
                            "comparator.noise_sigma_V=x",
                            "threshold.noise_sigma_V=-1",
                            "placement=else",
                            "recompute.k_msb=none",
                            "empty_row=first",
                            "always_keep=[-1]",
                            "always_keep=[1.5]",
                            "device.programming.scale=-1",
                            "device.read_noise.scale=-1",
                            "device.stuck.low_rate=2"}) {
        const std::string text = refusal("sprint", {key});
        const std::string name = std::string(key).substr(0, std::string(key).find('='));
        CAPTURE(key, text);
        CHECK(holds(text, name == "always_keep" ? "always_keep" : name));
    }
    CHECK(holds(refusal("sprint", {"threshold.range=steps(0)"}), "steps(x) with x > 0"));
    CHECK(holds(refusal("sprint", {"sense.full_scale=current_A(0)"}), "x > 0 A"));
    CHECK(holds(refusal("sprint", {"device.stuck.low_rate=0.7", "device.stuck.high_rate=0.7"}),
                "add to more than 1"));
    CHECK(holds(refusal("sprint", {"device.card=ibm-cmo"}), "ibm-cmo-hfox-2pct"));
}

TEST_CASE("products too wide for exact integers are refused with the bits to lower", "[unit]") {
    const std::vector<AttentionLayer> layers = {
        random_layer({1, 1, 2, 2, 1040, 2, false, -1, -1, false}, 1)};
    const Settings settings = preset_with({"bits.k=8", "bits.q=8", "sense.full_scale=worst-case"});
    const auto scheme = make_calibrated("threshold-q", settings, layers);
    try {
        run_scheme(*scheme, layers[0]);
        FAIL("a product beyond 2^24 was accepted");
    } catch (const UserError& error) {
        CHECK(holds(error.what(), "bits.k"));
        CHECK(holds(error.what(), "16777216"));
    }
}

TEST_CASE("an unknown scheme or key is refused with the nearest one", "[unit]") {
    try {
        find_scheme("sprnt");
        FAIL("an unknown scheme was found");
    } catch (const UserError& error) {
        CHECK(holds(error.what(), "did you mean sprint?"));
        CHECK(holds(error.what(), "threshold-q"));
    }
    try {
        preset_with({"comparator.ofset_sigma_V=0"});
        FAIL("an unknown key was accepted");
    } catch (const UserError& error) {
        CHECK(holds(error.what(), "comparator.offset_sigma_V"));
    }
}

TEST_CASE("a scheme reads the keys that its entry names, and no other", "[property]") {
    SchemeInputs inputs = inputs_of(32);
    inputs.masks = std::make_shared<const FixedMasks>();
    for (const SchemeEntry& entry : scheme_table()) {
        const Settings settings = preset_with({});
        entry.make(inputs, settings);
        // An ADC's keys are read where there is one.
        const Settings converted = preset_with({"sense.readout=adc"});
        entry.make(inputs, converted);
        settings.merge_read(converted);
        CAPTURE(entry.name);
        // Lines of the resolved settings: "key: value".
        std::vector<std::string> read;
        const std::string text = settings.resolved_yaml(true);
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = text.find('\n', at);
            const std::string line = text.substr(at, end - at);
            if (holds(line, ": ")) read.push_back(line.substr(0, line.find(": ")));
            at = end == std::string::npos ? text.size() : end + 1;
        }
        for (const std::string& key : read) {
            const bool named =
                std::any_of(entry.keys.begin(), entry.keys.end(), [&](std::string_view prefix) {
                    return key == prefix || key.starts_with(std::string(prefix) + ".");
                });
            CAPTURE(key);
            CHECK(named);
        }
        for (const std::string_view prefix : entry.keys) {
            const bool used = std::any_of(read.begin(), read.end(), [&](const std::string& key) {
                return key == prefix || key.starts_with(std::string(prefix) + ".");
            });
            CAPTURE(prefix);
            CHECK(used);
        }
        CHECK(read.empty() == entry.keys.empty());
    }
}

TEST_CASE("every key of the preset says where it comes from and what it does", "[property]") {
    const Settings preset = scheme_preset();
    for (const std::string& key : preset.keys()) {
        CAPTURE(key);
        CHECK_FALSE(preset.entry(key).source.empty());
        CHECK_FALSE(preset.entry(key).help.empty());
    }
}
