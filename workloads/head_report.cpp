#include "workloads/head_report.hpp"

namespace attohm {

namespace {

template <class Struct, class T, std::size_t N>
void add_members(const Struct& part, Struct& sum, T Struct::*const (&members)[N]) {
    for (const auto member : members) sum.*member += part.*member;
}

constexpr std::int64_t DecisionCounts::*kDecisionCounts[] = {
    &DecisionCounts::valid,     &DecisionCounts::ref_kept, &DecisionCounts::quant_kept,
    &DecisionCounts::hw_kept,   &DecisionCounts::fp_total, &DecisionCounts::fk_total,
    &DecisionCounts::fp_quant,  &DecisionCounts::fk_quant, &DecisionCounts::fp_analog,
    &DecisionCounts::fk_analog,
};
constexpr double DecisionCounts::*kDecisionSums[] = {
    &DecisionCounts::fp_expected, &DecisionCounts::fk_expected, &DecisionCounts::decision_variance};
constexpr std::int64_t HeadEvents::*kEventCounts[] = {
    &HeadEvents::q_clipped,      &HeadEvents::k_clipped,           &HeadEvents::v_clipped,
    &HeadEvents::q_low_clipped,  &HeadEvents::threshold_clamped,   &HeadEvents::sense_clipped,
    &HeadEvents::column_clipped, &HeadEvents::conductance_floored, &HeadEvents::cells,
    &HeadEvents::stuck_cells,    &HeadEvents::level_errors,        &HeadEvents::borderline,
};
constexpr std::vector<std::int64_t> ScoreEye::*kEyes[] = {
    &ScoreEye::kept, &ScoreEye::pruned, &ScoreEye::false_prune, &ScoreEye::false_keep};
constexpr std::int64_t HeadReport::*kReportCounts[] = {
    &HeadReport::rows, &HeadReport::empty_rows, &HeadReport::top1_lost, &HeadReport::kept_pairs};
constexpr double HeadReport::*kReportMeans[] = {
    &HeadReport::offset_sigma_score, &HeadReport::offset_sigma_V, &HeadReport::volts_per_score,
    &HeadReport::threshold,          &HeadReport::lsb_score,      &HeadReport::noise_sigma_score,
    &HeadReport::score_sigma,
};

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
    for (const auto eye : kEyes) {
        for (std::size_t bin = 0; bin < (sum.eye.*eye).size(); ++bin) {
            (sum.eye.*eye)[bin] += (part.eye.*eye)[bin];
        }
    }
}

void divide_means(HeadReport& sum, std::int64_t reports) {
    if (reports == 0) return;
    for (const auto member : kReportMeans) sum.*member /= static_cast<double>(reports);
}

}  // namespace attohm
