#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/machine/cost_engine.hpp"
#include "workloads/scheme.hpp"

/// What one experiment gave. Holds the experiment and its outcome only: no threads, hosts, paths,
/// dates.
namespace attohm {

/// Distance of an attention output from a reference, over all valid rows of the evaluated samples.
struct Fidelity {
    double squared_error = 0.0;      ///< sum |out - ref|^2
    double squared_reference = 0.0;  ///< sum |ref|^2
    double max_error = 0.0;          ///< largest |out - ref|
    double cosine_sum =
        0.0;  ///< sum over rows of cos(out, ref); rows with a zero norm count 1 or 0
    std::int64_t rows = 0;

    double relative_rms() const;  ///< sqrt(squared_error / squared_reference)
    double mean_cosine() const;
    void add(const Fidelity& other);
};

/// One (layer, head), summed over the evaluated samples.
struct HeadSummary {
    HeadReport report;  ///< counts summed; sigmas and steps are means over samples
    std::optional<Fidelity> to_exact;
    std::optional<Fidelity> to_threshold;
};

/// Tokens of one sample in a network with logits for every token. Real tokens only. A token with a
/// target is scored; compared with the exact network are the scored tokens, or all where the sample
/// has no targets.
struct TokenScores {
    std::int64_t scored = 0;
    std::int64_t compared = 0;
    double loss = 0.0;               ///< sum of -log p(target), nats
    double loss_exact = 0.0;         ///< the same of the exact network
    std::int64_t right = 0;          ///< the largest logit is the target's
    std::int64_t right_exact = 0;    ///< the same of the exact network
    std::int64_t agreeing = 0;       ///< both have the same largest logit
    double kl = 0.0;                 ///< sum of KL(exact || own), nats
    double logit_squared_error = 0;  ///< sum of the mean over classes of (logit - exact logit)^2
};

/// One node of a graph, among those that count.
struct NodeOutcome {
    std::int64_t node = 0;
    std::int64_t label = -1;
    int predicted = -1;
    int predicted_exact = -1;
    double logit_squared_error = 0.0;  ///< mean over classes of (logit - exact logit)^2
};

/// One evaluated sample. `logits` only in the closed loop, with one row for the sample.
struct SampleOutcome {
    int sample = 0;  ///< ordinal in the trace
    std::int64_t label = -1;
    int predicted = -1;
    int predicted_exact = -1;
    double logit_squared_error = 0.0;  ///< sum over classes of (logits - exact logits)^2
    std::vector<float> logits;
    std::optional<TokenScores> tokens;
    std::vector<NodeOutcome> nodes;  ///< of a graph network, in the order of its eval_index
    /// Largest |exact logit - stored `logits`|: what the C++ network makes of the framework's.
    std::optional<double> golden_error;
    /// Largest |logit - stored `logits_threshold`|, for scheme `threshold`.
    std::optional<double> golden_threshold_error;
    std::int64_t valid = 0, ref_kept = 0, fp_total = 0, fk_total = 0, kept_pairs = 0;
};

/// An estimate with its interval: percentile bootstrap at 0.95, resampling samples (of a graph
/// network: its nodes).
struct Interval {
    double value = 0.0;
    double low = 0.0;
    double high = 0.0;
};

/// Task accuracy in the closed loop, against the exact network on the same samples. A graph network
/// has an answer for every node: then fractions are of nodes, and so are intervals.
struct Accuracy {
    std::int64_t samples = 0;
    std::int64_t nodes = 0;    ///< of all samples; 0: one answer per sample
    Interval top1;             ///< fraction right
    Interval top1_exact;       ///< of the exact network
    Interval top1_difference;  ///< paired: top1 - top1_exact
    Interval agreement;        ///< fraction where both predict the same class
    double logit_rms = 0.0;    ///< rms over samples and classes of the logit error
};

/// Next-token task in the closed loop, against the exact network on the same samples. Rates and
/// losses are per token; intervals resample samples, each with all its tokens. NaN where nothing is
/// scored; one sample alone has no interval.
struct LanguageScore {
    std::int64_t samples = 0;
    std::int64_t scored = 0;  ///< tokens with a target
    Interval perplexity;      ///< exp(loss)
    Interval perplexity_exact;
    Interval perplexity_ratio;  ///< paired: exp(loss - loss_exact)
    Interval loss;              ///< -log p(target), nats per token
    Interval loss_exact;
    Interval loss_difference;  ///< paired
    Interval top1;             ///< fraction of tokens predicted right
    Interval top1_exact;
    Interval top1_difference;  ///< paired
    Interval agreement;        ///< fraction of tokens where both predict the same
    Interval kl;               ///< KL(exact || own), nats per token
    double logit_rms = 0.0;    ///< rms over tokens and classes of the logit error
};

/// Weight matrices of the network's linear operators.
struct NetworkSize {
    std::int64_t weights = 0;
    std::int64_t nonzero_weights = 0;
};

struct Result {
    std::string experiment_yaml;  ///< resolved: every key that was read
    std::string version;
    std::string scheme;
    std::string mode;  ///< "closed", "open"
    std::string trace_id;
    std::string trace_name;  ///< model name of the trace
    std::uint64_t seed = 0;
    std::uint64_t chip = 0;
    std::string blas_core;
    std::vector<std::string> notes;    ///< e.g. "thresholds calibrated, not learned"
    std::vector<std::string> assumed;  ///< "key = value: source" of every assumed number read
    std::vector<std::string> fitted;
    std::vector<std::pair<std::string, std::string>>
        axes;  ///< swept key -> value; empty for one run

    std::vector<SampleOutcome> samples;
    std::optional<Accuracy> accuracy;       ///< of one class per sample or per node
    std::optional<LanguageScore> language;  ///< of logits for every token
    std::optional<NetworkSize> network;     ///< nothing: the trace holds no weights
    std::vector<HeadSummary> heads;         ///< (layer, head) order
    std::vector<MachineOutcome> machines;
};

/// Totals over heads.
struct DecisionTotals {
    DecisionCounts counts;
    HeadEvents events;
    std::int64_t rows = 0, empty_rows = 0, top1_lost = 0, kept_pairs = 0;
    double mass_dropped = 0.0;

    void add(const HeadReport& report);
};
DecisionTotals total_decisions(const Result& result);

/// Of q, k, v, output projection, MLP, patch embedding, pooler, classifier and graph layers.
NetworkSize network_size(const Weights& weights);

}  // namespace attohm
