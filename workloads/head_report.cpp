#include "workloads/head_report.hpp"

#include <algorithm>

namespace attohm {

namespace {

template <class Struct, class T, std::size_t N>
void add_members(const Struct& part, Struct& sum, T Struct::*const (&members)[N]) {
    for (const auto member : members) sum.*member += part.*member;
}

void add_bins(const std::vector<std::int64_t>& part, std::vector<std::int64_t>& sum) {
    for (std::size_t bin = 0; bin < sum.size(); ++bin) sum[bin] += part[bin];
}

constexpr std::int64_t DecisionCounts::*kDecisionCounts[] = {
    &DecisionCounts::valid,     &DecisionCounts::ref_kept,  &DecisionCounts::quant_kept,
    &DecisionCounts::hw_kept,   &DecisionCounts::fp_total,  &DecisionCounts::fk_total,
    &DecisionCounts::fp_quant,  &DecisionCounts::fk_quant,  &DecisionCounts::fp_analog,
    &DecisionCounts::fk_analog, &DecisionCounts::keys_kept, &DecisionCounts::keys_lost,
};
constexpr double DecisionCounts::*kDecisionSums[] = {
    &DecisionCounts::fp_expected,        &DecisionCounts::fk_expected,
    &DecisionCounts::decision_variance,  &DecisionCounts::key_excess,
    &DecisionCounts::key_variance,       &DecisionCounts::fp_variance,
    &DecisionCounts::key_excess_variance};
constexpr std::int64_t HeadEvents::*kEventCounts[] = {
    &HeadEvents::q_clipped,
    &HeadEvents::k_clipped,
    &HeadEvents::v_clipped,
    &HeadEvents::q_low_clipped,
    &HeadEvents::threshold_clamped,
    &HeadEvents::sense_clipped,
    &HeadEvents::column_clipped,
    &HeadEvents::adc_clipped,
    &HeadEvents::adc_clipped_low,
    &HeadEvents::undecided,
    &HeadEvents::conductance_floored,
    &HeadEvents::conductance_ceiled,
    &HeadEvents::cells,
    &HeadEvents::keys,
    &HeadEvents::columns_read,
    &HeadEvents::conversions,
    &HeadEvents::stuck_cells,
    &HeadEvents::age_clamped,
    &HeadEvents::verify_failed,
    &HeadEvents::trim_clamped,
    &HeadEvents::rows_output,
    &HeadEvents::rows_cells,
    &HeadEvents::rows_column,
    &HeadEvents::level_errors,
    &HeadEvents::borderline,
};
constexpr std::vector<std::int64_t> ScoreEye::*kEyes[] = {
    &ScoreEye::kept, &ScoreEye::pruned, &ScoreEye::false_prune, &ScoreEye::false_keep};
constexpr std::vector<std::int64_t> ColumnProfile::*kColumns[] = {
    &ColumnProfile::reference_kept, &ColumnProfile::false_prune, &ColumnProfile::false_keep};
constexpr std::int64_t HeadReport::*kReportCounts[] = {
    &HeadReport::rows, &HeadReport::empty_rows, &HeadReport::top1_lost, &HeadReport::kept_pairs};
constexpr double HeadReport::*kReportMeans[] = {
    &HeadReport::offset_sigma_score, &HeadReport::offset_sigma_V, &HeadReport::volts_per_score,
    &HeadReport::threshold,          &HeadReport::lsb_score,      &HeadReport::noise_sigma_score,
    &HeadReport::score_sigma,        &HeadReport::wire_residual,  &HeadReport::wire_coupling,
    &HeadReport::settle_time_s,      &HeadReport::step_time_s,    &HeadReport::conversion_time_s,
};

/// Codes used: the widest range of both; a part without conversions says nothing.
void add_codes(const HeadReport& part, HeadReport& sum) {
    const auto any = [](const HeadReport& report) {
        return std::any_of(report.adc_codes.begin(), report.adc_codes.end(),
                           [](std::int64_t n) { return n > 0; });
    };
    if (!any(part)) return;
    const bool first = !any(sum);
    sum.adc_code_first = part.adc_code_first;
    sum.adc_code_last = part.adc_code_last;
    sum.adc_code_used_first = first ? part.adc_code_used_first
                                    : std::min(sum.adc_code_used_first, part.adc_code_used_first);
    sum.adc_code_used_last =
        first ? part.adc_code_used_last : std::max(sum.adc_code_used_last, part.adc_code_used_last);
    add_bins(part.adc_codes, sum.adc_codes);
}

}  // namespace

void add_report(const HeadReport& part, HeadReport& sum) {
    sum.layer = part.layer;
    sum.head = part.head;
    add_members(part.decisions, sum.decisions, kDecisionCounts);
    add_members(part.decisions, sum.decisions, kDecisionSums);
    add_members(part.events, sum.events, kEventCounts);
    add_members(part, sum, kReportCounts);
    add_members(part, sum, kReportMeans);
    sum.mass_dropped += part.mass_dropped;
    sum.calibration_measurements =
        std::max(sum.calibration_measurements, part.calibration_measurements);
    add_bins(part.decision_times, sum.decision_times);
    add_codes(part, sum);
    for (const auto eye : kEyes) add_bins(part.eye.*eye, sum.eye.*eye);
    for (const auto column : kColumns) add_bins(part.columns.*column, sum.columns.*column);
}

void divide_means(HeadReport& sum, std::int64_t reports) {
    if (reports == 0) return;
    for (const auto member : kReportMeans) sum.*member /= static_cast<double>(reports);
}

}  // namespace attohm
