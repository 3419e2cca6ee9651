#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "src/base/error.hpp"
#include "tests/workloads/synth_count.hpp"
#include "workloads/synth_plan.hpp"
#include "workloads/synth_softmax.hpp"
#include "workloads/trace_reader.hpp"

using namespace attohm;
using attohm::testing::check_as_asked;
using attohm::testing::refusal;
using attohm::testing::sized;
using attohm::testing::TemporaryTrace;

namespace {

/// What may be asked for; a negative number is nothing.
struct Asked {
    double new_keys = -1.0, effective = -1.0, local = -1.0, sink = -1.0;
};

SynthSpec with(SynthSpec spec, const Asked& asked) {
    const auto set = [](double value, std::optional<double>& target) {
        if (value >= 0.0) target = value;
    };
    set(asked.new_keys, spec.new_keys);
    set(asked.effective, spec.effective_keys);
    set(asked.local, spec.local_share);
    set(asked.sink, spec.sink_mass);
    return spec;
}

}  // namespace

TEST_CASE("row concentration comes out as asked", "[property]") {
    for (const double effective : {0.015, 0.05, 0.2, 0.8})
        check_as_asked(with(sized("deit-t", 1, 3, 1), {-1.0, effective, -1.0, -1.0}));
    check_as_asked(with(sized("gpt2-l-256", 1, 2, 1), {0.03, 0.15, -1.0, -1.0}));
}

TEST_CASE("kept keys cluster around the query as asked", "[property]") {
    const SynthSpec spec = sized("deit-t", 1, 3, 1);
    for (const double local : {0.2, 0.4, 0.6})
        check_as_asked(with(spec, {-1.0, -1.0, local, -1.0}));
    SynthSpec narrow = spec;
    narrow.local_reach = 4;
    narrow.kept = 0.1;
    check_as_asked(with(narrow, {-1.0, -1.0, 0.3, -1.0}));
    check_as_asked(with(sized("gpt2-l-256", 1, 2, 1), {-1.0, -1.0, 0.35, -1.0}));
}

TEST_CASE("sinks take the mass that is asked for", "[property]") {
    for (const double sink : {0.01, 0.1, 0.5, 0.9})
        check_as_asked(with(sized("deit-t", 1, 3, 1), {-1.0, -1.0, -1.0, sink}));
    SynthSpec four = sized("gpt2-l-256", 1, 2, 1);
    four.sinks = 4;
    check_as_asked(with(four, {-1.0, -1.0, -1.0, 0.4}));
}

TEST_CASE("statistics come out as asked together", "[property]") {
    check_as_asked(with(sized("deit-t", 2, 3, 1), {0.05, 0.1, 0.4, 0.2}));
    check_as_asked(with(sized("deit-t", 1, 3, 2), {0.03, 0.05, 0.3, -1.0}));
    check_as_asked(with(sized("gpt2-l-256", 1, 2, 1), {0.03, 0.08, 0.3, 0.1}));
    SynthSpec padded = with(sized("bert-base-128", 1, 3, 4), {0.04, 0.1, 0.45, 0.15});
    padded.padding = 0.3;
    padded.lengths.kind = Lengths::Kind::uniform;
    padded.tensors = StoredAs::float16;
    check_as_asked(padded);
}

TEST_CASE("layers of several sizes, windows and patterns have the statistics too", "[property]") {
    const auto small = [](const char* name) {
        SynthSpec spec = synth_shape(name);
        spec.samples = 1;
        spec.calibration = 0;
        return spec;
    };
    check_as_asked(with(small("levit-128s"), {0.05, 0.2, -1.0, -1.0}));
    SynthSpec swin = with(small("swin-t"), {0.05, 0.3, -1.0, -1.0});
    // The first two stages hold most of the windows; later ones every kind of size.
    swin.shapes.erase(swin.shapes.begin(), swin.shapes.begin() + 3);
    check_as_asked(swin);
    SynthSpec vil = with(small("vil-stage2"), {0.06, 0.1, -1.0, -1.0});
    vil.heads = 2;
    check_as_asked(vil);
    SynthSpec longformer = with(sized("longformer-300", 1, 2, 1), {0.05, -1.0, -1.0, 0.1});
    longformer.pattern.reach = 20;
    check_as_asked(longformer);
}

TEST_CASE("lengths follow the asked distribution", "[property]") {
    SynthSpec spec = synth_shape("bert-base");
    spec.padding = 0.4;
    constexpr int kSamples = 400;
    const auto lengths = [&](Lengths::Kind kind, std::optional<double> spread) {
        spec.lengths.kind = kind;
        spec.lengths.spread = spread;
        std::vector<int> found = sample_lengths(spec, 384, kSamples, false);
        CHECK(std::accumulate(found.begin(), found.end(), 0.0) / kSamples ==
              Approx(384 * 0.6).epsilon(1e-3));
        std::sort(found.begin(), found.end());
        return found;
    };
    const std::vector<int> fixed = lengths(Lengths::Kind::fixed, {});
    CHECK(fixed.front() == 230);
    CHECK(fixed.back() == 231);
    // Quantiles: uniform from 0.6 - 0.3 to 0.6 + 0.3, and the widest one.
    const std::vector<int> uniform = lengths(Lengths::Kind::uniform, 0.3);
    for (const int percent : {0, 25, 50, 75, 99})
        CHECK(std::abs(uniform[static_cast<std::size_t>(kSamples * percent / 100)] -
                       384 * (0.3 + 0.006 * percent)) <= 2.0);
    CHECK(lengths(Lengths::Kind::uniform, {}).back() >= 383);
    // One standard deviation to either side of the mean.
    const std::vector<int> normal = lengths(Lengths::Kind::normal, 0.1);
    CHECK(std::abs(normal[kSamples * 1587 / 10000] - 384 * 0.5) <= 1.5);
    CHECK(std::abs(normal[kSamples * 8413 / 10000] - 384 * 0.7) <= 1.5);
    // A normal one that is cut at the tokens still has the mean.
    spec.padding = 0.05;
    spec.lengths.spread = 0.3;
    const std::vector<int> cut = sample_lengths(spec, 384, kSamples, false);
    CHECK(std::accumulate(cut.begin(), cut.end(), 0.0) / kSamples ==
          Approx(384 * 0.95).epsilon(1e-3));
    CHECK(*std::max_element(cut.begin(), cut.end()) == 384);
}

TEST_CASE("a list of lengths is taken as it is", "[unit]") {
    SynthSpec spec = sized("deit-t-40", 1, 2, 5);
    spec.lengths.kind = Lengths::Kind::list;
    spec.lengths.list = {10, 40, 25};
    const TemporaryTrace trace("list");
    const SynthReport report = write_synthetic_trace(spec, trace.path());
    CHECK(report.lengths == std::vector<int>{10, 40, 25, 10, 40});
    CHECK(attohm::testing::count_trace(trace.path(), 16, 1).lengths == report.lengths);
    CHECK(report.padding == Approx(1.0 - 125.0 / 200.0));
}

TEST_CASE("statistics that cannot be had together are refused with what can", "[unit]") {
    using Catch::Matchers::Contains;
    const SynthSpec spec = sized("deit-t", 1, 3, 1);
    CHECK_THAT(refusal(with(spec, {-1.0, -1.0, 0.95, -1.0})),
               Contains("local share") && Contains("allowed: 0.16") && Contains("to 0.64") &&
                   Contains("nearest"));
    CHECK_THAT(refusal(with(spec, {-1.0, -1.0, 0.05, -1.0})), Contains("local share"));
    CHECK_THAT(refusal(with(spec, {-1.0, 0.5, -1.0, 0.5})),
               Contains("effective keys") && Contains("0.0202") && Contains("mass on sinks"));
    CHECK_THAT(refusal(with(spec, {-1.0, 1e-3, -1.0, -1.0})), Contains("about 0.005076"));
    CHECK_THAT(refusal(with(spec, {-1.0, 1.0, -1.0, -1.0})), Contains("0 < x < 1"));
    SynthSpec thin = with(spec, {-1.0, -1.0, 0.3, -1.0});
    thin.head_dim = 4;
    CHECK_THAT(refusal(thin), Contains("d of 8"));
    SynthSpec wide = spec;
    wide.padding = 0.2;
    wide.lengths.kind = Lengths::Kind::uniform;
    wide.lengths.spread = 0.5;
    CHECK_THAT(refusal(wide), Contains("spread") && Contains("0 to 0.2"));
    SynthSpec stages = synth_shape("swin-t");
    stages.padding = 0.1;
    CHECK_THAT(refusal(stages), Contains("padding where layers differ"));
    SynthSpec list = spec;
    list.lengths.kind = Lengths::Kind::list;
    list.lengths.list = {300};
    CHECK_THAT(refusal(list), Contains("300") && Contains("2 to 197"));
}

TEST_CASE("a synthetic trace with every statistic depends on its seed alone", "[unit]") {
    SynthSpec spec = with(sized("deit-t-40", 1, 2, 1), {0.08, 0.2, 0.6, 0.2});
    spec.local_reach = 6;
    const auto queries = [&spec](const char* name) {
        const TemporaryTrace trace(name);
        write_synthetic_trace(spec, trace.path());
        const TraceReader reader(trace.path());
        return reader.layer(reader.sample(0), 0, false).q.data;
    };
    const auto one = queries("first");
    CHECK(one == queries("again"));
    spec.seed = 2;
    CHECK(one != queries("other"));
}
