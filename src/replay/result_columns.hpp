#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "src/base/error.hpp"
#include "src/base/hdf5.hpp"
#include "src/replay/result_fields.hpp"

/// Tables in a result file: a group with the attributes `rows` and `scope`, and one dataset a
/// column, each with the attributes `unit`, `help` and `scope`. A table without rows has no
/// columns.
namespace attohm {

class ColumnWriter {
  public:
    /// Creates the group `name`. Args: scope: what a row stands for, e.g. "per layer and head".
    ColumnWriter(const H5Group& parent, std::string_view name, std::size_t rows, std::string scope);

    const H5Group& group() const { return group_; }
    /// One column for every field. Args: rows: as many as the table has.
    template <class Row>
    void fields(Fields<Row> fields, const std::vector<const Row*>& rows) const {
        ATTOHM_CHECK_EQ(rows.size(), rows_);
        for (const Field<Row>& field : fields) {
            std::vector<FieldValue> values;
            values.reserve(rows.size());
            for (const Row* row : rows) values.push_back(get(field, *row));
            column(field.name, field.unit, field.help, field_kind(field), field.repeats, values);
        }
    }
    /// A column of ordinals that tie the rows to another table.
    void ordinals(std::string_view name, std::string_view help,
                  const std::vector<std::int64_t>& values) const;
    /// Numbers of one shape for every row. Args: shape: [rows, ...].
    template <class Number>
    void numbers(std::string_view name, std::string_view unit, std::string_view help,
                 const H5Shape& shape, const std::vector<Number>& values) const {
        if (rows_ == 0) return;
        ATTOHM_CHECK_EQ(shape.front(), rows_);
        group_.write(name, shape, std::span<const Number>(values),
                     H5Layout::standard(shape, sizeof(Number)));
        describe(name, unit, help);
    }
    void texts(std::string_view name, std::string_view help,
               const std::vector<std::string>& values) const;

  private:
    void column(std::string_view name, std::string_view unit, std::string_view help, FieldKind kind,
                bool repeats, const std::vector<FieldValue>& values) const;
    /// Long texts that repeat: int32 ordinals into the dataset `<name>_texts`.
    void repeated_texts(std::string_view name, std::string_view help,
                        const std::vector<std::string>& values) const;
    void describe(std::string_view name, std::string_view unit, std::string_view help) const;

    H5Group group_;
    std::size_t rows_;
    std::string scope_;
};

class ColumnReader {
  public:
    /// Throws: UserError when there is no such table.
    ColumnReader(const H5Group& parent, std::string_view name);

    const H5Group& group() const { return group_; }
    std::size_t rows() const { return rows_; }
    /// Fills the members of `rows`, of which there are as many as the table has.
    /// Throws: UserError on a missing column, another type, another number of rows, or a value that
    /// the member cannot have.
    template <class Row>
    void fields(Fields<Row> fields, const std::vector<Row*>& rows) const {
        ATTOHM_CHECK_EQ(rows.size(), rows_);
        for (const Field<Row>& field : fields) {
            const auto values = column(field.name, field_kind(field), field.repeats);
            for (std::size_t i = 0; i < rows_; ++i)
                if (!set(field, *rows[i], values[i])) fail_value(field.name, values[i]);
        }
    }
    /// Ordinals of another table with `count` rows, in ascending order of rows.
    std::vector<std::int64_t> ordinals(std::string_view name, std::size_t count) const;
    template <class Number>
    std::vector<Number> numbers(std::string_view name, std::size_t per_row) const {
        std::vector<Number> values(rows_ * per_row);
        if (rows_ > 0) group_.read(name, std::span<Number>(values));
        return values;
    }
    std::vector<std::string> texts(std::string_view name) const;

  private:
    std::vector<FieldValue> column(std::string_view name, FieldKind kind, bool repeats) const;
    std::vector<std::string> repeated_texts(std::string_view name) const;
    [[noreturn]] void fail_value(std::string_view name, const FieldValue& value) const;

    H5Group group_;
    std::size_t rows_ = 0;
};

/// Pointers to the elements, or to one member of each.
template <class Row>
std::vector<const Row*> row_pointers(const std::vector<Row>& rows) {
    std::vector<const Row*> pointers;
    for (const Row& row : rows) pointers.push_back(&row);
    return pointers;
}
template <class Row>
std::vector<Row*> row_pointers(std::vector<Row>& rows) {
    std::vector<Row*> pointers;
    for (Row& row : rows) pointers.push_back(&row);
    return pointers;
}
/// Args: member: from a row to (a reference to) the part of it that is wanted.
template <class Rows, class Member>
auto part_pointers(Rows& rows, Member member) {
    std::vector<decltype(&member(*rows.front()))> pointers;
    for (auto* row : rows) pointers.push_back(&member(*row));
    return pointers;
}

}  // namespace attohm
