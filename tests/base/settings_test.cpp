#include "src/base/settings.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "src/base/error.hpp"
#include "src/base/nearest_keys.hpp"
#include "src/base/text.hpp"

using attohm::Mark;
using attohm::nearest_keys;
using attohm::Settings;
using attohm::UserError;
using Catch::Contains;

namespace {

constexpr const char* kBase = R"(
seed: 1
device:
  card: rram-a          # a comment
  v_read_V: {value: 0.2, source: "Wan 2022, table 1", mark: cited, help: "read voltage"}
  g_max_S: {value: 1e-4, mark: assumed}
bits: {k: 4, q: 4}
adc: ideal
sizes: [64, 128]
threshold: quantile(0.75)
wires: false
)";

Settings base() {
    return Settings::from_text(kBase, "base.yaml");
}

/// The four parts of the UserError that an action ends in.
template <class F>
UserError error_of(F&& action) {
    try {
        action();
    } catch (const UserError& error) {
        return error;
    }
    FAIL("no UserError");
    return {"", "", "", ""};
}

}  // namespace

TEST_CASE("nested maps are dotted keys with places, sources and marks", "[unit]") {
    const Settings settings = base();
    CHECK(settings.text("device.card") == "rram-a");
    CHECK(settings.real("device.v_read_V") == 0.2);
    CHECK(settings.integer("bits.k") == 4);
    CHECK_FALSE(settings.boolean("wires"));
    CHECK(settings.reals("sizes") == std::vector<double>{64, 128});
    CHECK(settings.texts("sizes") == std::vector<std::string>{"64", "128"});
    CHECK(settings.entry("device.card").where == "base.yaml:4:9");
    CHECK(settings.entry("device.v_read_V").where == "base.yaml:5:21");
    CHECK(settings.entry("device.v_read_V").source == "Wan 2022, table 1");
    CHECK(settings.entry("device.v_read_V").help == "read voltage");
    CHECK(settings.entry("device.v_read_V").mark == Mark::cited);
    CHECK(settings.read_with_mark(Mark::cited) == std::vector<std::string>{"device.v_read_V"});
    CHECK(settings.read_with_mark(Mark::assumed).empty());
}

TEST_CASE("words stand for numbers only where the key knows them", "[unit]") {
    const Settings settings = base();
    CHECK_FALSE(settings.real_or("adc", "ideal").has_value());
    CHECK(settings.real_or("bits.k", "ideal") == 4.0);
    CHECK_FALSE(settings.integer_or("adc", "ideal").has_value());
    CHECK(settings.integer_or("bits.k", "ideal") == 4);
    CHECK_THROWS_WITH(settings.real_or("adc", "none"),
                      Contains("or `none`") && Contains("`ideal`"));
    const Settings::Call call = settings.call("threshold", {"trace", "quantile(x)"});
    CHECK(call.name == "quantile");
    CHECK(call.argument == 0.75);
    CHECK_THROWS_WITH(settings.call("threshold", {"trace", "fixed(x)", "quantile"}),
                      Contains("`quantile(0.75)`; allowed: trace, fixed(x), quantile"));
    CHECK_FALSE(settings.call("adc", {"ideal"}).argument.has_value());
    CHECK(settings.choice("adc", {"ideal", "sar"}) == "ideal");
    CHECK_THROWS_WITH(settings.choice("adc", {"ideas", "sar"}), Contains("did you mean `ideas`?"));
}

TEST_CASE("scalars are parsed whole", "[unit]") {
    for (const char* bad : {"1.5uS", "1_000", "010", "+1", ".inf", "inf", "nan", "NaN", "1e999",
                            "0x10", "1,5", "yes", "1 2"}) {
        CAPTURE(bad);
        Settings settings = base();
        settings.overlay("bits.k", {bad}, false, "--set");
        CHECK_THROWS_AS(settings.real("bits.k"), UserError);
        CHECK_THROWS_AS(settings.integer("bits.k"), UserError);
    }
    CHECK(attohm::parse_real("1e-3") == 1e-3);
    CHECK(attohm::parse_real("-0.5") == -0.5);
    CHECK(attohm::parse_real("0") == 0.0);
    CHECK(attohm::parse_integer("-12") == -12);
    CHECK_FALSE(attohm::parse_integer("1.0").has_value());
    CHECK_FALSE(attohm::parse_integer("1e3").has_value());
    CHECK_FALSE(attohm::parse_integer("99999999999999999999").has_value());
    for (const char* bad : {"True", "yes", "on", "1"}) {
        Settings settings = base();
        settings.overlay("wires", {bad}, false, "--set");
        CHECK_THROWS_WITH(settings.boolean("wires"), Contains("true or false"));
    }
}

TEST_CASE("a wrong value says what, where, got, allowed", "[unit]") {
    Settings settings = base();
    settings.overlay_text("device:\n  v_read_V: 1.5uS\nbits: {k: 12}\nsizes: [1, x]\n", "exp.yaml");
    const UserError unit = error_of([&] { (void)settings.real("device.v_read_V"); });
    CHECK(unit.where() == "exp.yaml:2:13");
    CHECK(unit.got() == "`1.5uS`");
    CHECK_THAT(unit.allowed(), Contains("without a unit"));
    const UserError range = error_of([&] { (void)settings.integer("bits.k", {1, 8}); });
    CHECK(range.where() == "exp.yaml:3:11");
    CHECK_THAT(range.allowed(), Contains("from 1 to 8"));
    CHECK_THROWS_WITH(settings.reals("sizes"), Contains("`x`"));
    CHECK_THROWS_WITH(settings.real("sizes"), Contains("is a list") && Contains("[1, x]"));
    const UserError missing = error_of([&] { (void)settings.real("device.v_raed_V"); });
    CHECK(missing.where() == "base.yaml");
    CHECK_THAT(missing.got(), Contains("`device.v_read_V`"));
}

TEST_CASE("an unknown key names the nearest known one", "[unit]") {
    Settings settings = base();
    const UserError error =
        error_of([&] { settings.overlay_text("seed: 2\ndevice:\n  crad: x\n", "exp.yaml"); });
    CHECK(std::string(error.what()) ==
          "exp.yaml:3:3: unknown key `device.crad`; got `device.crad`; allowed: did you mean "
          "`device.card`?");
    CHECK_THROWS_WITH(settings.overlay_assignment("card=x"), Contains("`device.card`?"));
    CHECK_THROWS_WITH(settings.overlay_text("device: x", "e"),
                      Contains("did you mean `device.card`, `device.g_max_S` or `device."));
    CHECK_THROWS_WITH(settings.overlay_assignment("zzzzzzzz=1"), Contains("--set: unknown key"));
}

TEST_CASE("an unknown key is answered with the keys that it may stand for", "[unit]") {
    using Keys = std::vector<std::string>;
    const Keys known = {"bits.k",
                        "bits.q",
                        "comparator.noise_sigma_V",
                        "device.card",
                        "device.iv",
                        "device.programming.scale",
                        "device.read_noise.age_s",
                        "device.read_noise.scale",
                        "sense.percentile",
                        "threshold.noise_sigma_V"};
    // A section for one of its keys.
    CHECK(nearest_keys("device.read_noise", known) ==
          Keys{"device.read_noise.age_s", "device.read_noise.scale"});
    // A letter, or a section left out.
    CHECK(nearest_keys("bits.kk", known) == Keys{"bits.k"});
    CHECK(nearest_keys("sens.percentile", known) == Keys{"sense.percentile"});
    CHECK(nearest_keys("card", known) == Keys{"device.card"});
    CHECK(nearest_keys("bits.x", known) == Keys{"bits.k", "bits.q"});
    // Its words, in whatever key: never a short name that happens to be near.
    CHECK(nearest_keys("device.noise", known) ==
          Keys{"device.read_noise.scale", "device.read_noise.age_s"});
    CHECK(nearest_keys("noise", known) ==
          Keys{"comparator.noise_sigma_V", "device.read_noise.scale", "threshold.noise_sigma_V"});
    CHECK(nearest_keys("read_noise_scale", known) == Keys{"device.read_noise.scale"});
    CHECK(nearest_keys("zzzzzzzz", known).empty());
    Settings settings = Settings::from_text("a: {b: {c: 1}}\n", "base.yaml");
    CHECK_THROWS_WITH(settings.overlay_assignment("a.b=2"), Contains("did you mean `a.b.c`?"));
}

TEST_CASE("duplicate keys are errors with both places", "[unit]") {
    CHECK_THROWS_WITH(Settings::from_text("a: 1\nb:\n  c: 1\n  c: 2\n", "f.yaml"),
                      Contains("f.yaml:4:3: duplicate key `c`") && Contains("line 3, column 3"));
    CHECK_THROWS_WITH(Settings::from_text("b.c: 1\nb: {c: 1}\n", "f.yaml"),
                      Contains("f.yaml:2:5: duplicate key `b.c`") && Contains("f.yaml:1:1"));
    Settings settings = base();
    CHECK_THROWS_WITH(settings.overlay_text("seed: 1\nseed: 2\n", "f.yaml"),
                      Contains("f.yaml:2:1"));
    CHECK_THROWS_WITH(
        settings.extend(Settings::from_text("seed: 3", "other.yaml")),
        Contains("other.yaml:1:7: duplicate key `seed`") && Contains("base.yaml:2:7"));
}

TEST_CASE("what YAML readers disagree about is refused", "[unit]") {
    const auto from = [](const char* text) { return Settings::from_text(text, "f.yaml"); };
    CHECK_THROWS_WITH(from("a: &x 1\nb: *x\n"), Contains("f.yaml:1:4: YAML anchors"));
    CHECK_THROWS_WITH(from("a: 1\n---\nb: 2\n"), Contains("a second YAML document"));
    CHECK_THROWS_WITH(from("a: !!int 1\n"), Contains("YAML tags"));
    CHECK_THROWS_WITH(from("a:\nb: 1\n"), Contains("key `a` has no value"));
    CHECK_THROWS_WITH(from("a: ~\n"), Contains("key `a` has no value"));
    CHECK_THROWS_WITH(from("a: {}\n"), Contains("key `a` has no value"));
    CHECK_THROWS_WITH(from("a: [1, [2]]\n"), Contains("f.yaml:1:8"));
    CHECK_THROWS_WITH(from("- 1\n"), Contains("not a map"));
    CHECK_THROWS_WITH(from("[1]: 2\n"), Contains("a key is not a word"));
    CHECK_THROWS_WITH(from("a: [1\nb: 2\n"), Contains("not valid YAML") && Contains("f.yaml:"));
    CHECK_THROWS_WITH(from("a b: 1\n"), Contains("not a key"));
    CHECK(from("").keys().empty());
    CHECK(from("# nothing\n").keys().empty());
}

TEST_CASE("annotations are checked", "[unit]") {
    const auto from = [](const char* text) { return Settings::from_text(text, "f.yaml"); };
    CHECK_THROWS_WITH(from("a: {value: 1, mark: guess}"), Contains("unknown mark of `a`"));
    CHECK_THROWS_WITH(from("a: {value: 1, mark: cited}"), Contains("cited without a source"));
    CHECK_THROWS_WITH(from("a: {value: 1, sorce: x}"), Contains("unknown annotation `sorce`"));
    CHECK_THROWS_WITH(from("a: {value: {b: 1}}"), Contains("key `a` has no value"));
    CHECK(from("a: {value: [1, 2], mark: fitted, source: x}").reals("a").size() == 2);
}

TEST_CASE("a user's value loses the preset's mark and source", "[unit]") {
    Settings settings = base();
    settings.overlay_text("device: {v_read_V: 0.3}", "exp.yaml");
    CHECK(settings.entry("device.v_read_V").mark == Mark::choice);
    CHECK(settings.entry("device.v_read_V").source.empty());
    CHECK(settings.entry("device.v_read_V").help == "read voltage");
    settings.overlay_text("device: {v_read_V: {value: 0.4, mark: fitted, source: own}}", "b.yaml");
    CHECK(settings.entry("device.v_read_V").mark == Mark::fitted);
    CHECK(settings.real("device.v_read_V") == 0.4);
}

TEST_CASE("user keys that nobody reads are errors", "[unit]") {
    Settings settings = base();
    settings.overlay_assignment("bits.k=5");
    settings.overlay_assignment("sizes=[32, 64, 96]");
    CHECK(settings.reals("sizes") == std::vector<double>{32, 64, 96});
    CHECK(settings.unread_user_keys() == std::vector<std::string>{"bits.k (--set)"});
    CHECK_THROWS_WITH(settings.require_all_read(), Contains("bits.k (--set)"));
    Settings other = settings;
    CHECK(other.integer("bits.k") == 5);
    settings.merge_read(other);
    CHECK_NOTHROW(settings.require_all_read());
    Settings own = Settings::from_text("a: 1\nb: 2\n", "card.yaml");
    CHECK(own.unread_user_keys().empty());
    own.mark_as_user();
    CHECK(own.unread_user_keys().size() == 2);
    for (const char* bad : {"bits.k", "=1", "bits.k=", "bits.k={a: 1}", "bits.k=[1"})
        CHECK_THROWS_AS(settings.overlay_assignment(bad), UserError);
}

TEST_CASE("the resolved text is sorted, normal and reads back", "[unit]") {
    Settings settings = base();
    settings.overlay_assignment("device.card=\"two words: \\\"x\\\"\"");
    settings.overlay_assignment("device.v_read_V=0.0010");
    const std::string text = settings.resolved_yaml();
    CHECK_THAT(text, Contains("device.v_read_V: 0.001\n") && Contains("sizes: [64, 128]\n") &&
                         Contains("threshold: quantile(0.75)\n"));
    Settings again = base();
    again.overlay_text(text, "resolved.yaml");
    CHECK(again.resolved_yaml() == text);
    CHECK(again.text("device.card") == "two words: \"x\"");
    CHECK(again.resolved_yaml(true) == "device.card: \"two words: \\\"x\\\"\"\n");
    Settings same = base();
    same.overlay_assignment("device.card=\"two words: \\\"x\\\"\"");
    same.overlay_assignment("device.v_read_V=1e-3");
    CHECK(same.resolved_yaml() == text);
}

TEST_CASE("settings files that cannot be read are user errors", "[unit]") {
    CHECK_THROWS_WITH(Settings::from_file("no/such.yaml"),
                      Contains("no/such.yaml") && Contains("no such file"));
    CHECK_THROWS_WITH(Settings::from_file("tests"), Contains("a directory"));
    const std::string path = std::filesystem::temp_directory_path() / "attohm_settings_test.yaml";
    std::ofstream(path) << "seed: 7\n";
    Settings settings = base();
    settings.overlay_file(path);
    CHECK(settings.integer("seed") == 7);
    CHECK(settings.entry("seed").where == path + ":1:7");
    std::filesystem::remove(path);
}
