#include "src/replay/result_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "src/replay/read_summary.hpp"
#include "src/replay/result_summary.hpp"
#include "src/replay/text_table.hpp"

namespace attohm {

namespace {

constexpr int kDecimals = 4;

std::string title(const Result& result) {
    std::string text =
        fmt::format("{} on {}: {} loop, {} samples, seed {}, chip {} (attohm {})\n", result.scheme,
                    result.trace_name.empty() ? "a trace without a name" : result.trace_name,
                    result.mode, result.samples.size(), result.seed, result.chip, result.version);
    for (const auto& [key, value] : result.axes) text += fmt::format("  {} = {}\n", key, value);
    return text;
}

std::vector<std::string> interval_row(const std::string& name, const Interval& interval) {
    return {name, decimal_text(interval.value, kDecimals),
            fmt::format("[{}, {}]", decimal_text(interval.low, kDecimals),
                        decimal_text(interval.high, kDecimals))};
}

std::string accuracy_text(const Accuracy& accuracy) {
    TextTable table;
    table.row(interval_row("top-1", accuracy.top1));
    table.row(interval_row("top-1 of the exact network", accuracy.top1_exact));
    table.row(interval_row("difference, paired", accuracy.top1_difference));
    table.row(interval_row("agreement with exact", accuracy.agreement));
    table.row({"logit rms error", number_text(accuracy.logit_rms)});
    const std::string over = accuracy.nodes > 0
                                 ? fmt::format("{} nodes of {} graph{}", accuracy.nodes,
                                               accuracy.samples, accuracy.samples == 1 ? "" : "s")
                                 : fmt::format("{} samples", accuracy.samples);
    return fmt::format("\nAccuracy over {}, with 0.95 intervals (bootstrap over {})\n", over,
                       accuracy.nodes > 0 ? "nodes" : "samples") +
           table.text();
}

std::string language_text(const LanguageScore& language) {
    TextTable table;
    table.row(interval_row("perplexity", language.perplexity));
    table.row(interval_row("perplexity of the exact network", language.perplexity_exact));
    table.row(interval_row("ratio, paired", language.perplexity_ratio));
    table.row(interval_row("loss, nats per token", language.loss));
    table.row(interval_row("difference, paired", language.loss_difference));
    table.row(interval_row("next token right (top-1)", language.top1));
    table.row(interval_row("of the exact network", language.top1_exact));
    table.row(interval_row("difference, paired", language.top1_difference));
    table.row(interval_row("agreement with exact", language.agreement));
    table.row(interval_row("KL from exact, nats per token", language.kl));
    table.row({"logit rms error", number_text(language.logit_rms)});
    return fmt::format(
               "\nNext token over {} tokens of {} samples, with 0.95 intervals (bootstrap over "
               "samples)\n",
               language.scored, language.samples) +
           table.text();
}

/// How well the network run here repeats the framework's.
std::string golden_text(const Result& result) {
    std::string text;
    if (const auto error = largest_golden_error(result, &SampleOutcome::golden_error))
        text += fmt::format("  exact network against the logits of the trace: at most {}\n",
                            number_text(*error));
    if (const auto error = largest_golden_error(result, &SampleOutcome::golden_threshold_error))
        text += fmt::format("  threshold against the thresholded logits of the trace: at most {}\n",
                            number_text(*error));
    return text;
}

std::string rate_text(const DecisionRate& rate) {
    if (!(rate.count_sigma > 0.0))
        return fmt::format("{} ({:.0f})", number_text(rate.value()), rate.count);
    return fmt::format("{} +- {} ({:.0f} +- {:.1f})", number_text(rate.value()),
                       number_text(rate.count_sigma / static_cast<double>(rate.of)), rate.count,
                       rate.count_sigma);
}

/// Of a scheme that chooses keys by something else than a threshold on scores.
std::string choice_text(const Result& result) {
    const std::vector<DecisionRate> rates = decision_rates(result);
    return fmt::format(
        "\nChoice of keys on {} valid pairs, all layers and heads: kept {}, rows left empty {}\n"
        "  ({} has no threshold on scores to be held to: no false prunes, no false keeps)\n",
        total_decisions(result).counts.valid, number_text(rate_named(rates, "kept").value()),
        number_text(rate_named(rates, "empty_rows").value()), result.scheme);
}

std::string decisions_text(const Result& result) {
    if (!has_threshold_reference(total_decisions(result))) return choice_text(result);
    const std::vector<DecisionRate> rates = decision_rates(result);
    const bool full = has_full_metrics(result);
    TextTable table;
    table.row({"rate (count)", "falsely pruned", "falsely kept"});
    const auto row = [&](const char* name, const char* fp, const char* fk) {
        table.row({name, rate_text(rate_named(rates, fp)), rate_text(rate_named(rates, fk))});
    };
    row("total: hardware against threshold", "fp_total", "fk_total");
    row("quant: threshold-q against threshold", "fp_quant", "fk_quant");
    row("analog: hardware against threshold-q", "fp_analog", "fk_analog");
    const DecisionCounts counts = total_decisions(result).counts;
    if (counts.fp_expected > 0.0 || counts.fk_expected > 0.0)
        row("expected total over read draws", "fp_expected", "fk_expected");

    const auto share = [&](const char* name) {
        return number_text(rate_named(rates, name).value());
    };
    std::string text = fmt::format(
        "\nDecisions on {} valid pairs, all layers and heads (pruned: of the pairs that the "
        "reference kept;\nkept: of those that it pruned)\n",
        counts.valid);
    text += table.text();
    if (counts.decision_variance > 0.0)
        text += "  (+-: standard deviation of one run about what is expected of it)\n";
    text += fmt::format("  kept {} of the valid pairs (threshold {}, comparators {})\n",
                        share("kept"), share("kept_threshold"), share("kept_comparators"));
    text += fmt::format("  rows left empty {}", share("empty_rows"));
    if (full)
        text += fmt::format(", top-1 key lost {}, softmax mass dropped {} per row",
                            share("top1_lost"), share("mass_dropped"));
    if (full) return text + "\n";
    return text + " (mass and top-1 keys: only with metrics.level full)\n";
}

std::string rms_text(const std::optional<Fidelity>& fidelity) {
    return fidelity ? number_text(fidelity->relative_rms()) : "-";
}

std::string layers_text(const Result& result) {
    const bool decisions = has_decisions(result);
    const bool full = has_full_metrics(result);
    std::vector<const char*> columns = {"kept", "empty_rows"};
    if (has_threshold_reference(total_decisions(result)))
        columns = {"kept", "fp_total", "fk_total", "empty_rows"};
    TextTable table;
    std::vector<std::string> head = {"layer"};
    if (decisions)
        for (std::string name : columns) {
            std::replace(name.begin(), name.end(), '_', ' ');
            head.push_back(std::move(name));
        }
    if (full) head.insert(head.end(), {"top-1 lost", "mass dropped"});
    head.insert(head.end(), {"rms to exact", "rms to threshold"});
    table.row(head);
    for (const LayerTotals& layer : layer_totals(result)) {
        const auto rates = decision_rates(layer.decisions, full);
        std::vector<std::string> row = {std::to_string(layer.layer)};
        const auto add = [&](const char* name) {
            row.push_back(number_text(rate_named(rates, name).value()));
        };
        if (decisions)
            for (const char* name : columns) add(name);
        if (full)
            for (const char* name : {"top1_lost", "mass_dropped"}) add(name);
        row.push_back(rms_text(layer.to_exact));
        row.push_back(rms_text(layer.to_threshold));
        table.row(row);
    }
    return fmt::format("\nBy layer ({}rms: attention output, relative to the reference's)\n",
                       decisions ? "rates as above; " : "") +
           table.text();
}

/// What a millivolt at the comparator means, by layer. Empty for schemes without comparators.
std::string comparators_text(const Result& result) {
    struct Layer {
        double heads = 0.0, threshold = 0.0, sigma = 0.0, offset_V = 0.0, offset = 0.0, lsb = 0.0,
               noise = 0.0, volts = 0.0;
    };
    std::map<int, Layer> layers;
    for (const HeadSummary& head : result.heads) {
        const HeadReport& r = head.report;
        if (r.volts_per_score == 0.0) continue;
        Layer& layer = layers[r.layer];
        layer.heads += 1.0;
        layer.threshold += r.threshold;
        layer.sigma += r.score_sigma;
        layer.offset_V += r.offset_sigma_V;
        layer.offset += r.offset_sigma_score;
        layer.lsb += r.lsb_score;
        layer.noise += r.noise_sigma_score;
        layer.volts += r.volts_per_score;
    }
    if (layers.empty()) return "";
    TextTable table;
    table.row({"layer", "threshold", "sigma of scores", "offset, 1 sigma", "= mV", "one step",
               "= mV", "random noise", "= mV"});
    for (const auto& [index, l] : layers) {
        const double mV = 1e3 * l.volts / l.heads;
        const auto mean = [&, heads = l.heads](double sum) { return number_text(sum / heads); };
        const auto in_mV = [&, heads = l.heads](double sum) {
            return number_text(sum / heads * mV);
        };
        table.row({std::to_string(index), mean(l.threshold), mean(l.sigma), mean(l.offset),
                   mean(1e3 * l.offset_V), mean(l.lsb), in_mV(l.lsb), mean(l.noise),
                   in_mV(l.noise)});
    }
    return "\nAt the comparators, means over heads (scaled-score units, and mV at the "
           "comparator)\n" +
           table.text();
}

std::string worst_text(const Result& result, FidelityMember member, const char* reference) {
    const HeadSummary* worst = worst_head(result, member);
    if (worst == nullptr) return "";
    const Fidelity total = *total_fidelity(result, member);
    return fmt::format(
        "  against {}: relative rms {}, mean cosine {}; worst head: layer {} head {} with {}\n",
        reference, number_text(total.relative_rms()), number_text(total.mean_cosine(), 5),
        worst->report.layer, worst->report.head, number_text((worst->*member)->relative_rms()));
}

std::string events_text(const Result& result) {
    TextTable table;
    bool any = false;
    for (const CountedEvent& event : counted_events(result)) {
        if (event.count == 0) continue;
        any = true;
        table.row({fmt::format("{} {}", event.flagged() ? "!" : " ", event.help),
                   fmt::format("{}", event.count),
                   event.rate()
                       ? fmt::format("{} of the {}", number_text(*event.rate()), event.base)
                       : ""});
    }
    const std::string head =
        fmt::format("\nCounted events, all samples (! above {})\n", number_text(kFlaggedRate));
    return any ? head + table.text() : "\nCounted events: none\n";
}

/// How the arrays were read. Empty for schemes without arrays.
std::string reads_text(const Result& result) {
    const std::vector<ReadFact> facts = read_facts(result);
    if (facts.empty()) return "";
    TextTable table;
    std::string notes;
    for (const ReadFact& fact : facts) {
        table.row({fmt::format("{} {}", fact.warning ? "!" : " ", fact.name), fact.value});
        if (fact.note.empty()) continue;
        notes += fmt::format("  {} {}: {}\n", fact.warning ? "!" : " ", fact.name, fact.note);
    }
    std::string text = "\nHow the arrays were read, all samples\n" + table.text() + notes;
    if (const auto times = decision_times({&result})) {
        TextTable bins;
        for (const TimeBin& bin : time_bins(*times))
            bins.row({fmt::format("  {} .. {}", engineering_text(bin.from_s, "s"),
                                  engineering_text(bin.to_s, "s")),
                      fmt::format("{}", bin.count)});
        text += "  comparator decisions by time\n" + bins.text();
    }
    return text;
}

std::string list_text(const std::string& heading, const std::vector<std::string>& words) {
    return words.empty()
               ? ""
               : fmt::format("\n{} ({})\n", heading, words.size()) + wrapped_list(words, 2);
}

}  // namespace

std::string result_table(const Result& result) {
    std::string text = title(result);
    if (result.accuracy) text += accuracy_text(*result.accuracy);
    if (result.language) text += language_text(*result.language);
    text += golden_text(result);
    if (has_decisions(result)) text += decisions_text(result);
    if (!result.heads.empty()) {
        text += layers_text(result);
        text += comparators_text(result);
        const std::string worst = worst_text(result, &HeadSummary::to_exact, "exact") +
                                  worst_text(result, &HeadSummary::to_threshold, "threshold");
        if (!worst.empty())
            text += "\nAttention output, all heads, on the same Q, K and V\n" + worst;
    }
    text += reads_text(result);
    if (has_decisions(result)) text += events_text(result);
    for (const MachineOutcome& machine : result.machines) text += machine_table(result, machine);
    text += list_text("Assumed numbers of the experiment", assumed_keys(result.assumed));
    text += list_text("Fitted numbers of the experiment", assumed_keys(result.fitted));
    for (const MachineOutcome& machine : result.machines)
        text += list_text("Assumed numbers of " + machine.machine, machine.assumed);
    for (const std::string& note : result.notes) text += "\nNote: " + note + "\n";
    return text;
}

}  // namespace attohm
