#pragma once

#include <string>
#include <vector>

#include "workloads/synth_head.hpp"

/// What a synthetic trace is to hold, settled before anything is drawn.
namespace attohm {

/// Throws UserError about the command `trace synth`.
[[noreturn]] void refuse_synth(const std::string& what, const std::string& got,
                               const std::string& allowed);

/// One attention layer.
struct AttentionPlan {
    AttentionSize size;
    std::vector<int> valid;  ///< real tokens of every sample
    std::int64_t pairs = 0;  ///< of one head over all samples
    std::int64_t countable =
        0;  ///< pairs of queries that have one before them; 0: causal, patterned
    double first_angle = 0.0;
};

struct SynthPlan {
    SynthSpec spec;
    std::vector<LayerShape> layers;        ///< all, in order
    std::vector<AttentionPlan> attention;  ///< in order
    std::vector<int> lengths;              ///< real tokens of /samples; empty: nothing is padded
    std::vector<int> calibration_lengths;
    double padding = 0.0;  ///< realised
};

/// Throws: UserError for what no trace can be.
SynthPlan plan_synth(const SynthSpec& spec);

/// What every head of every layer is to have. Heads share out the counts, so that rounding in one
/// head is made good in the next.
std::vector<SynthTarget> targets_of(const SynthPlan& plan);

/// Real tokens of `count` samples whose mean is (1 - padding) of the tokens and whose distribution
/// is the asked one: quantiles of equal weight, shuffled, moved together to meet the mean.
/// Throws: UserError where lengths would leave 2 .. tokens.
std::vector<int> sample_lengths(const SynthSpec& spec, int tokens, int count, bool calibration);

}  // namespace attohm
