#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "src/base/error.hpp"
#include "src/machine/cost_engine.hpp"
#include "src/replay/replay_run.hpp"
#include "tests/replay/digits_replay.hpp"
#include "workloads/synth.hpp"

using namespace attohm;
using namespace attohm::testing;

namespace {

/// The scheme's hooks called by hand, head by head, on the stored q, k, v.
class DirectCalls {
  public:
    explicit DirectCalls(const Settings& settings)
        : reader_(digits().reader()), scheme_(make(settings)) {
        scheme_->prepare(reader_.model(), nullptr);
        std::vector<Sample> samples;
        for (int i = 0; i < reader_.calibration_samples(); ++i) {
            samples.push_back(reader_.calibration_sample(i));
            if (samples.back().layers_stored < reader_.model().layers) samples.pop_back();
        }
        for (int l = 0; l < reader_.model().layers; ++l) {
            std::vector<AttentionLayer> layers;
            for (const Sample& sample : samples) layers.push_back(reader_.layer(sample, l, false));
            for (int h = 0; h < reader_.model().heads; ++h) {
                std::vector<AttentionHead> heads;
                for (std::size_t s = 0; s < layers.size(); ++s)
                    heads.push_back(head_view(layers[s], static_cast<int>(s), h));
                scheme_->calibrate(l, h, heads);
            }
        }
    }

    SampleContext run(int index, SelectionSink* sink) const {
        SampleContext context;
        context.sample = index;
        context.selections = sink;
        const Sample sample = reader_.sample(index);
        for (int l = 0; l < reader_.model().layers; ++l) {
            const AttentionLayer layer = reader_.layer(sample, l, false);
            for (int h = 0; h < reader_.model().heads; ++h) {
                const AttentionHead head = head_view(layer, index, h);
                Matrix<float> out(head.n_q(), head.dv());
                scheme_->attention(l, {&head, 1}, out.view(), context);
            }
        }
        return context;
    }

  private:
    std::unique_ptr<Scheme> make(const Settings& settings) const {
        const Experiment experiment = load_experiment(settings);
        const SchemeEntry& entry = find_scheme(experiment.scheme);
        return entry.make(scheme_inputs(reader_, experiment, entry), settings);
    }
    const TraceReader& reader_;
    std::unique_ptr<Scheme> scheme_;
};

DecisionCounts counts_at(int scale, int chip) {
    return total_decisions(replay_digits({"mode=open", "chip=" + std::to_string(chip),
                                          "device.read_noise.scale=" + std::to_string(scale)}))
        .counts;
}

}  // namespace

TEST_CASE("the open loop counts what the scheme says of the stored q, k, v", "[unit]") {
    for (const char* scheme : {"scheme=threshold", "scheme=threshold-q", "scheme=sprint"}) {
        const Result result = replay_digits({"mode=open", scheme});
        CHECK(result.mode == "open");
        CHECK_FALSE(result.accuracy.has_value());
        REQUIRE(result.samples.size() == kDigitsWithLayers);
        const DirectCalls direct(settings_with({scheme}));
        for (const SampleOutcome& outcome : result.samples) {
            SampleOutcome sum;
            for (const HeadReport& report : direct.run(outcome.sample, nullptr).reports) {
                sum.valid += report.decisions.valid;
                sum.ref_kept += report.decisions.ref_kept;
                sum.fp_total += report.decisions.fp_total;
                sum.fk_total += report.decisions.fk_total;
                sum.kept_pairs += report.kept_pairs;
            }
            INFO(scheme << ", sample " << outcome.sample);
            CHECK(outcome.valid == sum.valid);
            CHECK(outcome.ref_kept == sum.ref_kept);
            CHECK(outcome.fp_total == sum.fp_total);
            CHECK(outcome.fk_total == sum.fk_total);
            CHECK(outcome.kept_pairs == sum.kept_pairs);
            CHECK(outcome.valid == 8 * 65 * 65);
            CHECK(outcome.logits.empty());
            CHECK(outcome.predicted == -1);
        }
    }
}

TEST_CASE("the open loop runs every scheme on every head", "[property]") {
    for (const SchemeEntry& entry : scheme_table()) {
        INFO(entry.name);
        const std::vector<std::string> settings = {"mode=open", "samples=2",
                                                   "scheme=" + std::string(entry.name)};
        // What needs more than heads may refuse, saying so; it has tests of its own.
        try {
            if (!entry.needs.empty()) (void)replay_digits(settings);
        } catch (const UserError& error) {
            CHECK_THAT(error.what(), Catch::Contains("scheme " + std::string(entry.name)));
            continue;
        }
        const Result result = replay_digits(settings);
        REQUIRE(result.heads.size() == 8);
        for (const HeadSummary& head : result.heads) {
            REQUIRE(head.to_exact.has_value());
            CHECK(head.to_exact->rows == 2 * 65);
            // The exact network is at no distance from itself on any head.
            CHECK((head.to_exact->squared_error == 0.0) ==
                  (entry.name == "exact" || entry.name == "flat"));
        }
    }
}

TEST_CASE("the open loop prices what the scheme did", "[unit]") {
    const Result result = replay_digits({"mode=open", "machines=[sprint-s, sprint-m]"});
    const Settings settings = settings_with({"machines=[sprint-s, sprint-m]"});
    const PricedExperiment priced = load_priced_experiment(settings, find_scheme("sprint"));
    const CostEngine engine(load_machines(priced.machines),
                            {"sprint", {"dense", "mask-only", "dense-tiled"}, {}}, {});
    const DirectCalls direct(settings);
    std::vector<SampleCost> costs;
    for (int i = 0; i < kDigitsWithLayers; ++i) {
        SamplePlanner planner = engine.planner();
        direct.run(i, &planner);
        costs.push_back(planner.finish());
    }
    const std::vector<MachineOutcome> expected = engine.accumulate(costs);
    REQUIRE(result.machines.size() == 2);
    REQUIRE(expected.size() == 2);
    for (std::size_t m = 0; m < expected.size(); ++m) {
        const MachineOutcome& got = result.machines[m];
        CHECK(got.machine == expected[m].machine);
        CHECK(got.samples == kDigitsWithLayers);
        REQUIRE(got.pricings.size() == expected[m].pricings.size());
        for (std::size_t p = 0; p < got.pricings.size(); ++p)
            for (std::size_t k = 0; k < got.pricings[p].plans.size(); ++k) {
                CHECK(got.pricings[p].plans[k].energy == expected[m].pricings[p].plans[k].energy);
                CHECK(got.pricings[p].plans[k].energy.value() > 0.0);
                CHECK(got.plans[k].latency == expected[m].plans[k].latency);
            }
    }
    // References have no plan of their own.
    CHECK(replay_digits({"mode=open", "scheme=threshold-q"}).machines.empty());
}

TEST_CASE("a limit evaluates the first samples and changes none of them", "[unit]") {
    const Result all = replay_digits({"mode=open"});
    const Result three = replay_digits({"mode=open", "samples=3"});
    REQUIRE(three.samples.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(three.samples[i].sample == static_cast<int>(i));
        CHECK(three.samples[i].fp_total == all.samples[i].fp_total);
        CHECK(three.samples[i].fk_total == all.samples[i].fk_total);
        CHECK(three.samples[i].kept_pairs == all.samples[i].kept_pairs);
    }
    CHECK(three.machines.at(0).samples == 3);
    CHECK(replay_digits({"mode=open", "samples=1000"}).samples.size() == kDigitsWithLayers);
}

TEST_CASE("false prunes rise strictly along the noise axis", "[stat]") {
    // Open loop on the stored q and k, so that only the read noise changes; programming, offsets
    // and the normal behind every read draw are the same at every step (paired draws).
    for (const int chip : {0, 1, 2}) {
        DecisionCounts before;
        for (const int scale : kNoiseAxis) {
            const DecisionCounts now = counts_at(scale, chip);
            INFO("chip " << chip << ", scale " << scale << ": fp_total " << before.fp_total
                         << " -> " << now.fp_total << ", expected " << before.fp_expected << " -> "
                         << now.fp_expected);
            CHECK(now.fp_total > before.fp_total);
            CHECK(now.fp_expected > before.fp_expected);
            // What was drawn lies within five sigma of what was to be expected.
            CHECK(std::abs(static_cast<double>(now.fp_total) - now.fp_expected) <
                  5.0 * std::sqrt(now.decision_variance));
            // The reference knows nothing of noise.
            if (before.valid > 0) CHECK(now.ref_kept == before.ref_kept);
            before = now;
        }
    }
}

namespace {

const PlanSummary& plan_in(const Result& result, const std::string& scope) {
    for (const PlanSummary& plan : result.machines.at(0).plans)
        if (plan.scope == scope) return plan;
    throw InvariantError("no such scope");
}

/// Multiply-accumulates of all units in a scope, per sample.
std::int64_t macs_in(const Result& result, const std::string& scope) {
    std::int64_t count = 0;
    for (const CountTotal& total : plan_in(result, scope).counts)
        if (total.unit == op_kind_info(OpKind::matmul).unit) count += total.count;
    return count / result.machines.at(0).samples;
}

std::string small_synthetic_trace() {
    SynthSpec spec;
    spec.layers = 2;
    spec.heads = 3;
    spec.tokens = 40;
    spec.head_dim = 8;
    spec.samples = 1;
    const std::string path =
        (std::filesystem::temp_directory_path() / "attohm_open_loop_model.h5").string();
    write_synthetic_trace(spec, path);
    return path;
}

}  // namespace

TEST_CASE("open and closed loop agree on the linear operators of every block", "[unit]") {
    const Result open = replay_digits({"mode=open", "scheme=vitality", "samples=2"});
    const Result closed = replay_digits({"mode=closed", "scheme=vitality", "samples=2"});
    const PlanSummary& from_sizes = plan_in(open, "model");
    const PlanSummary& as_run = plan_in(closed, "model");
    // The closed loop has the patches before (-1) and the classifier after (4) as well.
    REQUIRE(from_sizes.layers.size() == 4);
    REQUIRE(as_run.layers.size() == 6);
    for (const LayerTime& layer : from_sizes.layers) {
        INFO("layer " << layer.layer);
        const auto& same = as_run.layers.at(static_cast<std::size_t>(layer.layer) + 1);
        REQUIRE(same.layer == layer.layer);
        CHECK(same.cycles == layer.cycles);
        CHECK(same.bottleneck == layer.bottleneck);
    }
    CHECK(plan_in(open, "attention").latency_cycles == plan_in(closed, "attention").latency_cycles);
    CHECK(macs_in(open, "attention") == macs_in(closed, "attention"));
    // 65 tokens of width 32 from 64 patches, 10 classes: what only the closed loop knows.
    const std::shared_ptr<const Weights> weights = digits().weights();
    const auto patch = static_cast<std::int64_t>(weights->patch.w.size());
    const auto head = static_cast<std::int64_t>(weights->head.w.size());
    CHECK(macs_in(closed, "model") - macs_in(open, "model") == 64 * patch + head);
    const auto says_what_is_left_out = [](const Result& result) {
        return std::any_of(result.notes.begin(), result.notes.end(), [](const std::string& note) {
            return note.starts_with("whole-model figures");
        });
    };
    CHECK(says_what_is_left_out(open));
    CHECK_FALSE(says_what_is_left_out(closed));
}

TEST_CASE("without weights the MLP's width is assumed, and only then", "[unit]") {
    const std::string path = small_synthetic_trace();
    // 2 layers of 40 tokens of width 24: q, k, v, o and 2 r width MLP.
    const auto linear = [](std::int64_t ratio) { return 2 * 40 * 24 * 24 * (4 + 2 * ratio); };
    for (const std::int64_t ratio : {1, 4}) {
        const Result result =
            replay_file(path, {"scheme=vitality", "network.mlp_ratio=" + std::to_string(ratio)});
        CHECK(macs_in(result, "model") - macs_in(result, "attention") == linear(ratio));
    }
    const auto names_ratio = [](const Result& result) {
        return std::any_of(result.assumed.begin(), result.assumed.end(), [](const auto& line) {
            return line.find("network.mlp_ratio = 4") == 0;
        });
    };
    CHECK(names_ratio(replay_file(path, {"scheme=vitality"})));
    CHECK_FALSE(names_ratio(replay_file(path, {"scheme=sprint"})));
    CHECK_FALSE(names_ratio(replay_digits({"mode=open", "scheme=vitality", "samples=1"})));
    std::filesystem::remove(path);
}
