#include "src/sweep/sweep_spec.hpp"

#include <catch2/catch.hpp>

#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "tests/base/temporary_directory.hpp"

using namespace attohm;
using attohm::testing::TemporaryDirectory;
using Catch::Contains;

namespace {

SweepSpec load(const std::string& text) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("sweep.yaml");
    write_file_atomically(path, text);
    return load_sweep(path);
}

UserError error_of(const std::string& text) {
    try {
        load(text);
    } catch (const UserError& error) {
        CHECK_THAT(error.where(), Contains("sweep.yaml:"));
        CHECK_FALSE(error.got().empty());
        CHECK_FALSE(error.allowed().empty());
        return error;
    }
    FAIL("no UserError for\n" << text);
    return {"", "", "", ""};
}

/// "key=value key=[a,b]" in order.
std::string assigned(const SweepPoint& point) {
    std::string text;
    for (const Assignment& assignment : point.assignments) {
        std::string values;
        for (const std::string& value : assignment.values)
            values += (values.empty() ? "" : ",") + value;
        if (assignment.is_list) values = "[" + values + "]";
        text += (text.empty() ? "" : " ") + assignment.key + "=" + values;
    }
    return text;
}

std::string axes(const SweepPoint& point) {
    std::string text;
    for (const auto& [key, value] : point.axes)
        text += (text.empty() ? "" : " ") + key + "=" + value;
    return text;
}

}  // namespace

TEST_CASE("axes make every combination, the last one fastest", "[unit]") {
    const SweepSpec spec = load(
        "trace: t.h5\n"
        "set: {scheme: sprint}\n"
        "axes:\n"
        "  bits.k: [2, 4]\n"
        "  threshold.margin: [-1, 0, 0.5]\n");
    REQUIRE(spec.parts.size() == 1);
    CHECK(spec.parts[0].name == "sweep");
    CHECK_FALSE(spec.parts[0].extend.has_value());
    std::vector<std::string> got;
    for (const SweepPoint& point : spec.parts[0].points) got.push_back(axes(point));
    CHECK(got ==
          std::vector<std::string>{"bits.k=2 threshold.margin=-1", "bits.k=2 threshold.margin=0",
                                   "bits.k=2 threshold.margin=0.5", "bits.k=4 threshold.margin=-1",
                                   "bits.k=4 threshold.margin=0", "bits.k=4 threshold.margin=0.5"});
    CHECK(assigned(spec.parts[0].points[5]) == "scheme=sprint bits.k=4 threshold.margin=0.5");
    CHECK(spec.parts[0].points[5].part == "sweep");
}

TEST_CASE("a sweep without axes is one point", "[unit]") {
    const SweepSpec spec = load("trace: t.h5\n");
    REQUIRE(spec.parts.size() == 1);
    REQUIRE(spec.parts[0].points.size() == 1);
    CHECK(spec.parts[0].points[0].assignments.empty());
    CHECK(spec.text == "trace: t.h5\n");
}

TEST_CASE("nested maps are dotted keys, lists are lists", "[unit]") {
    const SweepSpec spec = load(
        "trace: t.h5\n"
        "set:\n"
        "  device: {read_noise: {scale: 2}, card: ideal}\n"
        "  machines: [sprint-s, sprint-m]\n"
        "axes: {bits: {k: [3], q: [4]}}\n");
    CHECK(assigned(spec.parts[0].points.at(0)) ==
          "device.read_noise.scale=2 device.card=ideal machines=[sprint-s,sprint-m] bits.k=3 "
          "bits.q=4");
    const Settings settings = point_settings(spec.parts[0].points[0]);
    CHECK(settings.real("device.read_noise.scale") == 2.0);
    CHECK(settings.texts("machines") == std::vector<std::string>{"sprint-s", "sprint-m"});
    CHECK(settings.integer("bits.k") == 3);
    CHECK_THAT(settings.entry("bits.k").where, Contains("sweep.yaml:5:"));
}

TEST_CASE("the trace is found beside the sweep file", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("sweep.yaml");
    write_file_atomically(path, "trace: ../other/./t.h5\n");
    CHECK(load_sweep(path).trace ==
          (std::filesystem::path(directory.path()).parent_path() / "other/t.h5").string());
    write_file_atomically(path, "trace: /somewhere/t.h5\n");
    CHECK(load_sweep(path).trace == "/somewhere/t.h5");
}

TEST_CASE("parts share what is set at the top and win over it", "[unit]") {
    const SweepSpec spec = load(
        "trace: t.h5\n"
        "set: {bits.k: 4, samples: 3}\n"
        "parts:\n"
        "  - axes: {bits.q: [2, 3]}\n"
        "  - name: more\n"
        "    set: {bits.k: 6}\n"
        "  - extend: {key: chip, from: 1, factor: 2, limit: 8}\n");
    REQUIRE(spec.parts.size() == 3);
    CHECK(spec.parts[0].name == "part0");
    CHECK(spec.parts[1].name == "more");
    CHECK(spec.parts[2].name == "part2");
    CHECK(spec.parts[0].points.size() == 2);
    CHECK(assigned(spec.parts[1].points.at(0)) == "bits.k=4 samples=3 bits.k=6");
    CHECK(point_settings(spec.parts[1].points[0]).integer("bits.k") == 6);
    CHECK(point_settings(spec.parts[0].points[0]).integer("bits.k") == 4);
    REQUIRE(spec.parts[2].extend.has_value());
    CHECK(spec.parts[2].extend->until == Until::limit);
    const SweepPoint point = extended_point(spec.parts[2].points[0], *spec.parts[2].extend, 4.0);
    CHECK(axes(point) == "chip=4");
    CHECK(point_settings(point).integer("chip") == 4);
    CHECK(axes(extended_point(point, *spec.parts[2].extend, 0.25)) == "chip=4 chip=0.25");
}

TEST_CASE("a sweep file that is not one is refused with its place", "[unit]") {
    struct Bad {
        const char* text;
        const char* place;
        const char* words;
    };
    const std::vector<Bad> all = {
        {"axes: {bits.k: [2]}\n", "", "no `trace`"},
        {"trace: t.h5\naxis: {bits.k: [2]}\n", ":2:1", "did you mean `axes`"},
        {"trace: t.h5\ntrace: u.h5\n", ":2:1", "trace"},
        {"trace: [a, b]\n", ":1:8", "one value"},
        {"- trace\n", ":1:1", "not a map"},
        {"trace: t.h5\nset: 3\n", ":2:6", "`set` is not a map"},
        {"trace: t.h5\nset: {bits.k: 3, bits: {k: 4}}\n", ":2:", "duplicate key `bits.k`"},
        {"trace: t.h5\naxes: {bits.k: []}\n", ":2:", "empty list"},
        {"trace: t.h5\naxes: {bits.k: 4}\n", ":2:", "not a list"},
        {"trace: t.h5\naxes: {bits.k: [[1], 2]}\n", ":2:", "one value"},
        {"trace: t.h5\naxes: {bits.k: [1], bits: {k: [2]}}\n", ":2:", "duplicate key `bits.k`"},
        {"trace: t.h5\nparts: []\n", ":2:", "parts"},
        {"trace: t.h5\nparts: {name: a}\n", ":2:", "parts"},
        {"trace: t.h5\naxes: {bits.k: [2]}\nparts: [{name: a}]\n", ":3:", "`parts` stands alone"},
        {"trace: t.h5\nparts: [{nome: a}]\n", ":2:10", "did you mean `name`"},
        {"trace: t.h5\nparts: [3]\n", ":2:9", "not a map"},
        {"trace: t.h5\nparts: [{name: a}, {name: a}]\n", ":2:20", "two parts have one name"},
        {"trace: t.h5\nparts: [{name: part1}, {}]\n", ":2:", "two parts have one name"},
        {"trace: t.h5\nextend: {key: chip, from: 1, factor: 2}\n", ":2:", "no `limit`"},
        {"trace: t.h5\nextend: {key: chip, from: 1, factor: 1, limit: 8}\n",
         ":2:", "does not grow"},
        {"trace: t.h5\nextend: {key: chip, from: 0, factor: 2, limit: 8}\n",
         ":2:", "does not grow"},
        {"trace: t.h5\nextend: {key: chip, from: 9, factor: 2, limit: 8}\n",
         ":2:", "does not grow"},
        {"trace: t.h5\nextend: {key: chip, from: 1, factor: 2, limit: inf}\n", ":2:", "finite"},
        {"trace: t.h5\nextend: {key: chip, from: nan, factor: 2, limit: 8}\n", ":2:", "finite"},
        {"trace: t.h5\nextend: {key: chip, from: 1x, factor: 2, limit: 8}\n", ":2:", "1x"},
        {"trace: t.h5\nextend: {key: chip, from: 1, factor: 2, limit: 8, until: top1}\n",
         ":2:", "limit | top1-drop"},
        {"trace: t.h5\nextend: {key: chip, form: 1, factor: 2, limit: 8}\n",
         ":2:", "did you mean `from`"},
        {"trace: t.h5\naxes: {chip: [1]}\nextend: {key: chip, from: 1, factor: 2, limit: 8}\n",
         ":3:", "is an axis and extended"},
        {"trace: t.h5\nset: {bits.k: [1\n", "", ""},
    };
    for (const Bad& bad : all) {
        INFO(bad.text);
        const UserError error = error_of(bad.text);
        CHECK_THAT(error.where(), Contains(bad.place));
        CHECK_THAT(error.what(), Contains(bad.words));
    }
}

TEST_CASE("a sweep file that is not there is refused", "[unit]") {
    const TemporaryDirectory directory;
    CHECK_THROWS_WITH(load_sweep(directory.file("none.yaml")), Contains("none.yaml"));
    CHECK_THROWS_AS(load_sweep(directory.path()), UserError);
}

TEST_CASE("an unknown experiment key is refused where it stands", "[unit]") {
    const SweepSpec spec = load("trace: t.h5\naxes: {bits.kk: [1]}\n");
    try {
        point_settings(spec.parts[0].points[0]);
        FAIL("no UserError");
    } catch (const UserError& error) {
        CHECK_THAT(error.where(), Contains("sweep.yaml:2:"));
        CHECK_THAT(error.what(), Contains("did you mean `bits.k`"));
    }
}
