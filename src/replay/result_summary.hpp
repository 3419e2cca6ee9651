#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/replay/result.hpp"

/// Numbers that a summary shows and a result does not store: rates, totals by layer, worst heads.
namespace attohm {

/// A count with what it is counted among.
struct DecisionRate {
    std::string_view name;  ///< "fp_total"
    std::string_view base;  ///< "pairs kept by threshold"
    double count = 0.0;
    std::int64_t of = 0;
    /// Of an expected rate: standard deviation of the count in one run, given what is drawn once
    /// for many reads; 0: a count that happened.
    double count_sigma = 0.0;

    double value() const;  ///< count / of; NaN where there is nothing to count among
};

/// False prunes among the pairs that the reference kept, false keeps among those that it pruned
/// (total, quant, analog, and expected where it was recorded), then fractions of valid pairs and
/// rows.
std::vector<DecisionRate> decision_rates(const Result& result);
/// The same of one layer, or of anything else that was summed. Args: full: see has_full_metrics.
std::vector<DecisionRate> decision_rates(const DecisionTotals& totals, bool full);
/// Whether there is a threshold on scores that decisions could be held to: with one that keeps
/// nothing, all that the scheme keeps would be falsely kept.
bool has_threshold_reference(const DecisionTotals& totals);
/// The rate of that name. Throws: InvariantError when there is none.
const DecisionRate& rate_named(const std::vector<DecisionRate>& rates, std::string_view name);

/// Whether decisions were counted at all, and whether softmax mass, top-1 keys and the eye were
/// (`metrics.level: full`).
bool has_decisions(const Result& result);
bool has_full_metrics(const Result& result);

/// Fidelity against `exact` or against `threshold`.
using FidelityMember = std::optional<Fidelity> HeadSummary::*;

/// All heads together. Nothing where none was compared.
std::optional<Fidelity> total_fidelity(const Result& result, FidelityMember member);
/// The head with the largest relative rms error. Null where none was compared.
const HeadSummary* worst_head(const Result& result, FidelityMember member);

/// Largest distance from the logits that the trace stores, over samples. Nothing: none is stored.
std::optional<double> largest_golden_error(const Result& result,
                                           std::optional<double> SampleOutcome::*member);

struct LayerTotals {
    int layer = 0;
    DecisionTotals decisions;
    std::optional<Fidelity> to_exact;
    std::optional<Fidelity> to_threshold;
};
std::vector<LayerTotals> layer_totals(const Result& result);

/// A rare but legal event, as often as it happened. How reads were drawn and that keys were younger
/// than their card is no fault: see read_summary.hpp.
struct CountedEvent {
    std::string_view name;  ///< of a field of HeadEvents
    std::string_view help;
    std::int64_t count = 0;
    double of = 0.0;        ///< how often it could have happened; 0: not known
    std::string_view base;  ///< "elements of q"
    std::optional<double> rate() const;
    bool flagged() const;  ///< above kFlaggedRate
};
/// Events above this rate are flagged: ten times what scales at the 0.999 percentile clip.
constexpr double kFlaggedRate = 0.01;
std::vector<CountedEvent> counted_events(const Result& result);
/// The same of totals over several results. Args: like: one of them, for the widths of the tensors.
std::vector<CountedEvent> counted_events(const DecisionTotals& totals, const Result& like);

/// The pricing that the experiment asked for. Null: not priced.
const Pricing* headline_pricing(const MachineOutcome& machine);

/// Known energy of one component in every plan of a pricing.
struct ComponentEnergy {
    std::string component;
    std::vector<double> energy_J;  ///< per plan, per inference
    std::vector<bool> unknown;     ///< per plan: has lines without a figure
};
/// In the order of first appearance.
std::vector<ComponentEnergy> component_energies(const Pricing& pricing);

/// "key = value: source" -> "key".
std::vector<std::string> assumed_keys(const std::vector<std::string>& assumed);

}  // namespace attohm
