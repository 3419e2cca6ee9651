#include "src/sweep/sweep.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <stdexcept>

#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/base/text.hpp"
#include "src/replay/statistics.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/replay/digits_replay.hpp"
#include "workloads/synth.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Contains;

namespace fs = std::filesystem;

namespace {

/// A folder with a small open-loop trace and sweeps over it.
class Bench {
  public:
    Bench() { write_trace(1); }
    /// Another seed, another trace in its place.
    void write_trace(std::uint64_t seed) const {
        SynthSpec spec;
        spec.layers = 1;
        spec.heads = 2;
        spec.tokens = 20;
        spec.head_dim = 16;
        spec.samples = 2;
        spec.calibration = 1;
        spec.seed = seed;
        write_synthetic_trace(spec, directory_.file("small.h5"));
    }
    std::string file(const std::string& name) const { return directory_.file(name); }

    SweepSpec spec(const std::string& text, const std::string& trace = "small.h5") const {
        write_file_atomically(file("sweep.yaml"), "trace: " + trace + "\n" + text);
        return load_sweep(file("sweep.yaml"));
    }
    /// Sweeps into a folder of that name.
    std::vector<Result> run(const std::string& text, const std::string& name = "out") const {
        return read_results(run_sweep(spec(text), {file(name), false}).results_path);
    }
    std::string bytes(const std::string& name = "out") const {
        return read_text_file(file(name + "/results.h5"));
    }

  private:
    TemporaryDirectory directory_;
};

/// What happens to a sweep when its power goes.
struct Killed : std::runtime_error {
    Killed() : std::runtime_error("killed") {}
};

SweepOutcome run_until_killed(const SweepSpec& spec, const std::string& directory,
                              std::size_t after, bool force = false) {
    return run_sweep(spec, {directory, false, force}, [after](std::size_t done, std::size_t) {
        if (done >= after) throw Killed();
    });
}

std::size_t files_in(const std::string& directory) {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

UserError error_of(const Bench& bench, const std::string& text,
                   const std::string& trace = "small.h5") {
    std::size_t points = 0;
    try {
        run_sweep(bench.spec(text, trace), {bench.file("out"), false},
                  [&points](std::size_t, std::size_t) { ++points; });
    } catch (const UserError& error) {
        // Found before any point ran.
        CHECK(points == 0);
        CHECK_FALSE(fs::exists(bench.file("out/points")));
        CHECK_FALSE(error.got().empty());
        CHECK_FALSE(error.allowed().empty());
        return error;
    }
    FAIL("no UserError for\n" << text);
    return {"", "", "", ""};
}

std::string axes(const Result& result) {
    std::string text;
    for (const auto& [key, value] : result.axes)
        text += (text.empty() ? "" : " ") + key + "=" + value;
    return text;
}

std::vector<std::string> axes(const std::vector<Result>& results) {
    std::vector<std::string> all;
    for (const Result& result : results) all.push_back(axes(result));
    return all;
}

constexpr const char* kFour = "axes: {bits.k: [2, 4], chip: [0, 1]}\n";

}  // namespace

TEST_CASE("a sweep gives what its points give one by one", "[unit]") {
    const Bench bench;
    const std::vector<Result> results = bench.run(kFour);
    REQUIRE(axes(results) ==
            std::vector<std::string>{"bits.k=2 chip=0 part=sweep", "bits.k=2 chip=1 part=sweep",
                                     "bits.k=4 chip=0 part=sweep", "bits.k=4 chip=1 part=sweep"});
    for (const Result& result : results) {
        Result alone = replay_file(bench.file("small.h5"),
                                   {result.axes[0].first + "=" + result.axes[0].second,
                                    result.axes[1].first + "=" + result.axes[1].second});
        alone.axes = result.axes;
        CHECK(file_bytes(alone) == file_bytes(result));
    }
    // Nothing but the results stays behind.
    CHECK(files_in(bench.file("out")) == 1);
}

TEST_CASE("results come in the order of the file", "[unit]") {
    const Bench bench;
    const std::vector<Result> results = bench.run(
        "parts:\n"
        "  - name: grown\n"
        "    axes: {chip: [3, 1]}\n"
        "    extend: {key: device.read_noise.scale, from: 0.5, factor: 4, limit: 8}\n"
        "  - name: fixed\n"
        "    axes: {bits.q: [5, 2]}\n");
    CHECK(axes(results) == std::vector<std::string>{"chip=3 device.read_noise.scale=0.5 part=grown",
                                                    "chip=3 device.read_noise.scale=2 part=grown",
                                                    "chip=3 device.read_noise.scale=8 part=grown",
                                                    "chip=1 device.read_noise.scale=0.5 part=grown",
                                                    "chip=1 device.read_noise.scale=2 part=grown",
                                                    "chip=1 device.read_noise.scale=8 part=grown",
                                                    "bits.q=5 part=fixed", "bits.q=2 part=fixed"});
    CHECK_THAT(results[2].experiment_yaml,
               Contains("device.read_noise.scale: 8") && Contains("chip: 3"));
}

TEST_CASE("an axis over a list key takes one name at a time", "[unit]") {
    const Bench bench;
    const std::vector<Result> results = bench.run("axes: {machines: [sprint-s, sprint-l]}\n");
    REQUIRE(results.size() == 2);
    CHECK(results[0].machines.at(0).machine == "sprint-s");
    CHECK(results[1].machines.at(0).machine == "sprint-l");
}

TEST_CASE("a sweep gives the same bytes for any number of threads", "[property]") {
    const Bench bench;
    const int before = threads();
    const std::string text =
        "parts:\n"
        "  - {name: a, axes: {bits.k: [2, 3, 4], chip: [0, 1]}}\n"
        "  - {name: b, extend: {key: device.read_noise.scale, from: 1, factor: 2, limit: 4}}\n";
    set_threads(1);
    bench.run(text, "one");
    bench.run(text, "again");
    set_threads(2);
    bench.run(text, "two");
    set_threads(5);
    bench.run(text, "five");
    set_threads(before);
    CHECK(bench.bytes("again") == bench.bytes("one"));
    CHECK(bench.bytes("two") == bench.bytes("one"));
    CHECK(bench.bytes("five") == bench.bytes("one"));
}

TEST_CASE("a killed sweep goes on where it was and ends in the same bytes", "[property]") {
    const Bench bench;
    const int before = threads();
    const std::string text =
        "parts:\n"
        "  - {name: a, axes: {bits.k: [2, 3], chip: [0, 1]}}\n"
        "  - {name: b, extend: {key: device.read_noise.scale, from: 1, factor: 2, limit: 4}}\n";
    bench.run(text, "whole");
    for (const std::size_t after : {1U, 3U, 5U}) {
        for (const int count : {1, 2}) {
            set_threads(count);
            const std::string out = fmt::format("killed-{}-{}", after, count);
            const SweepSpec spec = bench.spec(text);
            REQUIRE_THROWS_AS(run_until_killed(spec, bench.file(out), after), Killed);
            const std::size_t left = files_in(bench.file(out + "/points"));
            CHECK(left >= after);
            CHECK(left < 7);
            CHECK_FALSE(fs::exists(bench.file(out + "/results.h5")));
            const SweepOutcome outcome = run_sweep(spec, {bench.file(out), true});
            INFO(out);
            CHECK(outcome.points == 7);
            CHECK(outcome.reused == left);
            CHECK(bench.bytes(out) == bench.bytes("whole"));
            CHECK_FALSE(fs::exists(bench.file(out + "/points")));
        }
    }
    set_threads(before);
}

TEST_CASE("what is left of another sweep is not taken", "[unit]") {
    const Bench bench;
    const auto reused_after = [&bench](const std::string& then) {
        REQUIRE_THROWS_AS(run_until_killed(bench.spec(kFour), bench.file("out"), 2, true), Killed);
        return run_sweep(bench.spec(then), {bench.file("out"), true, true}).reused;
    };
    CHECK(reused_after(kFour) >= 2);
    // Another value somewhere, the same value swept in another way, another part.
    CHECK(reused_after(std::string("set: {bits.q: 5}\n") + kFour) == 0);
    CHECK(reused_after("set: {bits.k: 2}\naxes: {chip: [0, 1]}\n") == 0);
    CHECK(reused_after("parts: [{name: other, axes: {bits.k: [2, 4], chip: [0, 1]}}]\n") == 0);
    // Without --resume nothing is.
    REQUIRE_THROWS_AS(run_until_killed(bench.spec(kFour), bench.file("out"), 2, true), Killed);
    CHECK(run_sweep(bench.spec(kFour), {bench.file("out"), false, true}).reused == 0);
}

TEST_CASE("a folder with another sweep in it is refused, the same sweep goes on", "[unit]") {
    const Bench bench;
    const std::string other = "axes: {bits.k: [2, 3], chip: [0, 1]}\n";
    bench.run(kFour);
    const std::string whole = bench.bytes();
    // Results: the same sweep may run again, no other may take its place.
    CHECK(axes(bench.run(kFour)).size() == 4);
    CHECK(bench.bytes() == whole);
    const UserError results = error_of(bench, other);
    CHECK(results.where() == bench.file("out/results.h5"));
    CHECK_THAT(results.got(), Contains("another sweep"));
    CHECK_THAT(results.allowed(), Contains("--force"));
    CHECK(bench.bytes() == whole);
    CHECK(files_in(bench.file("out")) == 1);
    // Points of an interrupted sweep, which these results would sweep away.
    fs::remove(bench.file("out/results.h5"));
    REQUIRE_THROWS_AS(run_until_killed(bench.spec(kFour), bench.file("out"), 2), Killed);
    const std::size_t left = files_in(bench.file("out/points"));
    CHECK_THROWS_WITH(run_sweep(bench.spec(other), {bench.file("out"), true}),
                      Contains("out/points/") && Contains("a finished point of another sweep"));
    CHECK(files_in(bench.file("out/points")) == left);
    CHECK(run_sweep(bench.spec(kFour), {bench.file("out"), true}).reused == left);
    CHECK(bench.bytes() == whole);
    // What is asked for by name is done.
    CHECK(run_sweep(bench.spec(other), {bench.file("out"), false, true}).points == 4);
    CHECK(bench.bytes() != whole);
}

TEST_CASE("the same sweep file over other files is another sweep", "[unit]") {
    const Bench bench;
    const std::string card = bench.file("card.yaml");
    const auto write_card = [&card](const std::string& g_max) {
        std::string text = read_text_file("crossbar/device/cards/ideal.yaml");
        const std::string given = "g_max_uS: {value: 90";
        REQUIRE(text.find(given) != std::string::npos);
        write_file_atomically(
            card, text.replace(text.find(given), given.size(), "g_max_uS: {value: " + g_max));
    };
    write_card("80");
    const std::string text = "set: {device.card: " + card + "}\naxes: {bits.k: [2, 4]}\n";
    bench.run(text);
    const std::string whole = bench.bytes();
    write_card("70");
    CHECK_THAT(error_of(bench, text).got(), Contains("another card"));
    write_card("80");
    bench.run(text);
    CHECK(bench.bytes() == whole);
    bench.write_trace(9);
    CHECK_THAT(error_of(bench, text).got(), Contains("another trace"));
    // Nor is a run's result, or a file of another kind.
    write_result(bench.file("out/results.h5"), replay_file(bench.file("small.h5"), {}));
    CHECK_THAT(error_of(bench, text).got(), Contains("the result of a run"));
    write_file_atomically(bench.file("out/results.h5"), "notes");
    CHECK_THAT(error_of(bench, text).got(), Contains("no result"));
    CHECK(read_text_file(bench.file("out/results.h5")) == "notes");
}

TEST_CASE("a damaged point is refused by name", "[unit]") {
    const Bench bench;
    REQUIRE_THROWS_AS(run_until_killed(bench.spec(kFour), bench.file("out"), 1), Killed);
    const std::string point = fs::directory_iterator(bench.file("out/points"))->path().string();
    fs::resize_file(point, 100);
    CHECK_THROWS_WITH(run_sweep(bench.spec(kFour), {bench.file("out"), true}), Contains(point));
}

TEST_CASE("progress counts every point", "[unit]") {
    const Bench bench;
    std::vector<std::size_t> seen;
    run_sweep(bench.spec(kFour), {bench.file("out"), false},
              [&](std::size_t done, std::size_t all) {
                  CHECK(all == 4);
                  seen.push_back(done);
              });
    CHECK(seen == std::vector<std::size_t>{1, 2, 3, 4});
}

TEST_CASE("an axis grows until top-1 has dropped", "[unit]") {
    const Bench bench;
    // Offsets of half a volt and more decide at random.
    const SweepSpec spec = bench.spec(
        "set: {samples: 80, metrics.level: counts, empty_row: zero}\n"
        "extend: {key: comparator.offset_sigma_V, from: 0.005, factor: 10, limit: 50, until: "
        "top1-drop}\n",
        fs::absolute(kDigits).string());
    std::size_t last_all = 0;
    const SweepOutcome outcome =
        run_sweep(spec, {bench.file("out"), false},
                  [&last_all](std::size_t, std::size_t all) { last_all = all; });
    const std::vector<Result> results = read_results(outcome.results_path);
    CHECK(last_all == 5);
    REQUIRE(results.size() >= 2);
    CHECK(results.size() < 5);
    for (std::size_t i = 1; i < results.size(); ++i) {
        const Interval change =
            paired_top1_difference(results[i].samples, results[0].samples, results[i].seed);
        INFO(axes(results[i]) << ": " << change.low << " .. " << change.high);
        // The last one, and only the last one, is down by more than its interval.
        CHECK((change.high < 0.0) == (i + 1 == results.size()));
    }
}

TEST_CASE("top1-drop needs accuracy", "[unit]") {
    const Bench bench;
    const UserError error =
        error_of(bench, "extend: {key: chip, from: 1, factor: 2, limit: 4, until: top1-drop}\n");
    CHECK_THAT(error.where(), Contains("sweep.yaml:2:"));
    CHECK_THAT(error.what(), Contains("accuracy"));
}

TEST_CASE("a key that one point reads is fine, one that none reads is not", "[unit]") {
    const Bench bench;
    CHECK(bench.run("set: {array.rows: 128}\naxes: {scheme: [exact, sprint]}\n").size() == 2);
    const UserError error =
        error_of(Bench(), "set: {array.rows: 128}\naxes: {scheme: [exact, threshold-q]}\n");
    CHECK_THAT(error.what(), Contains("array.rows") && Contains("sweep.yaml:2:"));
}

TEST_CASE("every point's settings are checked before any point runs", "[unit]") {
    struct Bad {
        const char* text;
        const char* place;
        const char* words;
    };
    const std::vector<Bad> all = {
        {"axes: {bits.k: [4, 99]}\n", "sweep.yaml:2:", "bits.k"},
        {"axes: {bits.kk: [4]}\n", "sweep.yaml:2:", "did you mean `bits.k`"},
        {"axes: {scheme: [sprint, sprnt]}\n", "", "did you mean sprint"},
        {"axes: {device.card: [ideal, ideel]}\n", "", "ideal"},
        {"axes: {machines: [sprint-s, sprint-x]}\n", "", "sprint-"},
        {"axes: {mode: [open, closed]}\n", "/model/weights", "closed"},
        {"axes: {drive.mode: [bipolar, twos-complement]}\n", "sweep.yaml:2:", "drive.coding"},
        {"extend: {key: bits.k, from: 2, factor: 2, limit: 64}\n", "sweep.yaml:2:", "16"},
        {"extend: {key: bits.kk, from: 2, factor: 2, limit: 4}\n", "sweep.yaml:2:", "bits.k"},
    };
    for (const Bad& bad : all) {
        INFO(bad.text);
        const UserError error = error_of(Bench(), bad.text);
        CHECK_THAT(error.where(), Contains(bad.place));
        CHECK_THAT(error.what(), Contains(bad.words));
    }
    CHECK_THAT(error_of(Bench(), "", "none.h5").what(), Contains("none.h5"));
}

TEST_CASE("the demo's sweep is sound, and its noise axis is the tested one", "[property]") {
    const SweepSpec spec = load_sweep("scripts/demo_sweep.yaml");
    CHECK(fs::equivalent(spec.trace, kDigits));
    std::set<double> scales;
    for (const SweepPart& part : spec.parts) {
        for (const SweepPoint& point : part.points) {
            CHECK(check_replay(digits(), point_settings(point)) == Mode::closed);
            if (!part.extend) scales.insert(point_settings(point).real("device.read_noise.scale"));
        }
        if (!part.extend) continue;
        REQUIRE(part.extend->key == "device.read_noise.scale");
        for (double v = part.extend->from; v <= part.extend->limit; v *= part.extend->factor)
            scales.insert(v);
    }
    CHECK(scales == std::set<double>(kNoiseAxis.begin(), kNoiseAxis.end()));
}

TEST_CASE("a sweep that fails leaves the results that were there", "[unit]") {
    const Bench bench;
    bench.run(kFour);
    const std::string before = bench.bytes();
    CHECK_THAT(error_of(bench, "axes: {bits.k: [4, 99]}\n").what(), Contains("bits.k"));
    CHECK(bench.bytes() == before);
    REQUIRE_THROWS_AS(
        run_until_killed(bench.spec("axes: {chip: [5, 6]}\n"), bench.file("out"), 1, true), Killed);
    CHECK(bench.bytes() == before);
    // Only results.h5 and the points of the killed sweep.
    CHECK(files_in(bench.file("out")) == 2);
}

TEST_CASE("a folder that cannot be made is found before any point runs", "[unit]") {
    const Bench bench;
    write_file_atomically(bench.file("file"), "x");
    for (const char* out : {"file", "file/below"}) {
        std::size_t points = 0;
        CHECK_THROWS_AS(run_sweep(bench.spec(kFour), {bench.file(out), false},
                                  [&points](std::size_t, std::size_t) { ++points; }),
                        UserError);
        CHECK(points == 0);
    }
    CHECK(read_text_file(bench.file("file")) == "x");
}
