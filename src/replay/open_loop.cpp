#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/replay/layer_feed.hpp"
#include "src/replay/replay_run.hpp"
#include "src/work/linear_work.hpp"

namespace attohm {

namespace {

/// Holds the Selection of one head until the heads before it have been planned.
class SelectionHolder final : public SelectionSink {
  public:
    void consume(const Selection& selection) override { selection_ = selection; }
    void consume(const HeadWork& work, const Selection& selection) override {
        work_ = work;
        selection_ = selection;
    }
    void consume(const HeadWork& work) override { work_ = work; }
    int operand_bits() const { return work_.bits.q; }
    void hand_on(SelectionSink& sink) const {
        if (selection_.row_begin.empty())
            sink.consume(work_);
        else
            sink.consume(work_, selection_);
    }

  private:
    HeadWork work_;
    Selection selection_;
};

/// Samples that carry the tensors of every attention layer.
std::vector<int> with_layers(const TraceReader& reader, int count, bool calibration) {
    std::vector<int> found;
    for (int i = 0; i < count; ++i) {
        const Sample sample = calibration ? reader.calibration_sample(i) : reader.sample(i);
        if (sample.layers_stored >= reader.model().layers) found.push_back(i);
    }
    return found;
}

struct HeadTrack {
    SampleContext context;
    SelectionHolder selection;
    std::vector<HeadFidelity> fidelity;
};

void run_head(ReplayRun& run, const AttentionLayer& layer, int sample, std::size_t h,
              HeadTrack& track) {
    const AttentionHead head = head_view(layer, sample, static_cast<int>(h));
    track.context.sample = sample;
    if (run.costs != nullptr) track.context.selections = &track.selection;
    Matrix<float> out(head.n_q(), head.dv());
    if (run.experiment.metrics == MetricsLevel::full) {
        const MeteredScheme metered(run.scheme, run.threshold);
        metered.attention(layer.layer, {&head, 1}, out.view(), track.context);
        track.fidelity = metered.fidelity();
    } else {
        run.scheme.attention(layer.layer, {&head, 1}, out.view(), track.context);
    }
}

void add_counts(const HeadReport& report, SampleOutcome& outcome) {
    outcome.valid += report.decisions.valid;
    outcome.ref_kept += report.decisions.ref_kept;
    outcome.fp_total += report.decisions.fp_total;
    outcome.fk_total += report.decisions.fk_total;
    outcome.kept_pairs += report.kept_pairs;
}

BlockWidths widths_of(const BlockWeights& block) {
    const auto outputs = [](const LinearWeights& weights) {
        return static_cast<std::int64_t>(weights.w.rows());
    };
    return {outputs(block.o),
            outputs(block.q),
            outputs(block.k),
            outputs(block.v),
            static_cast<std::int64_t>(block.o.w.cols()),
            outputs(block.up),
            !block.gate.w.empty()};
}

/// Projections and MLP of a layer, from the weights of the trace, else from its sizes.
std::vector<LinearShape> block_of(const ReplayRun& run, const AttentionLayer& layer,
                                  const AttentionSize& size) {
    if (run.trace.weights() == nullptr) return shape_block(run, size);
    const auto l = static_cast<std::size_t>(layer.layer);
    return block_shapes(widths_of(run.trace.weights()->blocks.at(l)), layer.n_q);
}

/// Heads of one layer of one sample, of all windows: in parallel, merged in their order.
/// Args: ends_layer: no head of the layer comes after these.
void run_heads(ReplayRun& run, const AttentionLayer& layer, const AttentionSize& size, int sample,
               bool ends_layer, SampleOutcome& outcome, SamplePlanner* planner) {
    std::vector<HeadTrack> tracks(layer.q.planes);
    parallel_for(tracks.size(), [&](std::size_t h) {
        run_head(run, layer, sample, static_cast<std::size_t>(layer.first_head) + h, tracks[h]);
    });
    for (const HeadTrack& track : tracks) {
        for (const HeadReport& report : track.context.reports) {
            run.heads.add(report);
            add_counts(report, outcome);
        }
        for (const HeadFidelity& fidelity : track.fidelity) run.heads.add(fidelity);
        if (planner != nullptr) track.selection.hand_on(*planner);
    }
    if (planner != nullptr && run.whole_model && ends_layer)
        run.plan_linears(*planner, layer.layer, size.heads, block_of(run, layer, size),
                         tracks.front().selection.operand_bits());
}

/// All samples are held at once: what they are, not what they carry.
Sample without_tensors(Sample sample) {
    for (Matrix<float>* tensor :
         {&sample.x0, &sample.patches, &sample.logits, &sample.logits_threshold})
        *tensor = {};
    for (std::vector<std::int32_t>* tensor : {&sample.tokens, &sample.segments, &sample.targets})
        *tensor = {};
    return sample;
}

/// Head by head where a layer is large: the same heads of all calibration samples at once.
void calibrate_open(ReplayRun& run, const SamplePlan& plan) {
    const TraceReader& reader = run.reader();
    std::vector<Sample> samples;
    for (const int index : plan.calibration)
        samples.push_back(without_tensors(plan.own_calibration ? reader.calibration_sample(index)
                                                               : reader.sample(index)));
    const std::size_t bytes = kReadBytes / samples.size();
    for (int layer = 0; layer < reader.model().layers; ++layer) {
        for (const HeadRange& heads : reader.head_ranges(samples.front(), layer, bytes)) {
            std::vector<AttentionLayer> parts;
            for (const Sample& sample : samples)
                parts.push_back(reader.heads(sample, layer, heads, false));
            run.calibrate(layer, parts);
        }
    }
}

}  // namespace

void run_open_loop(ReplayRun& run) {
    const TraceReader& reader = run.reader();
    if (reader.shape_only() || !has_attention(reader.model())) return run_shape_loop(run);
    const SamplePlan plan = plan_samples(with_layers(reader, reader.samples(), false),
                                         with_layers(reader, reader.calibration_samples(), true),
                                         run.experiment, reader.path(), run.notes);
    const int layers = reader.model().layers;
    run.scheme.prepare(reader.model(), nullptr);
    calibrate_open(run, plan);
    if (run.whole_model)
        run.notes.push_back(
            "whole-model figures: projections and MLP of every attention layer and the other "
            "layers of the trace; no embedding, no classifier");
    note_other_layers(run, reader.sample(plan.evaluated.front()));
    std::vector<Sample> samples;
    for (const int index : plan.evaluated) samples.push_back(without_tensors(reader.sample(index)));
    LayerFeed feed(reader, samples, layers);
    std::optional<SamplePlanner> planner;
    std::optional<OtherLayers> others;
    std::vector<AttentionSize> sizes;
    SampleOutcome outcome;
    for (std::size_t i = 0; i < feed.parts().size(); ++i) {
        const LayerPart& part = feed.parts()[i];
        const Sample& sample = samples[static_cast<std::size_t>(part.sample)];
        if (part.layer == 0 && part.heads.first == 0) {
            outcome = {};
            outcome.sample = sample.index;
            outcome.label = sample.label;
            sizes = attention_sizes(reader, sample);
            if (run.costs != nullptr) planner.emplace(run.costs->planner());
            others.emplace(run, sample);
            if (planner) others->plan_until_attention(*planner);
        }
        run_heads(run, feed.next(), sizes.at(static_cast<std::size_t>(part.layer)), sample.index,
                  part.ends_layer, outcome, planner ? &*planner : nullptr);
        run.report_progress(i + 1, feed.parts().size());
        if (planner && part.ends_layer) {
            others->pass_attention();
            others->plan_until_attention(*planner);
        }
        if (!part.ends_layer || part.layer + 1 < layers) continue;
        run.outcomes.push_back(std::move(outcome));
        if (planner) run.add_cost(planner->finish());
    }
}

}  // namespace attohm
