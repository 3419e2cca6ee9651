#include "src/replay/replay_run.hpp"

#include <algorithm>

#include "src/base/error.hpp"
#include "src/base/parallel.hpp"

namespace attohm {

void HeadAccumulator::add(const HeadReport& report) {
    Entry& entry = entries_[{report.layer, report.head}];
    add_report(report, entry.summary.report);
    ++entry.reports;
}

void HeadAccumulator::add(const HeadFidelity& fidelity) {
    HeadSummary& summary = entries_[{fidelity.layer, fidelity.head}].summary;
    summary.report.layer = fidelity.layer;
    summary.report.head = fidelity.head;
    if (!summary.to_exact) summary.to_exact.emplace();
    summary.to_exact->add(fidelity.to_exact);
    if (!fidelity.to_threshold) return;
    if (!summary.to_threshold) summary.to_threshold.emplace();
    summary.to_threshold->add(*fidelity.to_threshold);
}

std::vector<HeadSummary> HeadAccumulator::finish() {
    std::vector<HeadSummary> heads;
    for (auto& [key, entry] : entries_) {
        divide_means(entry.summary.report, entry.reports);
        heads.push_back(std::move(entry.summary));
    }
    entries_.clear();
    return heads;
}

void ReplayRun::calibrate(int layer, const std::vector<AttentionLayer>& samples) {
    const AttentionLayer& first = samples.front();
    const std::size_t head_count = first.q.planes / static_cast<std::size_t>(first.windows);
    parallel_for(head_count, [&](std::size_t i) {
        const int head = first.first_head + static_cast<int>(i);
        std::vector<AttentionHead> views;
        for (std::size_t s = 0; s < samples.size(); ++s) {
            // The windows of a head share what is calibrated.
            for (std::size_t plane = i; plane < samples[s].q.planes; plane += head_count)
                views.push_back(head_view(samples[s], static_cast<int>(s),
                                          first.first_head + static_cast<int>(plane)));
        }
        scheme.calibrate(layer, head, views);
        if (threshold != nullptr) threshold->calibrate(layer, head, views);
    });
}

SchemeInputs scheme_inputs(const TraceReader& reader, const Experiment& experiment,
                           const SchemeEntry& entry) {
    SchemeInputs inputs;
    inputs.model = reader.model();
    inputs.thresholds = reader.thresholds();
    inputs.trace_path = reader.path();
    inputs.seed = experiment.seed;
    inputs.chip = experiment.chip;
    inputs.metrics = experiment.metrics;
    inputs.masks = reader.masks(std::string(entry.name));
    inputs.extra = reader.extra_weights(std::string(entry.name));
    return inputs;
}

SamplePlan plan_samples(const std::vector<int>& usable, const std::vector<int>& calibration,
                        const Experiment& experiment, const std::string& path,
                        std::vector<std::string>& notes) {
    if (usable.empty()) {
        throw UserError("the trace has nothing to evaluate in this mode", path + ":/samples",
                        "0 samples", "at least one sample with inputs (closed) or layers (open)");
    }
    SamplePlan plan;
    plan.own_calibration = !calibration.empty();
    plan.evaluated = usable;
    if (plan.own_calibration) {
        plan.calibration = calibration;
    } else {
        const auto wanted = static_cast<std::size_t>(experiment.quant_samples);
        const std::size_t count = std::min(wanted, usable.size());
        plan.calibration.assign(usable.begin(),
                                usable.begin() + static_cast<std::ptrdiff_t>(count));
        if (count < usable.size()) {
            plan.evaluated.erase(plan.evaluated.begin(),
                                 plan.evaluated.begin() + static_cast<std::ptrdiff_t>(count));
            notes.push_back(
                fmt::format("no /calibration in the trace: its first {} samples give the "
                            "scales and are not evaluated",
                            count));
        } else {
            notes.push_back(
                fmt::format("no /calibration in the trace: its {} samples give the scales "
                            "and are evaluated as well",
                            count));
        }
    }
    if (experiment.sample_limit &&
        static_cast<std::size_t>(*experiment.sample_limit) < plan.evaluated.size()) {
        plan.evaluated.resize(static_cast<std::size_t>(*experiment.sample_limit));
    }
    return plan;
}

}  // namespace attohm
