#include "crossbar/fit/measured.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "crossbar/fit/columns.hpp"
#include "src/base/error.hpp"
#include "src/base/text.hpp"

namespace attohm::fit {

namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
        text.remove_suffix(1);
    return text;
}

std::vector<std::string_view> split(std::string_view line) {
    std::vector<std::string_view> fields;
    for (;;) {
        const std::size_t comma = line.find(',');
        fields.push_back(trimmed(line.substr(0, comma)));
        if (comma == std::string_view::npos) return fields;
        line.remove_prefix(comma + 1);
    }
}

std::string field_place(const std::string& name, int line, std::string_view header) {
    return fmt::format("{}:{}, column `{}`", name, line, header);
}

double parse_index(std::string_view text, bool from_one, const std::string& where) {
    const auto value = parse_integer(text);
    if (!value || *value < (from_one ? 1 : 0) || *value > 1000000000)
        throw UserError("not a whole number in range", where, fmt::format("`{}`", text),
                        from_one ? "1, 2, 3, ..." : "0, 1, 2, ...");
    return static_cast<double>(*value);
}

double parse_quantity(std::string_view text, const ColumnReading& reading,
                      const std::string& where) {
    const auto value = parse_real(text);
    if (!value)
        throw UserError("not a finite number", where, fmt::format("`{}`", text),
                        "a number such as 12.5 or 1.25e-5, without a unit");
    const double held = *value * reading.factor + reading.offset;
    if (held < 0.0 && !reading.rule->may_be_negative)
        throw UserError("the value is negative", where, fmt::format("`{}`", text),
                        reading.rule->may_be_zero ? "0 or more" : "more than 0");
    if (held == 0.0 && !reading.rule->may_be_zero)
        throw UserError("the value is zero", where, fmt::format("`{}`", text), "more than 0");
    return held;
}

double parse_field(std::string_view text, const ColumnReading& reading, const std::string& where) {
    if (text.empty())
        throw UserError("a field is empty", where, "nothing",
                        "a value in every column (leave the row out where nothing was measured)");
    if (reading.rule->quantity == QuantityKind::index)
        return parse_index(text, !reading.rule->may_be_zero, where);
    if (reading.rule->quantity == QuantityKind::flag) {
        if (text != "0" && text != "1")
            throw UserError("not a flag", where, fmt::format("`{}`", text), "0 or 1");
        return text == "1" ? 1.0 : 0.0;
    }
    return parse_quantity(text, reading, where);
}

const KindRule& kind_of(const std::set<std::string>& stems, const std::string& where) {
    std::string wanted;
    for (const KindRule& rule : kind_rules()) {
        const bool all = std::all_of(rule.required.begin(), rule.required.end(),
                                     [&](const std::string& s) { return stems.count(s) > 0; });
        if (all) return rule;
        wanted += fmt::format("{}{} ({})", wanted.empty() ? "" : "; ",
                              measured_kind_name(rule.kind), fmt::join(rule.required, ", "));
    }
    throw UserError("the columns are those of no kind of file", where,
                    fmt::format("{}", fmt::join(stems, ", ")), wanted);
}

}  // namespace

std::string_view measured_kind_name(MeasuredKind kind) {
    switch (kind) {
        case MeasuredKind::programming:
            return "programming";
        case MeasuredKind::reads:
            return "reads";
        case MeasuredKind::retention:
            return "retention";
        case MeasuredKind::iv:
            return "iv";
        case MeasuredKind::pulses:
            return "pulses";
    }
    return "";
}

std::span<const double> MeasuredTable::column(std::string_view stem) const {
    const auto at = columns_.find(stem);
    ATTOHM_CHECK(at != columns_.end());
    return at->second.values;
}

std::string MeasuredTable::place(std::size_t row, std::string_view stem) const {
    const auto at = columns_.find(stem);
    ATTOHM_CHECK(at != columns_.end() && row < rows());
    return field_place(files[file_[row]], lines_[row], at->second.header);
}

std::string MeasuredTable::source() const {
    return fmt::format("{}, {} rows", fmt::join(files, " + "), rows());
}

/// Reads one text into the table of its kind.
class MeasuredReader {
  public:
    MeasuredReader(std::string_view text, std::string name) : rest_(text), name_(std::move(name)) {
        if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
    }

    void read_into(std::map<MeasuredKind, MeasuredTable>& tables) {
        read_header();
        const MeasuredKind kind = check_columns();
        const auto [at, fresh] = tables.try_emplace(kind);
        MeasuredTable& table = at->second;
        table.kind = kind;
        if (!fresh) require_same_columns(table);
        table.files.push_back(name_);
        const std::size_t before = table.rows();
        while (next_line()) read_row(table);
        if (table.rows() == before)
            throw UserError("the file holds no measurement", name_, "a header without rows",
                            "at least one row");
    }

  private:
    /// The next line with content; false at the end.
    bool next_line() {
        while (!rest_.empty()) {
            const std::size_t end = rest_.find('\n');
            line_ = trimmed(rest_.substr(0, end));
            rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
            ++number_;
            if (!line_.empty() && line_.front() != '#') return true;
        }
        return false;
    }

    void read_header() {
        if (!next_line())
            throw UserError("the file holds no header", name_, "nothing but comments",
                            "a line of column names, as `attohm device template` writes them");
        std::set<std::string> seen;
        for (const std::string_view header : split(line_)) {
            const std::string where = fmt::format("{}:{}", name_, number_);
            readings_.push_back(read_column_name(header, where));
            headers_.emplace_back(header);
            if (!seen.insert(readings_.back().rule->stem).second)
                throw UserError("a column is there twice", where, fmt::format("`{}`", header),
                                "every column once, in one unit");
        }
        stems_ = std::move(seen);
    }

    MeasuredKind check_columns() const {
        const std::string where = fmt::format("{}:{}", name_, number_);
        const KindRule& rule = kind_of(stems_, where);
        for (const std::string& stem : stems_) {
            const auto in = [&](const std::vector<std::string>& list) {
                return std::find(list.begin(), list.end(), stem) != list.end();
            };
            if (!in(rule.required) && !in(rule.optional))
                throw UserError(
                    fmt::format("a {} file has no such column", measured_kind_name(rule.kind)),
                    where, fmt::format("`{}`", stem),
                    fmt::format("{}{}{}", fmt::join(rule.required, ", "),
                                rule.optional.empty() ? "" : "; optional: ",
                                fmt::join(rule.optional, ", ")));
        }
        return rule.kind;
    }

    void require_same_columns(const MeasuredTable& table) const {
        std::set<std::string> others;
        for (const auto& [stem, column] : table.columns_) others.insert(stem);
        if (others != stems_)
            throw UserError(
                fmt::format("two {} files have different columns", measured_kind_name(table.kind)),
                name_, fmt::format("{}", fmt::join(stems_, ", ")),
                fmt::format("{} as in {}", fmt::join(others, ", "), table.files[0]));
    }

    void read_row(MeasuredTable& table) {
        const std::vector<std::string_view> fields = split(line_);
        if (fields.size() != headers_.size())
            throw UserError("a row has another number of fields than the header",
                            fmt::format("{}:{}", name_, number_),
                            fmt::format("{} fields", fields.size()),
                            fmt::format("{} fields", headers_.size()));
        for (std::size_t i = 0; i < fields.size(); ++i) {
            MeasuredTable::Column& column = table.columns_[readings_[i].rule->stem];
            if (column.header.empty()) column.header = headers_[i];
            column.values.push_back(
                parse_field(fields[i], readings_[i], field_place(name_, number_, headers_[i])));
        }
        table.lines_.push_back(number_);
        table.file_.push_back(table.files.size() - 1);
    }

    std::string_view rest_;
    std::string name_;
    std::string_view line_;
    int number_ = 0;
    std::vector<ColumnReading> readings_;
    std::vector<std::string> headers_;
    std::set<std::string> stems_;
};

MeasuredData MeasuredData::from_files(const std::vector<std::string>& paths) {
    MeasuredData data;
    for (const std::string& path : paths)
        data.add_text(read_text_file(path), std::filesystem::path(path).filename().string());
    return data;
}

void MeasuredData::add_text(std::string_view text, const std::string& name) {
    MeasuredReader(text, name).read_into(tables_);
}

const MeasuredTable* MeasuredData::find(MeasuredKind kind) const {
    const auto at = tables_.find(kind);
    return at == tables_.end() ? nullptr : &at->second;
}

CellId cell_of(const MeasuredTable& table, std::size_t row) {
    return {static_cast<long>(table.column("chip")[row]),
            static_cast<long>(table.column("row")[row]),
            static_cast<long>(table.column("column")[row])};
}

std::string cell_text(const CellId& cell) {
    return fmt::format("chip {} row {} column {}", cell.chip, cell.row, cell.column);
}

}  // namespace attohm::fit
