#pragma once

#include <string_view>

#include "src/base/settings.hpp"

namespace attohm {

/// The unit that the key of a number ends in ("pJ" of `read_pJ_per_bit`), "1" for a count or ratio
/// whose name says so (a plural, `..._ratio`) and is no energy, power, area or time, or "" when it
/// has none.
std::string_view key_unit(std::string_view key);

/// Holds a table of circuit figures to its units: every number says its unit in its key, and no
/// energy, power or area is 0 (a figure nobody knows is left out; what costs nothing has no line).
/// Throws: UserError with file and line.
void require_units(const Settings& table);

}  // namespace attohm
