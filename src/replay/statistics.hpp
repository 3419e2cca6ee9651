#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/replay/result.hpp"

/// Intervals at 0.95 by the percentile bootstrap. The independent unit is the sample (one input
/// through the network): samples are resampled with replacement, never scores, rows or heads. An
/// interval says how far the estimate would move on other samples of the same kind, on the same
/// chip and draws; chips are an axis of a sweep. Of a graph network the nodes that count are
/// resampled, of all its samples together: how far the estimate would move on other nodes of the
/// same graph.
///
/// Not modelled: that nodes of one graph depend on each other through their edges, and what another
/// graph would give; an estimate at its bound (every sample right) has an interval of width zero;
/// the probability that another sample is wrong is then below about 3 / samples (rule of three,
/// 0.95). Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3.
namespace attohm {

constexpr int kResamples = 2000;

/// Below this many samples a percentile bootstrap is more than a tenth too narrow: its variance is
/// (n - 1)/n of the right one and it knows no t distribution, together 0.91 of the width at 20 and
/// 0.64 at 5 (t quantiles 2.093 and 2.776 against 1.960). A result then says so in a note.
constexpr int kFewSamples = 20;

/// Interval of a mean: the 0.025 and 0.975 quantiles (linear between order statistics) of the means
/// of kResamples resamples.
///
/// Resample r takes as its i-th element the value at floor(word(r n + i) n / 2^32), the words being
/// those of Stream(seed, Purpose::bootstrap, ids): the same numbers for any number of threads, and
/// the same resamples for every quantity of one stream and size.
/// Args: values: at least one, fewer than 2^31.
Interval bootstrap_mean(std::span<const double> values, std::uint64_t seed,
                        std::span<const std::uint64_t> ids = {});

/// Interval of sum(parts) / sum(wholes), from the same resamples as bootstrap_mean: a resampled
/// sample brings its part and its whole. One sample: low and high are NaN.
/// Args: parts, wholes: of one size, at least one; wholes above 0.
Interval bootstrap_ratio(std::span<const double> parts, std::span<const double> wholes,
                         std::uint64_t seed);

/// The quantities of `Accuracy`, all from the same resamples, so that differences are paired. The
/// three of top-1 are over samples with a label and NaN where there is none; agreement and the rms
/// are over all. Samples with nodes: over nodes.
/// Args: samples: closed loop, at least one, with logits of one length or all with nodes.
Accuracy make_accuracy(const std::vector<SampleOutcome>& samples, std::uint64_t seed);

/// The quantities of `LanguageScore`, all from the same resamples.
/// Args: samples: closed loop, at least one, each with `tokens`.
LanguageScore make_language(const std::vector<SampleOutcome>& samples, std::uint64_t seed);

/// top-1 of `changed` minus top-1 of `base` on the labelled samples that both evaluated, paired by
/// ordinal; with tokens per token, with nodes per node. NaN where there are none.
Interval paired_top1_difference(const std::vector<SampleOutcome>& changed,
                                const std::vector<SampleOutcome>& base, std::uint64_t seed);

}  // namespace attohm
