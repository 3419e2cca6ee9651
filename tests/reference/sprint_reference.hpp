#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "crossbar/array/draws.hpp"
#include "src/base/matrix.hpp"
#include "tests/reference/sprint_reference_settings.hpp"
#include "workloads/scheme.hpp"
#include "workloads/trace.hpp"

/// The slow, obvious twin of SPRINT, used by tests only: every cell of every read in plain double
/// loops, written from physics.md sections 1 to 6 and never from the fast path. Chip, write event
/// and the common draws of a read come from the streams of crossbar/array/draws.hpp, so the twin
/// stands before the same chip as the fast path; the noise of cells and comparators has streams of
/// its own.
///
/// One unit of z ("integer units") is one product of a word-line code and a stored K level.
///
/// One step is what the drivers hold at once: an amplitude read, one bit cycle or one unit pulse,
/// of one phase. Steps of a read are numbered as reference_steps lists them; the parts of a long
/// key lie in arrays of their own and are read in the same step, so step s of part p of P is event
/// s P + p.
///
/// Covered: pairs, reference columns and slices; bipolar, two-phase and two's complement drive;
/// amplitude, bit-serial (analog accumulation) and pulse-width coding; cells at an age and a
/// temperature; slow noise given from outside; non-linear I-V; keys in parts; wires by one nodal
/// solve a step; trimmed offsets, hysteresis and metastability; a gain of every key's threshold.
/// Not modelled: additive bias of scores (refused), DAC and threshold INL, DAC noise, unit columns,
/// digital accumulation of bit cycles, write-verify loops, clusters and lines of faults, errors of
/// single-level copies.
namespace attohm {

// -- numbers --------------------------------------------------------------------------------------

/// round_half_even of float(x) * inverse_step, formed in float, clamped to lo..hi.
/// `clipped` is raised by one when the rounded value lies outside.
int reference_code(float x, float inverse_step, int lo, int hi, std::int64_t& clipped);

struct ReferenceSplitCode {
    int m = 0;
    int l = 0;
};
/// Splits an 8-bit code losslessly into 2^(8-B) m + l. `round` has no split of a code and throws.
ReferenceSplitCode reference_split(int k8, int k_bits, ReferenceSplit split);

/// All codes of one head. Rows of padded tokens stay 0.
struct SprintReferenceCodes {
    Matrix<int> q8, k8, v8;  ///< 8-bit codes, [n_q, d], [n_k, d], [n_k, dv]
    Matrix<double> q_line;   ///< nq, what drives the word lines, [n_q, d]; integers unless ideal
    Matrix<double> k_level;  ///< m, what the cells hold, [n_k, d]; integers unless ideal
    Matrix<int> k_rest;      ///< l, [n_k, d]; 0 for `round` and ideal
    std::vector<double> mu;  ///< half-bin shift mu_q of every query, integer units
    double step = 0.0;       ///< u: scaled score of one integer unit
    double line_levels = 0;  ///< L
    double cell_levels = 0;  ///< n_max
    double score8_step = 0;  ///< scaled score of one unit of q8 . k8
    double v8_step = 0;
    std::int64_t q_clipped = 0, q_line_clipped = 0, k_clipped = 0, v_clipped = 0;
};
SprintReferenceCodes sprint_reference_codes(const AttentionHead& head,
                                            const SprintReferenceSettings& settings,
                                            const SprintReferenceScales& scales);

struct ReferenceThreshold {
    float value = 0.0F;  ///< integer units: what outputs are compared with
    bool clamped = false;
};
/// The threshold DAC: n_th clamped to the range, nearest code, value of that code.
ReferenceThreshold reference_threshold(double n_th, const SprintReferenceSettings& settings);

// -- cells ----------------------------------------------------------------------------------------

/// One physical column of every key, and of every array's reference.
struct SprintReferencePlane {
    std::uint64_t id = 0;          ///< plane_id
    double weight = 1.0;           ///< with which its current enters the score, signed
    Matrix<double> digit;          ///< [n_k, d] of the target, in dG above G_min
    Matrix<double> written_S;      ///< [n_k, d] G_w: programmed, not clipped
    Matrix<std::uint8_t> stuck;    ///< [n_k, d] 1: low resistance, 2: high
    double reference_digit = 0.0;  ///< `offset`: of level 0
    Matrix<double> reference_S;    ///< [arrays, d] G_w; empty for pairs
    Matrix<std::uint8_t> reference_stuck;
};

/// One written array content: every cell after programming, floor, ceiling and faults; valid keys.
struct SprintReferenceCells {
    std::vector<SprintReferencePlane> planes;  ///< in the order of their ids
    /// [n_k, d] conductances as written, of slice 0, with faults; without a pair only `plus`.
    Matrix<double> G_plus_S, G_minus_S;
    Matrix<double> error_plus_S, error_minus_S;  ///< minus their targets; exactly 0 without errors
    /// m^, what the cells of an element say at the age of the first read, digit by digit (with a
    /// reference column: against its nominal value); 0 if K is ideal.
    Matrix<int> k_sensed;
    double dG_S = 0.0;
    std::int64_t cells = 0, floored = 0, ceiled = 0, stuck = 0, level_errors = 0;  ///< of keys
    std::int64_t reference_cells = 0, reference_floored = 0, reference_ceiled = 0,
                 reference_stuck = 0;
};
SprintReferenceCells sprint_reference_cells(const AttentionHead& head,
                                            const SprintReferenceCodes& codes,
                                            const SprintReferenceSettings& settings,
                                            const DrawSite& site);

/// All cells as one query meets them, without white noise. One matrix per plane.
struct SprintReferenceSnapshot {
    /// [n_k, d]: what white noise is relative to: aged, at temperature, or stuck.
    std::vector<Matrix<double>> G_S;
    /// [n_k, d]: the above with its slow noise, less the target; exactly 0 without errors.
    std::vector<Matrix<double>> error_S;
    /// [arrays, d] the same of reference columns, as old as the oldest key.
    std::vector<Matrix<double>> reference_G_S, reference_error_S;
    std::int64_t floored = 0, ceiled = 0;  ///< cells of keys that their age put outside
    std::int64_t age_clamped = 0;          ///< keys younger than relaxation_t0_s
};
SprintReferenceSnapshot sprint_reference_snapshot(const AttentionHead& head,
                                                  const SprintReferenceCells& cells,
                                                  const SprintReferenceSettings& settings,
                                                  const DrawSite& site, std::size_t query);

/// Age of key j at the read of query t, before the clamp: delay + (n - 1 - j) write intervals
/// + t read intervals, n valid keys.
double reference_age_s(const AttentionHead& head, const SprintReferenceSettings& settings,
                       std::size_t j, std::size_t t);

/// Where the parts of keys lie: key j in slot slot(j) of the arrays of group array(j), part p in
/// the group's array number p. An array has one set of word lines, so one part of q at a time.
struct ReferencePlaces {
    std::size_t d = 0, rows = 0;
    std::size_t parts = 1;           ///< P = ceil(d / rows)
    std::size_t keys_per_array = 1;  ///< columns

    std::size_t array(std::size_t j) const { return j / keys_per_array; }
    std::size_t slot(std::size_t j) const { return j % keys_per_array; }
    /// Number of the physical array that holds a part of the keys of a group.
    std::size_t physical(std::size_t group, std::size_t part) const { return group * parts + part; }
    std::size_t part(std::size_t i) const { return i / rows; }
    std::size_t depth(std::size_t part) const {
        return part + 1 < parts ? rows : d - (parts - 1) * rows;
    }
    std::size_t arrays(std::size_t keys) const {
        return (keys + keys_per_array - 1) / keys_per_array;
    }
};
ReferencePlaces reference_places(const AttentionHead& head,
                                 const SprintReferenceSettings& settings);

// -- one read -------------------------------------------------------------------------------------

/// What the drivers hold at once.
struct ReferenceStep {
    double weight = 1.0;        ///< with which the step's currents enter the score
    std::vector<double> drive;  ///< [d] volts over reference_unit_V
    std::vector<double> bent;   ///< [d] the same through the cells' I-V: I = G unit_V bent
};
/// The steps of query t, over the whole length of a key (each part has its own rows of them).
std::vector<ReferenceStep> reference_steps(const SprintReferenceCodes& codes, std::size_t t,
                                           const SprintReferenceSettings& settings);
/// Volts of a drive of one: V_read / L for amplitudes, else V_read.
double reference_unit_V(const SprintReferenceCodes& codes, const SprintReferenceSettings& settings);

/// Law of the outputs of one part of every key, integer units, all [n_q, n_k].
struct SprintReferencePart {
    Matrix<double> mean;  ///< before white noise and clipping
    /// White noise by the law of the coding, of the key's own cells; NaN through wires.
    Matrix<double> sigma;
    /// What the read's own draw of the reference column adds, common to the keys of an array.
    Matrix<double> common;
    /// Whether any physical column may reach its limit: comes within nine sigma of it.
    Matrix<std::uint8_t> limited;
};

/// Laws of the outputs of every decision, integer units, all [n_q, n_k].
struct SprintReferenceColumns {
    Matrix<double> z;                    ///< sum nq m
    Matrix<double> mean, sigma, common;  ///< of all parts together, as above
    std::vector<SprintReferencePart> parts;
    /// The physical columns; of single pairs in one amplitude read only, else empty.
    Matrix<double> mean_plus, mean_minus;
    Matrix<double> sigma_plus, sigma_minus;
};
SprintReferenceColumns sprint_reference_columns(const AttentionHead& head,
                                                const SprintReferenceCodes& codes,
                                                const SprintReferenceCells& cells,
                                                const SprintReferenceSettings& settings,
                                                const DrawSite& site);

/// What a comparator remembers.
enum class ReferenceLatch : std::uint8_t { none, pruned, kept };

/// One sampled read of all queries: noise of every cell and every comparator drawn on its own.
struct SprintReferenceRead {
    /// Integer units, after column clipping; before the sense clips or converts, parts added.
    Matrix<double> output;
    Matrix<double> sensed;      ///< what is compared: after it, parts added
    Matrix<std::uint8_t> kept;  ///< by the comparators, allowed pairs
    Matrix<std::uint8_t> undecided;
    std::int64_t sense_clipped = 0;      ///< sense outputs (or conversions), one per part unless
                                         ///< currents add
    std::int64_t column_clipped = 0;     ///< physical columns and steps, of keys
    std::int64_t reference_clipped = 0;  ///< the same of reference columns
    std::int64_t undecided_count = 0;
    std::int64_t floored = 0, ceiled = 0, age_clamped = 0;  ///< of all snapshots
    std::vector<ReferenceLatch> latches;                    ///< [n_k] after the last query
};
/// Args:
///     thresholds: value per query, integer units.
///     repeat: another number, another read of the same cells (offset, threshold noise, the noise
///         of reference columns and coins stay).
///     latches: what the comparators remember; empty: nothing.
SprintReferenceRead sprint_reference_read(
    const AttentionHead& head, const SprintReferenceCodes& codes, const SprintReferenceCells& cells,
    const std::vector<float>& thresholds, const SprintReferenceSettings& settings,
    const DrawSite& site, std::uint64_t repeat, std::vector<ReferenceLatch> latches = {});

/// P(keep) of every allowed pair over the read draws of cells and comparators, exact with all
/// clipping; cells, offsets, threshold noise, noise of reference columns and coins are given, the
/// decisions that hysteresis remembers are not. [n_q, n_k]
/// NaN where there is no closed form: through wires; where physical columns may clip, but for
/// single pairs in one amplitude read; where parts may clip before they add.
Matrix<double> sprint_reference_probabilities(
    const AttentionHead& head, const SprintReferenceCodes& codes, const SprintReferenceCells& cells,
    const SprintReferenceColumns& columns, const std::vector<float>& thresholds,
    const SprintReferenceSettings& settings, const DrawSite& site,
    std::vector<ReferenceLatch> latches = {});

/// Gains of the threshold, key by key or of every array, from the mean of what the head's own keys
/// store: for settings.threshold_gain. Linear cells without relaxation.
std::vector<double> sprint_reference_gains(const AttentionHead& head,
                                           const SprintReferenceCodes& codes,
                                           const SprintReferenceCells& cells,
                                           const SprintReferenceSettings& settings,
                                           const DrawSite& site, bool by_array);

/// P(clip(X, low, high) + Y >= threshold), X ~ N(mean, sigma_x^2), Y ~ N(0, sigma_y^2); a tie
/// counts.
double reference_keep_probability(double mean, double sigma_x, double low, double high,
                                  double sigma_y, double threshold);

// -- everything -----------------------------------------------------------------------------------

struct SprintReferenceResult {
    SprintReferenceCodes codes;
    SprintReferenceCells cells;
    SprintReferenceColumns columns;
    SprintReferenceRead read;
    std::vector<double> n_th;      ///< real threshold of every query, integer units
    std::vector<float> threshold;  ///< after the DAC

    // Per pair, [n_q, n_k]; 0 where not allowed. `kept_*`: before the empty-row rule, with
    // always_keep.
    Matrix<std::uint8_t> allowed;
    Matrix<double> score;             ///< exact scaled score
    Matrix<std::uint8_t> borderline;  ///< |score - Th| <= 1e-5 |q| |k| scale
    Matrix<std::uint8_t> kept_threshold, kept_quant, kept_hardware;
    Matrix<double> p_keep;  ///< over the read draws, all frozen and common draws given
    Matrix<std::uint8_t> final_quant, final_hardware;  ///< after the empty-row rule

    Matrix<double> out_quant, out_hardware;  ///< [n_q, dv]; padded queries 0
    Matrix<int> k8_hardware;                 ///< K the hardware's recompute works with, [n_k, d]

    DecisionCounts counts;
    HeadEvents events;  ///< k, v and cell counts of this head's arrays, whoever else shares them
    std::int64_t quant_sense_clipped = 0;  ///< |z| > n_fs over allowed pairs
    std::int64_t rows = 0;                 ///< valid queries
    std::int64_t empty_rows_quant = 0, empty_rows_hardware = 0;
    std::int64_t kept_pairs_quant = 0, kept_pairs_hardware = 0;  ///< after the empty-row rule
    double cell_energy_J = 0.0;    ///< dissipated in the cells, all reads of this head
    double driver_energy_J = 0.0;  ///< drawn from V_dd by linear drivers, cells included
};

/// Args:
///     head: q [n_q,d], k [n_k,d], v [n_k,dv], no bias.
///     threshold: Th, in units of the scaled score.
///     repeat: number of the sampled read.
SprintReferenceResult sprint_reference(const AttentionHead& head, double threshold,
                                       const SprintReferenceSettings& settings,
                                       const SprintReferenceScales& scales, const DrawSite& site,
                                       std::uint64_t repeat = 0);

// -- digital parts, used by the above -----------------------------------------------------------

/// The rule for rows without a kept key. Top-1 is the largest q8 . k8 (ties: the lowest key);
/// `self` is key query + n_k - n_q, and leaves the row empty where that key is not allowed. Rows
/// without an allowed key are no empty rows. Returns: kept pairs after the rule; `empty_rows` is
/// raised by the rows the rule met.
Matrix<std::uint8_t> reference_empty_rows(const AttentionHead& head,
                                          const SprintReferenceCodes& codes, const Matrix<int>& k8,
                                          const Matrix<std::uint8_t>& kept, ReferenceEmptyRow rule,
                                          std::int64_t& empty_rows);

/// 8-bit recompute: softmax over kept keys of the scores of q8 and k8, times v8. [n_q, dv]
Matrix<double> reference_recompute(const AttentionHead& head, const SprintReferenceCodes& codes,
                                   const Matrix<int>& k8, const Matrix<std::uint8_t>& kept);

/// Fills score, borderline, kept_threshold, kept_quant, thresholds and what they count.
void reference_digital_decisions(const AttentionHead& head, double threshold,
                                 const SprintReferenceSettings& settings,
                                 SprintReferenceResult& result);

/// Whether the settings list `key` as always kept.
bool reference_always_kept(const SprintReferenceSettings& settings, std::size_t key);

}  // namespace attohm
