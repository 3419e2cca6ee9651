#include "src/replay/result.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attohm {

double Fidelity::relative_rms() const {
    if (squared_error == 0.0) return 0.0;
    if (squared_reference == 0.0) return std::numeric_limits<double>::infinity();
    return std::sqrt(squared_error / squared_reference);
}

double Fidelity::mean_cosine() const {
    return rows == 0 ? 1.0 : cosine_sum / static_cast<double>(rows);
}

void Fidelity::add(const Fidelity& other) {
    squared_error += other.squared_error;
    squared_reference += other.squared_reference;
    max_error = std::max(max_error, other.max_error);
    cosine_sum += other.cosine_sum;
    rows += other.rows;
}

namespace {

void add_counts(DecisionCounts& sum, const DecisionCounts& part) {
    sum.valid += part.valid;
    sum.ref_kept += part.ref_kept;
    sum.quant_kept += part.quant_kept;
    sum.hw_kept += part.hw_kept;
    sum.fp_total += part.fp_total;
    sum.fk_total += part.fk_total;
    sum.fp_quant += part.fp_quant;
    sum.fk_quant += part.fk_quant;
    sum.fp_analog += part.fp_analog;
    sum.fk_analog += part.fk_analog;
    sum.fp_expected += part.fp_expected;
    sum.fk_expected += part.fk_expected;
    sum.decision_variance += part.decision_variance;
    sum.keys_kept += part.keys_kept;
    sum.keys_lost += part.keys_lost;
    sum.key_excess += part.key_excess;
    sum.key_variance += part.key_variance;
    sum.fp_variance += part.fp_variance;
    sum.key_excess_variance += part.key_excess_variance;
}

void add_events(HeadEvents& sum, const HeadEvents& part) {
    sum.q_clipped += part.q_clipped;
    sum.k_clipped += part.k_clipped;
    sum.v_clipped += part.v_clipped;
    sum.q_low_clipped += part.q_low_clipped;
    sum.threshold_clamped += part.threshold_clamped;
    sum.sense_clipped += part.sense_clipped;
    sum.column_clipped += part.column_clipped;
    sum.adc_clipped += part.adc_clipped;
    sum.adc_clipped_low += part.adc_clipped_low;
    sum.undecided += part.undecided;
    sum.conductance_floored += part.conductance_floored;
    sum.conductance_ceiled += part.conductance_ceiled;
    sum.keys += part.keys;
    sum.columns_read += part.columns_read;
    sum.conversions += part.conversions;
    sum.cells += part.cells;
    sum.stuck_cells += part.stuck_cells;
    sum.age_clamped += part.age_clamped;
    sum.verify_failed += part.verify_failed;
    sum.trim_clamped += part.trim_clamped;
    sum.rows_output += part.rows_output;
    sum.rows_cells += part.rows_cells;
    sum.rows_column += part.rows_column;
    sum.level_errors += part.level_errors;
    sum.borderline += part.borderline;
}

}  // namespace

void DecisionTotals::add(const HeadReport& report) {
    add_counts(counts, report.decisions);
    add_events(events, report.events);
    rows += report.rows;
    empty_rows += report.empty_rows;
    top1_lost += report.top1_lost;
    kept_pairs += report.kept_pairs;
    mass_dropped += report.mass_dropped;
}

NetworkSize network_size(const Weights& weights) {
    NetworkSize size;
    const auto add = [&](const LinearWeights& linear) {
        size.weights += static_cast<std::int64_t>(linear.w.rows() * linear.w.cols());
        for (std::size_t row = 0; row < linear.w.rows(); ++row)
            for (std::size_t col = 0; col < linear.w.cols(); ++col)
                size.nonzero_weights += linear.w(row, col) != 0.0F ? 1 : 0;
    };
    for (const BlockWeights& block : weights.blocks)
        for (const LinearWeights* linear :
             {&block.q, &block.k, &block.v, &block.o, &block.up, &block.gate, &block.down})
            add(*linear);
    for (const GraphWeights& layer : weights.graph) add(layer.linear);
    add(weights.head);
    add(weights.patch);
    add(weights.pooler);
    return size;
}

DecisionTotals total_decisions(const Result& result) {
    DecisionTotals totals;
    for (const HeadSummary& head : result.heads) totals.add(head.report);
    return totals;
}

}  // namespace attohm
