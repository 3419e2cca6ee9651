#include <cmath>
#include <nlohmann/json.hpp>

#include "src/replay/read_summary.hpp"
#include "src/replay/result_fields.hpp"
#include "src/replay/result_io.hpp"
#include "src/replay/result_summary.hpp"
#include "src/replay/survey.hpp"

namespace attohm {

namespace {

/// Keys keep the order in which they were set. NaN and infinite numbers become null.
using Json = nlohmann::ordered_json;

/// Members of a struct, energies in pJ and times in ns.
template <class Row>
void add_fields(Json& object, Fields<Row> fields, const Row& row) {
    for (const Field<Row>& field : fields) {
        const ShownName name = shown_name(field.name);
        const FieldValue value = get(field, row);
        if (const auto* real = std::get_if<double>(&value))
            object[name.name] = *real * name.factor;
        else
            std::visit([&](const auto& plain) { object[name.name] = plain; }, value);
    }
}

Json experiment_json(const Result& result) {
    Json object;
    object["scheme"] = result.scheme;
    object["mode"] = result.mode;
    object["trace_name"] = result.trace_name;
    object["trace_id"] = result.trace_id;
    object["seed"] = result.seed;
    object["chip"] = result.chip;
    object["samples"] = result.samples.size();
    object["version"] = result.version;
    object["blas_core"] = result.blas_core;
    object["axes"] = Json::object();
    for (const auto& [key, value] : result.axes) object["axes"][key] = value;
    object["settings_yaml"] = result.experiment_yaml;
    return object;
}

Json accuracy_json(const Accuracy& accuracy) {
    Json object;
    object["samples"] = accuracy.samples;
    if (accuracy.nodes > 0) object["nodes"] = accuracy.nodes;
    object["interval"] = accuracy.nodes > 0 ? "percentile bootstrap at 0.95 that resamples nodes"
                                            : "percentile bootstrap at 0.95 that resamples samples";
    for (const AccuracyField& field : accuracy_fields()) {
        Json& interval = object[std::string(field.name)];
        add_fields(interval, interval_fields(), accuracy.*field.member);
    }
    object["logit_rms"] = accuracy.logit_rms;
    return object;
}

Json language_json(const LanguageScore& language) {
    Json object;
    object["samples"] = language.samples;
    object["scored_tokens"] = language.scored;
    object["interval"] = "percentile bootstrap at 0.95 that resamples samples";
    for (const LanguageField& field : language_fields()) {
        Json& interval = object[std::string(field.name)];
        add_fields(interval, interval_fields(), language.*field.member);
    }
    object["logit_rms"] = language.logit_rms;
    return object;
}

/// What the trace's own logits say of the networks run here; null where it stores none.
Json golden_json(const Result& result) {
    Json object;
    const auto add = [&](const char* name, std::optional<double> SampleOutcome::*member) {
        const auto error = largest_golden_error(result, member);
        object[name] = error ? Json(*error) : Json(nullptr);
    };
    add("logits_max_error", &SampleOutcome::golden_error);
    add("logits_threshold_max_error", &SampleOutcome::golden_threshold_error);
    return object;
}

Json rates_json(const std::vector<DecisionRate>& rates) {
    Json object = Json::object();
    for (const DecisionRate& rate : rates) {
        Json& entry = object[std::string(rate.name)];
        entry = {
            {"rate", rate.value()}, {"count", rate.count}, {"of", rate.of}, {"base", rate.base}};
        if (rate.count_sigma > 0.0) entry["count_sigma"] = rate.count_sigma;
    }
    return object;
}

Json decisions_json(const Result& result) {
    const DecisionTotals totals = total_decisions(result);
    Json object;
    object["scope"] = "all layers and heads, summed over samples; valid pairs only";
    add_fields(object["counts"], decision_fields(), totals.counts);
    object["rates"] = rates_json(decision_rates(result));
    Json& layers = object["layers"] = Json::array();
    for (const LayerTotals& layer : layer_totals(result))
        layers.push_back(
            {{"layer", layer.layer},
             {"rates", rates_json(decision_rates(layer.decisions, has_full_metrics(result)))}});
    return object;
}

Json fidelity_numbers(const Fidelity& fidelity) {
    return {{"relative_rms", fidelity.relative_rms()},
            {"mean_cosine", fidelity.mean_cosine()},
            {"max_error", fidelity.max_error},
            {"rows", fidelity.rows}};
}

Json fidelity_json(const Result& result, FidelityMember member) {
    const auto total = total_fidelity(result, member);
    if (!total) return nullptr;
    Json object;
    object["total"] = fidelity_numbers(*total);
    const HeadSummary* worst = worst_head(result, member);
    const auto head_json = [member](const HeadSummary& head) {
        Json entry = {{"layer", head.report.layer}, {"head", head.report.head}};
        entry.update(fidelity_numbers(*(head.*member)));
        return entry;
    };
    object["worst_head"] = head_json(*worst);
    Json& layers = object["layers"] = Json::array();
    for (const LayerTotals& layer : layer_totals(result)) {
        const auto& part = member == &HeadSummary::to_exact ? layer.to_exact : layer.to_threshold;
        if (!part) continue;
        Json entry = {{"layer", layer.layer}};
        entry.update(fidelity_numbers(*part));
        layers.push_back(entry);
    }
    Json& heads = object["heads"] = Json::array();
    for (const HeadSummary& head : result.heads)
        if (head.*member) heads.push_back(head_json(head));
    return object;
}

Json events_json(const Result& result) {
    Json object = Json::object();
    for (const CountedEvent& event : counted_events(result)) {
        Json& entry = object[std::string(event.name)];
        entry["count"] = event.count;
        entry["rate"] = event.rate() ? Json(*event.rate()) : Json(nullptr);
        entry["base"] = event.base;
        entry["flagged"] = event.flagged();
    }
    return object;
}

Json adc_json(const std::optional<AdcCodeUse>& use) {
    if (!use) return nullptr;
    Json object = {{"code_first", use->first},           {"code_last", use->last},
                   {"code_used_first", use->used_first}, {"code_used_last", use->used_last},
                   {"range_used", use->range_used()},    {"conversions", use->conversions},
                   {"clipped_low", use->clipped_low},    {"clipped_low_rate", use->rate_low()},
                   {"clipped_high", use->clipped_high},  {"clipped_high_rate", use->rate_high()}};
    Json& bins = object["codes"] = Json::array();
    for (const AdcCodeUse::Bin& bin : use->bins)
        bins.push_back({{"first", bin.first}, {"last", bin.last}, {"count", bin.count}});
    return object;
}

Json reads_json(const Result& result) {
    Json object;
    object["facts"] = Json::array();
    for (const ReadFact& fact : read_facts(result))
        object["facts"].push_back({{"name", fact.name},
                                   {"value", fact.value},
                                   {"note", fact.note},
                                   {"warning", fact.warning}});
    add_fields(object["counts"], event_fields(), total_decisions(result).events);
    object["adc"] = adc_json(adc_code_use({&result}));
    Json& times = object["decision_times"] = Json::array();
    if (const auto histogram = decision_times({&result}))
        for (const TimeBin& bin : time_bins(*histogram))
            times.push_back({{"from_s", bin.from_s},
                             {"to_s", std::isfinite(bin.to_s) ? Json(bin.to_s) : Json(nullptr)},
                             {"count", bin.count}});
    return object;
}

Json plan_json(const PlanSummary& plan) {
    Json object;
    add_fields(object, plan_fields(), plan);
    for (const ResourceTotal& use : plan.resources) {
        object["busy_cycles"][use.resource] = use.busy_cycles;
        if (use.utilisation) object["utilisation"][use.resource] = *use.utilisation;
    }
    for (const TrafficTotal& moved : plan.traffic) {
        object["read_bytes"][moved.tensor] = moved.read_bytes;
        object["written_bytes"][moved.tensor] = moved.written_bytes;
    }
    for (const CountTotal& total : plan.counts) {
        object["counts"].emplace_back();
        add_fields(object["counts"].back(), count_fields(), total);
    }
    for (const LayerTime& layer : plan.layers) {
        object["layers"].emplace_back();
        add_fields(object["layers"].back(), layer_time_fields(), layer);
    }
    return object;
}

Json pricing_json(const Pricing& pricing) {
    Json object;
    add_fields(object, pricing_fields(), pricing);
    add_fields(object["sources"], energy_option_fields(), pricing.sources);
    Json& plans = object["plans"] = Json::array();
    for (const PricedPlan& plan : pricing.plans) {
        Json entry;
        add_fields(entry, priced_fields(), plan);
        Json& lines = entry["ledger"] = Json::array();
        for (const LedgerLine& line : plan.lines) {
            lines.emplace_back();
            add_fields(lines.back(), ledger_fields(), line);
        }
        plans.push_back(entry);
    }
    Json& gains = object["gains"] = Json::array();
    for (const Gain& gain : pricing.gains) {
        Json entry;
        add_fields(entry, gain_fields(), gain);
        entry["with_writes"] = gain.with_writes;
        add_fields(entry, energy_gain_fields(), gain.energy);
        Json& evens = entry["break_even"] = Json::array();
        for (const BreakEven& even : gain.energy.break_even) {
            evens.emplace_back();
            add_fields(evens.back(), break_even_fields(), even);
        }
        gains.push_back(entry);
    }
    return object;
}

Json survey_json(const Survey& survey) {
    Json object = {{"plan", survey.plan}, {"scope", survey.scope}, {"pricing", survey.pricing}};
    for (const SurveyField& field : survey.fields) {
        Json& item = object["items"][std::string(field.key)];
        item["name"] = field.name;
        item["unit"] = field.unit;
        if (field.number)
            item["value"] = *field.number;
        else
            item["value"] = field.known() ? Json(field.words) : Json(nullptr);
        if (!field.known()) item["reason"] = field.reason;
        if (!field.note.empty()) item["note"] = field.note;
    }
    return object;
}

Json machine_json(const Result& result, const MachineOutcome& machine) {
    Json object;
    add_fields(object, machine_fields(), machine);
    object["scope"] =
        "per inference; of a plan: attention of all layers and heads, or model: everything";
    object["assumed"] = machine.assumed;
    object["areas"] = Json::array();
    for (const AreaLine& area : machine.areas) {
        object["areas"].emplace_back();
        add_fields(object["areas"].back(), area_fields(), area);
    }
    object["facts"] = Json::array();
    for (const MachineFact& fact : machine.facts) {
        object["facts"].emplace_back();
        add_fields(object["facts"].back(), fact_fields(), fact);
    }
    object["survey"] = Json::array();
    for (const Survey& survey : survey_of(result, machine))
        object["survey"].push_back(survey_json(survey));
    object["plans"] = Json::array();
    for (const PlanSummary& plan : machine.plans) object["plans"].push_back(plan_json(plan));
    object["pricings"] = Json::array();
    for (const Pricing& pricing : machine.pricings)
        object["pricings"].push_back(pricing_json(pricing));
    return object;
}

}  // namespace

std::string result_json(const Result& result) {
    Json object;
    object["experiment"] = experiment_json(result);
    object["accuracy"] = result.accuracy ? accuracy_json(*result.accuracy) : Json(nullptr);
    object["language"] = result.language ? language_json(*result.language) : Json(nullptr);
    object["golden"] = golden_json(result);
    if (has_decisions(result)) {
        object["decisions"] = decisions_json(result);
        object["events"] = events_json(result);
        if (!read_facts(result).empty()) object["reads"] = reads_json(result);
    }
    object["fidelity"]["to_exact"] = fidelity_json(result, &HeadSummary::to_exact);
    object["fidelity"]["to_threshold"] = fidelity_json(result, &HeadSummary::to_threshold);
    object["machines"] = Json::array();
    for (const MachineOutcome& machine : result.machines)
        object["machines"].push_back(machine_json(result, machine));
    object["notes"] = result.notes;
    object["assumed"] = result.assumed;
    object["fitted"] = result.fitted;
    return object.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace attohm
