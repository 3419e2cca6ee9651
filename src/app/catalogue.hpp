#pragma once

#include <string>
#include <vector>

/// Every model there is, told from the tables and the annotated files: what `list` and `explain`
/// print.
namespace attohm {

/// schemes, devices, models (the parts of a device), arrays, machines, circuits.
const std::vector<std::string>& catalogue_kinds();

/// One line per model. Throws: UserError for an unknown kind.
std::string list_models(const std::string& kind);

/// Equations, parameters with unit, value, mark and source, what is not modelled.
/// Args: kind: one of the kinds (singular or plural), or empty to look in all of them.
/// Throws: UserError naming the nearest model.
std::string explain_model(const std::string& kind, const std::string& name);

}  // namespace attohm
