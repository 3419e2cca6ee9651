#include "src/replay/result_columns.hpp"

#include <map>

namespace attohm {

namespace {

template <class Type>
std::vector<Type> held(const std::vector<FieldValue>& values) {
    std::vector<Type> plain;
    plain.reserve(values.size());
    for (const FieldValue& value : values) plain.push_back(std::get<Type>(value));
    return plain;
}

std::string value_text(const FieldValue& value) {
    return std::visit([](const auto& plain) { return fmt::format("{}", plain); }, value);
}

}  // namespace

ColumnWriter::ColumnWriter(const H5Group& parent, std::string_view name, std::size_t rows,
                           std::string scope)
    : group_(parent.create_group(name)), rows_(rows), scope_(std::move(scope)) {
    group_.set_integer("rows", static_cast<std::int64_t>(rows));
    group_.set_text("scope", scope_);
}

void ColumnWriter::describe(std::string_view name, std::string_view unit,
                            std::string_view help) const {
    const H5Group column = group_.dataset(name);
    column.set_text("unit", unit);
    column.set_text("help", help);
    column.set_text("scope", scope_);
}

void ColumnWriter::ordinals(std::string_view name, std::string_view help,
                            const std::vector<std::int64_t>& values) const {
    numbers(name, "1", help, {rows_}, values);
}

void ColumnWriter::texts(std::string_view name, std::string_view help,
                         const std::vector<std::string>& values) const {
    if (rows_ == 0) return;
    ATTOHM_CHECK_EQ(values.size(), rows_);
    group_.write_texts(name, values);
    describe(name, "", help);
}

void ColumnWriter::repeated_texts(std::string_view name, std::string_view help,
                                  const std::vector<std::string>& values) const {
    if (rows_ == 0) return;
    std::map<std::string, std::int32_t> seen;
    std::vector<std::string> distinct;
    std::vector<std::int32_t> ordinals;
    for (const std::string& value : values) {
        const auto [entry, is_new] = seen.emplace(value, static_cast<std::int32_t>(seen.size()));
        if (is_new) distinct.push_back(value);
        ordinals.push_back(entry->second);
    }
    const std::string texts_name = fmt::format("{}_texts", name);
    numbers(name, "1", fmt::format("{}: ordinal in `{}`", help, texts_name), {rows_}, ordinals);
    group_.write_texts(texts_name, distinct);
    describe(texts_name, "", help);
}

void ColumnWriter::column(std::string_view name, std::string_view unit, std::string_view help,
                          FieldKind kind, bool repeats,
                          const std::vector<FieldValue>& values) const {
    switch (kind) {
        case FieldKind::integer:
            return numbers(name, unit, help, {rows_}, held<std::int64_t>(values));
        case FieldKind::real:
            return numbers(name, unit, help, {rows_}, held<double>(values));
        case FieldKind::text:
            if (repeats) return repeated_texts(name, help, held<std::string>(values));
            return texts(name, help, held<std::string>(values));
    }
}

ColumnReader::ColumnReader(const H5Group& parent, std::string_view name)
    : group_(parent.group(name)) {
    const std::int64_t rows = group_.integer("rows");
    if (rows < 0)
        throw UserError("impossible number of rows", group_.where_attribute("rows"),
                        fmt::format("{}", rows), "zero or more");
    rows_ = static_cast<std::size_t>(rows);
}

void ColumnReader::fail_value(std::string_view name, const FieldValue& value) const {
    throw UserError("impossible value", group_.where(name), value_text(value),
                    "a value that this version of attohm writes");
}

std::vector<std::int64_t> ColumnReader::ordinals(std::string_view name, std::size_t count) const {
    const auto values = numbers<std::int64_t>(name, 1);
    std::int64_t last = 0;
    for (const std::int64_t value : values) {
        if (value < last || value >= static_cast<std::int64_t>(count))
            throw UserError("impossible ordinal", group_.where(name), fmt::format("{}", value),
                            fmt::format("ascending ordinals of {} rows", count));
        last = value;
    }
    return values;
}

std::vector<std::string> ColumnReader::texts(std::string_view name) const {
    if (rows_ == 0) return {};
    std::vector<std::string> values = group_.read_texts(name);
    if (values.size() != rows_)
        throw UserError("wrong number of elements", group_.where(name),
                        fmt::format("[{}]", values.size()), fmt::format("{} elements", rows_));
    return values;
}

std::vector<std::string> ColumnReader::repeated_texts(std::string_view name) const {
    const auto ordinals = numbers<std::int32_t>(name, 1);
    if (ordinals.empty()) return {};
    const std::vector<std::string> distinct = group_.read_texts(fmt::format("{}_texts", name));
    std::vector<std::string> values;
    for (const std::int32_t ordinal : ordinals) {
        if (ordinal < 0 || static_cast<std::size_t>(ordinal) >= distinct.size())
            fail_value(name, std::int64_t{ordinal});
        values.push_back(distinct[static_cast<std::size_t>(ordinal)]);
    }
    return values;
}

std::vector<FieldValue> ColumnReader::column(std::string_view name, FieldKind kind,
                                             bool repeats) const {
    const auto widen = [](const auto& plain) {
        return std::vector<FieldValue>(plain.begin(), plain.end());
    };
    switch (kind) {
        case FieldKind::integer:
            return widen(numbers<std::int64_t>(name, 1));
        case FieldKind::real:
            return widen(numbers<double>(name, 1));
        case FieldKind::text:
            return widen(repeats ? repeated_texts(name) : texts(name));
    }
    throw InvariantError("a field of no kind");
}

}  // namespace attohm
