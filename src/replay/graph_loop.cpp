#include <algorithm>

#include "src/base/error.hpp"
#include "src/replay/replay_run.hpp"
#include "src/replay/token_scores.hpp"
#include "workloads/graph_network.hpp"

namespace attohm {

namespace {

int argmax(const Matrix<float>& logits, std::size_t node) {
    const float* row = logits.row(node);
    return static_cast<int>(std::max_element(row, row + logits.cols()) - row);
}

NodeOutcome node_outcome(const GraphInput& input, std::int64_t node, const Matrix<float>& logits,
                         const Matrix<float>& exact) {
    const auto i = static_cast<std::size_t>(node);
    NodeOutcome outcome;
    outcome.node = node;
    if (!input.labels.empty()) outcome.label = input.labels[i];
    outcome.predicted = argmax(logits, i);
    outcome.predicted_exact = argmax(exact, i);
    for (std::size_t c = 0; c < logits.cols(); ++c) {
        const double error = static_cast<double>(logits(i, c)) - static_cast<double>(exact(i, c));
        outcome.logit_squared_error += error * error / static_cast<double>(logits.cols());
    }
    return outcome;
}

SampleOutcome run_graph(ReplayRun& run, const GraphNetwork& network, const Sample& sample) {
    const GraphInput input = run.reader().graph_input(sample);
    SampleContext context;
    context.sample = sample.index;
    const Matrix<float> logits = network.run(run.scheme, input, context);
    const auto exact = run.trace.exact_logits(sample.index);
    SampleOutcome outcome;
    outcome.sample = sample.index;
    for (const std::int64_t node : input.eval_index)
        outcome.nodes.push_back(node_outcome(input, node, logits, *exact));
    outcome.golden_error = golden_error(sample, "logits", *exact, sample.logits);
    return outcome;
}

}  // namespace

void run_graph_loop(ReplayRun& run) {
    const TraceReader& reader = run.reader();
    const GraphNetwork network(reader.model(),
                               run.scheme.prepare(reader.model(), run.trace.weights()));
    run.notes.push_back("no attention in the network: no scheme changes its outputs");
    run.notes.push_back(
        "intervals resample the nodes that count: what another graph would give is not known");
    const int count =
        std::min(run.experiment.sample_limit.value_or(reader.samples()), reader.samples());
    // A graph at a time: the loops over its rows are parallel.
    for (int index = 0; index < count; ++index) {
        const Sample sample = reader.sample(index);
        run.outcomes.push_back(run_graph(run, network, sample));
        if (run.costs != nullptr) {
            SamplePlanner planner = run.costs->planner();
            OtherLayers(run, sample).plan_until_attention(planner);
            run.add_cost(planner.finish());
        }
        run.report_progress(static_cast<std::size_t>(index) + 1, static_cast<std::size_t>(count));
    }
}

}  // namespace attohm
