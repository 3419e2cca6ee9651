#include <fmt/format.h>

#include "crossbar/fit/columns.hpp"
#include "src/base/error.hpp"

namespace attohm::fit {

namespace {

std::string commented(std::string_view text) {
    std::string out = "# ";
    for (const char c : text) {
        out += c;
        if (c == '\n') out += "# ";
    }
    return out + "\n";
}

std::string column_line(const std::string& stem, std::size_t width, bool optional) {
    const ColumnRule* rule = find_column_rule(stem);
    ATTOHM_CHECK(rule != nullptr);
    return fmt::format("#   {:<{}}  {}{}\n", template_header(*rule), width, rule->help,
                       optional ? " (optional: the column may be left out)" : "");
}

}  // namespace

std::vector<CsvTemplate> measured_templates() {
    constexpr std::size_t kWidth = 22;
    std::vector<CsvTemplate> files;
    for (const KindRule& rule : kind_rules()) {
        std::string text = commented(rule.purpose) + "#\n# Columns, in any order:\n";
        std::string header;
        for (const auto* list : {&rule.required, &rule.optional}) {
            for (const std::string& stem : *list) {
                text += column_line(stem, kWidth, list == &rule.optional);
                header += (header.empty() ? "" : ",") + template_header(*find_column_rule(stem));
            }
        }
        text +=
            "#\n# Units stand in the names: conductance_S, _mS, _uS or _nS, time_ms, voltage_mV,\n"
            "# current_uA, temperature_K or _C, ... are converted; anything else is refused.\n"
            "# Lines that begin with # are comments. One measurement per line below the names.\n";
        files.push_back(
            {std::string(measured_kind_name(rule.kind)) + ".csv", text + header + "\n"});
    }
    return files;
}

}  // namespace attohm::fit
