#include "src/replay/replay.hpp"

#include <hdf5.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "crossbar/device/device.hpp"
#include "src/base/error.hpp"
#include "src/base/hdf5_handle.hpp"
#include "src/base/parallel.hpp"
#include "src/replay/replay_run.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/replay/digits_replay.hpp"
#include "workloads/synth.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Contains;

namespace {

std::vector<int> ordinals(const Result& result) {
    std::vector<int> found;
    for (const SampleOutcome& outcome : result.samples) found.push_back(outcome.sample);
    return found;
}

bool has_note(const Result& result, const std::string& words) {
    return std::any_of(result.notes.begin(), result.notes.end(), [&](const std::string& note) {
        return note.find(words) != std::string::npos;
    });
}

void write_synthetic(const std::string& path, int samples, int calibration) {
    SynthSpec spec;
    spec.layers = 2;
    spec.heads = 2;
    spec.tokens = 24;
    spec.head_dim = 16;
    spec.samples = samples;
    spec.calibration = calibration;
    write_synthetic_trace(spec, path);
}

/// The digits without their calibration samples.
void write_uncalibrated_digits(const std::string& path) {
    std::filesystem::copy_file(kDigits, path);
    const H5Lock lock;
    const H5Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
    REQUIRE(file.ok());
    REQUIRE(H5Ldelete(file.get(), "/calibration", H5P_DEFAULT) >= 0);
}

Experiment experiment_of(int quant_samples, std::optional<int> limit) {
    Experiment experiment;
    experiment.quant_samples = quant_samples;
    experiment.sample_limit = limit;
    return experiment;
}

UserError error_of(const std::string& path, const std::vector<std::string>& assignments) {
    try {
        replay_file(path, assignments);
    } catch (const UserError& error) {
        CHECK_FALSE(error.got().empty());
        CHECK_FALSE(error.allowed().empty());
        return error;
    }
    FAIL("no UserError");
    return {"", "", "", ""};
}

}  // namespace

TEST_CASE("calibration samples of the trace are never evaluated", "[unit]") {
    std::vector<std::string> notes;
    const SamplePlan plan =
        plan_samples({0, 1, 2, 3}, {0, 1}, experiment_of(3, std::nullopt), "t.h5", notes);
    CHECK(plan.own_calibration);
    CHECK(plan.calibration == std::vector<int>{0, 1});
    CHECK(plan.evaluated == std::vector<int>{0, 1, 2, 3});
    CHECK(notes.empty());
    // In the digits trace they are other inputs than those that are evaluated.
    const TraceReader& reader = digits().reader();
    std::set<std::int64_t> evaluated;
    for (int i = 0; i < reader.samples(); ++i) evaluated.insert(reader.sample(i).dataset_index);
    CHECK(evaluated.size() == kDigitsSamples);
    REQUIRE(reader.calibration_samples() == 16);
    for (int i = 0; i < reader.calibration_samples(); ++i)
        CHECK_FALSE(evaluated.contains(reader.calibration_sample(i).dataset_index));
}

TEST_CASE("without /calibration the first samples calibrate and are not evaluated", "[unit]") {
    std::vector<std::string> notes;
    const SamplePlan plan =
        plan_samples({0, 2, 3, 7, 9}, {}, experiment_of(2, std::nullopt), "t.h5", notes);
    CHECK_FALSE(plan.own_calibration);
    CHECK(plan.calibration == std::vector<int>{0, 2});
    CHECK(plan.evaluated == std::vector<int>{3, 7, 9});
    REQUIRE(notes.size() == 1);
    CHECK_THAT(notes[0], Contains("first 2 samples") && Contains("not evaluated"));
    // A limit counts evaluated samples.
    CHECK(plan_samples({0, 2, 3, 7, 9}, {}, experiment_of(2, 2), "t.h5", notes).evaluated ==
          std::vector<int>{3, 7});
}

TEST_CASE("with too few samples all calibrate and all are evaluated", "[unit]") {
    for (const int quant_samples : {3, 4}) {
        std::vector<std::string> notes;
        const SamplePlan plan =
            plan_samples({0, 1, 2}, {}, experiment_of(quant_samples, std::nullopt), "t.h5", notes);
        CHECK(plan.calibration == std::vector<int>{0, 1, 2});
        CHECK(plan.evaluated == std::vector<int>{0, 1, 2});
        REQUIRE(notes.size() == 1);
        CHECK_THAT(notes[0], Contains("its 3 samples") && Contains("evaluated as well"));
    }
    std::vector<std::string> notes;
    CHECK_THROWS_AS(plan_samples({}, {0}, experiment_of(2, std::nullopt), "t.h5", notes),
                    UserError);
}

TEST_CASE("open loop without /calibration", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("synthetic.h5");
    write_synthetic(path, 5, 0);
    const Result two = replay_file(path, {"quant.samples=2"});
    CHECK(two.mode == "open");
    CHECK(ordinals(two) == std::vector<int>{2, 3, 4});
    CHECK(has_note(two, "first 2 samples"));
    const Result all = replay_file(path, {"quant.samples=5"});
    CHECK(ordinals(all) == std::vector<int>{0, 1, 2, 3, 4});
    CHECK(has_note(all, "evaluated as well"));
    CHECK(ordinals(replay_file(path, {"quant.samples=2", "samples=1"})) == std::vector<int>{2});
}

TEST_CASE("closed loop without /calibration", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("digits.h5");
    write_uncalibrated_digits(path);
    const Result result = replay_file(path, {"samples=3", "scheme=threshold-q"});
    CHECK(result.mode == "closed");
    CHECK(ordinals(result) == std::vector<int>{8, 9, 10});
    CHECK(has_note(result, "first 8 samples"));
    // Scales come from other inputs now, so other codes clip.
    const Result own = replay_digits({"samples=11", "scheme=threshold-q"});
    CHECK_FALSE(has_note(own, "no /calibration"));
    CHECK(result.samples[0].logits != own.samples[8].logits);
}

TEST_CASE("scales come from the calibration samples alone", "[property]") {
    // The first sample as calibration by default is the same as being told so.
    const TemporaryDirectory directory;
    const std::string with = directory.file("with.h5"), without = directory.file("without.h5");
    write_synthetic(without, 3, 0);
    {
        const TraceReader reader(without);
        TraceWriter writer(with, reader.model(), reader.thresholds(), {});
        for (int i = -1; i < reader.samples(); ++i) {
            Sample sample = reader.sample(std::max(i, 0));
            sample.calibration = i < 0;
            writer.begin_sample(sample);
            for (int l = 0; l < reader.model().layers; ++l)
                writer.layer(reader.layer(reader.sample(std::max(i, 0)), l, true));
        }
        writer.finish();
    }
    const Result by_default = replay_file(without, {"quant.samples=1"});
    const Result told = replay_file(with, {});
    CHECK(ordinals(by_default) == std::vector<int>{1, 2});
    CHECK(ordinals(told) == std::vector<int>{0, 1, 2});
    for (std::size_t i = 0; i < 2; ++i) {
        CHECK(by_default.samples[i].fp_total == told.samples[i + 1].fp_total);
        CHECK(by_default.samples[i].kept_pairs == told.samples[i + 1].kept_pairs);
        CHECK(by_default.samples[i].valid > 0);
    }
}

TEST_CASE("the loop closes where there are weights, unless told otherwise", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("synthetic.h5");
    write_synthetic(path, 2, 1);
    CHECK(replay_file(path, {}).mode == "open");
    CHECK(replay_digits({"samples=1"}).mode == "closed");
    CHECK(replay_digits({"samples=1", "mode=open"}).mode == "open");
    const UserError error = error_of(path, {"mode=closed"});
    CHECK_THAT(error.where(), Contains(path) && Contains("/model/weights"));
    CHECK_THAT(error.got(), Contains("closed") && Contains("--set"));
}

TEST_CASE("the same settings give the same bytes for any number of threads", "[property]") {
    const int before = threads();
    for (const char* mode : {"mode=closed", "mode=open"}) {
        const std::vector<std::string> assignments = {mode, "samples=20"};
        set_threads(1);
        const std::string one = file_bytes(replay_file(kDigits, assignments));
        CHECK(file_bytes(replay_file(kDigits, assignments)) == one);
        set_threads(2);
        CHECK(file_bytes(replay_file(kDigits, assignments)) == one);
        set_threads(5);
        CHECK(file_bytes(replay_file(kDigits, assignments)) == one);
        set_threads(before);
    }
}

TEST_CASE("another seed or chip is another draw of the same experiment", "[property]") {
    const auto counts = [](const std::string& assignment) {
        return total_decisions(replay_digits({"mode=open", assignment})).counts;
    };
    const DecisionCounts base = counts("seed=1");
    for (const char* other : {"seed=2", "chip=1"}) {
        const DecisionCounts changed = counts(other);
        INFO(other);
        // What is computed without a draw stays.
        CHECK(changed.ref_kept == base.ref_kept);
        CHECK(changed.quant_kept == base.quant_kept);
        CHECK(changed.fp_quant == base.fp_quant);
        // What is drawn changes.
        CHECK(changed.hw_kept != base.hw_kept);
        CHECK(changed.fp_expected != base.fp_expected);
    }
    // No draw, no difference.
    std::vector<std::string> ideal = ideal_hardware();
    ideal.insert(ideal.end(), {"mode=open", "seed=1"});
    const DecisionCounts one = total_decisions(replay_digits(ideal)).counts;
    ideal.back() = "seed=2";
    CHECK(total_decisions(replay_digits(ideal)).counts.hw_kept == one.hw_kept);
}

TEST_CASE("a result says what it is of", "[unit]") {
    const Result result = replay_digits({"samples=2", "seed=11", "chip=4", "bits.k=3"});
    CHECK(result.scheme == "sprint");
    CHECK(result.mode == "closed");
    CHECK(result.seed == 11);
    CHECK(result.chip == 4);
    CHECK(result.trace_id == digits().reader().trace_id());
    CHECK(result.trace_name == "digits_vit");
    CHECK_FALSE(result.version.empty());
    CHECK_FALSE(result.blas_core.empty());
    CHECK(result.axes.empty());
    // What was read can be run again: the same settings give the same text.
    Settings again = experiment_preset();
    again.overlay_text(result.experiment_yaml, "stored");
    CHECK(replay(digits(), again).experiment_yaml == result.experiment_yaml);
    CHECK_THAT(result.experiment_yaml, Contains("bits.k: 3") && Contains("seed: 11"));
    // Keys of other schemes were not read.
    CHECK_THAT(replay_digits({"samples=2", "scheme=exact"}).experiment_yaml,
               !Contains("bits.k") && !Contains("device.card"));
}

TEST_CASE("a result lists the numbers that no paper gives", "[unit]") {
    const auto listed = [](const std::vector<std::string>& list, const std::string& word) {
        return std::any_of(list.begin(), list.end(), [&](const std::string& line) {
            return line.find(word) != std::string::npos;
        });
    };
    const Result result = replay_digits({"samples=1"});
    CHECK(listed(result.assumed, "array.columns = 128"));
    CHECK(listed(result.assumed, "bits.q = 4"));
    CHECK_FALSE(listed(result.assumed, "bits.k = 4"));
    CHECK_FALSE(listed(result.assumed, "seed"));
    // What the user gives is the user's.
    CHECK_FALSE(listed(replay_digits({"samples=1", "bits.q=4"}).assumed, "bits.q"));
    // The card's own numbers, of the card that was used.
    const Settings card = device_card("ibm-cmo-hfox-2pct");
    int marked = 0;
    for (const std::string& key : card.keys()) {
        const Mark mark = card.entry(key).mark;
        if (mark != Mark::assumed && mark != Mark::fitted) continue;
        INFO(key);
        CHECK(listed(mark == Mark::assumed ? result.assumed : result.fitted,
                     "device ibm-cmo-hfox-2pct: " + key));
        ++marked;
    }
    CHECK(marked > 0);
    CHECK(replay_digits({"samples=1", "scheme=exact"}).assumed.empty());
}

TEST_CASE("notes say what is calibrated, idealised or forced", "[unit]") {
    CHECK(has_note(replay_digits({"samples=1", "threshold.source=quantile(0.7)"}),
                   "calibrated on the calibration samples, not learned"));
    CHECK(has_note(replay_digits({"samples=1", "recompute.k_msb=ideal"}), "idealised"));
    CHECK(has_note(replay_digits({"samples=1", "always_keep=[0]"}), "kept by force"));
    CHECK(has_note(replay_digits({"samples=1"}), "1 sample"));
    CHECK(has_note(replay_digits({"samples=2"}), "too narrow"));
    CHECK(replay_digits({"samples=20", "metrics.level=counts"}).notes.empty());
}

TEST_CASE("calibrated thresholds prune what was asked for", "[unit]") {
    const Result result =
        replay_digits({"samples=40", "scheme=threshold", "threshold.source=quantile(0.8)"});
    // Other samples than those it was set on; the first layer, whose q and k are the exact
    // network's.
    for (const HeadSummary& head : result.heads) {
        if (head.report.layer != 0) continue;
        const DecisionCounts& counts = head.report.decisions;
        const double kept =
            static_cast<double>(counts.ref_kept) / static_cast<double>(counts.valid);
        CHECK(kept == Approx(0.2).margin(0.01));
        CHECK(counts.valid == 40 * 65 * 65);
    }
}

TEST_CASE("progress ends at the number of steps", "[unit]") {
    std::vector<std::pair<std::size_t, std::size_t>> seen;
    const auto note = [&seen](std::size_t done, std::size_t all) { seen.emplace_back(done, all); };
    replay(digits(), settings_with({"samples=70"}), note);
    REQUIRE_FALSE(seen.empty());
    CHECK(seen.back() == std::pair<std::size_t, std::size_t>{70, 70});
    seen.clear();
    replay(digits(), settings_with({"mode=open", "samples=2"}), note);
    CHECK(seen.size() == 2 * 4);
    CHECK(seen.back() == std::pair<std::size_t, std::size_t>{8, 8});
}

TEST_CASE("settings are checked without running anything", "[unit]") {
    const Settings good = settings_with({"bits.k=3", "samples=2"});
    CHECK(check_replay(digits(), good) == Mode::closed);
    CHECK_NOTHROW(good.require_all_read());
    // The same keys are read as by the replay itself.
    CHECK(good.resolved_yaml(true) == replay_digits({"bits.k=3", "samples=2"}).experiment_yaml);
    for (const char* bad :
         {"bits.k=9", "scheme=none", "device.card=no-such-card", "machines=[sprint-xxl]",
          "drive.mode=twos-complement", "threshold.source=trace(1)"})
        CHECK_THROWS_AS(check_replay(digits(), settings_with({bad})), UserError);
    const Settings unread = settings_with({"scheme=exact", "array.rows=128"});
    check_replay(digits(), unread);
    CHECK_THROWS_AS(unread.require_all_read(), UserError);
}
