#include "tests/reference/sprint_reference.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "tests/reference/sprint_reference_parts.hpp"

namespace attohm {

namespace {

std::size_t valid_queries(const AttentionHead& head) {
    return static_cast<std::size_t>(head.valid_q);
}

std::size_t valid_keys(const AttentionHead& head) {
    return static_cast<std::size_t>(head.valid_k);
}

void count_decisions(const AttentionHead& head, SprintReferenceResult& result) {
    DecisionCounts& counts = result.counts;
    for (std::size_t t = 0; t < valid_queries(head); ++t)
        for (std::size_t j = 0; j < head.n_k(); ++j) {
            if (result.allowed(t, j) == 0) continue;
            const bool exact = result.kept_threshold(t, j) != 0;
            const bool quant = result.kept_quant(t, j) != 0;
            const bool hardware = result.kept_hardware(t, j) != 0;
            const double p = result.p_keep(t, j);
            ++counts.valid;
            counts.ref_kept += exact;
            counts.quant_kept += quant;
            counts.hw_kept += hardware;
            counts.fp_total += exact && !hardware;
            counts.fk_total += !exact && hardware;
            counts.fp_quant += exact && !quant;
            counts.fk_quant += !exact && quant;
            counts.fp_analog += quant && !hardware;
            counts.fk_analog += !quant && hardware;
            counts.fp_expected += exact ? 1.0 - p : 0.0;
            counts.fk_expected += exact ? 0.0 : p;
            counts.decision_variance += p * (1.0 - p);
            result.events.borderline += result.borderline(t, j);
            result.kept_pairs_quant += result.final_quant(t, j);
            result.kept_pairs_hardware += result.final_hardware(t, j);
        }
}

void copy_events(SprintReferenceResult& result) {
    result.events.q_clipped = result.codes.q_clipped;
    result.events.k_clipped = result.codes.k_clipped;
    result.events.v_clipped = result.codes.v_clipped;
    result.events.q_low_clipped = result.codes.q_line_clipped;
    result.events.sense_clipped = result.read.sense_clipped;
    result.events.column_clipped = result.read.column_clipped;
    result.events.conductance_floored = result.cells.floored;
    result.events.cells = result.cells.cells;
    result.events.stuck_cells = result.cells.stuck;
    result.events.level_errors = result.cells.level_errors;
}

/// Conductance on the word lines of every element, all arrays, as one query meets it: [d].
std::vector<double> row_conductances_S(const reference::ReadFrame& frame) {
    const ReferencePlaces& places = frame.places;
    std::vector<double> row_S(places.d, 0.0);
    for (std::size_t p = 0; p < frame.planes(); ++p) {
        for (std::size_t j = 0; j < valid_keys(frame.head); ++j)
            for (std::size_t i = 0; i < places.d; ++i) row_S[i] += frame.shot.G_S[p](j, i);
        const Matrix<double>& references_S = frame.shot.reference_G_S[p];
        for (std::size_t a = 0; a < references_S.rows(); ++a)
            for (std::size_t i = 0; i < references_S.cols(); ++i) row_S[i] += references_S(a, i);
    }
    if (frame.settings.unwritten == ReferenceUnwritten::open) return row_S;
    const std::size_t unwritten = frame.arrays() * places.keys_per_array - valid_keys(frame.head);
    for (double& G_S : row_S)
        G_S += static_cast<double>(unwritten * frame.planes()) * frame.settings.G_min_S;
    return row_S;
}

/// Every step of every valid query drives all columns of the arrays of each part. Ideal wires.
void add_energy(const AttentionHead& head, const SprintReferenceSettings& settings,
                const DrawSite& site, SprintReferenceResult& result) {
    for (std::size_t t = 0; t < valid_queries(head); ++t) {
        const reference::ReadFrame frame(head, result.codes, result.cells, settings, site, t);
        const std::vector<double> row_S = row_conductances_S(frame);
        for (const ReferenceStep& step : frame.steps)
            for (std::size_t i = 0; i < row_S.size(); ++i) {
                const double V = frame.unit_V * step.drive[i];
                const double I = frame.unit_V * step.bent[i] * row_S[i];
                result.cell_energy_J += settings.t_read_s * V * I;
                result.driver_energy_J += settings.t_read_s * settings.V_dd_V * std::abs(I);
            }
    }
}

/// Keys that no comparator can prune.
void keep_always(const SprintReferenceSettings& settings, SprintReferenceResult& result) {
    for (std::size_t t = 0; t < result.allowed.rows(); ++t)
        for (const std::size_t j : settings.always_keep) {
            if (j >= result.allowed.cols() || result.allowed(t, j) == 0) continue;
            result.kept_hardware(t, j) = 1;
            result.p_keep(t, j) = 1.0;
        }
}

/// K codes that the recompute of the hardware sees.
Matrix<int> recomputed_keys(const SprintReferenceSettings& settings,
                            const SprintReferenceCodes& codes, const SprintReferenceCells& cells) {
    if (settings.k_msb != ReferenceKMsb::stored || !settings.k_bits) return codes.k8;
    Matrix<int> k8(codes.k8.rows(), codes.k8.cols());
    const int bin = 1 << (8 - *settings.k_bits);
    for (std::size_t j = 0; j < k8.rows(); ++j)
        for (std::size_t i = 0; i < k8.cols(); ++i)
            k8(j, i) = bin * cells.k_sensed(j, i) + codes.k_rest(j, i);
    return k8;
}

}  // namespace

SprintReferenceResult sprint_reference(const AttentionHead& head, double threshold,
                                       const SprintReferenceSettings& settings,
                                       const SprintReferenceScales& scales, const DrawSite& site,
                                       std::uint64_t repeat) {
    ATTOHM_CHECK(settings.v_fs_V > 0.0 && settings.n_fs > 0.0 && settings.V_read_V > 0.0);
    SprintReferenceResult result;
    result.rows = head.valid_q;
    result.codes = sprint_reference_codes(head, settings, scales);
    result.cells = sprint_reference_cells(head, result.codes, settings, site);
    result.columns = sprint_reference_columns(head, result.codes, result.cells, settings, site);
    reference_digital_decisions(head, threshold, settings, result);
    result.read = sprint_reference_read(head, result.codes, result.cells, result.threshold,
                                        settings, site, repeat);
    result.p_keep = sprint_reference_probabilities(head, result.codes, result.cells, result.columns,
                                                   result.threshold, settings, site);
    result.kept_hardware = result.read.kept;
    keep_always(settings, result);

    result.k8_hardware = recomputed_keys(settings, result.codes, result.cells);
    result.final_quant =
        reference_empty_rows(head, result.codes, result.codes.k8, result.kept_quant,
                             settings.empty_row, result.empty_rows_quant);
    result.final_hardware =
        reference_empty_rows(head, result.codes, result.k8_hardware, result.kept_hardware,
                             settings.empty_row, result.empty_rows_hardware);
    result.out_quant = reference_recompute(head, result.codes, result.codes.k8, result.final_quant);
    result.out_hardware =
        reference_recompute(head, result.codes, result.k8_hardware, result.final_hardware);
    count_decisions(head, result);
    copy_events(result);
    add_energy(head, settings, site, result);
    return result;
}

}  // namespace attohm
