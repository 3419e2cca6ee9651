#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/base/settings.hpp"

/// Circuits side by side with what was published of them: what `attohm list circuits --compare`
/// prints and writes. Ratios, no bands: who reads them judges.
namespace attohm {

/// One figure of ours beside one of somebody else's.
struct CircuitComparison {
    std::string table;      ///< rows of one question
    std::string item;       ///< what is compared
    std::string condition;  ///< at which node, rate, bits, read time
    std::string unit;
    double value = 0.0;  ///< in `unit`
    std::string source;
    Mark mark = Mark::choice;
    double reference = 0.0;  ///< in `unit`
    std::string reference_source;

    double ratio() const { return value / reference; }
};

/// - adc-survey-table: every cell of the published table against the fit as it stands here
/// - adc-point: ISAAC's converter against the fit at its own bits, node and rate
/// - comparator: a 5-bit ADC over the cited comparator, against the ratio that SPRINT says
/// - in-memory-mac: sum of V^2 G t over the cells of a score, per MAC, with the default card, drive
///   and bits of the experiment, against SPRINT's constant: over codes that are equally likely, and
///   the largest there is
std::vector<CircuitComparison> circuit_comparisons();

/// Energy, latency, area, leakage and bias power of every analog block at one machine's node and
/// supply and the preset's array, as CSV; "unknown" where nobody published a figure.
std::string analog_block_csv(const std::string& machine);

std::string comparison_csv(const std::vector<CircuitComparison>& rows);
std::string comparison_text(const std::vector<CircuitComparison>& rows);

}  // namespace attohm
