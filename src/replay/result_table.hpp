#pragma once

#include <string>

#include "src/replay/result.hpp"

/// What a person reads of a result on a terminal.
namespace attohm {

/// Accuracy, decisions by layer, fidelity with the worst head, counted events, energy and time with
/// their breakdown, gains, and the assumed numbers behind all that. Every number has its unit and
/// scope.
std::string result_table(const Result& result);

/// The cost side of it: one machine.
std::string machine_table(const Result& result, const MachineOutcome& machine);

}  // namespace attohm
