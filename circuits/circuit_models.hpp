#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The one table of how circuits act on a signal, each with its equations, its parameters and what
/// it leaves out. What `attohm list circuits` and `attohm explain circuit` print, beside the tables
/// of cited numbers (circuit_tables.hpp).
namespace attohm {

struct CircuitParameter {
    std::string_view key;    ///< the unit is its ending
    std::string_view unit;   ///< "1" for a number without one, "-" for a word
    std::string_view range;  ///< what is allowed
    std::string_view help;
};

struct CircuitModel {
    std::string_view name;
    std::string_view help;
    std::vector<std::string_view> equations;
    std::vector<CircuitParameter> parameters;
    std::string_view source;
    std::vector<std::string_view> not_modelled;
    /// What the program computes from the tables of this model (residuals of a fit), or nothing.
    std::string (*numbers)() = nullptr;
};

/// All models. A duplicate or incomplete entry is an InvariantError at first use.
const std::vector<CircuitModel>& circuit_model_table();

/// Throws: InvariantError for a name given twice, an entry without equation, parameter, help,
/// source
///   or "not modelled", and an incomplete parameter.
void check_circuit_models(std::span<const CircuitModel> models);

/// The model of that name, or nothing.
const CircuitModel* find_circuit_model(std::string_view name);

}  // namespace attohm
