#pragma once

#include <span>
#include <string>
#include <vector>

#include "src/replay/result.hpp"

/// Results as CSV, one tidy table a file: RFC 4180, names in the first line with the unit as a
/// suffix, energies in pJ, times in ns; an empty cell is unknown or does not apply.
namespace attohm {

/// summary.csv (a row per setting and machine, at the pricing asked for), samples.csv, heads.csv,
/// eye.csv, columns.csv, decision_times.csv, adc_codes.csv, plans.csv, ledger.csv, gains.csv,
/// break_even.csv. The first columns of each tell the setting: its ordinal, trace, scheme, seed,
/// chip, every swept key. Creates the directory. Throws: UserError when a file cannot be written.
/// Returns: the paths written.
std::vector<std::string> write_csv(const std::string& directory, std::span<const Result> results);

}  // namespace attohm
