#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "src/base/atomic_file.hpp"
#include "src/replay/result_columns.hpp"
#include "src/replay/result_io.hpp"
#include "src/replay/result_parts.hpp"

namespace attohm {

namespace {

void write_header(const H5Group& group, const Result& result) {
    group.set_text("version", result.version);
    group.set_text("scheme", result.scheme);
    group.set_text("mode", result.mode);
    group.set_text("trace_id", result.trace_id);
    group.set_text("trace_name", result.trace_name);
    group.set_text("blas_core", result.blas_core);
    // Attributes are signed: the same 64 bits.
    group.set_integer("seed", std::bit_cast<std::int64_t>(result.seed));
    group.set_integer("chip", std::bit_cast<std::int64_t>(result.chip));
    if (result.network) {
        group.set_integer("weights", result.network->weights);
        group.set_integer("nonzero_weights", result.network->nonzero_weights);
    }

    const auto note = [&](std::string_view name, std::string_view help) {
        const H5Group dataset = group.dataset(name);
        dataset.set_text("help", help);
        dataset.set_text("scope", "experiment");
    };
    group.write_text("experiment", result.experiment_yaml);
    note("experiment", "resolved settings, YAML: every key that was read");
    // An empty list is an absent dataset: tools do not compare datasets without elements.
    const auto list = [&](std::string_view name, std::string_view help,
                          const std::vector<std::string>& texts) {
        if (texts.empty()) return;
        group.write_texts(name, texts);
        note(name, help);
    };
    list("notes", "what a reader of the numbers has to know", result.notes);
    list("assumed", "assumed numbers that were read, \"key = value: source\"", result.assumed);
    list("fitted", "fitted numbers that were read, \"key = value: source\"", result.fitted);
}

void write_axes(const H5Group& group, const Result& result) {
    const ColumnWriter table(group, "axes", result.axes.size(), "swept key of this setting");
    std::vector<std::string> keys;
    std::vector<std::string> values;
    for (const auto& [key, value] : result.axes) {
        keys.push_back(key);
        values.push_back(value);
    }
    table.texts("key", "key of the experiment", keys);
    table.texts("value", "its value", values);
}

void write_samples(const H5Group& group, const std::vector<SampleOutcome>& samples) {
    const ColumnWriter table(group, "samples", samples.size(), "per evaluated sample");
    table.fields(sample_fields(), row_pointers(samples));
    if (samples.empty() || samples.front().logits.empty()) return;
    const std::size_t classes = samples.front().logits.size();
    std::vector<float> logits;
    for (const SampleOutcome& sample : samples) {
        ATTOHM_CHECK_EQ(sample.logits.size(), classes);
        logits.insert(logits.end(), sample.logits.begin(), sample.logits.end());
    }
    table.numbers("logits", "1", "of every class", {samples.size(), classes}, logits);
}

void write_accuracy(const H5Group& group, const Accuracy& accuracy) {
    std::vector<std::string> names;
    std::vector<std::string> helps;
    std::vector<const Interval*> rows;
    for (const AccuracyField& field : accuracy_fields()) {
        names.emplace_back(field.name);
        helps.emplace_back(field.help);
        rows.push_back(&(accuracy.*field.member));
    }
    const ColumnWriter table(
        group, "accuracy", rows.size(),
        fmt::format("closed loop; percentile bootstrap at 0.95 that {}",
                    accuracy.nodes > 0 ? "resamples nodes" : "resamples samples"));
    table.texts("quantity", "name", names);
    table.texts("meaning", "of the quantity", helps);
    table.fields(interval_fields(), rows);
    table.group().set_integer("samples", accuracy.samples);
    if (accuracy.nodes > 0) table.group().set_integer("nodes", accuracy.nodes);
    const double logit_rms = accuracy.logit_rms;
    table.group().write("logit_rms", {}, std::span<const double>(&logit_rms, 1));
    const H5Group dataset = table.group().dataset("logit_rms");
    dataset.set_text("unit", "1");
    dataset.set_text("help", "rms of (logit - exact logit)");
    dataset.set_text("scope", "over samples and classes");
}

void write_eyes(const ColumnWriter& table, const std::vector<HeadSummary>& heads) {
    constexpr std::size_t kBins = ScoreEye::kBins;
    for (const EyeField& field : eye_fields()) {
        std::vector<std::int64_t> bins;
        for (const HeadSummary& head : heads) {
            const auto& histogram = head.report.eye.*field.member;
            ATTOHM_CHECK_EQ(histogram.size(), kBins);
            bins.insert(bins.end(), histogram.begin(), histogram.end());
        }
        table.numbers(fmt::format("eye_{}", field.name), "pair",
                      fmt::format("{}, by (score - threshold) / score_sigma in equal bins over "
                                  "[-{}, {}], ends open",
                                  field.help, ScoreEye::kRange, ScoreEye::kRange),
                      {heads.size(), kBins}, bins);
    }
}

void write_columns(const ColumnWriter& table, const std::vector<HeadSummary>& heads) {
    constexpr std::size_t kBins = ColumnProfile::kBins;
    for (const ColumnField& field : column_fields()) {
        std::vector<std::int64_t> bins;
        for (const HeadSummary& head : heads) {
            const auto& histogram = head.report.columns.*field.member;
            ATTOHM_CHECK_EQ(histogram.size(), kBins);
            bins.insert(bins.end(), histogram.begin(), histogram.end());
        }
        table.numbers(fmt::format("column_{}", field.name), "pair",
                      fmt::format("{}, by the place of the key's column in its array, from the row "
                                  "drivers on, in {} equal bins",
                                  field.help, kBins),
                      {heads.size(), kBins}, bins);
    }
}

void write_times(const ColumnWriter& table, const std::vector<HeadSummary>& heads) {
    constexpr std::size_t kBins = HeadReport::kTimeBins;
    std::vector<std::int64_t> bins;
    for (const HeadSummary& head : heads) {
        ATTOHM_CHECK_EQ(head.report.decision_times.size(), kBins);
        bins.insert(bins.end(), head.report.decision_times.begin(),
                    head.report.decision_times.end());
    }
    table.numbers("decision_times", "decision",
                  "comparator decisions by time: below 1 ps, eight bins a decade to 1 us, above",
                  {heads.size(), kBins}, bins);
}

void write_codes(const ColumnWriter& table, const std::vector<HeadSummary>& heads) {
    constexpr std::size_t kBins = HeadReport::kAdcBins;
    std::vector<std::int64_t> bins;
    for (const HeadSummary& head : heads) {
        ATTOHM_CHECK_EQ(head.report.adc_codes.size(), kBins);
        bins.insert(bins.end(), head.report.adc_codes.begin(), head.report.adc_codes.end());
    }
    table.numbers("adc_codes", "conversion",
                  "conversions of valid pairs by code, from adc_code_first on: a bin a code where "
                  "there are no more codes than bins, else bins of equal width",
                  {heads.size(), kBins}, bins);
}

void write_fidelity(const H5Group& group, std::string_view name,
                    const std::vector<HeadSummary>& heads,
                    std::optional<Fidelity> HeadSummary::*member) {
    const auto has = [member](const HeadSummary& head) { return (head.*member).has_value(); };
    if (std::none_of(heads.begin(), heads.end(), has)) return;
    Fidelity none;
    none.rows = -1;
    std::vector<const Fidelity*> rows;
    for (const HeadSummary& head : heads) rows.push_back(has(head) ? &*(head.*member) : &none);
    const ColumnWriter table(group, name, heads.size(),
                             "per layer and head, over valid rows of all evaluated samples");
    table.fields(fidelity_fields(), rows);
}

void write_heads(const H5Group& group, const std::vector<HeadSummary>& heads) {
    const ColumnWriter table(group, "heads", heads.size(),
                             "per layer and head, counts summed over evaluated samples");
    head_fields(table, row_pointers(heads));
    write_eyes(table, heads);
    write_columns(table, heads);
    write_times(table, heads);
    write_codes(table, heads);
    write_fidelity(table.group(), "to_exact", heads, &HeadSummary::to_exact);
    write_fidelity(table.group(), "to_threshold", heads, &HeadSummary::to_threshold);
}

void write_one(const H5Group& group, const Result& result) {
    write_header(group, result);
    write_axes(group, result);
    write_samples(group, result.samples);
    if (result.accuracy) write_accuracy(group, *result.accuracy);
    write_token_scores(group, result);
    write_heads(group, result.heads);
    write_machines(group, result.machines);
}

/// Writes a result file; `content` fills its root.
template <class Content>
void write_file(const std::string& path, const Content& content) {
    AtomicFile target(path);
    H5File file = H5File::create(target.temporary_path(), path);
    file.root().set_text("format", kResultFormat);
    file.root().set_text("schema_version", kResultSchema);
    content(file.root());
    file.close();
    target.commit();
}

}  // namespace

void write_result(const std::string& path, const Result& result) {
    write_file(path, [&](const H5Group& root) { write_one(root, result); });
}

void write_result(const std::string& path, const std::function<Result(const H5Group& root)>& run) {
    write_file(path, [&](const H5Group& root) { write_one(root, run(root)); });
}

void write_results(const std::string& path, const std::vector<Result>& results,
                   const std::string& sweep_yaml) {
    ATTOHM_CHECK_LT(0U, results.size());
    write_file(path, [&](const H5Group& root) {
        root.write_text("sweep", sweep_yaml);
        root.dataset("sweep").set_text("help", "the sweep, YAML");
        const H5Group settings = root.create_group("settings");
        settings.set_integer("count", static_cast<std::int64_t>(results.size()));
        // Names sort in the order of the results.
        const std::size_t width =
            std::max<std::size_t>(6, fmt::formatted_size("{}", results.size()));
        for (std::size_t i = 0; i < results.size(); ++i)
            write_one(settings.create_group(fmt::format("{:0{}}", i, width)), results[i]);
    });
}

}  // namespace attohm
