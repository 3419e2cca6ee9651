#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crossbar/fit/measured.hpp"

/// Which columns there are, in which units, and which of them make which kind of file.
namespace attohm::fit {

enum class QuantityKind { index, flag, conductance, time, voltage, current, temperature };

struct ColumnRule {
    const char* stem;
    QuantityKind quantity;
    const char* unit;      ///< the template's: conductances are held in it
    const char* help;      ///< for the template
    bool may_be_negative;  ///< of the value
    bool may_be_zero;
};

struct KindRule {
    MeasuredKind kind;
    std::vector<std::string> required;
    std::vector<std::string> optional;
    const char* purpose;  ///< for the template
};

const std::vector<ColumnRule>& column_rules();
/// Null where there is no such column.
const ColumnRule* find_column_rule(std::string_view stem);
/// In the order in which a header is compared; the first whose required columns are all there.
const std::vector<KindRule>& kind_rules();

/// A header taken apart, with how to bring its values to the unit that they are held in.
struct ColumnReading {
    const ColumnRule* rule = nullptr;
    double factor = 1.0;
    double offset = 0.0;  ///< added after the factor (degrees Celsius)
};
/// Throws: UserError: unknown column, no unit, unknown unit, unit of another quantity.
ColumnReading read_column_name(std::string_view header, const std::string& where);

/// "conductance_uS", or the stem where there is no unit.
std::string template_header(const ColumnRule& rule);

}  // namespace attohm::fit
