#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/replay/result_fields.hpp"

namespace attohm {

/// Named cells of one line.
class CsvRow {
  public:
    void text(std::string_view name, std::string_view value);
    void whole(std::string_view name, std::int64_t value);
    /// Name in SI: energies are written in pJ, times in ns. NaN gives an empty cell.
    void real(std::string_view si_name, double value);
    void empty(std::string_view si_name);

    /// All members. Args: prefix: before every name.
    template <class Row>
    void fields(Fields<Row> fields, const Row& row, std::string_view prefix = "") {
        for (const Field<Row>& field : fields) {
            const std::string name = std::string(prefix) + std::string(field.name);
            const FieldValue value = get(field, row);
            if (const auto* number = std::get_if<double>(&value)) real(name, *number);
            if (const auto* number = std::get_if<std::int64_t>(&value)) whole(name, *number);
            if (const auto* word = std::get_if<std::string>(&value)) text(name, *word);
        }
    }
    const std::vector<std::pair<std::string, std::string>>& cells() const { return cells_; }

  private:
    std::vector<std::pair<std::string, std::string>> cells_;
};

/// A table whose first row names the columns of all.
class CsvTable {
  public:
    void add(const CsvRow& row);
    const std::string& text() const { return text_; }

  private:
    std::vector<std::string> names_;
    std::string text_;
};

}  // namespace attohm
