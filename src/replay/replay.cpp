#include "src/replay/replay.hpp"

#include <algorithm>
#include <mutex>

#include "crossbar/device/device.hpp"
#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/base/version.hpp"
#include "src/replay/replay_run.hpp"
#include "src/replay/statistics.hpp"
#include "src/schemes/digital_schemes.hpp"
#include "src/schemes/digital_work.hpp"
#include "workloads/graph_network.hpp"

namespace attohm {

struct ReplayTrace::Kept {
    explicit Kept(std::size_t count) : running(count), logits(count), samples(count) {}
    /// Takes the bytes if they fit. Call with `mutex` held.
    bool take(std::size_t more) {
        if (bytes + more > kKeptBytes) return false;
        bytes += more;
        return true;
    }
    std::vector<std::mutex> running;  ///< so that no sample is computed twice at a time
    std::mutex mutex;                 ///< guards what follows
    std::vector<std::shared_ptr<const Matrix<float>>> logits;
    std::vector<std::shared_ptr<const Sample>> samples;
    std::size_t bytes = 0;
};

ReplayTrace::ReplayTrace(const std::string& path) : reader_(path) {
    if (reader_.has_weights()) weights_ = reader_.weights();
    kept_ = std::make_unique<Kept>(static_cast<std::size_t>(reader_.samples()));
}

ReplayTrace::~ReplayTrace() = default;

std::shared_ptr<const Sample> ReplayTrace::sample(int index) {
    const auto i = static_cast<std::size_t>(index);
    {
        const std::lock_guard lock(kept_->mutex);
        if (kept_->samples.at(i)) return kept_->samples[i];
    }
    const auto read = std::make_shared<const Sample>(reader_.sample(index));
    reader_.require_recomputable(*read);
    const std::size_t bytes =
        sizeof(float) * (read->x0.size() + read->patches.size() + read->logits.size() +
                         read->logits_threshold.size() + read->tokens.size() +
                         read->segments.size() + read->targets.size());
    const std::lock_guard lock(kept_->mutex);
    if (!kept_->samples[i] && kept_->take(bytes)) kept_->samples[i] = read;
    return read;
}

std::shared_ptr<const Matrix<float>> ReplayTrace::exact_logits(int index) {
    const auto i = static_cast<std::size_t>(index);
    const std::lock_guard one(kept_->running.at(i));
    {
        const std::lock_guard lock(kept_->mutex);
        if (kept_->logits[i]) return kept_->logits[i];
    }
    SampleContext context;
    const ModelInfo& model = reader_.model();
    const auto logits = std::make_shared<const Matrix<float>>(
        model.family == "gcn"
            ? GraphNetwork(model, weights_)
                  .run(ExactScheme(), reader_.graph_input(reader_.sample(index)), context)
            : Network(model, weights_).run(ExactScheme(), *sample(index), context));
    const std::lock_guard lock(kept_->mutex);
    if (kept_->take(sizeof(float) * logits->size())) kept_->logits[i] = logits;
    return logits;
}

namespace {

bool closed_loop(const ReplayTrace& trace, const Experiment& experiment, const Settings& settings) {
    const bool possible = trace.weights() != nullptr;
    if (experiment.mode == Mode::closed && !possible) {
        throw UserError("the trace has no weights to run the network with",
                        trace.reader().path() + ":/model/weights",
                        "mode: closed (" + settings.entry("mode").where + ")", "mode: auto | open");
    }
    return possible && experiment.mode != Mode::open;
}

std::vector<std::string> describe_marked(const Settings& settings, Mark mark) {
    std::vector<std::string> lines;
    for (const std::string& key : settings.read_with_mark(mark)) {
        const SettingsEntry& entry = settings.entry(key);
        lines.push_back(
            fmt::format("{} = {}: {}", key, fmt::join(entry.values, ", "), entry.source));
    }
    return lines;
}

/// That the network can be run and its output judged. Throws: UserError.
void require_network(const ReplayTrace& trace) {
    const ModelInfo& model = trace.reader().model();
    const std::string where = trace.reader().path() + ":/model";
    if (model.family == "gcn") {
        (void)GraphNetwork(model, trace.weights());
        return;
    }
    const Network network(model, trace.weights());
    if (model.task == "classify" && network.per_token())
        throw UserError("a class per sample from the logits of every token", where + "@pool",
                        model.pool, "first, mean or pooler for task classify; or mode: open");
    if (model.task == "node-classify")
        throw UserError("this task has no closed loop", where + "@task", model.task,
                        "classify, next-token or none; or mode: open");
}

/// A scheme that prunes scores has none to prune in a network without attention.
void require_attention(const ReplayTrace& trace, const SchemeEntry& entry) {
    const TraceReader& reader = trace.reader();
    if (has_attention(reader.model()) || !entry.thresholds) return;
    const std::vector<LayerShape> layers = reader.layer_shapes(reader.sample(0));
    std::vector<std::string_view> others;
    for (const SchemeEntry& other : scheme_table())
        if (!other.thresholds) others.push_back(other.name);
    throw UserError(
        fmt::format(
            "scheme {} prunes scores of attention, and the network has no attention{}", entry.name,
            layers.empty()
                ? ""
                : fmt::format(": layer 00 is of kind {}", layer_kind_name(layers.front().kind))),
        reader.path() + ":/samples/000000/layers", fmt::format("scheme {}", entry.name),
        fmt::format("{}", fmt::join(others, ", ")));
}

void note_few_samples(std::size_t samples, std::vector<std::string>& notes) {
    if (samples >= kFewSamples) return;
    if (samples == 1)
        notes.push_back("1 sample: how far figures would move on others is not known");
    else
        notes.push_back(
            fmt::format("{} samples: intervals that resample so few are too narrow "
                        "(at 20 samples by a tenth, at 5 by a third)",
                        samples));
}

/// Numbers of the run that no paper gives: the experiment's and the device card's.
void list_provenance(const Settings& settings, const SchemeEntry& entry, Result& result) {
    result.assumed = describe_marked(settings, Mark::assumed);
    result.fitted = describe_marked(settings, Mark::fitted);
    if (entry.name != "sprint") return;
    const Settings card = device_card(settings.text("device.card"));
    for (const std::string& key : card.keys()) {
        const SettingsEntry& number = card.entry(key);
        if (number.mark != Mark::assumed && number.mark != Mark::fitted) continue;
        auto& list = number.mark == Mark::assumed ? result.assumed : result.fitted;
        list.push_back(fmt::format("device {}: {} = {}: {}", settings.text("device.card"), key,
                                   fmt::join(number.values, ", "), number.source));
    }
}

void list_notes(const Settings& settings, const SchemeEntry& entry, Result& result) {
    if (entry.thresholds && load_threshold_settings(settings).calibrated()) {
        result.notes.push_back("thresholds calibrated on the calibration samples, not learned");
    }
    if (entry.name == "sprint") {
        if (settings.text("recompute.k_msb") == "ideal" || settings.text("bits.k") == "ideal") {
            result.notes.push_back("idealised: the recompute reads K's MSBs without level errors");
        }
    }
    if (entry.notes)
        for (std::string& note : entry.notes(settings)) result.notes.push_back(std::move(note));
    const auto& keys = entry.keys;
    if (std::find(keys.begin(), keys.end(), "always_keep") == keys.end()) return;
    if (!settings.entry("always_keep").values.empty())
        result.notes.push_back("keys kept by force: always_keep");
}

/// In-memory machines price attention only.
bool prices_linear_operators(const std::vector<Machine>& machines) {
    return std::any_of(machines.begin(), machines.end(),
                       [](const Machine& machine) { return machine.engine() != nullptr; });
}

/// An experiment made ready to run.
struct PreparedReplay {
    Experiment experiment;
    const SchemeEntry& entry;
    bool closed = false;
    std::unique_ptr<Scheme> scheme;
    std::unique_ptr<Scheme> threshold;  ///< reference for fidelity, or null
    std::optional<CostEngine> costs;
    bool whole_model = false;  ///< a machine prices linear operators
    int operand_bits = OperandBits{}.q;
    std::optional<double> mlp_ratio;  ///< of a trace without weights
};

PreparedReplay prepare(const ReplayTrace& trace, const Settings& settings) {
    const Experiment experiment = load_experiment(settings);
    PreparedReplay ready{
        experiment, find_scheme(experiment.scheme), false, {}, {}, {}, false, OperandBits{}.q, {}};
    const TraceReader& reader = trace.reader();
    require_attention(trace, ready.entry);
    ready.closed = closed_loop(trace, experiment, settings);
    if (ready.closed) require_network(trace);
    const SchemeInputs inputs = scheme_inputs(reader, experiment, ready.entry);
    ready.scheme = ready.entry.make(inputs, settings);
    if (ready.entry.thresholds && experiment.metrics == MetricsLevel::full) {
        ready.threshold = find_scheme("threshold").make(inputs, settings);
    }
    if (!ready.entry.plan.empty()) {
        const PricedExperiment priced = load_priced_experiment(settings, ready.entry);
        PlanChoice choice{std::string(ready.entry.plan),
                          {ready.entry.baselines.begin(), ready.entry.baselines.end()},
                          priced.plan};
        ready.costs.emplace(load_machines(priced.machines), std::move(choice), priced.energy,
                            priced.adc);
        const std::string bits = experiment.scheme + ".operand_bits";
        if (settings.has(bits)) ready.operand_bits = load_operand_bits(settings, bits);
        ready.whole_model = prices_linear_operators(ready.costs->machines());
        if (ready.whole_model && trace.weights() == nullptr)
            ready.mlp_ratio = settings.real("network.mlp_ratio", {1e-3, 1e3});
    }
    return ready;
}

}  // namespace

void choose_scheme(const ReplayTrace& trace, Settings& settings) {
    if (has_attention(trace.reader().model()) || settings.entry("scheme").user) return;
    settings.overlay("scheme", {"exact"}, false, "the trace has no attention");
}

Mode check_replay(const ReplayTrace& trace, const Settings& settings) {
    return prepare(trace, settings).closed ? Mode::closed : Mode::open;
}

Result replay(ReplayTrace& trace, const Settings& settings, const ReplayProgress& progress,
              WorkSink* work) {
    PreparedReplay ready = prepare(trace, settings);
    if (work != nullptr && ready.costs) ready.costs->keep_work();
    const Experiment& experiment = ready.experiment;
    const SchemeEntry& entry = ready.entry;
    const TraceReader& reader = trace.reader();
    ReplayRun run{trace,
                  experiment,
                  *ready.scheme,
                  ready.threshold.get(),
                  ready.costs ? &*ready.costs : nullptr,
                  progress,
                  ready.whole_model,
                  ready.operand_bits,
                  ready.mlp_ratio,
                  {},
                  {},
                  {},
                  {},
                  work};
    if (!ready.closed)
        run_open_loop(run);
    else if (reader.model().family == "gcn")
        run_graph_loop(run);
    else
        run_closed_loop(run);

    Result result;
    result.version = std::string(version());
    result.scheme = experiment.scheme;
    result.mode = ready.closed ? "closed" : "open";
    result.trace_id = reader.trace_id();
    result.trace_name = reader.model().name;
    result.seed = experiment.seed;
    result.chip = experiment.chip;
    result.blas_core = blas_core_type();
    result.notes = std::move(run.notes);
    list_notes(settings, entry, result);
    list_provenance(settings, entry, result);
    result.heads = run.heads.finish();
    result.samples = std::move(run.outcomes);
    if (trace.weights() != nullptr) result.network = network_size(*trace.weights());
    if (ready.closed) {
        if (result.samples.front().nodes.empty())
            note_few_samples(result.samples.size(), result.notes);
        if (result.samples.front().tokens)
            result.language = make_language(result.samples, experiment.seed);
        else
            result.accuracy = make_accuracy(result.samples, experiment.seed);
    }
    if (ready.costs) result.machines = ready.costs->accumulate(run.sample_costs);
    result.experiment_yaml = settings.resolved_yaml(true);
    if (entry.name == "sprint") result.experiment_yaml += user_files(settings);
    return result;
}

}  // namespace attohm
