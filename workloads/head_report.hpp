#pragma once

#include <cstdint>
#include <vector>

/// What a scheme reports of one head: counts of decisions, rare events, the score eye. Reports of
/// the same head add over samples.
namespace attohm {

/// Counts of decisions over valid pairs. FP = kept by the reference, pruned by the candidate.
struct DecisionCounts {
    std::int64_t valid = 0;       ///< pairs that mask, causality and padding allow
    std::int64_t ref_kept = 0;    ///< kept by `threshold` (float scores)
    std::int64_t quant_kept = 0;  ///< kept by `threshold-q` (integer codes)
    std::int64_t hw_kept = 0;     ///< kept by the comparators (before the empty-row rule)
    std::int64_t fp_total = 0, fk_total = 0;    ///< hardware against `threshold`
    std::int64_t fp_quant = 0, fk_quant = 0;    ///< `threshold-q` against `threshold`
    std::int64_t fp_analog = 0, fk_analog = 0;  ///< hardware against `threshold-q`
    double fp_expected = 0.0,
           fk_expected = 0.0;        ///< sum of P over the read draws, against `threshold`
    double decision_variance = 0.0;  ///< sum p(1-p) over valid pairs
    double fp_variance = 0.0;        ///< of that, over the pairs that `threshold` keeps
    // Clustering of false prunes on keys, over the pairs that `threshold` keeps. p: over all read
    // noise as if each read were the first, draws that the keys of a read share given.
    std::int64_t keys_kept = 0;  ///< keys that at least one query keeps
    std::int64_t keys_lost = 0;  ///< of those, falsely pruned for more than half of these queries
    double key_excess = 0.0;     ///< sum over keys of (false prunes - sum p)^2
    double key_variance =
        0.0;  ///< sum over keys of sum p(1-p): mean of key_excess if reads are independent
    /// Variance of key_excess then: sum over keys of 2 v^2 + sum p q (1 - 6 p q), v = sum p q, q =
    /// 1 - p. With X false prunes on a key, independent Bernoulli of mean m: E (X - m)^2 = v and
    /// E (X - m)^4 = 3 v^2 + sum p q (1 - 6 p q), as fourth cumulants p q (1 - 6 p q) add.
    double key_excess_variance = 0.0;
};

/// Decisions by the place of a key's column in its array, from the row drivers on, in equal bins.
struct ColumnProfile {
    static constexpr int kBins = 32;
    std::vector<std::int64_t> reference_kept = std::vector<std::int64_t>(kBins, 0);
    std::vector<std::int64_t> false_prune = std::vector<std::int64_t>(kBins, 0);
    std::vector<std::int64_t> false_keep = std::vector<std::int64_t>(kBins, 0);
};

/// Histogram of (score - threshold) / sigma, sigma = standard deviation of the scaled score of this
/// layer and head over the calibration samples. Equal bins over [-kEyeRange, kEyeRange], ends open.
struct ScoreEye {
    static constexpr int kBins = 80;
    static constexpr double kRange = 4.0;
    std::vector<std::int64_t> kept = std::vector<std::int64_t>(kBins, 0);
    std::vector<std::int64_t> pruned = std::vector<std::int64_t>(kBins, 0);
    std::vector<std::int64_t> false_prune = std::vector<std::int64_t>(kBins, 0);
    std::vector<std::int64_t> false_keep = std::vector<std::int64_t>(kBins, 0);
};

/// Rare but legal events, counted per head.
struct HeadEvents {
    std::int64_t q_clipped = 0, k_clipped = 0, v_clipped = 0;  ///< codes out of range
    std::int64_t q_low_clipped = 0;        ///< codes of the word-line copy of q out of range
    std::int64_t threshold_clamped = 0;    ///< thresholds outside the DAC's range
    std::int64_t sense_clipped = 0;        ///< outputs beyond the sense full scale
    std::int64_t column_clipped = 0;       ///< physical column currents beyond sense.i_max_A
    std::int64_t adc_clipped = 0;          ///< conversions beyond the ADC's range
    std::int64_t adc_clipped_low = 0;      ///< of those, below it
    std::int64_t undecided = 0;            ///< comparators that ran out of time
    std::int64_t conductance_floored = 0;  ///< draws below the floor
    std::int64_t conductance_ceiled = 0;   ///< draws above the ceiling
    std::int64_t keys = 0;                 ///< valid keys
    std::int64_t columns_read = 0;         ///< physical columns of valid pairs, every step its own
    std::int64_t conversions = 0;          ///< by ADCs, of valid pairs
    std::int64_t cells = 0;                ///< cells written, the base of the two rates
    std::int64_t stuck_cells = 0;
    std::int64_t age_clamped = 0;    ///< keys read younger than their card's sigma is
    std::int64_t verify_failed = 0;  ///< cells that the write loop gave up
    std::int64_t rows_output = 0;    ///< queries whose noise was drawn at the outputs
    std::int64_t rows_cells = 0;     ///< the same, with noise with memory followed cell by cell
    std::int64_t rows_column = 0;    ///< queries drawn column by column and step by step
    std::int64_t trim_clamped = 0;   ///< comparators whose offset lies beyond the trim range
    std::int64_t level_errors = 0;   ///< K MSBs sensed as another level than written
    std::int64_t borderline = 0;     ///< |score - threshold| <= 1e-5 |q||k| scale
};

/// What a scheme reports of one head.
struct HeadReport {
    int sample = 0;
    int layer = 0;
    int head = 0;
    DecisionCounts decisions;
    HeadEvents events;
    ScoreEye eye;
    ColumnProfile columns;
    std::int64_t rows = 0;            ///< valid queries
    std::int64_t empty_rows = 0;      ///< rows the comparators (or the threshold) left empty
    std::int64_t top1_lost = 0;       ///< rows whose exact top-1 key was falsely pruned
    std::int64_t kept_pairs = 0;      ///< after the empty-row rule
    double mass_dropped = 0.0;        ///< sum over rows of the exact softmax mass of pruned keys
    double offset_sigma_score = 0.0;  ///< 1 sigma of comparator offset in units of the scaled score
    double offset_sigma_V = 0.0;
    double volts_per_score = 0.0;  ///< volts at the comparator per unit of the scaled score
    double threshold = 0.0;        ///< in scaled-score units, margin included
    double lsb_score = 0.0;        ///< one integer score step in units of the scaled score
    double noise_sigma_score =
        0.0;                     ///< rms random read noise at the comparator, scaled-score units
    double score_sigma = 0.0;    ///< sigma of the eye
    double wire_residual = 0.0;  ///< of the solved arrays, largest
    double wire_coupling = 0.0;  ///< k of the first-order noise through wires, largest
    double settle_time_s = 0.0;  ///< until an array's output is within half a step; 0: not known
    double step_time_s = 0.0;    ///< of one amplitude read, bit cycle or unit pulse
    double conversion_time_s = 0.0;  ///< that ADCs add to a query's read; 0: none, or within it
    /// Comparisons and reads that set trims and threshold gains, once per chip: a one-time cost
    /// beside the ledger of an inference. Over samples the largest, as they share the arrays.
    std::int64_t calibration_measurements = 0;
    /// Codes of ADCs (AdcHistogram::bins); the four codes mean nothing where all bins are 0.
    static constexpr int kAdcBins = 64;
    std::vector<std::int64_t> adc_codes = std::vector<std::int64_t>(kAdcBins, 0);
    std::int64_t adc_code_first = 0, adc_code_last = 0;            ///< that there are
    std::int64_t adc_code_used_first = 0, adc_code_used_last = 0;  ///< that came out
    /// Decisions by time (DecisionTimes::bins), where comparators take some.
    static constexpr int kTimeBins = 50;
    std::vector<std::int64_t> decision_times = std::vector<std::int64_t>(kTimeBins, 0);
};

/// Adds counts, histograms and sums; sigmas and steps become sums, to be divided by the number of
/// reports that were added (`divide_means`).
void add_report(const HeadReport& part, HeadReport& sum);
void divide_means(HeadReport& sum, std::int64_t reports);

}  // namespace attohm
