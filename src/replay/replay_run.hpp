#pragma once

#include <map>
#include <optional>
#include <vector>

#include "src/replay/metered_scheme.hpp"
#include "src/replay/replay.hpp"

/// Inside of `replay`: what the open and the closed loop share.
namespace attohm {

/// Adds heads over samples, in the order in which they are given.
class HeadAccumulator {
  public:
    void add(const HeadReport& report);
    void add(const HeadFidelity& fidelity);
    /// (layer, head) order.
    std::vector<HeadSummary> finish();

  private:
    struct Entry {
        HeadSummary summary;
        std::int64_t reports = 0;
    };
    std::map<std::pair<int, int>, Entry> entries_;
};

/// Everything one experiment needs while it runs.
struct ReplayRun {
    ReplayTrace& trace;
    const Experiment& experiment;
    Scheme& scheme;
    Scheme* threshold = nullptr;  ///< reference for fidelity, or null
    const CostEngine* costs = nullptr;
    const ReplayProgress& progress;
    /// Whether machines price the linear operators around attention too.
    bool whole_model = false;
    /// Of the operands of linear operators and layers, as the scheme's Work has them.
    int operand_bits = OperandBits{}.q;
    /// Width of the MLP over the width of the model, where only sizes are known.
    std::optional<double> mlp_ratio;

    HeadAccumulator heads;
    std::vector<SampleCost> sample_costs;
    std::vector<SampleOutcome> outcomes;
    std::vector<std::string> notes;
    WorkSink* work = nullptr;  ///< takes what samples asked of machines, or null

    /// Keeps a sample's cost; samples in their order.
    void add_cost(SampleCost cost) {
        if (work != nullptr && cost.work) {
            cost.work->sample = outcomes.back().sample;
            work->add(std::move(*cost.work));
        }
        cost.work.reset();
        sample_costs.push_back(std::move(cost));
    }
    const TraceReader& reader() const { return trace.reader(); }
    /// Hands the linear operators of a layer of the network on: as they are to all plans, or, where
    /// the scheme runs others, its own to its plan and the network's to the baselines.
    /// Args: layer_heads: of the layer; 0: it is no block, but embedding or classifier.
    void plan_linears(SamplePlanner& planner, int layer, int layer_heads,
                      const std::vector<LinearShape>& shapes, int bits) const;
    /// Calibrates the scheme (and the reference) for heads of one layer, the same of every sample,
    /// in parallel. Args: samples: at least one.
    void calibrate(int layer, const std::vector<AttentionLayer>& samples);
    void report_progress(std::size_t done, std::size_t all) const {
        if (progress) progress(done, all);
    }
};

/// What a scheme is made from in an experiment on a trace.
SchemeInputs scheme_inputs(const TraceReader& reader, const Experiment& experiment,
                           const SchemeEntry& entry);

/// Which samples calibrate and which are evaluated (ordinals in /samples).
struct SamplePlan {
    bool own_calibration = false;  ///< the trace has /calibration
    std::vector<int> calibration;
    std::vector<int> evaluated;
};
/// Args: usable: ordinals that may be evaluated; calibration_count: size of /calibration usable.
/// Throws: UserError when nothing is left to calibrate on or to evaluate.
SamplePlan plan_samples(const std::vector<int>& usable, const std::vector<int>& calibration,
                        const Experiment& experiment, const std::string& path,
                        std::vector<std::string>& notes);

void run_closed_loop(ReplayRun& run);
/// The same of a graph network: every node that counts is an answer.
void run_graph_loop(ReplayRun& run);
void run_open_loop(ReplayRun& run);
/// A trace without tensors, or without attention: costs alone, of schemes whose Work follows from
/// shapes.
/// Throws: UserError where the scheme decides by values, or nothing is priced.
void run_shape_loop(ReplayRun& run);

/// The attention layers of a sample.
std::vector<AttentionSize> attention_sizes(const TraceReader& reader, const Sample& sample);

/// The layers of a sample that are not attention, handed to the planner where they stand between
/// its attention layers.
class OtherLayers {
  public:
    /// Nothing is handed over unless the machines price the whole model, nor where the trace has
    /// the weights of a transformer: its own linear operators are what these layers are parts of.
    OtherLayers(const ReplayRun& run, const Sample& sample);
    /// Plans what stands before the next attention layer, or the end.
    /// Throws: UserError naming layer and kind where a machine has no unit for it.
    void plan_until_attention(SamplePlanner& planner);
    /// The attention layer that stands there; null before all is planned, and at the end.
    const LayerShape* attention() const;
    void pass_attention();

  private:
    void plan(std::size_t index, SamplePlanner& planner) const;

    const ReplayRun* run_;
    std::string where_;  ///< of the sample
    std::vector<LayerShape> layers_;
    std::size_t next_ = 0;
    int attention_ = -1;  ///< ordinal of the attention layer that was passed last
};

/// Says in the notes which layers beside attention nothing prices, or something prices twice.
/// Args: sample: of the evaluated.
void note_other_layers(ReplayRun& run, const Sample& sample);

/// Projections and MLP of an attention layer of which only the sizes are known.
std::vector<LinearShape> shape_block(const ReplayRun& run, const AttentionSize& size);

}  // namespace attohm
