#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/base/settings.hpp"
#include "src/machine/ledger.hpp"
#include "src/machine/plans/planner.hpp"
#include "src/schemes/registry.hpp"

/// One fully resolved setting of everything that may change a number.
namespace attohm {

enum class Mode { automatic, open, closed };

struct Experiment {
    std::string scheme;
    Mode mode = Mode::automatic;
    std::uint64_t seed = 0;
    std::uint64_t chip = 0;
    std::optional<int> sample_limit;  ///< nothing: all
    int quant_samples = 0;
    MetricsLevel metrics = MetricsLevel::full;
};

/// All keys there are, with their presets' values: the experiment's own and those of all schemes.
Settings experiment_preset();

/// Throws: UserError for values out of range and unknown schemes.
Experiment load_experiment(const Settings& settings);

/// The user's own files behind the settings, as YAML comments: a path alone would not say what ran.
/// Empty where everything is built in (machine files are kept with their outcome).
std::string user_files(const Settings& settings);
/// The same of an experiment as a result holds it.
std::string stored_user_files(const std::string& experiment_yaml);

/// The machines of an experiment; `scheme` stands for the scheme's own, and for none where it has
/// no plan.
std::vector<std::string> machines_of(const Settings& settings, const SchemeEntry& scheme);

/// Machines and energy sources, read only by schemes that have a plan.
struct PricedExperiment {
    std::vector<std::string> machines;
    EnergyOptions energy;
    std::optional<AdcUse> adc;
    PlanOptions plan;
};
PricedExperiment load_priced_experiment(const Settings& settings, const SchemeEntry& scheme);

}  // namespace attohm
