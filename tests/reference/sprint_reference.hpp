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
/// Covered: differential pair, bipolar drive, amplitude coding, one read per query, ideal wires.
/// Not modelled: additive bias of scores (refused), keys longer than an array has rows (refused),
/// DAC and threshold INL, DAC noise, hysteresis, metastability, relaxation, slow noise, RTN, wires,
/// errors of single-level copies.
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

/// One written array content: every cell after programming, floor and faults. [n_k, d], valid keys.
struct SprintReferenceCells {
    Matrix<double> G_plus_S, G_minus_S;          ///< conductances
    Matrix<double> error_plus_S, error_minus_S;  ///< minus their targets; exactly 0 without errors
    Matrix<int> k_sensed;  ///< m^, what a read of the pair says; 0 if K is ideal
    double dG_S = 0.0;
    std::int64_t cells = 0, floored = 0, stuck = 0, level_errors = 0;
};
SprintReferenceCells sprint_reference_cells(const AttentionHead& head,
                                            const SprintReferenceCodes& codes,
                                            const SprintReferenceSettings& settings,
                                            const DrawSite& site);

// -- one read -------------------------------------------------------------------------------------

/// Laws of the two physical columns of every decision, integer units, all [n_q, n_k].
struct SprintReferenceColumns {
    Matrix<double> z;                      ///< sum nq m
    Matrix<double> mean;                   ///< output before noise, before clipping
    Matrix<double> sigma;                  ///< white noise of the output, by the law
    Matrix<double> mean_plus, mean_minus;  ///< the physical columns
    Matrix<double> sigma_plus, sigma_minus;
};
SprintReferenceColumns sprint_reference_columns(const AttentionHead& head,
                                                const SprintReferenceCodes& codes,
                                                const SprintReferenceCells& cells,
                                                const SprintReferenceSettings& settings);

/// One sampled read of all queries: noise of every cell and every comparator drawn on its own.
struct SprintReferenceRead {
    Matrix<double> output;  ///< integer units, after column clipping, before the sense's clipping
    Matrix<std::uint8_t> kept;  ///< by the comparators, allowed pairs
    std::int64_t sense_clipped = 0;
    std::int64_t column_clipped = 0;  ///< physical columns
};
/// Args:
///     thresholds: value per query, integer units.
///     repeat: another number, another read of the same cells (offset and threshold noise stay).
SprintReferenceRead sprint_reference_read(
    const AttentionHead& head, const SprintReferenceCodes& codes, const SprintReferenceCells& cells,
    const SprintReferenceColumns& columns, const std::vector<float>& thresholds,
    const SprintReferenceSettings& settings, const DrawSite& site, std::uint64_t repeat);

/// P(keep) of every allowed pair over the read draws of cells and comparators, exact with all
/// clipping; cells, offsets and threshold noise are given. [n_q, n_k]
Matrix<double> sprint_reference_probabilities(
    const AttentionHead& head, const SprintReferenceCodes& codes, const SprintReferenceCells& cells,
    const SprintReferenceColumns& columns, const std::vector<float>& thresholds,
    const SprintReferenceSettings& settings, const DrawSite& site);

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
