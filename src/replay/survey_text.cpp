#include <fmt/format.h>

#include <algorithm>

#include "src/replay/survey.hpp"
#include "src/replay/text_table.hpp"

/// Survey items as people read them.
namespace attohm {

namespace {

/// Items of the short form, and what they are called there.
struct ShortItem {
    std::string_view key, name;
};
constexpr ShortItem kShort[] = {
    {"macs", "MACs"},
    {"macs_nonzero", "non-zero MACs"},
    {"inferences_per_s", "inferences"},
    {"utilisation", "utilisation"},
    {"energy_arithmetic_J", "energy: arithmetic"},
    {"energy_in_memory_J", "energy: in memory, control"},
    {"energy_buffer_J", "energy: on-chip buffers"},
    {"energy_memory_J", "energy: memory"},
    {"energy_standing_J", "energy: leakage and clock"},
    {"power_W", "average power"},
    {"energy_delay_Js", "energy-delay product"},
};

std::string short_text(const SurveyField& field) {
    if (!field.known()) return "unknown";
    const bool partly = field.note.starts_with("without a figure");
    return survey_text(field) + (partly ? " +" : "");
}

std::string conditions_line(const Survey& survey) {
    const auto text = [&](std::string_view key) {
        const SurveyField& field = survey.field(key);
        return field.known() ? survey_text(field) : std::string("unknown");
    };
    return fmt::format(
        "  {}, {}, {} nm, batch {}; bits of products: {}; weights {} (non-zero {})\n",
        text("origin"), text("clock_Hz"), text("node_nm"), text("batch"), text("operand_bits"),
        text("weights"), text("weights_nonzero"));
}

}  // namespace

std::string survey_text(const SurveyField& field) {
    if (!field.known()) return "unknown: " + field.reason;
    if (!field.number) return field.words;
    // Counts, fractions and nanometres read better plain than with a prefix.
    if (field.unit == "1") return number_text(*field.number, 4);
    if (field.unit == "nm" || field.unit == "inference" || field.unit == "MAC/cycle" ||
        field.unit == "cycle" || field.unit == "weight" || field.unit == "MAC")
        return number_text(*field.number, 10);
    if (field.unit == "inference/s") return number_text(*field.number, 5) + " /s";
    if (field.unit == "m2") return number_text(*field.number * 1e6) + " mm2";
    return engineering_text(*field.number, field.unit);
}

std::string survey_summary(const Result& result, const MachineOutcome& machine) {
    const std::vector<Survey> surveys = survey_of(result, machine);
    if (surveys.empty()) return "";
    TextTable table;
    std::vector<std::string> header = {"survey"};
    for (const Survey& survey : surveys)
        header.push_back(survey.plan == surveys.front().plan
                             ? plan_title(result.scheme, survey.scope)
                             : survey.title());
    table.row(header);
    for (const ShortItem& item : kShort) {
        std::vector<std::string> row = {std::string(item.name)};
        for (const Survey& survey : surveys) row.push_back(short_text(survey.field(item.key)));
        table.row(row);
    }
    std::vector<std::string> unknown;
    for (const SurveyField& field : surveys.front().fields)
        if (!field.known()) unknown.emplace_back(field.name);
    std::string text = "\n" + conditions_line(surveys.front()) + table.text();
    text += "  (+: and what has no figure; the whole list: --json, or attohm report)\n";
    if (!unknown.empty()) text += fmt::format("  not known: {}\n", fmt::join(unknown, ", "));
    return text;
}

}  // namespace attohm
