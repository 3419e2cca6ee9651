#include <array>

#include "src/base/error.hpp"
#include "src/replay/result_fields.hpp"

/// The tables of `result_fields.hpp`.
namespace attohm {

Fields<SampleOutcome> sample_fields() {
    using S = SampleOutcome;
    static const std::array<Field<S>, 10> kFields = {{
        {"sample", "1", "ordinal in the trace", &S::sample},
        {"label", "1", "true class; -1: none", &S::label},
        {"predicted", "1", "class of the largest logit; -1: open loop", &S::predicted},
        {"predicted_exact", "1", "the same of the exact network", &S::predicted_exact},
        {"logit_squared_error", "1", "sum over classes of (logits - exact logits)^2",
         &S::logit_squared_error},
        {"valid", "pair", "pairs that mask, causality and padding allow", &S::valid},
        {"ref_kept", "pair", "kept by `threshold`", &S::ref_kept},
        {"fp_total", "pair", "falsely pruned, hardware against `threshold`", &S::fp_total},
        {"fk_total", "pair", "falsely kept, hardware against `threshold`", &S::fk_total},
        {"kept_pairs", "pair", "kept after the empty-row rule", &S::kept_pairs},
    }};
    return kFields;
}

Fields<TokenScores> token_fields() {
    using T = TokenScores;
    static const std::array<Field<T>, 9> kFields = {{
        {"scored", "token", "real tokens with a target", &T::scored},
        {"compared", "token", "scored tokens, or all real ones without targets", &T::compared},
        {"loss", "nat", "sum over scored tokens of -log p(target)", &T::loss},
        {"loss_exact", "nat", "the same of the exact network", &T::loss_exact},
        {"right", "token", "scored tokens predicted right", &T::right},
        {"right_exact", "token", "the same of the exact network", &T::right_exact},
        {"agreeing", "token", "compared tokens where both predict the same", &T::agreeing},
        {"kl", "nat", "sum over compared tokens of KL(exact || own)", &T::kl},
        {"token_logit_squared_error", "1",
         "sum over compared tokens of the mean over classes of (logit - exact logit)^2",
         &T::logit_squared_error},
    }};
    return kFields;
}

Fields<NodeOutcome> node_fields() {
    using N = NodeOutcome;
    static const std::array<Field<N>, 5> kFields = {{
        {"node", "1", "ordinal in the graph", &N::node},
        {"label", "1", "true class; -1: none", &N::label},
        {"predicted", "1", "class of the largest logit", &N::predicted},
        {"predicted_exact", "1", "the same of the exact network", &N::predicted_exact},
        {"logit_squared_error", "1", "mean over classes of (logit - exact logit)^2",
         &N::logit_squared_error},
    }};
    return kFields;
}

Fields<SampleOutcome> golden_fields() {
    using S = SampleOutcome;
    static const std::array<Field<S>, 2> kFields = {{
        {"logits_error", "1", "largest |exact logit - `logits` of the trace|; NaN: not stored",
         &S::golden_error},
        {"logits_threshold_error", "1",
         "largest |logit - `logits_threshold` of the trace|, of scheme `threshold`; NaN: none",
         &S::golden_threshold_error},
    }};
    return kFields;
}

Fields<DecisionCounts> decision_fields() {
    using D = DecisionCounts;
    static const std::array<Field<D>, 19> kFields = {{
        {"valid", "pair", "pairs that mask, causality and padding allow", &D::valid},
        {"ref_kept", "pair", "kept by `threshold` (float scores)", &D::ref_kept},
        {"quant_kept", "pair", "kept by `threshold-q` (integer codes)", &D::quant_kept},
        {"hw_kept", "pair", "kept by the comparators, before the empty-row rule", &D::hw_kept},
        {"fp_total", "pair", "falsely pruned, hardware against `threshold`", &D::fp_total},
        {"fk_total", "pair", "falsely kept, hardware against `threshold`", &D::fk_total},
        {"fp_quant", "pair", "falsely pruned, `threshold-q` against `threshold`", &D::fp_quant},
        {"fk_quant", "pair", "falsely kept, `threshold-q` against `threshold`", &D::fk_quant},
        {"fp_analog", "pair", "falsely pruned, hardware against `threshold-q`", &D::fp_analog},
        {"fk_analog", "pair", "falsely kept, hardware against `threshold-q`", &D::fk_analog},
        {"fp_expected", "pair", "fp_total expected over the read draws", &D::fp_expected},
        {"fk_expected", "pair", "fk_total expected over the read draws", &D::fk_expected},
        {"decision_variance", "pair^2", "sum of p (1 - p) over the read draws",
         &D::decision_variance},
        {"fp_variance", "pair^2",
         "of that, over pairs that `threshold` keeps: variance of fp_total", &D::fp_variance},
        {"keys_kept", "key", "keys that at least one query keeps by `threshold`", &D::keys_kept},
        {"keys_lost", "key", "of those, falsely pruned for more than half of these queries",
         &D::keys_lost},
        {"key_excess", "pair^2", "sum over keys of (false prunes - sum of p)^2", &D::key_excess},
        {"key_variance", "pair^2",
         "sum over keys of sum of p (1 - p): what key_excess is where reads are independent",
         &D::key_variance},
        {"key_excess_variance", "pair^4", "variance of key_excess then, from run to run",
         &D::key_excess_variance},
    }};
    return kFields;
}

Fields<HeadEvents> event_fields() {
    using E = HeadEvents;
    static const std::array<Field<E>, 25> kFields = {{
        {"q_clipped", "code", "codes of q out of range", &E::q_clipped},
        {"k_clipped", "code", "codes of k out of range", &E::k_clipped},
        {"v_clipped", "code", "codes of v out of range", &E::v_clipped},
        {"q_low_clipped", "code", "codes of the word-line copy of q out of range",
         &E::q_low_clipped},
        {"threshold_clamped", "row", "thresholds outside the DAC's range", &E::threshold_clamped},
        {"sense_clipped", "decision", "outputs beyond the sense full scale", &E::sense_clipped},
        {"column_clipped", "column", "physical column currents beyond sense.i_max_A",
         &E::column_clipped},
        {"adc_clipped", "conversion", "conversions beyond the ADC's range", &E::adc_clipped},
        {"adc_clipped_low", "conversion", "of those, below it", &E::adc_clipped_low},
        {"undecided", "decision", "comparators that ran out of time", &E::undecided},
        {"conductance_floored", "cell", "conductances below the floor", &E::conductance_floored},
        {"conductance_ceiled", "cell", "conductances above the ceiling", &E::conductance_ceiled},
        {"keys", "key", "valid keys", &E::keys},
        {"columns_read", "column", "physical columns read for valid pairs, every step its own",
         &E::columns_read},
        {"conversions", "conversion", "ADC conversions of valid pairs", &E::conversions},
        {"cells", "cell", "multi-level cells written", &E::cells},
        {"stuck_cells", "cell", "cells that faults hold", &E::stuck_cells},
        {"age_clamped", "key", "keys younger than the age their card's sigma was measured at",
         &E::age_clamped},
        {"verify_failed", "cell", "cells that the write loop gave up", &E::verify_failed},
        {"trim_clamped", "comparator", "offsets beyond the trim range", &E::trim_clamped},
        {"rows_output", "row", "queries whose noise was drawn at the outputs", &E::rows_output},
        {"rows_cells", "row", "queries with slow noise followed cell by cell", &E::rows_cells},
        {"rows_column", "row", "queries drawn column by column", &E::rows_column},
        {"level_errors", "element", "K MSBs sensed as another level than written",
         &E::level_errors},
        {"borderline", "pair", "|score - threshold| <= 1e-5 |q||k| scale", &E::borderline},
    }};
    return kFields;
}

Fields<HeadReport> report_fields() {
    using R = HeadReport;
    static const std::array<Field<R>, 25> kFields = {{
        {"sample", "1", "unused in a sum over samples", &R::sample},
        {"layer", "1", "layer, from 0", &R::layer},
        {"head", "1", "query head, from 0", &R::head},
        {"rows", "row", "valid queries", &R::rows},
        {"empty_rows", "row", "rows that the decisions left empty", &R::empty_rows},
        {"top1_lost", "row", "rows whose exact top-1 key was falsely pruned", &R::top1_lost},
        {"kept_pairs", "pair", "kept after the empty-row rule", &R::kept_pairs},
        {"mass_dropped", "1", "sum over rows of the exact softmax mass of pruned keys",
         &R::mass_dropped},
        {"offset_sigma_score", "1", "sigma of the comparator offset, in scaled-score units",
         &R::offset_sigma_score},
        {"offset_sigma_V", "V", "sigma of the comparator offset", &R::offset_sigma_V},
        {"volts_per_score", "V", "at the comparator, per unit of the scaled score",
         &R::volts_per_score},
        {"threshold", "1", "margin included, in scaled-score units", &R::threshold},
        {"lsb_score", "1", "one integer score step, in scaled-score units", &R::lsb_score},
        {"noise_sigma_score", "1", "rms random read noise at the comparator, scaled-score units",
         &R::noise_sigma_score},
        {"score_sigma", "1", "sigma of the score eye, in scaled-score units", &R::score_sigma},
        {"wire_residual", "1", "max|Yu - b| / max|b| of the solved arrays", &R::wire_residual},
        {"wire_coupling", "1", "k of the first-order noise through wires: error <= k e / (1 - k e)",
         &R::wire_coupling},
        {"settle_time_s", "s", "until an array's output is within half a step; 0: not known",
         &R::settle_time_s},
        {"step_time_s", "s", "one amplitude read, bit cycle or unit pulse", &R::step_time_s},
        {"conversion_time_s", "s", "that ADCs add to a query's read; 0: none, or within it",
         &R::conversion_time_s},
        {"calibration_measurements", "measurement",
         "that set trims and threshold gains, once per chip; booked with the first head of an "
         "array",
         &R::calibration_measurements},
        {"adc_code_first", "code", "lowest code of the ADCs", &R::adc_code_first},
        {"adc_code_last", "code", "largest code of the ADCs", &R::adc_code_last},
        {"adc_code_used_first", "code", "lowest code that came out", &R::adc_code_used_first},
        {"adc_code_used_last", "code", "largest code that came out", &R::adc_code_used_last},
    }};
    return kFields;
}

Fields<Fidelity> fidelity_fields() {
    using F = Fidelity;
    static const std::array<Field<F>, 5> kFields = {{
        {"rows", "row", "rows compared; -1: this head was not compared", &F::rows},
        {"squared_error", "1", "sum of |out - reference|^2", &F::squared_error},
        {"squared_reference", "1", "sum of |reference|^2", &F::squared_reference},
        {"max_error", "1", "largest |out - reference| of one element", &F::max_error},
        {"cosine_sum", "1", "sum over rows of cos(out, reference)", &F::cosine_sum},
    }};
    return kFields;
}

Fields<Interval> interval_fields() {
    static const std::array<Field<Interval>, 3> kFields = {{
        {"value", "1", "estimate", &Interval::value},
        {"low", "1", "lower end at 0.95", &Interval::low},
        {"high", "1", "upper end at 0.95", &Interval::high},
    }};
    return kFields;
}

std::span<const EyeField> eye_fields() {
    static constexpr std::array<EyeField, 4> kFields = {{
        {"kept", "pairs that the decisions kept", &ScoreEye::kept},
        {"pruned", "pairs that the decisions pruned", &ScoreEye::pruned},
        {"false_prune", "pairs falsely pruned against `threshold`", &ScoreEye::false_prune},
        {"false_keep", "pairs falsely kept against `threshold`", &ScoreEye::false_keep},
    }};
    return kFields;
}

std::span<const ColumnField> column_fields() {
    static constexpr std::array<ColumnField, 3> kFields = {{
        {"reference_kept", "pairs that `threshold` keeps", &ColumnProfile::reference_kept},
        {"false_prune", "pairs falsely pruned against `threshold`", &ColumnProfile::false_prune},
        {"false_keep", "pairs falsely kept against `threshold`", &ColumnProfile::false_keep},
    }};
    return kFields;
}

std::span<const AccuracyField> accuracy_fields() {
    static constexpr std::array<AccuracyField, 4> kFields = {{
        {"top1", "fraction of labelled samples right", &Accuracy::top1},
        {"top1_exact", "the same of the exact network", &Accuracy::top1_exact},
        {"top1_difference", "paired: top1 - top1_exact", &Accuracy::top1_difference},
        {"agreement", "fraction where both predict the same class", &Accuracy::agreement},
    }};
    return kFields;
}

std::span<const LanguageField> language_fields() {
    using L = LanguageScore;
    static constexpr std::array<LanguageField, 11> kFields = {{
        {"perplexity", "1", "exp(loss)", &L::perplexity},
        {"perplexity_exact", "1", "the same of the exact network", &L::perplexity_exact},
        {"perplexity_ratio", "1", "paired: exp(loss - loss_exact)", &L::perplexity_ratio},
        {"loss", "nat", "-log p(target) per scored token", &L::loss},
        {"loss_exact", "nat", "the same of the exact network", &L::loss_exact},
        {"loss_difference", "nat", "paired: loss - loss_exact", &L::loss_difference},
        {"top1", "1", "fraction of scored tokens predicted right", &L::top1},
        {"top1_exact", "1", "the same of the exact network", &L::top1_exact},
        {"top1_difference", "1", "paired: top1 - top1_exact", &L::top1_difference},
        {"agreement", "1", "fraction of tokens where both predict the same", &L::agreement},
        {"kl", "nat", "KL(exact || own) per token", &L::kl},
    }};
    return kFields;
}

}  // namespace attohm
