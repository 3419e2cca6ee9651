#include <algorithm>
#include <numeric>

#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/replay/replay_run.hpp"
#include "src/replay/token_scores.hpp"
#include "src/schemes/digital_schemes.hpp"

namespace attohm {

namespace {

/// Samples that are merged together; bounds what is held, not what is computed.
constexpr std::size_t kChunk = 64;

std::vector<int> ordinals(int count) {
    std::vector<int> all(static_cast<std::size_t>(count));
    std::iota(all.begin(), all.end(), 0);
    return all;
}

/// A calibration sample that the network can run on. Throws: UserError naming the sample.
Sample calibration_input(const ReplayRun& run, int index, bool own_calibration) {
    const TraceReader& reader = run.reader();
    Sample sample = own_calibration ? reader.calibration_sample(index) : reader.sample(index);
    reader.require_recomputable(sample);
    return sample;
}

/// All calibration samples advance block by block through the exact network, so that one layer of
/// each is held at a time.
void calibrate_closed(ReplayRun& run, const Network& exact, const SamplePlan& plan) {
    const ExactScheme scheme;
    struct State {
        Matrix<float> x;
        std::vector<int> ids;
        int valid_len = -1;
        SampleContext context;
    };
    std::vector<State> states(plan.calibration.size());
    parallel_for(states.size(), [&](std::size_t s) {
        const Sample sample = calibration_input(run, plan.calibration[s], plan.own_calibration);
        states[s].x = exact.embed(scheme, sample, states[s].context);
        states[s].ids = ordinals(static_cast<int>(states[s].x.rows()));
        states[s].valid_len = sample.valid_len;
    });
    for (int layer = 0; layer < exact.model().layers; ++layer) {
        std::vector<AttentionLayer> layers(states.size());
        parallel_for(states.size(), [&](std::size_t s) {
            State& state = states[s];
            layers[s] = exact.attention_inputs(scheme, layer, state.x, state.valid_len,
                                               state.context, state.ids);
            exact.block(scheme, layer, state.x, state.ids, state.valid_len, state.context);
        });
        run.calibrate(layer, layers);
    }
}

/// What one sample leaves behind until it is merged.
struct SampleTrack {
    SampleContext context;
    std::vector<HeadFidelity> fidelity;
    SampleOutcome outcome;
    SampleCost cost;
};

int argmax(const Matrix<float>& logits) {
    const float* row = logits.row(0);
    return static_cast<int>(std::max_element(row, row + logits.cols()) - row);
}

/// One row of logits against the exact network's.
void compare_classes(const Matrix<float>& logits, const Matrix<float>& exact,
                     SampleOutcome& outcome) {
    outcome.predicted = argmax(logits);
    outcome.predicted_exact = argmax(exact);
    outcome.logits.assign(logits.data(), logits.data() + logits.size());
    for (std::size_t i = 0; i < logits.size(); ++i) {
        const double error =
            static_cast<double>(logits.data()[i]) - static_cast<double>(exact.data()[i]);
        outcome.logit_squared_error += error * error;
    }
}

/// Args: per_token: logits of every token are scored and not kept; own_threshold: the scheme is
/// `threshold`, whose logits the trace may hold.
SampleOutcome sample_outcome(const Sample& sample, const Matrix<float>& logits,
                             const Matrix<float>& exact, bool per_token, bool own_threshold) {
    SampleOutcome outcome;
    outcome.sample = sample.index;
    outcome.label = sample.label;
    if (per_token)
        outcome.tokens = score_tokens(sample, logits, exact);
    else
        compare_classes(logits, exact, outcome);
    outcome.golden_error = golden_error(sample, "logits", exact, sample.logits);
    if (own_threshold)
        outcome.golden_threshold_error =
            golden_error(sample, "logits_threshold", logits, sample.logits_threshold);
    return outcome;
}

void add_counts(const SampleContext& context, SampleOutcome& outcome) {
    for (const HeadReport& report : context.reports) {
        outcome.valid += report.decisions.valid;
        outcome.ref_kept += report.decisions.ref_kept;
        outcome.fp_total += report.decisions.fp_total;
        outcome.fk_total += report.decisions.fk_total;
        outcome.kept_pairs += report.kept_pairs;
    }
}

/// Bits of the digital operands of a scheme; linear operators have the same.
int operand_bits(const Work& work) {
    return work.heads.empty() ? OperandBits{}.q : work.heads.front().bits.q;
}

void run_sample(ReplayRun& run, const Network& network, int index, SampleTrack& track) {
    const std::shared_ptr<const Sample> kept = run.trace.sample(index);
    const Sample& sample = *kept;
    track.context.sample = index;
    std::optional<SamplePlanner> planner;
    if (run.costs != nullptr) {
        planner.emplace(run.costs->planner());
        track.context.selections = &*planner;
    }
    const MeteredScheme metered(run.scheme, run.threshold,
                                run.experiment.metrics == MetricsLevel::full);
    const Matrix<float> logits = network.run(metered, sample, track.context);
    track.fidelity = metered.fidelity();
    if (planner)
        for (const auto& [layer, shapes] : metered.linears()) {
            const ModelInfo& model = run.reader().model();
            const bool is_block = layer >= 0 && layer < model.layers;
            run.plan_linears(*planner, layer, is_block ? model.heads : 0, shapes,
                             operand_bits(track.context.work));
        }
    track.outcome = sample_outcome(sample, logits, *run.trace.exact_logits(index),
                                   network.per_token(), run.experiment.scheme == "threshold");
    add_counts(track.context, track.outcome);
    if (planner) track.cost = planner->finish();
}

}  // namespace

void run_closed_loop(ReplayRun& run) {
    const TraceReader& reader = run.reader();
    const Network exact(reader.model(), run.trace.weights());
    const Network network(reader.model(), run.scheme.prepare(reader.model(), run.trace.weights()));
    const SamplePlan plan =
        plan_samples(ordinals(reader.samples()), ordinals(reader.calibration_samples()),
                     run.experiment, reader.path(), run.notes);
    calibrate_closed(run, exact, plan);
    const std::size_t all = plan.evaluated.size();
    for (std::size_t first = 0; first < all; first += kChunk) {
        std::vector<SampleTrack> tracks(std::min(kChunk, all - first));
        parallel_for(tracks.size(), [&](std::size_t i) {
            run_sample(run, network, plan.evaluated[first + i], tracks[i]);
        });
        // Merge in the order of samples, whatever thread ran them.
        for (SampleTrack& track : tracks) {
            for (const HeadReport& report : track.context.reports) run.heads.add(report);
            for (const HeadFidelity& fidelity : track.fidelity) run.heads.add(fidelity);
            run.outcomes.push_back(std::move(track.outcome));
            if (run.costs != nullptr) run.add_cost(std::move(track.cost));
        }
        run.report_progress(first + tracks.size(), all);
    }
}

}  // namespace attohm
