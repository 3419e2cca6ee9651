#include "src/replay/csv_table.hpp"

#include <cmath>

#include "src/base/error.hpp"
#include "src/base/text.hpp"

namespace attohm {

namespace {

/// Quoted where a comma, a quote or a line end needs it.
std::string quoted(const std::string& cell) {
    if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
    std::string text = "\"";
    for (const char c : cell) text += c == '"' ? std::string("\"\"") : std::string(1, c);
    return text + "\"";
}

}  // namespace

void CsvRow::text(std::string_view name, std::string_view value) {
    cells_.emplace_back(name, value);
}

void CsvRow::whole(std::string_view name, std::int64_t value) {
    cells_.emplace_back(name, std::to_string(value));
}

void CsvRow::real(std::string_view si_name, double value) {
    const ShownName name = shown_name(si_name);
    std::string cell;
    if (std::isinf(value))
        cell = value > 0.0 ? "inf" : "-inf";
    else if (!std::isnan(value))
        cell = format_real(value * name.factor);
    cells_.emplace_back(name.name, cell);
}

void CsvRow::empty(std::string_view si_name) {
    cells_.emplace_back(shown_name(si_name).name, "");
}

void CsvTable::add(const CsvRow& row) {
    std::string line;
    if (names_.empty()) {
        for (const auto& [name, value] : row.cells()) {
            names_.push_back(name);
            line += (line.empty() ? "" : ",") + quoted(name);
        }
        text_ += line + "\n";
        line.clear();
    }
    ATTOHM_CHECK_EQ(row.cells().size(), names_.size());
    for (std::size_t i = 0; i < names_.size(); ++i) {
        ATTOHM_CHECK_EQ(row.cells()[i].first, names_[i]);
        line += (i == 0 ? "" : ",") + quoted(row.cells()[i].second);
    }
    text_ += line + "\n";
}

}  // namespace attohm
