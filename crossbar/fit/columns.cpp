#include "crossbar/fit/columns.hpp"

#include <fmt/format.h>

#include <array>

#include "src/base/error.hpp"
#include "src/base/settings.hpp"

namespace attohm::fit {

namespace {

struct UnitRule {
    const char* name;
    QuantityKind quantity;
    double factor;
    double offset;
};

constexpr std::array<UnitRule, 24> kUnits = {{
    {"S", QuantityKind::conductance, 1e6, 0.0},
    {"mS", QuantityKind::conductance, 1e3, 0.0},
    {"uS", QuantityKind::conductance, 1.0, 0.0},
    {"nS", QuantityKind::conductance, 1e-3, 0.0},
    {"s", QuantityKind::time, 1.0, 0.0},
    {"ms", QuantityKind::time, 1e-3, 0.0},
    {"us", QuantityKind::time, 1e-6, 0.0},
    {"ns", QuantityKind::time, 1e-9, 0.0},
    {"min", QuantityKind::time, 60.0, 0.0},
    {"h", QuantityKind::time, 3600.0, 0.0},
    {"d", QuantityKind::time, 86400.0, 0.0},
    {"V", QuantityKind::voltage, 1.0, 0.0},
    {"mV", QuantityKind::voltage, 1e-3, 0.0},
    {"A", QuantityKind::current, 1.0, 0.0},
    {"mA", QuantityKind::current, 1e-3, 0.0},
    {"uA", QuantityKind::current, 1e-6, 0.0},
    {"nA", QuantityKind::current, 1e-9, 0.0},
    {"pA", QuantityKind::current, 1e-12, 0.0},
    {"K", QuantityKind::temperature, 1.0, 0.0},
    {"C", QuantityKind::temperature, 1.0, 273.15},
    // Known so that the message can say what they are; no column takes them.
    {"ohm", QuantityKind::flag, 0.0, 0.0},
    {"kohm", QuantityKind::flag, 0.0, 0.0},
    {"Hz", QuantityKind::flag, 0.0, 0.0},
    {"percent", QuantityKind::flag, 0.0, 0.0},
}};

std::string units_of(QuantityKind quantity, std::string_view stem) {
    std::string text;
    for (const UnitRule& unit : kUnits)
        if (unit.quantity == quantity)
            text += fmt::format("{}{}_{}", text.empty() ? "" : ", ", stem, unit.name);
    return text;
}

std::string all_stems() {
    std::string text;
    for (const ColumnRule& rule : column_rules())
        text += (text.empty() ? "" : ", ") + template_header(rule);
    return text;
}

/// The rule whose stem the header begins with, the longest first.
const ColumnRule* rule_of(std::string_view header) {
    const ColumnRule* best = nullptr;
    for (const ColumnRule& rule : column_rules()) {
        const std::string_view stem = rule.stem;
        if (header != stem && !(header.starts_with(stem) && header[stem.size()] == '_')) continue;
        if (best == nullptr || stem.size() > std::string_view(best->stem).size()) best = &rule;
    }
    return best;
}

}  // namespace

const std::vector<ColumnRule>& column_rules() {
    using Q = QuantityKind;
    static const std::vector<ColumnRule> rules = {
        {"chip", Q::index, "", "number of the chip, from 0", false, true},
        {"row", Q::index, "", "row of the cell in its array, from 0", false, true},
        {"column", Q::index, "", "column of the cell in its array, from 0", false, true},
        {"target", Q::conductance, "uS", "conductance that the write aimed at", false, true},
        {"conductance", Q::conductance, "uS",
         "conductance that was read: I / V at the read voltage", false, true},
        {"age", Q::time, "s", "time since the cell's last write ended", false, false},
        {"time", Q::time, "s", "time of the read, evenly spaced within one cell's record", true,
         true},
        {"integration_time", Q::time, "s", "how long one read integrates", false, false},
        {"temperature", Q::temperature, "K", "temperature of the cell while it is read", false,
         false},
        {"read", Q::voltage, "V", "read voltage", false, false},
        {"voltage", Q::voltage, "V", "voltage across the cell (and its access transistor)", true,
         true},
        {"current", Q::current, "A", "current through the cell, with the sign of the voltage", true,
         true},
        {"pulse", Q::index, "", "number of the pulse in its write, from 1", false, false},
        {"width", Q::time, "s", "length of the pulse", false, false},
        {"conductance_before", Q::conductance, "uS", "conductance read before the pulse", false,
         true},
        {"conductance_after", Q::conductance, "uS", "conductance read after the pulse", false,
         true},
        {"accepted", Q::flag, "", "1 if the verify read after this pulse ended the write, else 0",
         false, true},
    };
    return rules;
}

const ColumnRule* find_column_rule(std::string_view stem) {
    for (const ColumnRule& rule : column_rules())
        if (stem == rule.stem) return &rule;
    return nullptr;
}

const std::vector<KindRule>& kind_rules() {
    using K = MeasuredKind;
    static const std::vector<KindRule> rules = {
        {K::pulses,
         {"chip", "row", "column", "pulse", "voltage", "width", "conductance_before",
          "conductance_after"},
         {"target", "accepted"},
         "What single programming pulses do. With `target` and `accepted` also the write-verify\n"
         "loop: its window and how many pulses a write takes. A write is the pulses of one cell\n"
         "from pulse 1 on, in the order of the file; leave out a reset before it."},
        {K::iv,
         {"chip", "row", "column", "voltage", "current"},
         {"temperature"},
         "Current against voltage of programmed cells, one sweep per cell, within the range of\n"
         "reading."},
        {K::reads,
         {"chip", "row", "column", "time", "conductance", "integration_time"},
         {"temperature", "read"},
         "Many reads of the same cell at even times, one record per cell: white noise against "
         "1/f.\n"
         "The record's length bounds the lowest frequency, the spacing of the reads the highest."},
        {K::retention,
         {"chip", "row", "column", "target", "temperature", "age", "conductance"},
         {"read"},
         "The same cells read again and again after one write: how they relax. Readings of the\n"
         "same cells at several temperatures give the temperature coefficients."},
        {K::programming,
         {"chip", "row", "column", "target", "conductance", "age"},
         {"read"},
         "Conductance once after each write, all at one age. The same cells written to several\n"
         "targets tell stuck cells from bad writes."},
    };
    return rules;
}

ColumnReading read_column_name(std::string_view header, const std::string& where) {
    const ColumnRule* rule = rule_of(header);
    if (rule == nullptr) {
        std::vector<std::string> known;
        for (const ColumnRule& r : column_rules()) known.push_back(template_header(r));
        const std::string near = nearest(header, known);
        throw UserError("unknown column", where, fmt::format("`{}`", header),
                        all_stems() + (near.empty() ? "" : " (did you mean " + near + "?)"));
    }
    const std::string_view stem = rule->stem;
    const bool bare = rule->quantity == QuantityKind::index || rule->quantity == QuantityKind::flag;
    const auto rest = header.size() > stem.size() ? header.substr(stem.size() + 1) : "";
    if (bare) {
        if (header.size() == stem.size()) return {rule, 1.0, 0.0};
        throw UserError("a column without a unit has one", where, fmt::format("`{}`", header),
                        fmt::format("`{}`", stem));
    }
    const std::string allowed = units_of(rule->quantity, stem);
    if (rest.empty())
        throw UserError("the column's name states no unit", where, fmt::format("`{}`", header),
                        allowed);
    for (const UnitRule& unit : kUnits) {
        if (rest != unit.name) continue;
        if (unit.quantity == rule->quantity) return {rule, unit.factor, unit.offset};
        throw UserError("the column has the unit of another quantity", where,
                        fmt::format("`{}`", header), allowed);
    }
    throw UserError("unknown unit in the column's name", where, fmt::format("`{}`", header),
                    allowed);
}

std::string template_header(const ColumnRule& rule) {
    return std::string(rule.stem) + (*rule.unit == '\0' ? "" : "_" + std::string(rule.unit));
}

}  // namespace attohm::fit
