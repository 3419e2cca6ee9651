#include <algorithm>
#include <string>
#include <vector>

#include "src/replay/result_columns.hpp"
#include "src/replay/result_parts.hpp"

/// Tables that a result has only where there is something to put in: scores of tokens, answers of
/// nodes, distances from stored logits. Files of minor version 2.0 have none of them, 2.1 no nodes.
namespace attohm {

namespace {

constexpr const char* kPerSample = "per evaluated sample, in the order of `samples`";

void write_language(const H5Group& group, const LanguageScore& language) {
    std::vector<std::string> names;
    std::vector<std::string> units;
    std::vector<std::string> helps;
    std::vector<const Interval*> rows;
    for (const LanguageField& field : language_fields()) {
        names.emplace_back(field.name);
        units.emplace_back(field.unit);
        helps.emplace_back(field.help);
        rows.push_back(&(language.*field.member));
    }
    const ColumnWriter table(group, "language", rows.size(),
                             "closed loop, per token; percentile bootstrap at 0.95 that resamples "
                             "samples");
    table.texts("quantity", "name", names);
    table.texts("quantity_unit", "of the quantity", units);
    table.texts("meaning", "of the quantity", helps);
    table.fields(interval_fields(), rows);
    table.group().set_integer("samples", language.samples);
    table.group().set_integer("scored_tokens", language.scored);
    const double logit_rms = language.logit_rms;
    table.group().write("logit_rms", {}, std::span<const double>(&logit_rms, 1));
    const H5Group dataset = table.group().dataset("logit_rms");
    dataset.set_text("unit", "1");
    dataset.set_text("help", "rms of (logit - exact logit)");
    dataset.set_text("scope", "over tokens and classes");
}

LanguageScore read_language(const H5Group& group) {
    const ColumnReader table(group, "language");
    std::vector<Interval> rows(table.rows());
    table.fields(interval_fields(), row_pointers(rows));
    const std::vector<std::string> names = table.texts("quantity");
    LanguageScore language;
    for (const LanguageField& field : language_fields()) {
        const auto found = std::find(names.begin(), names.end(), field.name);
        if (found == names.end())
            throw UserError("missing quantity", table.group().where("quantity"), "nothing",
                            std::string(field.name));
        language.*field.member = rows[static_cast<std::size_t>(found - names.begin())];
    }
    language.samples = table.group().integer("samples");
    language.scored = table.group().integer("scored_tokens");
    table.group().read("logit_rms", std::span<double>(&language.logit_rms, 1));
    return language;
}

/// The nodes of all graphs below each other.
void write_nodes(const H5Group& group, const std::vector<SampleOutcome>& samples) {
    std::vector<std::int64_t> sample_of;
    std::vector<const NodeOutcome*> rows;
    for (std::size_t s = 0; s < samples.size(); ++s)
        for (const NodeOutcome& node : samples[s].nodes) {
            sample_of.push_back(static_cast<std::int64_t>(s));
            rows.push_back(&node);
        }
    if (rows.empty()) return;
    const ColumnWriter table(group, "sample_nodes", rows.size(),
                             "per node that counts, of the evaluated samples one after another");
    table.ordinals("sample_row", "row of `samples`", sample_of);
    table.fields(node_fields(), rows);
}

void read_nodes(const H5Group& group, std::vector<SampleOutcome>& samples) {
    const ColumnReader table(group, "sample_nodes");
    std::vector<NodeOutcome> rows(table.rows());
    table.fields(node_fields(), row_pointers(rows));
    const std::vector<std::int64_t> sample_of = table.ordinals("sample_row", samples.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
        samples[static_cast<std::size_t>(sample_of[i])].nodes.push_back(rows[i]);
}

void require_rows(const ColumnReader& table, std::size_t samples) {
    if (table.rows() != samples)
        throw UserError("wrong number of rows", table.group().where(),
                        fmt::format("{}", table.rows()), fmt::format("{}", samples));
}

}  // namespace

void write_token_scores(const H5Group& group, const Result& result) {
    const auto& samples = result.samples;
    const auto has_tokens = [](const SampleOutcome& sample) { return sample.tokens.has_value(); };
    if (std::any_of(samples.begin(), samples.end(), has_tokens)) {
        ATTOHM_CHECK(std::all_of(samples.begin(), samples.end(), has_tokens));
        std::vector<const TokenScores*> rows;
        for (const SampleOutcome& sample : samples) rows.push_back(&*sample.tokens);
        ColumnWriter(group, "sample_tokens", rows.size(), kPerSample).fields(token_fields(), rows);
    }
    const auto has_golden = [](const SampleOutcome& sample) {
        return sample.golden_error.has_value() || sample.golden_threshold_error.has_value();
    };
    if (std::any_of(samples.begin(), samples.end(), has_golden))
        ColumnWriter(group, "sample_golden", samples.size(), kPerSample)
            .fields(golden_fields(), row_pointers(samples));
    write_nodes(group, samples);
    if (result.language) write_language(group, *result.language);
}

void read_token_scores(const H5Group& group, Result& result) {
    if (group.has_group("sample_tokens")) {
        const ColumnReader table(group, "sample_tokens");
        require_rows(table, result.samples.size());
        std::vector<TokenScores> rows(table.rows());
        table.fields(token_fields(), row_pointers(rows));
        for (std::size_t i = 0; i < rows.size(); ++i) result.samples[i].tokens = rows[i];
    }
    if (group.has_group("sample_golden")) {
        const ColumnReader table(group, "sample_golden");
        require_rows(table, result.samples.size());
        table.fields(golden_fields(), row_pointers(result.samples));
    }
    if (group.has_group("sample_nodes")) read_nodes(group, result.samples);
    if (group.has_group("language")) result.language = read_language(group);
}

}  // namespace attohm
