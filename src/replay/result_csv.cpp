#include "src/replay/result_csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/replay/csv_table.hpp"
#include "src/replay/read_summary.hpp"
#include "src/replay/result_summary.hpp"
#include "src/replay/survey.hpp"

namespace attohm {

namespace {

/// Every swept key, in the order of first appearance.
std::vector<std::string> axis_keys(std::span<const Result> results) {
    std::vector<std::string> keys;
    for (const Result& result : results)
        for (const auto& [key, value] : result.axes)
            if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    return keys;
}

/// The columns that tell the setting.
CsvRow setting_row(const Result& result, std::size_t ordinal,
                   const std::vector<std::string>& keys) {
    CsvRow row;
    row.whole("setting", static_cast<std::int64_t>(ordinal));
    row.text("trace", result.trace_name);
    row.text("scheme", result.scheme);
    row.text("mode", result.mode);
    row.text("seed", fmt::format("{}", result.seed));
    row.text("chip", fmt::format("{}", result.chip));
    for (const std::string& key : keys) {
        const auto found = std::find_if(result.axes.begin(), result.axes.end(),
                                        [&](const auto& axis) { return axis.first == key; });
        row.text(key, found == result.axes.end() ? "" : found->second);
    }
    return row;
}

void add_accuracy(CsvRow& row, const std::optional<Accuracy>& accuracy) {
    for (const AccuracyField& field : accuracy_fields())
        for (const Field<Interval>& end : interval_fields()) {
            const std::string name = fmt::format("{}_{}", field.name, end.name);
            if (accuracy)
                row.real(name, real_value(end, (*accuracy).*field.member));
            else
                row.empty(name);
        }
    if (accuracy)
        row.real("logit_rms", accuracy->logit_rms);
    else
        row.empty("logit_rms");
    if (accuracy && accuracy->nodes > 0)
        row.whole("scored_nodes", accuracy->nodes);
    else
        row.empty("scored_nodes");
}

void add_language(CsvRow& row, const std::optional<LanguageScore>& language) {
    if (language)
        row.whole("scored_tokens", language->scored);
    else
        row.empty("scored_tokens");
    for (const LanguageField& field : language_fields())
        for (const Field<Interval>& end : interval_fields()) {
            const std::string name = fmt::format("token_{}_{}", field.name, end.name);
            if (language)
                row.real(name, real_value(end, (*language).*field.member));
            else
                row.empty(name);
        }
}

void add_golden(CsvRow& row, const Result& result) {
    const auto add = [&](const char* name, std::optional<double> SampleOutcome::*member) {
        if (const auto error = largest_golden_error(result, member))
            row.real(name, *error);
        else
            row.empty(name);
    };
    add("golden_logits_max_error", &SampleOutcome::golden_error);
    add("golden_logits_threshold_max_error", &SampleOutcome::golden_threshold_error);
}

void add_rates(CsvRow& row, const Result& result) {
    const std::vector<DecisionRate> rates = decision_rates(result);
    for (const char* name :
         {"fp_total", "fk_total", "fp_quant", "fk_quant", "fp_analog", "fk_analog", "fp_expected",
          "fk_expected", "kept_threshold", "kept_comparators", "kept", "empty_rows", "top1_lost",
          "mass_dropped"}) {
        const auto found = std::find_if(rates.begin(), rates.end(),
                                        [&](const DecisionRate& r) { return r.name == name; });
        const std::string column = fmt::format("{}_rate", name);
        if (found == rates.end())
            row.empty(column);
        else
            row.real(column, found->value());
    }
}

void add_fidelity(CsvRow& row, const std::optional<Fidelity>& fidelity, std::string_view name) {
    const auto add = [&](std::string_view column, auto value) {
        const std::string full = fmt::format("{}_{}", name, column);
        if (fidelity)
            row.real(full, value(*fidelity));
        else
            row.empty(full);
    };
    add("relative_rms", [](const Fidelity& f) { return f.relative_rms(); });
    add("mean_cosine", [](const Fidelity& f) { return f.mean_cosine(); });
    add("max_error", [](const Fidelity& f) { return f.max_error; });
}

/// Of the scheme's own plan at the pricing asked for.
void add_cost(CsvRow& row, const MachineOutcome* machine) {
    const Pricing* pricing = machine == nullptr ? nullptr : headline_pricing(*machine);
    if (pricing == nullptr || pricing->plans.empty() || machine->plans.empty()) {
        for (const char* name : {"machine", "pricing", "energy_J", "energy_without_writes_J",
                                 "latency_s", "latency_without_writes_s"})
            row.empty(name);
        return;
    }
    row.text("machine", machine->machine);
    row.text("pricing", pricing->name);
    row.real("energy_J", pricing->plans.front().energy.value());
    row.real("energy_without_writes_J", pricing->plans.front().energy_without_writes.value());
    row.real("latency_s", machine->plans.front().latency.value());
    row.real("latency_without_writes_s", machine->plans.front().latency_without_writes.value());
}

void add_summary(CsvTable& table, const Result& result, CsvRow row) {
    row.whole("samples", static_cast<std::int64_t>(result.samples.size()));
    add_accuracy(row, result.accuracy);
    add_language(row, result.language);
    add_golden(row, result);
    add_rates(row, result);
    add_fidelity(row, total_fidelity(result, &HeadSummary::to_exact), "to_exact");
    add_fidelity(row, total_fidelity(result, &HeadSummary::to_threshold), "to_threshold");
    if (result.machines.empty()) {
        add_cost(row, nullptr);
        table.add(row);
    }
    for (const MachineOutcome& machine : result.machines) {
        CsvRow line = row;
        add_cost(line, &machine);
        table.add(line);
    }
}

void add_samples(CsvTable& table, const Result& result, const CsvRow& setting) {
    for (const SampleOutcome& sample : result.samples) {
        CsvRow row = setting;
        row.fields(sample_fields(), sample);
        row.fields(token_fields(), sample.tokens.value_or(TokenScores{}));
        row.fields(golden_fields(), sample);
        table.add(row);
    }
}

void add_heads(CsvTable& table, const Result& result, const CsvRow& setting) {
    for (const HeadSummary& head : result.heads) {
        CsvRow row = setting;
        // The sum over samples has no sample.
        row.fields(report_fields().subspan(1), head.report);
        row.fields(decision_fields(), head.report.decisions);
        row.fields(event_fields(), head.report.events);
        add_fidelity(row, head.to_exact, "to_exact");
        add_fidelity(row, head.to_threshold, "to_threshold");
        table.add(row);
    }
}

void add_eyes(CsvTable& table, const Result& result, const CsvRow& setting) {
    constexpr double kWidth = 2.0 * ScoreEye::kRange / ScoreEye::kBins;
    if (!has_full_metrics(result)) return;
    for (const HeadSummary& head : result.heads)
        for (std::size_t bin = 0; bin < ScoreEye::kBins; ++bin) {
            CsvRow row = setting;
            row.whole("layer", head.report.layer);
            row.whole("head", head.report.head);
            const double low = -ScoreEye::kRange + kWidth * static_cast<double>(bin);
            row.real("margin_low_sigma", low);
            row.real("margin_high_sigma", low + kWidth);
            for (const EyeField& field : eye_fields())
                row.whole(field.name, (head.report.eye.*field.member)[bin]);
            table.add(row);
        }
}

/// False decisions by the place of a key's column, of schemes that have columns.
void add_columns(CsvTable& table, const Result& result, const CsvRow& setting) {
    if (read_facts(result).empty() || !has_full_metrics(result)) return;
    for (const HeadSummary& head : result.heads)
        for (std::size_t bin = 0; bin < ColumnProfile::kBins; ++bin) {
            CsvRow row = setting;
            row.whole("layer", head.report.layer);
            row.whole("head", head.report.head);
            row.real("place_low", static_cast<double>(bin) / ColumnProfile::kBins);
            row.real("place_high", static_cast<double>(bin + 1) / ColumnProfile::kBins);
            for (const ColumnField& field : column_fields())
                row.whole(field.name, (head.report.columns.*field.member)[bin]);
            table.add(row);
        }
}

/// Comparator decisions by time, all heads; bins that hold some.
void add_times(CsvTable& table, const Result& result, const CsvRow& setting) {
    const auto times = decision_times({&result});
    if (!times) return;
    for (const TimeBin& bin : time_bins(*times)) {
        CsvRow row = setting;
        row.real("time_low_s", bin.from_s);
        row.real("time_high_s", bin.to_s);
        row.whole("decisions", bin.count);
        table.add(row);
    }
}

/// Conversions of valid pairs by code, all heads.
void add_codes(CsvTable& table, const Result& result, const CsvRow& setting) {
    const auto use = adc_code_use({&result});
    if (!use) return;
    for (const AdcCodeUse::Bin& bin : use->bins) {
        CsvRow row = setting;
        row.whole("code_first", bin.first);
        row.whole("code_last", bin.last);
        row.whole("conversions", bin.count);
        table.add(row);
    }
}

/// Tables of the cost side.
struct CostTables {
    CsvTable plans;
    CsvTable ledger;
    CsvTable gains;
    CsvTable break_even;
    CsvTable survey;
    CsvTable resources;
    CsvTable traffic;
    CsvTable layers;
};

/// Resources and tensors differ from machine to machine and from plan to plan: a line for each.
void add_plan(CostTables& tables, const PlanSummary& plan, const CsvRow& machine_row) {
    CsvRow plan_row = machine_row;
    plan_row.text("plan", plan.name);
    plan_row.text("plan_scope", plan.scope);
    const auto add = [&](CsvTable& table, auto fields, const auto& rows) {
        for (const auto& one : rows) {
            CsvRow row = plan_row;
            row.fields(fields, one);
            table.add(row);
        }
    };
    add(tables.resources, resource_fields(), plan.resources);
    add(tables.traffic, traffic_fields(), plan.traffic);
    add(tables.layers, layer_time_fields(), plan.layers);
}

void add_pricing(CostTables& tables, const MachineOutcome& machine, const Pricing& pricing,
                 const CsvRow& machine_row) {
    CsvRow priced_row = machine_row;
    priced_row.text("pricing", pricing.name);
    for (std::size_t i = 0; i < pricing.plans.size(); ++i) {
        const PricedPlan& plan = pricing.plans[i];
        for (const LedgerLine& line : plan.lines) {
            CsvRow row = priced_row;
            row.text("plan", plan.name);
            row.text("plan_scope", plan.scope);
            row.fields(ledger_fields(), line);
            tables.ledger.add(row);
        }
        if (i >= machine.plans.size()) continue;
        CsvRow row = priced_row;
        row.fields(plan_fields(), machine.plans[i]);
        row.real("energy_J", plan.energy.value());
        row.real("energy_without_writes_J", plan.energy_without_writes.value());
        tables.plans.add(row);
    }
    for (const Gain& gain : pricing.gains) {
        CsvRow row = priced_row;
        row.text("baseline", gain.baseline);
        row.text("plan_scope", gain.scope);
        row.whole("with_writes", gain.with_writes ? 1 : 0);
        for (const BreakEven& even : gain.energy.break_even) {
            CsvRow line = row;
            line.fields(break_even_fields(), even);
            tables.break_even.add(line);
        }
        row.fields(energy_gain_fields(), gain.energy);
        row.real("speedup", gain.speedup);
        tables.gains.add(row);
    }
}

/// One line per plan and item.
void add_survey(CsvTable& table, const Survey& survey, const CsvRow& machine_row) {
    for (const SurveyField& field : survey.fields) {
        CsvRow row = machine_row;
        row.text("pricing", survey.pricing);
        row.text("plan", survey.plan);
        row.text("plan_scope", survey.scope);
        row.text("item", field.key);
        row.text("name", field.name);
        row.text("unit", field.unit);
        row.text("value", field.number ? fmt::format("{}", *field.number) : field.words);
        row.text("unknown_because", field.reason);
        row.text("note", field.note);
        table.add(row);
    }
}

void add_costs(CostTables& tables, const Result& result, const CsvRow& setting) {
    for (const MachineOutcome& machine : result.machines) {
        CsvRow row = setting;
        row.text("machine", machine.machine);
        for (const Pricing& pricing : machine.pricings) add_pricing(tables, machine, pricing, row);
        for (const PlanSummary& plan : machine.plans) add_plan(tables, plan, row);
        for (const Survey& survey : survey_of(result, machine))
            add_survey(tables.survey, survey, row);
    }
}

void make_directory(const std::string& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error || !std::filesystem::is_directory(directory))
        throw UserError("cannot create the directory", directory,
                        error ? error.message() : "something else of that name",
                        "a directory that can be written to");
}

}  // namespace

std::vector<std::string> write_csv(const std::string& directory, std::span<const Result> results) {
    make_directory(directory);
    CsvTable summary;
    CsvTable samples;
    CsvTable heads;
    CsvTable eye;
    CsvTable columns;
    CsvTable times;
    CsvTable codes;
    CostTables costs;
    const std::vector<std::string> keys = axis_keys(results);
    for (std::size_t i = 0; i < results.size(); ++i) {
        const CsvRow setting = setting_row(results[i], i, keys);
        add_summary(summary, results[i], setting);
        add_samples(samples, results[i], setting);
        add_heads(heads, results[i], setting);
        add_eyes(eye, results[i], setting);
        add_columns(columns, results[i], setting);
        add_times(times, results[i], setting);
        add_codes(codes, results[i], setting);
        add_costs(costs, results[i], setting);
    }
    const std::array<std::pair<const char*, const CsvTable*>, 15> files = {
        {{"summary.csv", &summary},
         {"samples.csv", &samples},
         {"heads.csv", &heads},
         {"eye.csv", &eye},
         {"columns.csv", &columns},
         {"decision_times.csv", &times},
         {"adc_codes.csv", &codes},
         {"plans.csv", &costs.plans},
         {"ledger.csv", &costs.ledger},
         {"gains.csv", &costs.gains},
         {"break_even.csv", &costs.break_even},
         {"survey.csv", &costs.survey},
         {"plan_resources.csv", &costs.resources},
         {"plan_traffic.csv", &costs.traffic},
         {"plan_layers.csv", &costs.layers}}};
    std::vector<std::string> paths;
    for (const auto& [name, table] : files) {
        paths.push_back((std::filesystem::path(directory) / name).string());
        write_file_atomically(paths.back(), table->text());
    }
    return paths;
}

}  // namespace attohm
